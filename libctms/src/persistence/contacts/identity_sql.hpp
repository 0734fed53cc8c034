// SPDX-License-Identifier: MPL-2.0
// Builds the SELECT that finds the contacts of a request, by the nine ids or for a page of /updates, with only the tables that
// are needed. Private to this layer.
#pragma once

#include <ctms/model/contact.hpp>
#include <ctms/model/updates_query.hpp>

#include <persistence/postgres/connection.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A lookup as SQL. The same set of ids gives the same text and name, so that it is prepared once per connection.
struct lookup {
    std::string name; ///< distinct for each kind of id; empty for several ids, of which there are too many sets to prepare each
    std::string sql;
    std::vector<parameter> parameters;
    bool by_indexes = false; ///< must be planned with nothing but lookups in indexes
};

/// The name of a statement that contains a lookup. Empty if the lookup has none.
[[nodiscard]] std::string name_around(std::string_view prefix, const lookup& what);

/// How many contacts a lookup may find: several may have the same id of another system. Those here find one more, so that it is noticed.
inline constexpr std::size_t most_matches = 1'000;

/// Finds the email_id of all contacts that match every given id. At least one id must be given.
[[nodiscard]] lookup ids_lookup(const model::identity_query& query);

/// The id of a query that has just one.
struct lone_id {
    std::size_t kind; ///< a place in many_lookups()
    std::string value;
};

/// Returns the id if the query has just one.
[[nodiscard]] std::optional<lone_id> lone_id_of(const model::identity_query& query);

/// Returns, for each kind of id, the statement that finds the contacts of a list of them ($1, JSON): rows of the place in the list, from 1,
/// the email_id and the version.
[[nodiscard]] std::vector<statement> many_lookups();

/// Finds all nine ids of these contacts, in order of email_id.
[[nodiscard]] lookup identities_lookup(const model::identity_query& query);

/// Finds the email_id, the version and the update_timestamp of the contacts on a page of /updates, at most the limit of the query. With
/// mofo_relevant, examines a bounded number of contacts: the page may end before the period does, although it is not full.
[[nodiscard]] lookup updates_lookup(const model::updates_query& query);

/// Finds the update_timestamp (in microseconds) and the email_id of the last contact that such a page examined; nothing if it examined all
/// of the period. Only for a query with mofo_relevant and a page that is not full, in the same snapshot.
[[nodiscard]] lookup examined_end(const model::updates_query& query);

/// Reads the rows of identities_lookup, and of statements with the same columns.
[[nodiscard]] std::vector<model::identity> read_identities(const rows& found);

} // namespace ctms::persistence
