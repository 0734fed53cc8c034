// SPDX-License-Identifier: MPL-2.0
// The vendor, as the sync sees it: makes the calls of contacts, isolates rows that make a call fail, and knows whether the vendor is down.
// Thread safe; a contact's main call and a call with rows belong to the thread that makes it. Private to this layer.
#pragma once

#include "circuit_breaker.hpp"
#include "sync_item.hpp"
#include "sync_rows.hpp"

#include <ctms/acoustic/client.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace ctms::service {

class sync_vendor {
public:
    using clock = std::chrono::steady_clock;

    sync_vendor(acoustic::client& client, std::chrono::milliseconds first_pause, std::chrono::milliseconds longest_pause)
        : client_(client), breaker_(first_pause, longest_pause) {}

    /// Makes the contact's call for the main table and stores the outcome in it.
    void send_main(sync_item& item);
    /// Makes a call with rows. If it is not clear whose row made the call fail, makes calls with half of the contacts each, as long as
    /// `may_send` returns true. Passes each outcome to `settle`.
    void send_rows(const row_call& call, const std::function<bool()>& may_send,
                   const std::function<void(const row_call&, const acoustic::outcome&)>& settle);

    [[nodiscard]] bool is_down() const { return breaker_.is_open(); }
    [[nodiscard]] auto next_probe() const { return breaker_.next_probe(); }
    /// While the vendor is down: when the first call failed.
    [[nodiscard]] auto failing_since() const { return breaker_.failing_since(); }
    /// Whether the vendor has answered calls of other contacts for the same table since this contact failed. If not, the vendor is down,
    /// and the failure is not the contact's fault. Answers before the contact's next attempt count at that attempt.
    [[nodiscard]] bool answers_others(const sync_item& item) const;
    /// Returns the last failure of a call since the last time that this function was called.
    [[nodiscard]] std::optional<std::string> take_error();
    /// When the last call ended.
    [[nodiscard]] clock::time_point last_call() const noexcept { return last_call_; }

private:
    [[nodiscard]] acoustic::outcome call(const row_call& call);
    void note(acoustic::table target, const acoustic::outcome& call);

    acoustic::client& client_;
    circuit_breaker breaker_;
    std::atomic<clock::time_point> last_call_ = clock::now();
    std::array<std::atomic<timestamp>, 3> last_answer_{}; ///< for each table
    std::mutex mutex_;
    std::optional<std::string> error_; ///< guarded by the mutex
};

} // namespace ctms::service
