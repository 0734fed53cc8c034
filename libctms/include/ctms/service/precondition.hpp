// SPDX-License-Identifier: MPL-2.0
// The tags of contacts, and conditions on them: a write that was computed from one version of a contact must not replace another version.
// The rules are those of entity tags and preconditions in HTTP (RFC 9110, 8.8.3 and 13.1), without HTTP's syntax. Plain values and pure
// functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_document.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::service {

/// Returns the tag of a contact: 22 letters, digits, "-" and "_". Two states of a contact have the same tag only if their JSON in the API
/// is the same, byte for byte. The tag is a part of the SHA-256 of that JSON, so every process computes the same one, and nobody can find
/// two states with the same tag. Throws only std::bad_alloc.
[[nodiscard]] CTMS_API std::string contact_tag(const model::contact& contact);
[[nodiscard]] CTMS_API std::string contact_tag(const model::contact_document& document); ///< The same from the contact's document.

/// A set of tags.
struct CTMS_API tag_set {
    bool any = false;                ///< every tag is in the set
    std::vector<std::string> tags{}; ///< the tags, if `any` is false

    /// Returns true if the tag is in the set.
    [[nodiscard]] bool contains(std::string_view tag) const;
};

/// What must hold for a contact when a write is made. Without members it always holds.
struct CTMS_API precondition {
    std::optional<tag_set> match{};      ///< the contact must exist and have one of these tags (If-Match)
    std::optional<tag_set> none_match{}; ///< the contact must not exist or have none of these tags (If-None-Match)

    /// Returns true if there is nothing to check.
    [[nodiscard]] bool is_empty() const noexcept { return !match && !none_match; }
    /// Checks the stored contact; null: there is none. Returns the error for which unmet_precondition() has a value.
    [[nodiscard]] result<void> check(const model::contact* stored) const;
};

/// Returns the tag of the stored contact, or "" if there is none or more than one, if `failure` says that a precondition did not hold.
/// Returns nullopt for any other failure. Such a failure is an errc::conflict whose `conflicts` are "entity_tag".
[[nodiscard]] CTMS_API std::optional<std::string> unmet_precondition(const error& failure);

} // namespace ctms::service
