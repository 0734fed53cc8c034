// SPDX-License-Identifier: MPL-2.0
#include "stripe_check.hpp"
#include "stripe_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ctms::json {
namespace {

namespace stripe = model::stripe;

/// Checks members of one object and records the first problem. `path` is the place of the object.
class checker {
public:
    checker(std::string path, std::string& problem) : path_(std::move(path)), problem_(&problem) {}

    void fail(std::string_view member, std::string_view why) const {
        if (problem_->empty()) *problem_ = fmt::format("{}.{}: {}", path_, member, why);
    }
    [[nodiscard]] checker at(std::string_view member) const { return {fmt::format("{}.{}", path_, member), *problem_}; }
    [[nodiscard]] checker at(std::string_view list, std::size_t index) const {
        return {fmt::format("{}.{}[{}]", path_, list, index), *problem_};
    }

    void id(std::string_view member, const std::string& value) const {
        if (const auto why = stripe_rules::problem_of_id(value); !why.empty()) fail(member, why);
    }
    void id(std::string_view member, const model::text& value) const {
        if (value) id(member, *value);
    }
    void time(std::string_view member, timestamp value) const {
        const auto since_1970 = value.time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
        if (seconds != since_1970) fail(member, "not a whole number of seconds");
        if (seconds.count() < 0 || static_cast<double>(seconds.count()) > stripe_rules::last_second)
            fail(member, "not a time from 1970 to 9999");
    }
    void time(std::string_view member, const std::optional<timestamp>& value) const {
        if (value) time(member, *value);
    }
    void currency(std::string_view value) const {
        if (!stripe_rules::is_currency(value)) fail("currency", "not three lower-case letters");
    }
    void choice(std::string_view member, std::string_view value, const stripe_rules::choice& of) const {
        if (const auto why = stripe_rules::problem_of_choice(value, of); !why.empty()) fail(member, why);
    }

private:
    std::string path_;
    std::string* problem_;
};

void check_object(const checker& in, const stripe::customer& one) {
    in.id("id", one.id);
    in.time("created", one.created);
    in.id("fxa_id", one.fxa_id);
    in.id("default_source_id", one.default_source_id);
    in.id("default_payment_method_id", one.default_payment_method_id);
}

void check_object(const checker& in, const stripe::deleted_customer& one) { in.id("id", one.id); }

void check_object(const checker& in, const stripe::unattached_object& one) { in.id("id", one.id); }

void check_object(const checker& in, const stripe::price& one) {
    in.id("id", one.id);
    in.id("product_id", one.product_id);
    in.time("created", one.created);
    in.currency(one.currency);
    if (one.interval) in.choice("interval", *one.interval, stripe_rules::interval);
    if (one.interval.has_value() != one.interval_count.has_value()) in.fail("interval_count", "must be given with interval, and only then");
}

void check_object(const checker& in, const stripe::subscription_item& one) {
    in.id("id", one.id);
    in.time("created", one.created);
    in.id("subscription_id", one.subscription_id);
    check_object(in.at("price"), one.price);
}

void check_object(const checker& in, const stripe::line_item& one) {
    in.id("id", one.id);
    in.choice("type", one.type, stripe_rules::line_type);
    if (one.price) check_object(in.at("price"), *one.price);
    in.id("price_id", one.price_id);
    if (one.price && one.price_id) in.fail("price_id", "given together with the price");
    in.id("invoice_item_id", one.invoice_item_id);
    in.id("subscription_id", one.subscription_id);
    in.id("subscription_item_id", one.subscription_item_id);
    in.currency(one.currency);
}

/// Checks each element of a list, and that none is repeated.
template <class T>
void check_list(const checker& in, std::string_view name, const std::vector<T>& list) {
    std::set<std::string_view> ids;
    for (std::size_t index = 0; index < list.size(); ++index) {
        const auto here = in.at(name, index);
        check_object(here, list[index]);
        if (!ids.insert(list[index].id).second) here.fail("id", "repeated");
    }
}

void check_object(const checker& in, const stripe::subscription& one) {
    in.id("id", one.id);
    in.time("created", one.created);
    in.id("customer_id", one.customer_id);
    in.id("default_payment_method_id", one.default_payment_method_id);
    in.id("default_source_id", one.default_source_id);
    in.time("canceled_at", one.canceled_at);
    in.time("current_period_start", one.current_period_start);
    in.time("current_period_end", one.current_period_end);
    in.time("ended_at", one.ended_at);
    in.time("start_date", one.start_date);
    in.choice("status", one.status, stripe_rules::subscription_status);
    check_list(in, "items", one.items);
    for (std::size_t index = 0; index < one.items.size(); ++index) {
        if (one.items[index].subscription_id != one.id)
            in.at("items", index).fail("subscription_id", "not the subscription that contains the item");
    }
}

void check_object(const checker& in, const stripe::invoice& one) {
    in.id("id", one.id);
    in.time("created", one.created);
    in.id("customer_id", one.customer_id);
    in.currency(one.currency);
    in.choice("status", one.status, stripe_rules::invoice_status);
    in.id("default_payment_method_id", one.default_payment_method_id);
    in.id("default_source_id", one.default_source_id);
    check_list(in, "lines", one.lines);
}

std::string_view name_of(const stripe::customer&) { return "customer"; }
std::string_view name_of(const stripe::deleted_customer&) { return "customer"; }
std::string_view name_of(const stripe::unattached_object& one) { return one.kind; }
std::string_view name_of(const stripe::price&) { return "price"; }
std::string_view name_of(const stripe::subscription&) { return "subscription"; }
std::string_view name_of(const stripe::subscription_item&) { return "subscription_item"; }
std::string_view name_of(const stripe::invoice&) { return "invoice"; }

/// Collects values that are not in Stripe's lists.
class unknown_collector {
public:
    void look_at(std::string_view member, std::string_view word, const stripe_rules::choice& of) {
        if (word.empty() || stripe_rules::is_known(word, of)) return;
        // The words of Stripe consist of these characters. Others may be anything, also personal data.
        const bool is_plain = std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
        found.insert(is_plain ? fmt::format("{}: {}", member, word) : std::string(member));
    }

    void operator()(const stripe::customer&) {}
    void operator()(const stripe::deleted_customer&) {}
    void operator()(const stripe::unattached_object&) {}
    void operator()(const stripe::price& one) { look_at("price.recurring.interval", one.interval.value_or(""), stripe_rules::interval); }
    void operator()(const stripe::subscription_item& one) { (*this)(one.price); }
    void operator()(const stripe::subscription& one) {
        look_at("subscription.status", one.status, stripe_rules::subscription_status);
        for (const auto& item : one.items) (*this)(item);
    }
    void operator()(const stripe::invoice& one) {
        look_at("invoice.status", one.status, stripe_rules::invoice_status);
        for (const auto& line : one.lines) {
            look_at("line_item.type", line.type, stripe_rules::line_type);
            if (line.price) (*this)(*line.price);
        }
    }

    std::set<std::string> found;
};

} // namespace

std::set<std::string> unknown_values(const model::stripe::object& object) {
    unknown_collector collector;
    std::visit(collector, object);
    return std::move(collector.found);
}

result<void> check(const model::stripe::object& object) {
    std::string problem;
    std::visit([&](const auto& one) { check_object(checker(std::string(name_of(one)), problem), one); }, object);
    return problem.empty() ? result<void>() : result<void>(bad_stripe_object(std::move(problem)));
}

} // namespace ctms::json
