// SPDX-License-Identifier: MPL-2.0
// The Stripe objects that say which products a contact pays for, as far as CTMS keeps them. Field names follow
// Stripe's API reference (https://stripe.com/docs/api); ids are Stripe's. Plain values.
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

/// Who pays.
struct CTMS_API customer {
    std::string id;                 ///< "cus_..."
    timestamp created{};            ///< at Stripe
    std::string fxa_id;             ///< Stripe's `description`: the Firefox account that the customer belongs to
    text default_source_id;         ///< how they pay
    text default_payment_method_id; ///< of invoice_settings
    text email;                     ///< not stored; only for tracing

    friend bool operator==(const customer&, const customer&) = default; ///< member by member
};

/// A customer that Stripe says is deleted; nothing else is known of it then.
struct CTMS_API deleted_customer {
    std::string id; ///< "cus_..."

    friend bool operator==(const deleted_customer&, const deleted_customer&) = default; ///< member by member
};

/// What a product costs.
struct CTMS_API price {
    std::string id;                             ///< "price_..."
    std::string product_id;                     ///< "prod_..."
    timestamp created{};                        ///< at Stripe
    bool active = false;                        ///< can be bought
    std::string currency;                       ///< ISO 4217, in lower case
    text interval;                              ///< day, week, month, year; none for a price that is paid once
    std::optional<std::int32_t> interval_count; ///< intervals between payments
    std::optional<std::int32_t> unit_amount;    ///< in the smallest unit of the currency

    friend bool operator==(const price&, const price&) = default; ///< member by member
};

/// One price of a subscription.
struct CTMS_API subscription_item {
    std::string id;              ///< "si_..."
    timestamp created{};         ///< at Stripe
    std::string subscription_id; ///< that it is part of
    stripe::price price;         ///< what is subscribed to

    friend bool operator==(const subscription_item&, const subscription_item&) = default; ///< member by member
};

/// What a customer pays for again and again.
struct CTMS_API subscription {
    std::string id;                       ///< "sub_..."
    timestamp created{};                  ///< at Stripe
    std::string customer_id;              ///< who pays
    text default_payment_method_id;       ///< instead of the customer's
    text default_source_id;               ///< instead of the customer's
    bool cancel_at_period_end = false;    ///< cancelled, but not over
    std::optional<timestamp> canceled_at; ///< when it was cancelled
    timestamp current_period_start{};     ///< that is paid for
    timestamp current_period_end{};       ///< that is paid for
    std::optional<timestamp> ended_at;    ///< when it was over
    timestamp start_date{};               ///< not always when it was made
    std::string status;                   ///< in Stripe's words, "active"
    std::vector<subscription_item> items; ///< prices
    bool has_more_items = false;          ///< `items` is only the first page of Stripe's list

    friend bool operator==(const subscription&, const subscription&) = default; ///< member by member
};

/// One line of an invoice.
struct CTMS_API line_item {
    std::string id;            ///< "il_..."
    std::string type;          ///< subscription, invoiceitem
    stripe::price price;       ///< what is paid for
    text invoice_item_id;      ///< for a line of that type
    text subscription_id;      ///< for a line of that type
    text subscription_item_id; ///< for a line of that type
    std::int32_t amount = 0;   ///< in the smallest unit of the currency
    std::string currency;      ///< ISO 4217, in lower case

    friend bool operator==(const line_item&, const line_item&) = default; ///< member by member
};

/// What a customer is asked to pay.
struct CTMS_API invoice {
    std::string id;                 ///< "in_..."
    timestamp created{};            ///< at Stripe
    std::string customer_id;        ///< who pays
    std::string currency;           ///< ISO 4217, in lower case
    std::int32_t total = 0;         ///< in the smallest unit of the currency
    std::string status;             ///< in Stripe's words, "paid"
    text default_payment_method_id; ///< instead of the customer's
    text default_source_id;         ///< instead of the customer's
    std::vector<line_item> lines;   ///< what for
    bool has_more_lines = false;    ///< `lines` is only the first page of Stripe's list

    friend bool operator==(const invoice&, const invoice&) = default; ///< member by member
};

/// What one message can bring.
using object = std::variant<customer, deleted_customer, price, subscription, subscription_item, invoice>;

/// What ingesting came to, in the words of the log.
struct CTMS_API ingest_report {
    /// created, updated, no_change, deleted, skipped: to "object:id" of each object it was done to.
    std::map<std::string, std::set<std::string>, std::less<>> actions;
    text fxa_id_conflict; ///< the Firefox account id that another customer had, who was deleted for it

    friend bool operator==(const ingest_report&, const ingest_report&) = default; ///< member by member
};

} // namespace ctms::model::stripe
