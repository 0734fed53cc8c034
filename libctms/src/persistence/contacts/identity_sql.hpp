// SPDX-License-Identifier: MPL-2.0
// Which contacts a request means, as a SELECT: by the nine ids, or a page of /updates. Only the tables that are needed.
// Private to this layer.
#pragma once

#include <ctms/model/contact.hpp>
#include <ctms/model/updates_query.hpp>

#include <persistence/postgres/connection.hpp>

#include <string>
#include <vector>

namespace ctms::persistence {

/// A lookup as SQL: the same given ids make the same text and name, so that it is prepared once per connection.
struct lookup {
    std::string name; ///< distinct for each set of given ids
    std::string sql;
    std::vector<parameter> parameters;
};

/// Finds `email_id` of all contacts that match every given id. At least one must be given.
[[nodiscard]] lookup ids_lookup(const model::identity_query& query);

/// Finds all nine ids instead, in order of email_id.
[[nodiscard]] lookup identities_lookup(const model::identity_query& query);

/// Finds `email_id` of a page of /updates, at most its limit.
[[nodiscard]] lookup updates_lookup(const model::updates_query& query);

/// Rows of identities_lookup, and of statements with the same columns.
[[nodiscard]] std::vector<model::identity> read_identities(const rows& found);

} // namespace ctms::persistence
