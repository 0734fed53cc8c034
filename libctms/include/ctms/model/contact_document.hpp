// SPDX-License-Identifier: MPL-2.0
// A contact as ready JSON, for programs that pass it on without looking into it. No functions, so thread safe like any value.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/uuid.hpp>

#include <string>

namespace ctms::model {

/// A contact in the form of the API: what json::write_contact() writes without a status. json::read_answered_contact() reads it.
struct CTMS_API contact_document {
    uuid email_id{};    ///< the contact
    std::string json{}; ///< a JSON object; contains personal data
};

} // namespace ctms::model
