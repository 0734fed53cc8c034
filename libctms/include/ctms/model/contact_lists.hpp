// SPDX-License-Identifier: MPL-2.0
// Results of work on many contacts at once. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ctms::model {

/// The result for one address of a list.
struct CTMS_API bulk_outcome {
    std::int64_t changed = 0;    ///< contacts that were deleted, opted out or queued
    std::int64_t already = 0;    ///< contacts that had already opted out, or were already waiting
    std::int64_t other_case = 0; ///< of these, contacts whose address is stored in another case or Unicode form
    std::int64_t held = 0;       ///< contacts that were not deleted because of a legal hold

    friend bool operator==(const bulk_outcome&, const bulk_outcome&) = default; ///< member by member
};

/// A contact whose address other contacts have in different case.
struct CTMS_API duplicate_contact {
    std::string address;                       ///< in lower case, the same for the whole group
    uuid email_id;                             ///< of the contact
    std::string primary_email;                 ///< as it is stored
    std::optional<timestamp> create_timestamp; ///< of the email row
    std::optional<timestamp> update_timestamp; ///< of the email row

    friend bool operator==(const duplicate_contact&, const duplicate_contact&) = default; ///< member by member
};

} // namespace ctms::model
