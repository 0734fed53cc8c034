// SPDX-License-Identifier: MPL-2.0
// The fake vendor without its sockets: tokens, slots for concurrent calls, faults, counts and tables. The server asks it
// what to answer and how long to wait. Thread safe.
#pragma once

#include <support/fake_acoustic_faults.hpp>
#include <support/fake_acoustic_jobs.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// How much of an answer is sent before the connection is closed.
enum class delivery { whole, part, nothing };

struct vendor_answer {
    int status = 200;
    std::string type = "text/xml; charset=utf-8";
    std::string body{};
    delivery sent = delivery::whole;
    std::chrono::milliseconds wait{0}; ///< before it is sent
};

class fake_vendor {
public:
    explicit fake_vendor(fake_acoustic_options options);

    /// An XML API call. It holds one of the slots until end() is called or it is destroyed.
    class call;

    /// POST /oauth/token.
    vendor_answer give_token(const std::string& form);
    /// Begins POST /XMLAPI. A refused call holds no slot and already has its answer.
    std::unique_ptr<call> begin(std::string_view authorization, std::string_view form);
    /// Applies the call, except where a fault prevents it.
    vendor_answer take_effect(call& one);

    /// POST /control. Returns how long the server must be down; 0 for not at all. Throws std::invalid_argument.
    std::chrono::milliseconds control(std::string_view form);
    /// GET /state, as JSON.
    [[nodiscard]] std::string state(bool full);

    void count_connection();
    void add_fault(fake_fault fault);
    void clear_faults();
    void set_latency(std::chrono::milliseconds latency);
    [[nodiscard]] std::chrono::milliseconds latency() const;
    void set_job_time(std::chrono::milliseconds time);
    void end_jobs();
    void forget_tokens();
    [[nodiscard]] fake_acoustic_counts counts() const;
    [[nodiscard]] std::vector<std::string> last_calls() const;
    /// Calls a function with the tables, under the lock.
    template <class Function>
    [[nodiscard]] auto read(Function function) {
        const std::lock_guard lock(mutex_);
        jobs_.advance(clock::now(), store_);
        return function(store_);
    }

private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] bool is_good_token(std::string_view authorization) const;
    void keep(const std::string& xml);
    /// Counts the rows that other calls are writing at the same time.
    void note_writes(call& one);
    [[nodiscard]] vendor_effect apply(const xml_call& xml, const hits& faults);
    void log(const call& one, std::string_view outcome) const;

    const fake_acoustic_options options_;
    mutable std::mutex mutex_;
    fake_acoustic_store store_;
    fake_jobs jobs_;
    fault_list faults_;
    fake_acoustic_counts counts_;
    std::map<std::string, clock::time_point, std::less<>> tokens_; ///< when each one expires
    std::vector<std::string> last_calls_;
    std::chrono::milliseconds latency_;
    std::chrono::milliseconds job_time_;
    int under_way_ = 0;
    std::set<std::string, std::less<>> being_written_;
};

class fake_vendor::call {
public:
    call(fake_vendor& vendor, std::string text) : xml(std::move(text)), vendor_(vendor) {}
    ~call() { end(); }
    call(const call&) = delete;
    call& operator=(const call&) = delete;

    /// Frees the slot. Must be called before the answer is sent: the client may make its next call as soon as it has the answer.
    void end();

    xml_call xml;
    std::optional<vendor_answer> refused;

private:
    friend fake_vendor;
    fake_vendor& vendor_;
    bool holds_slot_ = false;
    std::vector<std::string> writes_; ///< the keys of its rows
};

} // namespace ctms::test
