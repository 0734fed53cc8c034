// SPDX-License-Identifier: MPL-2.0
// Stores objects of Stripe about customers and what they pay for, without HTTP. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <cstddef>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// Stores objects of Stripe.
class CTMS_API stripe_ingest {
public:
    /// `db` must outlive it.
    explicit stripe_ingest(persistence::database& db) : db_(db) {}

    /// Stores an object with everything that it contains (prices, items, lines), in one transaction, and queues the contacts whose products
    /// it may change for the sync. Storing it again changes nothing, and objects may come in any order, from any number of callers.
    /// errc::invalid if it breaks a rule of json::read_stripe_object; `detail` then names the member, without its value. errc::conflict if
    /// others kept writing the same rows through all attempts.
    [[nodiscard]] result<model::stripe::ingest_report> ingest(const model::stripe::object& object);

    /// Stores nothing, but queues the contacts whose products an object concerns, so that they are sent to the vendor again: for a customer
    /// by its account and its id; for a subscription, an item or an invoice by the customer; for a price all of its subscribers. Returns
    /// the number of contacts. errc::invalid as in ingest().
    [[nodiscard]] result<std::size_t> queue_contacts(const model::stripe::object& object);

private:
    persistence::database& db_;
};

} // namespace ctms::service
