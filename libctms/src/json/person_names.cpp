// SPDX-License-Identifier: MPL-2.0
#include "person_names.hpp"

#include "document.hpp"

#include <base/base64.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <optional>
#include <variant>

namespace ctms::json {
namespace {

constexpr limits generous{.depth = 100, .length = 10'000'000};

bool has(const std::set<std::string>& names, const node& value) {
    return value.type == kind::string && names.contains(std::string(value.text));
}

class finder {
public:
    explicit finder(const person_names& names) : accounts_(names.accounts), customers_(names.customers) {
        for (const auto& one : names.addresses) addresses_.insert(ascii_lower(one));
    }

    [[nodiscard]] bool find(const node& value) const {
        if (value.type == kind::string) return addresses_.contains(ascii_lower(value.text));
        if (value.type != kind::array && value.type != kind::object) return false;
        if (is_customer(value) && identifies(value)) return true;
        for (const auto* each = value.first; each != nullptr; each = each->next) {
            if ((each->key == "customer" && has(customers_, *each)) || find(*each)) return true;
        }
        return false;
    }

    /// Looks for the names in a text that has no structure.
    [[nodiscard]] bool find_quoted(std::string_view text) const {
        const auto lower = ascii_lower(text);
        const auto is_in = [](std::string_view where, const std::string& name) {
            std::string quoted;
            append_json_string(quoted, name);
            return where.find(quoted) != std::string_view::npos;
        };
        const auto any = [&](const std::set<std::string>& names, std::string_view where) {
            return std::any_of(names.begin(), names.end(), [&](const auto& name) { return is_in(where, name); });
        };
        return any(addresses_, lower) || any(customers_, text) || any(accounts_, text);
    }

private:
    static bool is_customer(const node& value) {
        if (value.type != kind::object) return false;
        const auto* object = value.member("object");
        return value.key == "customer" || (object != nullptr && object->type == kind::string && object->text == "customer");
    }

    /// Whether a customer has one of the names.
    [[nodiscard]] bool identifies(const node& customer) const {
        for (const auto* each = customer.first; each != nullptr; each = each->next) {
            if (each->key == "id" && has(customers_, *each)) return true;
            if (each->key == "description" && has(accounts_, *each)) return true;
            if (each->key != "metadata" || each->type != kind::object) continue;
            for (const auto* entry = each->first; entry != nullptr; entry = entry->next) {
                if (has(accounts_, *entry)) return true;
            }
        }
        return false;
    }

    const std::set<std::string>& accounts_;
    const std::set<std::string>& customers_;
    std::set<std::string> addresses_; ///< in lower case
};

std::optional<document> parse(std::string_view text) {
    if (!is_valid_utf8(text)) return std::nullopt;
    auto outcome = document::parse(text, generous);
    auto* parsed = std::get_if<document>(&outcome);
    return parsed == nullptr ? std::nullopt : std::optional(std::move(*parsed));
}

/// The data of a message of Pub/Sub; nullopt if this is none.
std::optional<std::string> data_of(const node& root) {
    const auto* message = root.type == kind::object ? root.member("message") : nullptr;
    const auto* data = message != nullptr && message->type == kind::object ? message->member("data") : nullptr;
    return data != nullptr && data->type == kind::string ? base64_decode(data->text) : std::nullopt;
}

} // namespace

bool names_person(std::string_view payload, const person_names& names) {
    const finder person(names);
    const auto parsed = parse(payload);
    if (!parsed) return person.find_quoted(payload);
    if (person.find(parsed->root())) return true;
    const auto data = data_of(parsed->root());
    if (!data) return false;
    const auto content = parse(*data);
    return content ? person.find(content->root()) : person.find_quoted(*data);
}

} // namespace ctms::json
