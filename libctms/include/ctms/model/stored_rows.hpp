// SPDX-License-Identifier: MPL-2.0
// A contact as the rows of its tables, each a JSON object whose members are named as the columns: what bulk writes hand
// to the database, which reads it without a detour through typed values. So a dump keeps what the API's form of a contact
// does not show: nulls, times of every group, texts of older databases that the API would refuse. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/uuid.hpp>

#include <string>
#include <string_view>

namespace ctms::model {

/// The member `format` of a dumped contact; a contact without it is one of the API's form.
inline constexpr std::string_view dump_format = "ctms-contact-1";

/// Times that are missing or null are those of the write.
struct CTMS_API stored_rows {
    uuid email_id;             ///< of the contact
    std::string primary_email; ///< as in `email`
    std::string email;         ///< one object each, with its email_id; "" when there is no such row
    std::string amo;           ///< likewise
    std::string fxa;           ///< likewise
    std::string mofo;          ///< likewise
    std::string newsletters;   ///< objects with a comma between them
    std::string waitlists;     ///< likewise
};

} // namespace ctms::model
