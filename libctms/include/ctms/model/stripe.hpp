// SPDX-License-Identifier: MPL-2.0
// The Stripe objects that say which products a contact pays for, as far as CTMS keeps them. Field names follow
// Stripe's API reference (https://stripe.com/docs/api); ids are Stripe's. Plain values.
#pragma once

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

struct customer {
    std::string id;
    timestamp created{};
    std::string fxa_id; ///< Stripe's `description`: the Firefox account that the customer belongs to
    text default_source_id;
    text default_payment_method_id; ///< of invoice_settings
    text email;                     ///< not stored; only for tracing

    friend bool operator==(const customer&, const customer&) = default;
};

/// A customer that Stripe says is deleted; nothing else is known of it then.
struct deleted_customer {
    std::string id;

    friend bool operator==(const deleted_customer&, const deleted_customer&) = default;
};

struct price {
    std::string id;
    std::string product_id;
    timestamp created{};
    bool active = false;
    std::string currency;                       ///< ISO 4217, in lower case
    text interval;                              ///< day, week, month, year; none for a price that is paid once
    std::optional<std::int32_t> interval_count; ///< intervals between payments
    std::optional<std::int32_t> unit_amount;    ///< in the smallest unit of the currency

    friend bool operator==(const price&, const price&) = default;
};

struct subscription_item {
    std::string id;
    timestamp created{};
    std::string subscription_id;
    stripe::price price;

    friend bool operator==(const subscription_item&, const subscription_item&) = default;
};

struct subscription {
    std::string id;
    timestamp created{};
    std::string customer_id;
    text default_payment_method_id;
    text default_source_id;
    bool cancel_at_period_end = false;
    std::optional<timestamp> canceled_at;
    timestamp current_period_start{};
    timestamp current_period_end{};
    std::optional<timestamp> ended_at;
    timestamp start_date{};
    std::string status;
    std::vector<subscription_item> items;
    bool has_more_items = false; ///< `items` is only the first page of Stripe's list

    friend bool operator==(const subscription&, const subscription&) = default;
};

struct line_item {
    std::string id;
    std::string type; ///< subscription, invoiceitem
    stripe::price price;
    text invoice_item_id;
    text subscription_id;
    text subscription_item_id;
    std::int32_t amount = 0; ///< in the smallest unit of the currency
    std::string currency;

    friend bool operator==(const line_item&, const line_item&) = default;
};

struct invoice {
    std::string id;
    timestamp created{};
    std::string customer_id;
    std::string currency;
    std::int32_t total = 0; ///< in the smallest unit of the currency
    std::string status;
    text default_payment_method_id;
    text default_source_id;
    std::vector<line_item> lines;
    bool has_more_lines = false; ///< `lines` is only the first page of Stripe's list

    friend bool operator==(const invoice&, const invoice&) = default;
};

/// What one message can bring.
using object = std::variant<customer, deleted_customer, price, subscription, subscription_item, invoice>;

/// What ingesting came to, in the words of the log.
struct ingest_report {
    /// created, updated, no_change, deleted, skipped: to "object:id" of each object it was done to.
    std::map<std::string, std::set<std::string>, std::less<>> actions;
    text fxa_id_conflict; ///< the Firefox account id that another customer had, who was deleted for it

    friend bool operator==(const ingest_report&, const ingest_report&) = default;
};

} // namespace ctms::model::stripe
