// SPDX-License-Identifier: MPL-2.0
#include "sync_queue_rows.hpp"

#include <json/document.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <stdexcept>

namespace ctms::persistence {
namespace {

// A contact that exists is never deleted at the vendor, whatever was asked last: another program may have created it again.
constexpr std::string_view read_chosen_rows = R"(
select c.email_id::text, c.operation = 'delete' and not exists (select from emails e where e.email_id = c.email_id), c.primary_email, c.version, c.retry, {}, {},
       s.main_hash, s.newsletter_hash, s.product_hash, array_to_json(s.newsletters)::text, array_to_json(s.products)::text,
       (select k.names from ctms_vendor_columns k where k.id = s.columns_id), c.priority,
       case when c.bulk_version = c.version then c.bulk_hash end
from chosen c left join ctms_vendor_state s using (email_id)
order by c.priority, c.due_at, c.first_requested_at)";

std::vector<std::string> read_names(std::string_view text) {
    constexpr json::limits bounds{1, 1'000'000};
    const auto parsed = json::document::parse(text, bounds);
    const auto* names = std::get_if<json::document>(&parsed);
    if (names == nullptr) throw std::logic_error("a column is not JSON");
    std::vector<std::string> out;
    for (const auto* one = names->root().first; one != nullptr; one = one->next) out.emplace_back(one->text);
    return out;
}

} // namespace

std::string read_chosen_sql() {
    return fmt::format(read_chosen_rows, microseconds_sql("c.first_requested_at"), microseconds_sql("c.last_attempt_at"));
}

std::string json_states(std::span<const sent_contact> contacts) {
    return json_rows(contacts, [](object_writer& to, const sent_contact& one) {
        to.add("email_id", one.email_id.to_string());
        to.add("version", one.version);
        to.add("is_gone", !one.state);
        to.add("is_deletion", one.is_deletion);
        if (!one.state) return;
        to.add("main_hash", one.state->main_hash);
        to.add("newsletter_hash", one.state->newsletter_hash);
        to.add("product_hash", one.state->product_hash);
        to.add_raw("newsletters", json_names(one.state->newsletters));
        to.add_raw("products", json_names(one.state->products));
        to.add("columns", std::string_view(json_names(one.state->columns)));
    });
}

uuid read_id(const rows& found, std::size_t row, std::size_t column) {
    const auto id = uuid::parse(found.text(row, column));
    if (!id) throw std::logic_error("a column is not a UUID");
    return *id;
}

namespace {

queued_contact read_contact(const rows& found, std::size_t row) {
    queued_contact out;
    out.email_id = read_id(found, row, 0);
    out.is_deletion = found.boolean(row, 1);
    out.primary_email = found.text(row, 2);
    out.version = found.integer(row, 3);
    out.retry = static_cast<int>(found.integer(row, 4));
    out.first_requested_at = read_time(found, row, 5);
    out.last_attempt_at = read_optional_time(found, row, 6);
    out.priority = static_cast<int>(found.integer(row, 13));
    out.imported_hash = found.optional_text(row, 14).value_or("");
    if (found.is_null(row, 7)) return out;
    out.sent = vendor_state{std::string(found.text(row, 7)), std::string(found.text(row, 8)), std::string(found.text(row, 9)),
                            read_names(found.text(row, 10)), read_names(found.text(row, 11)), {}};
    if (!found.is_null(row, 12)) out.sent->columns = read_names(found.text(row, 12));
    return out;
}

} // namespace

std::vector<queued_contact> read_queued(const rows& found) {
    std::vector<queued_contact> out;
    out.reserve(found.size());
    for (std::size_t row = 0; row < found.size(); ++row) out.push_back(read_contact(found, row));
    return out;
}

} // namespace ctms::persistence
