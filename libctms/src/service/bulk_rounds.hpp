// SPDX-License-Identifier: MPL-2.0
// Divides the items of a bulk write into rounds: the items of a round are of different contacts, so they may be done together and in any
// order. Private to the layer. Not thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/bulk_json.hpp>
#include <ctms/service/contact_bulk.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class contact_bulk_repository;
class contact_repository;
} // namespace ctms::persistence

namespace ctms::service {

/// An item on its way.
struct bulk_entry {
    const json::bulk_item* item;
    bulk_result* out;
    uuid target{};                                              ///< the contact to write; nil: an upsert that creates one
    uuid holder{};                                              ///< the contact that has the address now; nil: none
    std::string_view address{};                                 ///< that the item gives its contact; "" if it does not give one
    std::optional<json::checked<model::contact_patch>> patch{}; ///< how it changes an existing contact
    bool is_taken = false;                                      ///< a create whose address another contact has
    bool is_left = false;                                       ///< the contact is already as the item wants it
    bool counted = false;                                       ///< the use of the older waitlist form
};

using bulk_entries = std::vector<bulk_entry>;

class bulk_rounds {
public:
    /// Both must outlive it.
    bulk_rounds(persistence::contact_repository& contacts, persistence::contact_bulk_repository& bulk) : contacts_(contacts), bulk_(bulk) {}

    /// Moves the entries of the next round out of `pending`: of each contact and each address the first one. An item with an address is
    /// also one of the contact that has the address so far. Sets their targets.
    [[nodiscard]] result<bulk_entries> take(bulk_entries& pending);

    /// Takes note of what a round has changed, and puts the ids of the contacts into its results.
    void note(bulk_entries& round);

    /// Looks up the contact of one upsert again, and sets its target; nil if there is none.
    [[nodiscard]] result<uuid> find(bulk_entry& one);

private:
    [[nodiscard]] result<void> find_targets(bulk_entries& pending);
    [[nodiscard]] result<void> prefer_given_ids(const std::vector<bulk_entry*>& some);

    persistence::contact_repository& contacts_;
    persistence::contact_bulk_repository& bulk_;
    std::map<std::string, uuid, std::less<>> known_; ///< the contact with an address; nil: there is none
    std::map<uuid, bool> exists_;                    ///< whether there is a contact with an id that an upsert has
};

} // namespace ctms::service
