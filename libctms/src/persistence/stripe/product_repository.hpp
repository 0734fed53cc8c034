// SPDX-License-Identifier: MPL-2.0
// Reads the products that contacts pay for, from the stored Stripe objects. Thread safe; each call is one round trip.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/persistence/database.hpp>

#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// Reads the products of contacts.
class product_repository {
public:
    /// `db` must outlive it.
    explicit product_repository(database& db) : db_(db) {}

    /// For each id, in the given order, returns the products of that contact in order of product_id; none if the contact does not exist or
    /// has no Firefox account. A customer belongs to the contact with the same fxa.fxa_id.
    [[nodiscard]] result<std::vector<std::vector<model::product>>> find(std::span<const uuid> email_ids);

    /// Returns the ids of all products that have a price, sorted: every product that a contact may have had.
    [[nodiscard]] result<std::vector<std::string>> all_ids();

private:
    database& db_;
};

} // namespace ctms::persistence
