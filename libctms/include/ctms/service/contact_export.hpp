// SPDX-License-Identifier: MPL-2.0
// Use cases that read contacts with everything that is stored: dumps, and duplicate addresses. person_export.hpp answers requests for
// personal data. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/contact_lists.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Reads contacts.
class CTMS_API contact_export {
public:
    /// `db` must outlive it.
    explicit contact_export(persistence::database& db) : db_(db) {}

    /// Calls `visit` with each contact as one line of JSON (see model::dump_format), in order of email_id, until it returns false. Uses
    /// constant memory: it reads pages of one snapshot, so no unique value appears twice. Returns the number of visited contacts.
    [[nodiscard]] result<std::int64_t> dump(const std::function<bool(std::string_view line)>& visit);

    /// Returns the approximate number of contacts from the database's statistics, for progress displays; nullopt if there are none.
    [[nodiscard]] result<std::optional<std::int64_t>> estimate();

    /// Calls `visit` with each group of contacts whose addresses differ only in case, by address, oldest contact first, until it returns
    /// false. Reads pages, so the memory does not grow with the number of groups.
    [[nodiscard]] result<void> duplicates(const std::function<bool(std::span<const model::duplicate_contact> group)>& visit);

private:
    persistence::database& db_;
};

} // namespace ctms::service
