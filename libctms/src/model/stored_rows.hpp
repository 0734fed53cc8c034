// SPDX-License-Identifier: MPL-2.0
// A contact as rows of its tables, each a JSON object whose members have the names of the columns. Bulk writes pass them to the database,
// which reads them without conversion to typed values. This keeps data that the API's form of a contact does not have: nulls, the times of
// every group, and texts of older databases that the API would refuse. Plain data.
#pragma once

#include <ctms/base/uuid.hpp>

#include <string>
#include <string_view>

namespace ctms::model {

/// The value of the member `format` of a dumped contact; a contact without it has the form of the API.
inline constexpr std::string_view dump_format = "ctms-contact-1";

/// Times that are missing or null are set to the time of the write.
struct stored_rows {
    uuid email_id;             ///< of the contact
    std::string primary_email; ///< as in `email`
    std::string email;         ///< an object that includes email_id; "" if there is no such row
    std::string amo;           ///< as `email`
    std::string fxa;           ///< as `email`
    std::string mofo;          ///< as `email`
    std::string newsletters;   ///< objects, separated by commas
    std::string waitlists;     ///< objects, separated by commas
    std::string version{};     ///< of the contact that the rows replace; "" if they are for a new one

    bool operator==(const stored_rows&) const = default; ///< member by member
};

} // namespace ctms::model
