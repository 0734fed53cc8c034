// SPDX-License-Identifier: MPL-2.0
// Writes Stripe objects to the tables stripe_*. Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/persistence/database.hpp>

#include <cstddef>

namespace ctms::persistence {

/// Writes Stripe objects.
class stripe_repository {
public:
    /// `db` must outlive it.
    explicit stripe_repository(database& db) : db_(db) {}

    /// Stores an object with everything that it contains (prices, items, lines), and queues the contacts whose products it may change for
    /// the sync. Does nothing if everything is already stored. Any number of callers may call it at the same time: rows are locked in a
    /// fixed order. errc::conflict if others kept writing the same rows through all attempts.
    [[nodiscard]] result<model::stripe::ingest_report> ingest(const model::stripe::object& object);

    /// Stores nothing, and queues the contacts whose products an object concerns, so that they are sent again: for a customer by its
    /// account and its id; for a subscription, an item or an invoice by the customer; for a price all of its subscribers. Returns the
    /// number of contacts.
    [[nodiscard]] result<std::size_t> queue_contacts(const model::stripe::object& object);

    /// Stores at most `limit` lines of invoices that waited for a price that is stored by now, and returns their number. ingest() does so
    /// for the prices that it stores; this is for those that another program stored.
    [[nodiscard]] result<std::size_t> move_ready_lines(int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
