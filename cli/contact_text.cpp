// SPDX-License-Identifier: MPL-2.0
#include "contact_text.hpp"

#include "output.hpp"

#include <ctms/base/printable.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <initializer_list>

namespace ctms::cli {
namespace {

namespace json = boost::json;

std::string text_of(const json::value* value) {
    if (value == nullptr || value->is_null()) return "-";
    if (value->is_bool()) return value->get_bool() ? "yes" : "no";
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

/// A list of objects as a table of some of their members; nothing when it is empty.
void print_list(const json::value& list, std::string_view title, std::initializer_list<const char*> members) {
    if (list.as_array().empty()) return;
    std::vector<std::string> header;
    for (const std::string_view member : members) header.emplace_back(header.empty() ? title : member);
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : list.as_array()) {
        auto& row = rows.emplace_back();
        for (const auto* member : members) row.push_back(text_of(item.as_object().if_contains(member)));
    }
    fmt::print("\n");
    print_table(header, rows);
}

void add_group(const json::object& contact, const char* name, std::vector<std::vector<std::string>>& rows) {
    const auto* group = contact.if_contains(name);
    if (group == nullptr || !group->is_object()) return;
    for (const auto& member : group->get_object()) {
        if (!member.value().is_null() && member.key() != "email_id")
            rows.push_back(
                {fmt::format("{}.{}", name, std::string_view(member.key().data(), member.key().size())), text_of(&member.value())});
    }
}

std::string queue_text(const json::value& queued) {
    if (queued.as_array().empty()) return "nothing is waiting";
    const auto& row = queued.at(0).as_object();
    const auto* retry = row.if_contains("retry");
    return fmt::format("{} {}, requested at {}, {}", text_of(row.if_contains("operation")), text_of(row.if_contains("state")),
                       text_of(row.if_contains("last_requested_at")),
                       counted(retry != nullptr ? retry->to_number<std::int64_t>() : 0, "failed attempt"));
}

} // namespace

void print_contact(std::string_view text) {
    json::parse_options generous;
    generous.max_depth = 1'000;
    const auto parsed = json::parse(json::string_view(text.data(), text.size()), {}, generous);
    const auto& contact = parsed.as_object();
    std::vector<std::vector<std::string>> rows;
    for (const auto* group : {"email", "amo", "fxa", "mofo"}) add_group(contact, group, rows);
    rows.push_back({"sync", queue_text(contact.at("sync_queue"))});
    const auto& vendor = contact.at("vendor_state");
    rows.push_back(
        {"vendor", !vendor.as_array().empty() ? "sent at " + text_of(&vendor.at(0).at("sent_at")) : "not known to have been sent"});
    print_table({"CONTACT", text_of(&contact.at("email").at("email_id"))}, rows);
    print_list(contact.at("newsletters"), "NEWSLETTER",
               {"name", "subscribed", "format", "lang", "source", "unsub_reason", "update_timestamp"});
    print_list(contact.at("waitlists"), "WAITLIST", {"name", "source", "fields", "update_timestamp"});
    print_list(contact.at("products"), "PRODUCT", {"product_id", "segment", "status", "amount", "currency", "current_period_end"});
    fmt::print("\n");
}

} // namespace ctms::cli
