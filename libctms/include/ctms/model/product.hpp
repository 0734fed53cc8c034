// SPDX-License-Identifier: MPL-2.0
// What a contact pays for, as derived from the stored Stripe objects: one for each product, over all subscriptions.
// Plain values.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/contact.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ctms::model {

/// The newest subscription (by the end of its current period) to one product, and how many there are.
struct CTMS_API product {
    std::string payment_service = "stripe";     ///< who takes the money
    std::string product_id;                     ///< Stripe's
    std::string price_id;                       ///< of the newest subscription
    std::string currency;                       ///< ISO 4217, in lower case
    std::optional<std::int32_t> amount;         ///< in the smallest unit of the currency
    text interval;                              ///< day, week, month, year
    std::optional<std::int32_t> interval_count; ///< intervals between payments
    std::string status;                         ///< of the subscription, in Stripe's words
    timestamp created{};                        ///< of the newest subscription
    timestamp start{};                          ///< of the newest subscription
    timestamp current_period_start{};           ///< that is paid for
    timestamp current_period_end{};             ///< that is paid for
    std::optional<timestamp> canceled_at;       ///< when it was cancelled
    bool cancel_at_period_end = false;          ///< cancelled, but not over
    std::optional<timestamp> ended_at;          ///< when it was over
    int sub_count = 0;                          ///< subscriptions to this product, ended ones included

    friend bool operator==(const product&, const product&) = default; ///< member by member
};

/// Where a product stands, in a word that campaigns are addressed by, and since when.
struct CTMS_API product_segment {
    std::string name;                 ///< active, cancelling, canceled, each with "re-" from the second subscription on; other
    std::optional<timestamp> changed; ///< none for a canceled one whose end is not known

    friend bool operator==(const product_segment&, const product_segment&) = default; ///< member by member
};

/// The segment of a product.
[[nodiscard]] CTMS_API product_segment segment_of(const product& product);

} // namespace ctms::model
