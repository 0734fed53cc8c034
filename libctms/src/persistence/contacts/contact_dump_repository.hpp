// SPDX-License-Identifier: MPL-2.0
// Reads contacts with every stored field, as JSON that the database creates: for backups, migration, and requests for personal data. Thread
// safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact_lists.hpp>
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

/// Reads all contacts, or all data about one.
class contact_dump_repository {
public:
    /// `db` must outlive it.
    explicit contact_dump_repository(database& db) : db_(db) {}

    /// Calls `visit` with each contact as one line of JSON (see model::dump_format), in order of email_id, until it returns false. Uses
    /// constant memory: it reads pages of one snapshot, so no unique value appears twice. Returns the number of visited contacts.
    [[nodiscard]] result<std::int64_t> dump(const std::function<bool(std::string_view line)>& visit);

    /// Returns the lines of these contacts by id, without those that do not exist.
    [[nodiscard]] result<std::map<uuid, std::string>> lines(std::span<const uuid> email_ids);

    /// Returns the approximate number of contacts from the database's statistics, for progress displays; nullopt if there are no
    /// statistics.
    [[nodiscard]] result<std::optional<std::int64_t>> estimate();

    /// Returns contacts whose addresses differ only in case, by address, oldest first. Reads at most `limit` addresses, starting after
    /// `after`.
    [[nodiscard]] result<std::vector<model::duplicate_contact>> duplicates(const std::optional<std::string>& after, int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
