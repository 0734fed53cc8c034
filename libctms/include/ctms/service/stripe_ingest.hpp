// SPDX-License-Identifier: MPL-2.0
// Taking in what Stripe says about customers and what they pay for, without HTTP. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/persistence/stripe.hpp>

namespace ctms::service {

/// Takes in objects.
class CTMS_API stripe_ingest {
public:
    /// `repository` must outlive it.
    explicit stripe_ingest(persistence::stripe_repository& repository) : repository_(repository) {}

    /// Stores one object; the same object again changes nothing, and objects may come in any order.
    /// Errors as of persistence::stripe_repository::ingest.
    [[nodiscard]] result<model::stripe::ingest_report> ingest(const model::stripe::object& object) { return repository_.ingest(object); }

    /// Stores nothing: the contacts that an object concerns are sent to the vendor again. How many there are.
    /// Errors as of persistence::stripe_repository::queue_contacts.
    [[nodiscard]] result<std::size_t> queue_contacts(const model::stripe::object& object) { return repository_.queue_contacts(object); }

private:
    persistence::stripe_repository& repository_;
};

} // namespace ctms::service
