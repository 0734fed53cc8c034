// SPDX-License-Identifier: MPL-2.0
// Stored Stripe objects (tables stripe_*). Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/persistence/database.hpp>

#include <cstddef>

namespace ctms::persistence {

/// Writes Stripe objects.
class CTMS_API stripe_repository {
public:
    /// `db` must outlive it.
    explicit stripe_repository(database& db) : db_(db) {}

    /// Stores an object with all that it holds (prices, items, lines), and puts the contacts whose products it can change
    /// into the queue of the sync; neither when everything is stored already. Safe with any number of callers at once:
    /// rows are locked in one order. errc::conflict when others kept writing the same rows until the tries were used up.
    [[nodiscard]] result<model::stripe::ingest_report> ingest(const model::stripe::object& object);

    /// Stores nothing, and puts the contacts whose products an object concerns into the queue of the sync, so that they are
    /// sent again: of a customer by its account and by its id, of a subscription, an item and an invoice by the customer,
    /// of a price all who subscribed at it. How many there were.
    [[nodiscard]] result<std::size_t> queue_contacts(const model::stripe::object& object);

private:
    database& db_;
};

} // namespace ctms::persistence
