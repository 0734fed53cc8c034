// SPDX-License-Identifier: MPL-2.0
// Contacts as they are stored, to the last field, as JSON that the database makes: for backups, for moving, and for people
// who ask what is known about them. Thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/database.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A contact whose address others have in another case.
struct CTMS_API duplicate_contact {
    std::string address;                       ///< in lower case: the same for all of a group
    uuid email_id;                             ///< of the contact
    std::string primary_email;                 ///< as it is stored
    std::optional<timestamp> create_timestamp; ///< of the email row
    std::optional<timestamp> update_timestamp; ///< of the email row
};

/// Reads of all contacts, and of all there is about one.
class CTMS_API contact_dump_repository {
public:
    /// `db` must outlive it.
    explicit contact_dump_repository(database& db) : db_(db) {}

    /// Calls `visit` with each contact as one line of JSON (see model::dump_format), in order of email_id, until it answers
    /// false. Constant memory: pages, all of one snapshot, so that no unique value is seen twice. How many there were.
    [[nodiscard]] result<std::int64_t> dump(const std::function<bool(std::string_view line)>& visit);

    /// The lines of some contacts, by id; those that are not there are left out.
    [[nodiscard]] result<std::map<uuid, std::string>> lines(std::span<const uuid> email_ids);

    /// How many contacts there are, as far as the statistics know: for progress. nullopt when they know nothing.
    [[nodiscard]] result<std::optional<std::int64_t>> estimate();

    /// All that is stored about a contact beside its dumped line and what follows from it, as a JSON object: Stripe objects,
    /// the sync's queue, what the vendor was sent. "" when there is no such contact.
    [[nodiscard]] result<std::string> belongings(const uuid& email_id);

    /// Contacts whose addresses differ in case only, by address, the oldest first; at most `limit` addresses from behind
    /// `after` on.
    [[nodiscard]] result<std::vector<duplicate_contact>> duplicates(const std::optional<std::string>& after, int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
