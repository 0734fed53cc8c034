// SPDX-License-Identifier: MPL-2.0
// The Stripe objects that determine which products a contact pays for, with the fields that CTMS stores, and those products. Field names
// follow Stripe's API reference (https://stripe.com/docs/api); ids are Stripe's. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/contact.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ctms::model::stripe {

/// A customer.
struct CTMS_API customer {
    std::string id;                 ///< "cus_..."
    timestamp created{};            ///< creation time at Stripe
    std::string fxa_id;             ///< Stripe's `description`: the Firefox account that the customer belongs to
    text default_source_id;         ///< default payment source
    text default_payment_method_id; ///< default payment method of invoice_settings
    text email;                     ///< not stored, only for tracing

    friend bool operator==(const customer&, const customer&) = default; ///< member by member
};

/// A customer that Stripe has deleted; nothing else about it is known.
struct CTMS_API deleted_customer {
    std::string id; ///< "cus_..."

    friend bool operator==(const deleted_customer&, const deleted_customer&) = default; ///< member by member
};

/// An object of a kind that is stored, but which is not stored, because it belongs to nobody that CTMS knows: a customer without a Firefox
/// account, an invoice without a customer, or the preview of an invoice.
struct CTMS_API unattached_object {
    std::string kind; ///< Stripe's `object`
    std::string id;   ///< Stripe's id
    text email;       ///< of a customer; not stored, only for tracing

    friend bool operator==(const unattached_object&, const unattached_object&) = default; ///< member by member
};

/// A price of a product.
struct CTMS_API price {
    std::string id;                             ///< "price_..."
    std::string product_id;                     ///< "prod_..."
    timestamp created{};                        ///< creation time at Stripe
    bool active = false;                        ///< can be bought
    std::string currency;                       ///< ISO 4217, in lower case
    text interval;                              ///< day, week, month, year, or another; absent for a one-time price
    std::optional<std::int32_t> interval_count; ///< intervals between payments
    std::optional<std::int32_t> unit_amount;    ///< in the smallest unit of the currency

    friend bool operator==(const price&, const price&) = default; ///< member by member
};

/// An item of a subscription: one price.
struct CTMS_API subscription_item {
    std::string id;              ///< "si_..."
    timestamp created{};         ///< creation time at Stripe
    std::string subscription_id; ///< the subscription that it is part of
    stripe::price price;         ///< price of the item

    friend bool operator==(const subscription_item&, const subscription_item&) = default; ///< member by member
};

/// A recurring payment of a customer.
struct CTMS_API subscription {
    std::string id;                       ///< "sub_..."
    timestamp created{};                  ///< creation time at Stripe
    std::string customer_id;              ///< the paying customer
    text default_payment_method_id;       ///< overrides that of the customer
    text default_source_id;               ///< overrides that of the customer
    bool cancel_at_period_end = false;    ///< cancelled, but still running
    std::optional<timestamp> canceled_at; ///< when it was cancelled
    timestamp current_period_start{};     ///< start of the period that is paid for
    timestamp current_period_end{};       ///< end of the period that is paid for
    std::optional<timestamp> ended_at;    ///< when it ended
    timestamp start_date{};               ///< may differ from `created`
    std::string status;                   ///< as named by Stripe, such as "active"
    std::vector<subscription_item> items; ///< items, one for each price
    bool has_more_items = false;          ///< `items` is only the first page of Stripe's list

    friend bool operator==(const subscription&, const subscription&) = default; ///< member by member
};

/// A line of an invoice. It has a price, the id of a price, or neither.
struct CTMS_API line_item {
    std::string id;                     ///< "il_..."
    std::string type;                   ///< subscription, invoiceitem or another; empty if Stripe names no origin
    std::optional<stripe::price> price; ///< price of the line, if the invoice contains it
    text invoice_item_id;               ///< only for a line of that type
    text subscription_id;               ///< only for a line of that type
    text subscription_item_id;          ///< only for a line of that type
    std::int32_t amount = 0;            ///< in the smallest unit of the currency
    std::string currency;               ///< ISO 4217, in lower case
    text price_id{};                    ///< of the price, if the invoice contains only its id

    friend bool operator==(const line_item&, const line_item&) = default; ///< member by member
};

/// An invoice.
struct CTMS_API invoice {
    std::string id;                 ///< "in_..."
    timestamp created{};            ///< creation time at Stripe
    std::string customer_id;        ///< the paying customer
    std::string currency;           ///< ISO 4217, in lower case
    std::int32_t total = 0;         ///< in the smallest unit of the currency
    std::string status;             ///< as named by Stripe, such as "paid"; empty if Stripe has none
    text default_payment_method_id; ///< overrides that of the customer
    text default_source_id;         ///< overrides that of the customer
    std::vector<line_item> lines;   ///< lines of the invoice
    bool has_more_lines = false;    ///< `lines` is only the first page of Stripe's list

    friend bool operator==(const invoice&, const invoice&) = default; ///< member by member
};

/// The objects that a message can contain.
using object = std::variant<customer, deleted_customer, unattached_object, price, subscription, subscription_item, invoice>;

/// The result of storing an object, in the terms of the log.
struct CTMS_API ingest_report {
    /// Maps an action (created, updated, no_change, deleted, skipped) to "object:id" of each object.
    std::map<std::string, std::set<std::string>, std::less<>> actions;
    text fxa_id_conflict; ///< the Firefox account id, if another customer had it and was deleted for that reason
    /// Members with values that CTMS does not know and stored as they are, without indexes: "subscription.status: dormant".
    std::set<std::string> unknown_values{};

    friend bool operator==(const ingest_report&, const ingest_report&) = default; ///< member by member
};

/// What arrived through Pub/Sub, could not be stored, and is kept until an operator decides about it.
struct CTMS_API parked_object {
    std::int64_t id = 0;   ///< number in the list of parked objects
    std::string object;    ///< "kind:id", or "message" for a message that could not be read
    std::string reason;    ///< why it could not be stored, without any value of it
    std::string payload;   ///< JSON of the object, or the body of the message, as it arrived; empty in lists
    int deliveries = 1;    ///< how often it was delivered
    timestamp parked_at{}; ///< when it was first delivered

    friend bool operator==(const parked_object&, const parked_object&) = default; ///< member by member
};

} // namespace ctms::model::stripe

namespace ctms::model {

/// A product that a contact pays for, derived from the stored objects, over all subscriptions to it: the newest one (by the end of its
/// current period), and the number of subscriptions.
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
