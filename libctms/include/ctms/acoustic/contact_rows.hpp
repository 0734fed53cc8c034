// SPDX-License-Identifier: MPL-2.0
// A contact as rows of the vendor's tables: which fields go, under which names, spelled how. Pure and thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/product.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::acoustic {

/// One value of a row; "" is sent as an empty column.
struct CTMS_API column {
    std::string name;  ///< in the vendor's words
    std::string value; ///< as the vendor wants it

    friend bool operator==(const column&, const column&) = default; ///< member by member
};

/// A row of a relational table.
struct CTMS_API relational_row {
    std::string email_id;        ///< of the contact it belongs to; also its first column
    std::string key;             ///< what tells it from the contact's other rows: newsletter_name or product_id
    std::vector<column> columns; ///< all but email_id and the key

    friend bool operator==(const relational_row&, const relational_row&) = default; ///< member by member
};

/// What became of fxa_created_date, which comes as text of any form.
struct CTMS_API date_conversion {
    std::string outcome;             ///< success, failure (sent as it is), skipped (there is none)
    std::optional<std::string> type; ///< of a failure or a skip, in the words of the log; nullopt is null there
};

/// All that the vendor gets of one contact.
struct CTMS_API contact_rows {
    std::vector<column> main;                ///< one row; holds `email` and `email_id`
    std::vector<relational_row> newsletters; ///< one for each subscription, past or present, that has a mapping
    std::vector<relational_row> products;    ///< one for each product

    // for the log
    std::vector<std::string> skipped_fields;         ///< "group.field" of values that are not configured, sorted
    std::vector<std::string> newsletters_skipped;    ///< names without a mapping, sorted
    std::optional<date_conversion> fxa_created_date; ///< only when that field is configured and the contact has an account
};

/// The rows of a contact. `configuration` says which fields go to the main table and what newsletters are called there.
[[nodiscard]] CTMS_API contact_rows to_rows(const model::contact& contact, std::span<const model::product> products,
                                            const model::acoustic_configuration& configuration);

} // namespace ctms::acoustic
