// SPDX-License-Identifier: MPL-2.0
// Converts a contact to rows of the vendor's tables: chooses the fields, their names and their format. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/stripe.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::acoustic {

/// One value of a row; "" is sent as an empty column.
struct CTMS_API column {
    std::string name;  ///< the vendor's name of the column
    std::string value; ///< in the vendor's format

    friend bool operator==(const column&, const column&) = default; ///< member by member
};

/// A row of a relational table.
struct CTMS_API relational_row {
    std::string email_id;        ///< id of the contact; also the first column
    std::string key;             ///< identifies the row among those of the contact: newsletter_name or product_id
    std::vector<column> columns; ///< all columns, including email_id and the key

    friend bool operator==(const relational_row&, const relational_row&) = default; ///< member by member
};

/// The result of converting fxa_created_date, which is free text.
struct CTMS_API date_conversion {
    std::string outcome; ///< success, failure (the text is sent unchanged), or skipped (there is no date)
};

/// Everything that is sent for one contact.
struct CTMS_API vendor_rows {
    std::vector<column> main;                ///< one row, which includes `email` and `email_id`
    std::vector<relational_row> newsletters; ///< one row for each subscription, past or present, that has a mapping
    std::vector<relational_row> products;    ///< one row for each product

    // for the log
    std::vector<std::string> skipped_fields;         ///< "group.field" of values that are not configured to be sent, sorted
    std::vector<std::string> newsletters_skipped;    ///< names of newsletters without a mapping, sorted
    std::optional<date_conversion> fxa_created_date; ///< only if that field is configured and the contact has an account
};

/// Converts a contact to rows. `configuration` lists the fields of the main table and the columns of newsletters.
[[nodiscard]] CTMS_API vendor_rows to_rows(const model::contact& contact, std::span<const model::product> products,
                                           const model::acoustic_configuration& configuration);

} // namespace ctms::acoustic
