// SPDX-License-Identifier: MPL-2.0
#include "stripe_facts.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <variant>

namespace ctms::web::routes {

void note_ingest_error(call& now, const error& failure) {
    now.facts.ingest_error = failure.detail.empty() ? failure.message : failure.detail;
}

void note_actions(call& now, const model::stripe::ingest_report& report) {
    std::string out;
    object_writer writer(out);
    for (const auto& [action, objects] : report.actions) append_json_array(writer.key(action), objects, append_json_string);
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
