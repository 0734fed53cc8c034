// SPDX-License-Identifier: MPL-2.0
// Conditional requests (RFC 9110, section 13): reads If-Match and If-None-Match, and decides for reads whether the client already has the
// answer. Only resources with entity tags use it, see route::has_tags. Pure functions, thread safe.
//   A tag in an answer is strong. An answer that is compressed has another tag than the plain one, with "-gzip" at the end. A write
// compares contacts and not answers, so it accepts either.
#pragma once

#include "message.hpp"

#include <ctms/base/result.hpp>
#include <ctms/service/precondition.hpp>

#include <string_view>

namespace ctms::web {

/// What a client is told that must send a precondition and did not.
inline constexpr std::string_view told_of_needed_precondition =
    "This client must send If-Match with the entity tag that it read, or If-None-Match: * to create a contact";

/// Whether the request changes nothing that its client has not seen: it has If-Match, or If-None-Match: *. A list of tags in If-None-Match
/// allows every state but those.
[[nodiscard]] bool guards_against_overwriting(const request& http) noexcept;

/// What a write asks for. errc::malformed if a header field is neither "*" nor a list of entity tags. A weak tag in If-Match is left out,
/// because it matches nothing (RFC 9110, 13.1.1).
[[nodiscard]] result<service::precondition> read_precondition(const request& http);

/// 412, with the tag of the contact as it is; "" if it has none.
[[nodiscard]] response precondition_failed(std::string_view tag);

/// Gives an answer the tag of a contact, and names the header field on which its coding depends.
void set_entity_tag(response& answer, std::string_view tag);

/// Replaces the answer 200 of GET or HEAD with 304 if If-None-Match has its tag, or with 412 if If-Match does not. Answers without a tag
/// and fields that cannot be read change nothing.
void meet_preconditions(const request& http, response& answer);

} // namespace ctms::web
