// SPDX-License-Identifier: MPL-2.0
#include "query_parameters.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/changes_json.hpp>
#include <ctms/json/history_json.hpp>

#include <charconv>
#include <cstdint>
#include <optional>

namespace ctms::json {
namespace {

std::optional<std::int64_t> read_place(std::string_view text) {
    std::int64_t out = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, out);
    return failure == std::errc{} && stop == end && out > 0 ? std::optional(out) : std::nullopt;
}

} // namespace

result<model::history_query> read_history_query(const parameter_source& parameters) {
    error_list errors("query");
    model::history_query out;
    {
        const auto here = errors.at("limit");
        out.limit = read_limit(parameters("limit"), errors).value_or(out.limit);
    }
    if (!errors.empty()) return std::move(errors).take();
    if (auto broken = check_limit(out.limit)) return *std::move(broken);
    const auto before = parameters("before").value_or("");
    if (before.empty()) return out;
    out.before = read_place(before);
    if (!out.before) return out_of_range("before", "\"before\" is not a cursor of this call");
    return out;
}

void write_history_entry(std::string& out, const model::history_entry& entry) {
    object_writer writer(out);
    writer.add("time", std::string_view(ctms::to_iso(entry.when)));
    writer.add("change", to_string(entry.what));
    writer.add_optional("client", entry.client);
    writer.add_optional("request_id", entry.request_id);
    entry.changes ? writer.add_raw("changes", *entry.changes) : writer.add_null("changes");
    writer.close();
}

void write_history_page(std::string& out, const uuid& email_id, const model::history_page& page, int kept_days) {
    object_writer writer(out);
    writer.add("email_id", std::string_view(email_id.to_string()));
    writer.add("kept_days", kept_days);
    append_json_array(writer.key("items"), page.items, write_history_entry);
    page.next ? writer.add("next", std::string_view(std::to_string(*page.next))) : writer.add_null("next");
    writer.close();
}

} // namespace ctms::json
