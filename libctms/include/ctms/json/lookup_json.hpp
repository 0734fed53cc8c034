// SPDX-License-Identifier: MPL-2.0
// Reads a lookup of many contacts from JSON. Pure functions, thread safe; they throw only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/model/contact.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace ctms::json {

/// How many ids one lookup may have.
inline constexpr std::size_t most_lookups = 1000;

/// One id to look up.
struct CTMS_API lookup_item {
    std::string id;              ///< as it was sent
    model::identity_query query; ///< the same, as the only id of a query
};

/// Reads an object with one list of ids, whose name is that of one of the nine ids with an s at its end, for example
/// `{"email_ids": [...]}`. Returns errc::invalid with one field_error for each broken rule; the locations start with "body".
[[nodiscard]] CTMS_API result<std::vector<lookup_item>> read_lookup(const body& sent);

} // namespace ctms::json
