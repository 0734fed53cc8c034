// SPDX-License-Identifier: MPL-2.0
// Stores objects of Stripe about customers and what they pay for, without HTTP. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/persistence/stripe_repository.hpp>

namespace ctms::service {

/// Stores objects of Stripe.
class CTMS_API stripe_ingest {
public:
    /// `repository` must outlive it.
    explicit stripe_ingest(persistence::stripe_repository& repository) : repository_(repository) {}

    /// Stores one object. Storing it again changes nothing, and objects may come in any order. Errors as in
    /// persistence::stripe_repository::ingest.
    [[nodiscard]] result<model::stripe::ingest_report> ingest(const model::stripe::object& object) { return repository_.ingest(object); }

    /// Stores nothing, but queues the contacts that an object concerns, so that they are sent to the vendor again. Returns their number.
    /// Errors as in persistence::stripe_repository::queue_contacts.
    [[nodiscard]] result<std::size_t> queue_contacts(const model::stripe::object& object) { return repository_.queue_contacts(object); }

private:
    persistence::stripe_repository& repository_;
};

} // namespace ctms::service
