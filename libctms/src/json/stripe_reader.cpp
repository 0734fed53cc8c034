// SPDX-License-Identifier: MPL-2.0
#include "stripe_reader.hpp"
#include "python_text.hpp"
#include "stripe_rules.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/json/stripe_json.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace ctms::json {
namespace {

namespace stripe = model::stripe;

constexpr node absent{}; // stands for a missing member

/// A value and its location. The first problem is recorded, and reading continues with placeholder values, so that the
/// readers below need no branches for failures. The caller discards the result if there was a problem.
class place {
public:
    place(const node& value, std::string path, std::string& problem) : value_(&value), path_(std::move(path)), problem_(&problem) {}

    [[nodiscard]] const node& value() const { return *value_; }
    [[nodiscard]] bool is(kind type) const { return value_->type == type; }
    [[nodiscard]] bool failed() const { return !problem_->empty(); }

    /// `why` must not contain the value, which may be personal data.
    void fail(std::string_view why) const {
        if (!failed()) *problem_ = fmt::format("{}: {}", path_, why);
    }

    /// The member, which must exist.
    [[nodiscard]] place at(std::string_view name) const {
        if (!is(kind::object)) fail("not an object");
        if (auto found = find(name)) return std::move(*found);
        auto missing = step(absent, name);
        missing.fail("missing");
        return missing;
    }

    /// The member if it exists.
    [[nodiscard]] std::optional<place> find(std::string_view name) const {
        const auto* found = is(kind::object) ? value_->member(name) : nullptr;
        return found == nullptr ? std::nullopt : std::optional(step(*found, name));
    }

    [[nodiscard]] place item(const node& value, std::size_t index) const { return {value, fmt::format("{}[{}]", path_, index), *problem_}; }

private:
    [[nodiscard]] place step(const node& value, std::string_view name) const {
        return {value, fmt::format("{}.{}", path_, name), *problem_};
    }

    const node* value_;
    std::string path_;
    std::string* problem_;
};

/// Calls `read` for a value that may be null.
template <class Read>
auto nullable(const place& where, Read read) -> std::optional<decltype(read(where))> {
    if (where.is(kind::null)) return std::nullopt;
    return read(where);
}

/// Calls `read` for a member that may be null or missing.
template <class Read>
auto if_given(const std::optional<place>& where, Read read) -> std::optional<decltype(read(*where))> {
    if (!where) return std::nullopt;
    return nullable(*where, read);
}

std::string string_of(const place& where) {
    if (!where.is(kind::string)) where.fail("not a string");
    return where.is(kind::string) ? std::string(where.value().text) : std::string();
}

std::string id_of(const place& where) {
    auto id = string_of(where);
    if (const auto why = stripe_rules::problem_of_id(id); !why.empty()) where.fail(why);
    return id;
}

/// The id of another object, given as the id or as the object itself.
std::string reference_of(const place& where) {
    if (where.is(kind::object)) return id_of(where.at("id"));
    if (!where.is(kind::string)) where.fail("neither an id nor an object with one");
    return id_of(where);
}

/// A value that Stripe lists, or a new one.
std::string choice_of(const place& where, const stripe_rules::choice& of) {
    if (of.may_be_empty && where.is(kind::null)) return {};
    auto word = string_of(where);
    if (const auto why = stripe_rules::problem_of_choice(word, of); !why.empty()) where.fail(why);
    return word;
}

std::string currency_of(const place& where) {
    auto code = ascii_lower(string_of(where));
    if (!stripe_rules::is_currency(code)) where.fail("not three letters");
    return code;
}

bool truth_of(const place& where) {
    if (!where.is(kind::boolean)) where.fail("not true or false");
    return where.value().truth;
}

/// A double can represent every integer that is in range here.
std::optional<double> number_of(const place& where) { return where.is(kind::number) ? python_float(where.value().text) : std::nullopt; }

timestamp time_of(const place& where) {
    const auto number = number_of(where);
    if (!number || std::trunc(*number) != *number) {
        where.fail("not a whole number of seconds");
    } else if (*number < 0 || *number > stripe_rules::last_second) {
        where.fail("not a time from 1970 to 9999");
    } else {
        return timestamp{std::chrono::seconds{static_cast<std::int64_t>(*number)}};
    }
    return {};
}

/// Drops the fraction, as Python's int() does.
std::int32_t integer_of(const place& where) {
    using bounds = std::numeric_limits<std::int32_t>;
    const auto number = number_of(where);
    if (!number) {
        where.fail("not a number");
    } else if (const auto whole = std::trunc(*number); whole < bounds::min() || whole > bounds::max()) {
        where.fail("beyond 32 bits");
    } else {
        return static_cast<std::int32_t>(whole);
    }
    return 0;
}

void check_kind(const place& where, std::string_view wanted) {
    const auto here = where.at("object");
    if (!here.is(kind::string) || here.value().text != wanted) here.fail(fmt::format("not {}", wanted));
}

/// The elements of a Stripe list object; if an id is repeated, the last element counts.
template <class T, class Read>
std::vector<T> list_of(const place& list, std::string_view element_kind, Read read) {
    std::vector<T> out;
    std::map<std::string, std::size_t, std::less<>> places;
    const auto data = list.at("data");
    if (!data.is(kind::array)) data.fail("not a list");
    std::size_t index = 0;
    for (const auto* each = data.value().first; each != nullptr && !list.failed(); each = each->next, ++index) {
        const auto here = data.item(*each, index);
        check_kind(here, element_kind);
        T element = read(here);
        const auto [known, is_new] = places.try_emplace(element.id, out.size());
        if (is_new) {
            out.push_back(std::move(element));
        } else {
            out[known->second] = std::move(element);
        }
    }
    return out;
}

bool has_more(const place& list) { return if_given(list.find("has_more"), truth_of).value_or(false); }

stripe::object read_customer(const place& from) {
    const auto deleted = from.find("deleted");
    if (deleted && truth_of(*deleted)) return stripe::deleted_customer{id_of(from.at("id"))};
    stripe::customer out;
    out.id = id_of(from.at("id"));
    if (const auto email = from.find("email")) out.email = nullable(*email, string_of);
    const auto description = from.at("description");
    const bool has_account = !description.is(kind::null) && !(description.is(kind::string) && description.value().text.empty());
    if (!has_account) return stripe::unattached_object{"customer", std::move(out.id), std::move(out.email)};
    out.created = time_of(from.at("created"));
    out.fxa_id = id_of(description);
    out.default_source_id = nullable(from.at("default_source"), reference_of);
    out.default_payment_method_id = nullable(from.at("invoice_settings").at("default_payment_method"), reference_of);
    return out;
}

stripe::price read_price(const place& from) {
    stripe::price out;
    out.id = id_of(from.at("id"));
    out.product_id = reference_of(from.at("product"));
    out.created = time_of(from.at("created"));
    out.active = truth_of(from.at("active"));
    out.currency = currency_of(from.at("currency"));
    if (const auto recurring = from.find("recurring"); recurring && !recurring->is(kind::null)) {
        out.interval = choice_of(recurring->at("interval"), stripe_rules::interval);
        out.interval_count = integer_of(recurring->at("interval_count"));
    }
    out.unit_amount = if_given(from.find("unit_amount"), integer_of);
    return out;
}

stripe::price nested_price(const place& where) {
    check_kind(where, "price");
    return read_price(where);
}

stripe::subscription_item read_item(const place& from) {
    stripe::subscription_item out;
    out.id = id_of(from.at("id"));
    out.created = time_of(from.at("created"));
    out.subscription_id = reference_of(from.at("subscription"));
    out.price = nested_price(from.at("price"));
    return out;
}

/// The current period. Since 2025-03-31, each item has its own, and the subscription has none: then that of the item whose period ends last
/// counts, because the customer has paid until then.
class period_reader {
public:
    void look_at(const place& item) {
        const auto start = if_given(item.find(start_name), time_of);
        const auto end = if_given(item.find(end_name), time_of);
        if (!start || !end) return;
        if (!latest_ || std::pair(*end, *start) > std::pair(latest_->end, latest_->start)) latest_ = period{*start, *end};
    }

    void set(stripe::subscription& out, const place& subscription) const {
        const auto start = if_given(subscription.find(start_name), time_of);
        const auto end = if_given(subscription.find(end_name), time_of);
        if (start && end) {
            out.current_period_start = *start;
            out.current_period_end = *end;
        } else if (latest_) {
            out.current_period_start = latest_->start;
            out.current_period_end = latest_->end;
        } else {
            for (const auto name : {start_name, end_name}) {
                if (const auto member = subscription.at(name); member.is(kind::null)) member.fail("null, and no item has a period");
            }
        }
    }

private:
    struct period {
        timestamp start{};
        timestamp end{};
    };
    static constexpr std::string_view start_name = "current_period_start";
    static constexpr std::string_view end_name = "current_period_end";

    std::optional<period> latest_;
};

stripe::subscription read_subscription(const place& from) {
    stripe::subscription out;
    out.id = id_of(from.at("id"));
    out.created = time_of(from.at("created"));
    out.customer_id = reference_of(from.at("customer"));
    out.default_payment_method_id = nullable(from.at("default_payment_method"), reference_of);
    out.default_source_id = nullable(from.at("default_source"), reference_of);
    out.cancel_at_period_end = truth_of(from.at("cancel_at_period_end"));
    out.canceled_at = nullable(from.at("canceled_at"), time_of);
    out.ended_at = nullable(from.at("ended_at"), time_of);
    out.start_date = time_of(from.at("start_date"));
    out.status = choice_of(from.at("status"), stripe_rules::subscription_status);
    const auto items = from.at("items");
    period_reader period;
    out.items = list_of<stripe::subscription_item>(items, "subscription_item", [&](const place& where) {
        auto item = read_item(where);
        period.look_at(where);
        if (item.subscription_id != out.id) where.at("subscription").fail("not the subscription that contains the item");
        return item;
    });
    out.has_more_items = has_more(items);
    period.set(out, from);
    return out;
}

/// The origin of a line: its type and the ids of the objects that it comes from. Since 2025-03-31 in `parent`.
void read_origin(const place& from, stripe::line_item& out) {
    const auto parent = from.find("parent");
    const bool is_new = parent && !from.find("type");
    out.subscription_id = if_given(from.find("subscription"), reference_of);
    if (!is_new) {
        out.type = choice_of(from.at("type"), stripe_rules::line_type);
        out.invoice_item_id = if_given(from.find("invoice_item"), reference_of);
        out.subscription_item_id = if_given(from.find("subscription_item"), reference_of);
        return;
    }
    if (parent->is(kind::null)) return;
    const auto type = parent->at("type");
    const auto name = string_of(type);
    const bool is_of_subscription = name == "subscription_item_details";
    if (!is_of_subscription && name != "invoice_item_details") {
        out.type = choice_of(type, stripe_rules::line_type);
        return;
    }
    out.type = is_of_subscription ? "subscription" : "invoiceitem";
    const auto details = parent->find(is_of_subscription ? "subscription_item_details" : "invoice_item_details");
    if (!details || details->is(kind::null)) return;
    if (!details->is(kind::object)) details->fail("not an object");
    out.invoice_item_id = if_given(details->find("invoice_item"), reference_of);
    out.subscription_item_id = if_given(details->find("subscription_item"), reference_of);
    if (auto subscription = if_given(details->find("subscription"), reference_of)) out.subscription_id = std::move(subscription);
}

/// The price of a line. Since 2025-03-31 its id is in `pricing.price_details`, and the price only if the sender asked for it.
void read_pricing(const place& from, stripe::line_item& out) {
    const auto pricing = from.find("pricing");
    if (!pricing || from.find("price")) {
        out.price = nullable(from.at("price"), nested_price);
        return;
    }
    if (pricing->is(kind::null)) return;
    if (!pricing->is(kind::object)) pricing->fail("not an object");
    const auto details = pricing->find("price_details");
    if (!details || details->is(kind::null)) return;
    const auto price = details->at("price");
    if (price.is(kind::object)) {
        out.price = nested_price(price);
    } else {
        out.price_id = nullable(price, id_of);
    }
}

stripe::line_item read_line(const place& from) {
    stripe::line_item out;
    out.id = id_of(from.at("id"));
    read_origin(from, out);
    read_pricing(from, out);
    out.amount = integer_of(from.at("amount"));
    out.currency = currency_of(from.at("currency"));
    return out;
}

/// Stripe's previews of invoices that do not exist yet have such ids.
constexpr std::string_view preview_prefix = "upcoming_in";

stripe::object read_invoice(const place& from) {
    stripe::invoice out;
    out.id = id_of(from.at("id"));
    const auto customer = from.at("customer");
    if (customer.is(kind::null) || out.id.starts_with(preview_prefix)) return stripe::unattached_object{"invoice", std::move(out.id), {}};
    out.created = time_of(from.at("created"));
    out.customer_id = reference_of(customer);
    out.currency = currency_of(from.at("currency"));
    out.total = integer_of(from.at("total"));
    out.status = choice_of(from.at("status"), stripe_rules::invoice_status);
    out.default_payment_method_id = nullable(from.at("default_payment_method"), reference_of);
    out.default_source_id = nullable(from.at("default_source"), reference_of);
    const auto lines = from.at("lines");
    out.lines = list_of<stripe::line_item>(lines, "line_item", read_line);
    out.has_more_lines = has_more(lines);
    return out;
}

struct stored_kind {
    std::string_view name;
    stripe::object (*read)(const place& from);
};

template <auto Read>
stripe::object any_of(const place& from) {
    return Read(from);
}

constexpr std::array stored_kinds{stored_kind{"customer", read_customer}, stored_kind{"invoice", read_invoice},
                                  stored_kind{"price", any_of<read_price>}, stored_kind{"subscription", any_of<read_subscription>},
                                  stored_kind{"subscription_item", any_of<read_item>}};

const stored_kind* find_kind(std::string_view name) {
    const auto* const found =
        std::find_if(stored_kinds.begin(), stored_kinds.end(), [&](const stored_kind& each) { return each.name == name; });
    return found == stored_kinds.end() ? nullptr : found;
}

error not_recognized() { return malformed("Request JSON is not recognized."); }

/// The member `object`, or "" if it is not a string; nullopt if the value is not a Stripe object.
std::optional<std::string_view> kind_of(const node& value) {
    if (value.type != kind::object) return std::nullopt;
    const auto* name = value.member("object");
    if (name == nullptr || value.member("id") == nullptr) return std::nullopt;
    return name->type == kind::string ? name->text : std::string_view();
}

} // namespace

bool is_stored_kind(std::string_view kind) { return find_kind(kind) != nullptr; }

result<stripe::object> read_stripe_node(const node& object) {
    const auto name = kind_of(object);
    if (!name) return not_recognized();
    const auto* known = find_kind(*name);
    if (known == nullptr) return bad_stripe_object("object: not a kind that is stored");
    std::string problem;
    auto out = known->read(place(object, std::string(*name), problem));
    if (!problem.empty()) return bad_stripe_object(std::move(problem));
    return out;
}

result<stripe::object> read_stripe_object(std::string_view text) {
    if (!is_valid_utf8(text)) return not_recognized();
    const auto outcome = document::parse(text, limits{});
    const auto* parsed = std::get_if<document>(&outcome);
    return parsed == nullptr ? not_recognized() : read_stripe_node(parsed->root());
}

} // namespace ctms::json
