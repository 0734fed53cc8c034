// SPDX-License-Identifier: MPL-2.0
// The products that a contact pays for, derived from the stored Stripe objects: one for each product, over all subscriptions. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/contact.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ctms::model {

/// The newest subscription to a product (by the end of its current period), and the number of subscriptions.
struct CTMS_API product {
    std::string payment_service = "stripe";     ///< payment provider
    std::string product_id;                     ///< id of the product at Stripe
    std::string price_id;                       ///< of the newest subscription
    std::string currency;                       ///< ISO 4217, in lower case
    std::optional<std::int32_t> amount;         ///< in the smallest unit of the currency
    text interval;                              ///< day, week, month, year
    std::optional<std::int32_t> interval_count; ///< intervals between payments
    std::string status;                         ///< of the subscription, in Stripe's words
    timestamp created{};                        ///< of the newest subscription
    timestamp start{};                          ///< of the newest subscription
    timestamp current_period_start{};           ///< start of the period that is paid for
    timestamp current_period_end{};             ///< end of the period that is paid for
    std::optional<timestamp> canceled_at;       ///< when it was cancelled
    bool cancel_at_period_end = false;          ///< cancelled, but still running
    std::optional<timestamp> ended_at;          ///< when it ended
    int sub_count = 0;                          ///< number of subscriptions to this product, including ended ones

    friend bool operator==(const product&, const product&) = default; ///< member by member
};

/// The segment of a product, which campaigns use, and when it last changed.
struct CTMS_API product_segment {
    std::string name;                 ///< active, cancelling or canceled, with the prefix "re-" from the second subscription on; or other
    std::optional<timestamp> changed; ///< nullopt for a canceled one whose end is unknown

    friend bool operator==(const product_segment&, const product_segment&) = default; ///< member by member
};

/// Returns the segment of a product.
[[nodiscard]] CTMS_API product_segment segment_of(const product& product);

} // namespace ctms::model
