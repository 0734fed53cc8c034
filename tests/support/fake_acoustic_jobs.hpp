// SPDX-License-Identifier: MPL-2.0
// The fake vendor's jobs that import a file: reads the file and its mapping from a folder, which a test's file server serves, and writes
// the list of refused rows to it. A job takes effect when its time is over. Not thread safe.
#pragma once

#include <support/fake_acoustic_store.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// Parses values separated by commas (RFC 4180). Returns the lines.
[[nodiscard]] std::vector<std::vector<std::string>> parse_csv(std::string_view text);

class fake_jobs {
public:
    using clock = std::chrono::steady_clock;

    fake_jobs(std::string exchange, bool lists_refused) : exchange_(std::move(exchange)), lists_refused_(lists_refused) {}

    /// ImportList. The rows that match a fault will be refused. `ends`: "" for COMPLETE, "ERROR" or "CANCELED"; nullopt: it never ends.
    vendor_effect start(const xml_call& call, const std::vector<row_fault>& faults, const std::optional<std::string>& ends,
                        clock::time_point end, const fake_acoustic_store& store);
    /// GetJobStatus.
    [[nodiscard]] vendor_effect status(const xml_call& call) const;
    /// Ends the jobs whose time is over.
    void advance(clock::time_point now, fake_acoustic_store& store);
    /// True if a job that has not ended has a row of the contact.
    [[nodiscard]] bool has(const std::string& email_id) const;
    /// The number of jobs that were started, and the most at the same time.
    [[nodiscard]] int started() const { return static_cast<int>(jobs_.size()); }
    [[nodiscard]] int most_at_once() const { return most_at_once_; }

private:
    struct job {
        std::vector<std::string> columns;
        std::vector<std::vector<std::string>> rows;
        std::vector<row_fault> faults;
        std::optional<std::string> ends;
        clock::time_point end{};
        std::string state = "RUNNING";
        std::set<std::string> email_ids{};
        int added = 0;
        int updated = 0;
        int bad = 0;
    };
    void finish(const std::string& id, job& one, fake_acoustic_store& store) const;

    std::string exchange_;
    bool lists_refused_;
    std::map<std::string, job> jobs_;
    int most_at_once_ = 0;
};

} // namespace ctms::test
