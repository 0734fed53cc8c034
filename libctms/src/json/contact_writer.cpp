// SPDX-License-Identifier: MPL-2.0
#include "document.hpp"
#include "field_writer.hpp"
#include "scalars.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/contact_json.hpp>

namespace ctms::json {
namespace {

template <class T>
void write_group(std::string& out, const std::optional<T>& group) {
    static const T defaults{};
    write_fields(out, group ? *group : defaults);
}

model::vpn_waitlist older_vpn(const model::contact& contact) {
    for (const auto& waitlist : contact.waitlists) {
        if (waitlist.name == "vpn") return {scalar_member(waitlist.fields, "geo"), scalar_member(waitlist.fields, "platform")};
    }
    return {};
}

/// If there are several waitlists of Relay, the country is that of the last one by name.
model::relay_waitlist older_relay(const model::contact& contact) {
    for (auto waitlist = contact.waitlists.rbegin(); waitlist != contact.waitlists.rend(); ++waitlist) {
        if (waitlist->name.starts_with("relay")) return {scalar_member(waitlist->fields, "geo")};
    }
    return {};
}

void write_step(std::string& out, const location_step& step) {
    const auto* name = std::get_if<std::string>(&step);
    name != nullptr ? append_json_string(out, *name) : void(out += std::to_string(std::get<std::size_t>(step)));
}

void write_field_error(std::string& out, const field_error& broken) {
    object_writer writer(out);
    append_json_array(writer.key("loc"), broken.location, write_step);
    writer.add("msg", broken.message);
    writer.add("type", broken.type);
    if (!broken.context.empty()) writer.add_raw("ctx", broken.context);
    writer.close();
}

/// Whether the rule is checked after validation. Such errors name only a parameter, and are written one level deeper.
bool is_second_step(const error& failure) {
    const auto* origin = std::get_if<std::string>(&failure.fields.front().location.front());
    return origin != nullptr && *origin != "body" && *origin != "query" && *origin != "path";
}

} // namespace

void write_contact(std::string& out, const model::contact& contact, bool with_status) {
    object_writer writer(out);
    write_group(writer.key("amo"), contact.amo);
    write_fields(writer.key("email"), contact.email);
    write_group(writer.key("fxa"), contact.fxa);
    write_group(writer.key("mofo"), contact.mofo);
    append_json_array(writer.key("newsletters"), contact.newsletters, write_fields<model::newsletter>);
    append_json_array(writer.key("waitlists"), contact.waitlists, write_fields<model::waitlist>);
    write_fields(writer.key("vpn_waitlist"), older_vpn(contact));
    write_fields(writer.key("relay_waitlist"), older_relay(contact));
    if (with_status) writer.add("status", "ok");
    writer.close();
}

void write_identity(std::string& out, const model::identity& identity) { write_fields(out, identity); }

void write_error(std::string& out, const error& failure) {
    object_writer writer(out);
    if (failure.fields.empty()) {
        writer.add("detail", failure.message);
    } else if (is_second_step(failure)) {
        object_writer nested(writer.key("detail"));
        append_json_array(nested.key("errors"), failure.fields, write_field_error);
        nested.close();
    } else {
        append_json_array(writer.key("detail"), failure.fields, write_field_error);
    }
    if (!failure.conflicts.empty()) append_json_array(writer.key("conflicts"), failure.conflicts, append_json_string);
    writer.close();
}

std::string identity_names() {
    std::string out;
    fields::for_each_field<model::identity>([&](const auto& field, std::uint32_t) {
        if (!out.empty()) out += ", ";
        out += field.name;
    });
    return out;
}

bool same_object(std::string_view a, std::string_view b) {
    if (a == b) return true;
    constexpr limits generous{.depth = 1'000, .length = 10'000'000};
    const auto left = document::parse(a, generous);
    const auto right = document::parse(b, generous);
    const auto* x = std::get_if<document>(&left);
    const auto* y = std::get_if<document>(&right);
    return x != nullptr && y != nullptr && equal(x->root(), y->root());
}

std::optional<std::string> scalar_member(std::string_view object, std::string_view name) {
    constexpr limits generous{.depth = 1'000, .length = 10'000'000};
    const auto parsed = document::parse(object, generous);
    const auto* found = std::get_if<document>(&parsed);
    const auto* member = found != nullptr && found->root().type == kind::object ? found->root().member(name) : nullptr;
    return member != nullptr ? to_text(*member) : std::nullopt;
}

} // namespace ctms::json
