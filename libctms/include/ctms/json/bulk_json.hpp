// SPDX-License-Identifier: MPL-2.0
// Reads the items of a bulk write from JSON. Pure functions, thread safe; they throw only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/model/contact_input.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ctms::json {

/// How many items the list of a bulk write may have.
inline constexpr std::size_t most_bulk_items = 1000;

/// What an item asks for.
enum class bulk_operation : std::uint8_t {
    upsert, ///< store the contact, or merge it into the one that is stored
    create, ///< as POST /ctms
    patch,  ///< as PATCH /ctms/{email_id}
    remove  ///< delete the contact with this id
};

/// One item of a bulk write.
struct CTMS_API bulk_item {
    bulk_operation what = bulk_operation::upsert;       ///< what it asks for
    uuid email_id;                                      ///< of the contact; nil if none was sent
    std::optional<checked<model::contact_input>> input; ///< of `upsert` and `create`; its email_id may be nil, see `email_id`
    std::optional<checked<model::contact_patch>> patch; ///< of `patch`
    std::optional<body> sent;                           ///< of `upsert`: the item, to be read as a patch if the contact exists
};

/// Reads an item: a contact as POST /ctms takes it, or an object with `op` ("create", "patch" or "delete"), the fields of that call, and
/// `email_id`, which patch and delete require. Returns errc::invalid with one field_error for each broken rule, as the single call does;
/// the locations start with "body".
[[nodiscard]] CTMS_API result<bulk_item> read_bulk_item(body sent, const contact_rules& rules = {});

/// Returns the items of a list, to be read one by one. Returns errc::invalid with one field_error if the body is not a list, or has more
/// than `most_bulk_items`.
[[nodiscard]] CTMS_API result<std::vector<body>> read_bulk_list(const body& sent);

} // namespace ctms::json
