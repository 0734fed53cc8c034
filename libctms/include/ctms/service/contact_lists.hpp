// SPDX-License-Identifier: MPL-2.0
// Use cases for lists of addresses: delete their contacts, or opt them out. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/contact_lists.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Works on lists of addresses, in any case. Every list is processed in steps of `step` addresses, each a transaction of some tenths of a
/// second: a write to one of the contacts waits no longer than that. Running the same list again is safe. If a step fails, its error is
/// returned and the steps before it are done. An address that cannot be stored (not UTF-8, or with a NUL) belongs to no contact. An empty
/// list does nothing.
class CTMS_API contact_lists {
public:
    /// Addresses of one transaction.
    static constexpr std::size_t step = 1'000;

    /// `db` must outlive it. `client`: who changes the contacts, for the feed of changes; "" if unknown.
    explicit contact_lists(persistence::database& db, std::string client = {}) : db_(db), client_(std::move(client)) {}

    /// Deletes all contacts with these addresses, with everything that belongs to them, and queues their deletion at the vendor. Returns a
    /// result for each address, in the given order. If an address is given twice, the second finds nothing. With `dry_run`, nothing is
    /// changed. Contacts under a legal hold stay; errc::conflict if one is held while its step runs.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> remove(std::span<const std::string> primary_emails, bool dry_run = false);

    /// Sets has_opted_out_of_email for all contacts with these addresses. Returns a result for each address, in the given order. If an
    /// address is given twice in one step, both results count the same contacts. With `dry_run`, nothing is changed.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> suppress(std::span<const std::string> primary_emails, bool dry_run = false);

private:
    persistence::database& db_;
    std::string client_;
};

} // namespace ctms::service
