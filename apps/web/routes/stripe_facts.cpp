// SPDX-License-Identifier: MPL-2.0
#include "stripe_facts.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string_view>
#include <variant>
#include <vector>

namespace ctms::web::routes {

void note_ingest_error(call& now, const error& failure) {
    now.facts.ingest_error = failure.detail.empty() ? failure.message : failure.detail;
}

void note_actions(call& now, const model::stripe::ingest_report& report) {
    now.facts.ingest_unknown = fmt::format("{}", fmt::join(report.unknown_values, ","));
    if (report.actions.empty()) return;
    constexpr std::size_t longest_list = 300; // bytes of one action, so that all of them fit in a line of the log
    std::string out;
    object_writer writer(out);
    for (const auto& [action, objects] : report.actions) {
        std::size_t length = 0;
        std::vector<std::string_view> named;
        for (const auto& object : objects) {
            length += object.size() + 3; // with quotes and a comma
            if (length > longest_list) break;
            named.push_back(object);
        }
        append_json_array(writer.key(action), named, append_json_string);
        now.facts.ingest_left_out += objects.size() - named.size();
    }
    writer.close();
    now.facts.ingest_actions = std::move(out);
}

std::string traced_addresses(std::span<const model::stripe::object* const> objects) {
    std::set<std::string> out;
    for (const auto* object : objects) {
        const auto* customer = std::get_if<model::stripe::customer>(object);
        if (customer != nullptr && customer->email && privacy::is_traced(*customer->email)) out.insert(*customer->email);
    }
    return fmt::format("{}", fmt::join(out, ","));
}

} // namespace ctms::web::routes
