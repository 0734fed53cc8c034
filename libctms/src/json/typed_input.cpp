// SPDX-License-Identifier: MPL-2.0
// Checks input that a program filled in, in the order in which JSON input is read.
#include "contact_parts.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>

#include <fmt/core.h>

#include <optional>
#include <variant>

namespace ctms::json {
namespace {

constexpr node any_object{.type = kind::object};
constexpr node any_list{.type = kind::array};

/// Parses the fields of a waitlist, with the nesting that is left for them in a body.
std::variant<document, syntax_error> parse_fields(std::string_view text) {
    constexpr std::size_t depth_of_fields = 3;
    constexpr limits whole{};
    if (!is_valid_utf8(text)) return syntax_error{"not UTF-8"};
    return document::parse(text, {.depth = whole.depth - depth_of_fields, .length = whole.length});
}

bool check_object(std::string& text, error_list& errors) {
    const auto parsed = parse_fields(text);
    if (const auto* problem = std::get_if<syntax_error>(&parsed)) {
        errors.add("Invalid JSON: " + problem->message, "value_error.json");
        return false;
    }
    auto good = read_object(std::get<document>(parsed).root(), errors);
    if (good) text = std::move(*good);
    return good.has_value();
}

model::partial<model::waitlist> check_waitlist(const model::partial<model::waitlist>& sent, bool always_joins, error_list& errors) {
    auto good = check_fields(sent, completeness::whole, errors);
    if (!good.has(&model::waitlist::name) || !(good.value().subscribed || always_joins)) return good;
    const auto parsed = parse_fields(sent.value().fields);
    const auto* fields = std::get_if<document>(&parsed);
    if (fields == nullptr) return good;
    const auto& root = fields->root().type == kind::array ? any_object : fields->root();
    if (root.type == kind::object) check_waitlist_fields(good.value().name, root, {}, errors);
    return good;
}

/// Checks each item of a list with `check_item(item)`.
template <class T, class Item, class CheckItem>
std::vector<model::partial<T>> check_items(const std::vector<Item>& list, error_list& errors, CheckItem check_item) {
    std::vector<model::partial<T>> out;
    constexpr auto most = limits{}.length;
    if (list.size() > most) {
        errors.add(fmt::format("ensure this value has at most {} items", most), "value_error.list.max_items",
                   fmt::format(R"({{"limit_value":{}}})", most));
        return out;
    }
    for (std::size_t index = 0; index < list.size(); ++index) {
        const auto here = errors.at(index);
        if constexpr (std::is_same_v<Item, T>) {
            out.push_back(check_item(model::partial<T>::whole(list[index])));
        } else {
            out.push_back(check_item(list[index]));
        }
    }
    return out;
}

// ---- POST and PUT --------------------------------------------------------------------------------------------------

template <class T>
T check_whole(const T& value, error_list& errors) {
    return check_fields(model::partial<T>::whole(value), completeness::whole, errors).value();
}

template <class T>
std::optional<T> check_group(const std::optional<T>& group, std::string_view name, error_list& errors) {
    if (!group) return std::nullopt;
    const auto here = errors.at(name);
    auto good = check_whole(*group, errors);
    return is_default(good) ? std::nullopt : std::optional(std::move(good));
}

model::email check_email(const model::email& email, purpose why, error_list& errors) {
    const auto here = errors.at("email");
    auto good = check_whole(email, errors);
    const auto place = errors.at("email_id");
    if (why == purpose::replace && email.email_id.is_nil()) add_missing(errors);
    return good;
}

template <class T>
model::older_field<T> check_older(const model::older_field<T>& sent, std::string_view name, error_list& errors) {
    auto out = sent;
    const auto here = errors.at(name);
    if (sent.value()) out.set(check_whole(*sent.value(), errors));
    return out;
}

// ---- PATCH ---------------------------------------------------------------------------------------------------------

template <class T>
model::group_patch<T> check_patch(const model::group_patch<T>& sent, std::string_view name, error_list& errors) {
    model::group_patch<T> out;
    const auto here = errors.at(name);
    if (sent.removes()) out.remove();
    read_union(any_object, remove_word, errors, [&](error_list& inner) { out.change(check_fields(sent, completeness::whole, inner)); });
    return out;
}

template <class T, class CheckItem>
model::list_patch<T> check_patch(const model::list_patch<T>& sent, std::string_view name, error_list& errors, CheckItem check_item) {
    model::list_patch<T> out;
    const auto here = errors.at(name);
    const auto before = errors.size();
    if (sent.unsubscribes_all()) out.unsubscribe_all();
    for (auto& item : check_items<T>(sent.items(), errors, check_item)) out.put(std::move(item));
    if (errors.size() > before) add_not_permitted(any_list, unsubscribe_word, errors);
    return out;
}

template <class T>
model::older_field<T> check_older_patch(const model::older_field<T>& sent, std::string_view name, error_list& errors) {
    auto out = sent;
    const auto here = errors.at(name);
    if (!sent.value()) return out;
    read_union(any_object, remove_word, errors, [&](error_list& inner) { out.set(check_whole(*sent.value(), inner)); });
    return out;
}

} // namespace

bool check_value(std::string& value, const fields::rules& rule, error_list& errors) {
    if (!is_valid_utf8(value)) {
        errors.add("the string is not valid UTF-8", "value_error.unicodedecode");
        return false;
    }
    if (rule.as == fields::format::object) return check_object(value, errors);
    auto good = read_text(node{.type = kind::string, .text = value}, rule, errors);
    if (good) value = std::move(*good);
    return good.has_value();
}

bool check_value(std::optional<std::string>& value, const fields::rules& rule, error_list& errors) {
    return !value || check_value(*value, rule, errors);
}

bool check_value(std::optional<date>& value, const fields::rules&, error_list& errors) {
    constexpr int last_year = 9999; // Python and ISO dates have the years 1 to 9999
    if (!value || (value->ok() && int(value->year()) >= 1 && int(value->year()) <= last_year)) return true;
    add_invalid_date(errors);
    return false;
}

bool check_value(uuid& value, const fields::rules&, error_list& errors) { return value.is_nil() || check_uuid4(value, errors); }

result<checked<model::contact_input>> check(const model::contact_input& input, purpose why) {
    error_list errors("body");
    model::contact_input out;
    out.amo = check_group(input.amo, "amo", errors);
    out.email = check_email(input.email, why, errors);
    out.fxa = check_group(input.fxa, "fxa", errors);
    out.mofo = check_group(input.mofo, "mofo", errors);
    const auto before_lists = errors.size();
    const auto in_list = [&](std::string_view name, const auto& check_list) {
        const auto here = errors.at(name);
        return check_list();
    };
    auto newsletters = in_list("newsletters", [&] {
        return check_items<model::newsletter>(input.newsletters, errors,
                                              [&](const auto& item) { return check_fields(item, completeness::whole, errors); });
    });
    auto waitlists = in_list("waitlists", [&] {
        return check_items<model::waitlist>(input.waitlists, errors,
                                            [&](const auto& item) { return check_waitlist(item, why == purpose::create, errors); });
    });
    const bool lists_are_good = errors.size() == before_lists;
    out.vpn = check_older(input.vpn, "vpn_waitlist", errors);
    out.relay = check_older(input.relay, "relay_waitlist", errors);
    if (lists_are_good) check_relay_country(newsletters, waitlists, out.relay, errors);
    if (!errors.empty()) return std::move(errors).take();
    out.newsletters = values_of(std::move(newsletters));
    out.waitlists = values_of(std::move(waitlists));
    return check_mark::on(std::move(out), why);
}

result<checked<model::contact_patch>> check(const model::contact_patch& patch) {
    error_list errors("body");
    model::contact_patch out;
    out.amo = check_patch(patch.amo, "amo", errors);
    {
        const auto here = errors.at("email");
        out.email = check_fields(patch.email, completeness::change, errors);
    }
    out.fxa = check_patch(patch.fxa, "fxa", errors);
    out.mofo = check_patch(patch.mofo, "mofo", errors);
    const auto before_lists = errors.size();
    out.newsletters = check_patch(patch.newsletters, "newsletters", errors,
                                  [&](const auto& item) { return check_fields(item, completeness::whole, errors); });
    out.waitlists =
        check_patch(patch.waitlists, "waitlists", errors, [&](const auto& item) { return check_waitlist(item, false, errors); });
    const bool lists_are_good = errors.size() == before_lists;
    out.vpn = check_older_patch(patch.vpn, "vpn_waitlist", errors);
    out.relay = check_older_patch(patch.relay, "relay_waitlist", errors);
    if (lists_are_good) check_relay_country(out.newsletters.items(), out.waitlists.items(), out.relay, errors);
    if (!errors.empty()) return std::move(errors).take();
    return check_mark::on(std::move(out));
}

} // namespace ctms::json
