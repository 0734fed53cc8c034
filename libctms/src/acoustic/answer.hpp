// SPDX-License-Identifier: MPL-2.0
// The vendor's answers: read, and judged. Document types are not processed, entities of their making not expanded.
// Pure and thread safe.
#pragma once

#include <ctms/acoustic/client.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::acoustic {

/// A row that the vendor did not take, in its words.
struct answered_failure {
    std::string type; ///< "transient" or "permanent"
    std::string description;
    std::string email_id; ///< "" when it names none

    friend bool operator==(const answered_failure&, const answered_failure&) = default;
};

/// What an answer says.
struct answer {
    std::optional<bool> success;
    std::optional<std::string> fault; ///< the FaultString, "" when it is empty
    int error_id = 0;                 ///< of the fault; 0 without one
    std::vector<answered_failure> failures;
};

/// nullopt when the text is not XML, or not an envelope with a body.
[[nodiscard]] std::optional<answer> read_answer(std::string_view xml);

/// The session of the token is lost: another token may help.
[[nodiscard]] bool is_session_lost(const answer& from) noexcept;

/// Why the whole call failed; nullopt when the vendor took it, maybe without some rows.
[[nodiscard]] std::optional<failure> whole_failure(const answer& from);

/// The same for a RemoveRecipient, which has done its work when there is no such contact.
[[nodiscard]] std::optional<failure> removal_failure(const answer& from);

/// The rows that were refused, by their contacts, which are among those of `sent`. With `deleting`, rows that the vendor
/// does not have are none of them.
[[nodiscard]] std::vector<refused_row> refused_rows(const answer& from, std::span<const relational_row> sent, bool deleting);

/// A vendor's text as a reason: without addresses, on one line, at most 300 bytes.
[[nodiscard]] std::string short_reason(std::string_view text);

} // namespace ctms::acoustic
