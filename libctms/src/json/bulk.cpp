// SPDX-License-Identifier: MPL-2.0
#include "contact_parts.hpp"

#include <ctms/json/bulk_json.hpp>

#include <fmt/core.h>

#include <array>
#include <string_view>
#include <utility>

namespace ctms::json {
namespace {

constexpr std::array<std::string_view, 3> operations{"create", "patch", "delete"};

bulk_operation read_operation(const node& item, error_list& errors) {
    const auto* op = item.member("op");
    if (op == nullptr) return bulk_operation::upsert;
    if (op->type == kind::string) {
        if (op->text == "create") return bulk_operation::create;
        if (op->text == "patch") return bulk_operation::patch;
        if (op->text == "delete") return bulk_operation::remove;
    }
    const auto here = errors.at("op");
    add_not_permitted(*op, operations, errors);
    return bulk_operation::upsert;
}

/// Reads the id that stands beside the groups of the contact.
uuid read_id(const node& item, bool required, error_list& errors) {
    const auto* id = item.member("email_id");
    const auto here = errors.at("email_id");
    if (id == nullptr) {
        if (required) add_missing(errors);
        return {};
    }
    if (id->type == kind::null) {
        if (required) add_null_not_allowed(errors);
        return {};
    }
    const auto read = required ? read_any_uuid(*id, errors) : read_uuid4(*id, errors); // contacts of older databases may have other ids
    return read.value_or(uuid{});
}

/// Reads the contact of an upsert or a create into `out`. An item has its id beside or inside the group `email`, or both.
result<void> read_input(const contact_rules& rules, const body& sent, bulk_item& out) {
    auto input = read_contact(sent, purpose::create, rules);
    if (!input) return input.error();
    const auto& inside = (*input)->email.email_id;
    if (out.email_id.is_nil()) out.email_id = inside;
    if (!inside.is_nil() && inside != out.email_id) {
        error_list errors("body");
        const auto here = errors.at("email_id");
        errors.add("email_id must match email_id in email", "value_error");
        return std::move(errors).take();
    }
    out.input = std::move(*input);
    return {};
}

} // namespace

result<bulk_item> read_bulk_item(body sent, const contact_rules& rules) {
    error_list errors("body");
    const auto* object = body_object(sent, errors);
    if (object == nullptr) return std::move(errors).take();
    bulk_item out;
    out.what = read_operation(*object, errors);
    const bool needs_id = out.what == bulk_operation::patch || out.what == bulk_operation::remove;
    out.email_id = read_id(*object, needs_id, errors);
    if (!errors.empty()) return std::move(errors).take();
    if (out.what == bulk_operation::remove) return out;
    if (out.what == bulk_operation::patch) {
        auto patch = read_patch(sent, rules);
        if (!patch) return patch.error();
        out.patch = std::move(*patch);
        return out;
    }
    if (const auto read = read_input(rules, sent, out); !read) return read.error();
    if (out.what == bulk_operation::upsert) out.sent = std::move(sent);
    return out;
}

result<std::vector<body>> read_bulk_list(const body& sent) {
    error_list errors("body");
    auto items = sent.items();
    if (!items) {
        sent.parsed().missing ? add_missing(errors) : add_not_a_list(errors);
        return std::move(errors).take();
    }
    if (items->size() > most_bulk_items) {
        errors.add(fmt::format("ensure this value has at most {} items", most_bulk_items), "value_error.list.max_items",
                   fmt::format(R"({{"limit_value":{}}})", most_bulk_items));
        return std::move(errors).take();
    }
    return *std::move(items);
}

} // namespace ctms::json
