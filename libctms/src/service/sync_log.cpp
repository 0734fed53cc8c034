// SPDX-License-Identifier: MPL-2.0
#include "sync_log.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/core.h>

namespace ctms::service {
namespace {

void add_table(mozlog::fields& members, const std::string& name, const table_progress& table) {
    if (!table.sent) return;
    members.add(name + "_status", table.failed ? "failure" : "success").add_seconds(name + "_duration_s", table.seconds);
}

void add_list(mozlog::fields& members, std::string_view name, const std::vector<std::string>& list) {
    if (list.empty()) return;
    std::string json;
    append_json_array(json, list, append_json_string);
    members.add_json(name, json);
}

void add_conversion(mozlog::fields& members, const std::optional<acoustic::date_conversion>& conversion) {
    if (!conversion) return;
    members.add("fxa_created_date_converted", conversion->outcome);
    if (conversion->outcome == "skipped") members.add_null("fxa_created_date_type"); // the type of a value that is not a string
}

std::string_view kind_of(const acoustic::failure& why) {
    switch (why.kind) {
    case acoustic::failure_kind::unavailable: return "unavailable";
    case acoustic::failure_kind::transient: return "transient";
    case acoustic::failure_kind::permanent: return "permanent";
    }
    return "";
}

std::string traced_address(const sync_item& item) {
    const auto& address = item.contact ? item.contact->email.primary_email : item.queued.primary_email;
    return privacy::is_traced(address) ? address : std::string();
}

} // namespace

void log_contact(mozlog::logger& log, const sync_item& item, const std::optional<acoustic::failure>& why) {
    const auto level = why ? mozlog::severity::error : mozlog::severity::debug;
    if (!log.enabled(level)) return;
    mozlog::fields members;
    members.add("success", !why.has_value());
    if (const auto trace = traced_address(item); !trace.empty()) members.add("trace", trace);
    add_conversion(members, item.rows.fxa_created_date);
    add_list(members, "skipped_fields", item.rows.skipped_fields);
    add_list(members, "newsletters_skipped", item.rows.newsletters_skipped);
    if (!item.trace.trace_id.empty()) members.add("trace_id", item.trace.trace_id);
    members.add("email_id", item.queued.email_id.to_string());
    if (item.queued.is_deletion) members.add("operation", "delete");
    members.add("newsletter_count", static_cast<int>(item.rows.newsletters.size()));
    members.add("product_count", static_cast<int>(item.rows.products.size()));
    add_table(members, "main", item.main);
    add_table(members, "newsletter", item.newsletters);
    add_table(members, "product", item.products);
    if (why) members.add("exception", fmt::format("{} failure: {}", kind_of(*why), why->reason));
    log.log(level, "ctms.acoustic_service", members,
            why ? "Failure for contact in sync to acoustic..." : "Successfully sync'd contact to acoustic...");
}

} // namespace ctms::service
