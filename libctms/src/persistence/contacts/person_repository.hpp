// SPDX-License-Identifier: MPL-2.0
// Reads what is held about a person, as JSON that the database creates. Always reads the primary. Thread safe; a call is one round trip,
// or a few where rows are searched.
#pragma once

#include "personal_data.hpp"

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/database.hpp>

#include <string>
#include <vector>

namespace ctms::persistence {

/// Some rows of a source.
struct person_rows {
    std::vector<std::string> lines; ///< each a JSON object on one line
    std::string last;               ///< the key of the last one that was read; "" if there are none
};

class person_repository {
public:
    /// `db` must outlive it.
    explicit person_repository(database& db) : db_(db) {}

    /// Returns whether a table with personal data has a row of the person.
    [[nodiscard]] result<bool> is_known(const uuid& email_id);

    /// Returns the next rows of the person in a source that is shown as rows, in order of their keys, after the key `after` ("": from the
    /// beginning). Returns rows of about half a megabyte together, at least one and at most 500, so that memory is bounded however many
    /// there are. Nothing is returned only at the end.
    [[nodiscard]] result<person_rows> read(const personal_source& source, const uuid& email_id, const std::string& after);

    /// Returns the ids of the contacts with this address, as their own or as that of their Firefox account, regardless of case.
    [[nodiscard]] result<std::vector<uuid>> find(const std::string& address);

private:
    database& db_;
};

} // namespace ctms::persistence
