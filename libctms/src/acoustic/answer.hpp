// SPDX-License-Identifier: MPL-2.0
// Reads and evaluates the vendor's responses. Document types are not processed, and their entities are not expanded.
// Pure and thread safe.
#pragma once

#include <ctms/acoustic/client.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::acoustic {

/// A row that the vendor refused, as in its response.
struct answered_failure {
    std::string type; ///< "transient" or "permanent"
    std::string description;
    std::string email_id; ///< "" if the response does not name one

    friend bool operator==(const answered_failure&, const answered_failure&) = default;
};

/// The content of a response.
struct answer {
    std::optional<bool> success;
    std::optional<std::string> fault; ///< the FaultString, which may be ""
    int error_id = 0;                 ///< of the fault; 0 if there is none
    std::vector<answered_failure> failures;
    std::string job_id;                            ///< "" if there is none
    std::string job_status;                        ///< "" if there is none
    std::map<std::string, std::string> parameters; ///< of a job, by name
};

/// nullopt if the text is not XML, or not an envelope with a body.
[[nodiscard]] std::optional<answer> read_answer(std::string_view xml);

/// Whether the session of the token is lost, so that another token may help.
[[nodiscard]] bool is_session_lost(const answer& from) noexcept;

/// Why the whole call failed; nullopt if the vendor accepted it, possibly without some rows.
[[nodiscard]] std::optional<failure> whole_failure(const answer& from);

/// Like whole_failure, for a RemoveRecipient, which has also succeeded if there is no such contact.
[[nodiscard]] std::optional<failure> removal_failure(const answer& from);

/// The rows of `sent` that were refused, with their contacts; the contact is "" if it is not in `sent`. With `deleting`, rows
/// that the vendor does not have are not included.
[[nodiscard]] std::vector<refused_row> refused_rows(const answer& from, std::span<const relational_row> sent, bool deleting);

/// The state of a job. A word for it that is not known counts as running.
[[nodiscard]] job_state state_of_job(const answer& from);

/// A text of the vendor as a reason for a failure: without addresses, on one line, at most 300 bytes.
[[nodiscard]] std::string short_reason(std::string_view text);

} // namespace ctms::acoustic
