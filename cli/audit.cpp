// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "list_output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/audit_log.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

namespace ctms::cli {
namespace {

std::string to_json(const model::audit_record& record) {
    std::string out;
    object_writer writer(out);
    writer.add("id", record.id);
    writer.add("began_at", std::string_view(to_iso(record.began_at)));
    writer.add_optional("ended_at", record.ended_at ? std::optional(to_iso(*record.ended_at)) : std::nullopt);
    writer.add("actor", std::string_view(record.actor));
    writer.add("command", std::string_view(record.command));
    object_writer details(writer.key("details"));
    for (const auto& [name, value] : record.details) details.add(name, std::string_view(value));
    details.close();
    writer.add_optional("exit_code", record.exit_code);
    writer.close();
    return out;
}

std::string details_text(const model::audit_details& details) {
    std::string out;
    for (const auto& [name, value] : details) out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, value);
    return out;
}

} // namespace

int audit_list(invocation& call) {
    const auto limit = call.number("limit", 100, 1, 1'000'000);
    if (!limit) return fail_usage(limit.error().message, "audit");
    persistence::database db(support::database_options(call.settings));
    return print_list(
        call, service::audit_log(db).list(static_cast<int>(*limit)), {"WHEN", "WHO", "COMMAND", "EXIT", "DETAILS"},
        [](std::string& to, const auto& record) { to += to_json(record); },
        [](const auto& record) -> std::vector<std::string> {
            const auto ended = record.exit_code ? std::to_string(*record.exit_code) : "-";
            return {to_iso(record.began_at), record.actor, record.command, ended, details_text(record.details)};
        });
}

} // namespace ctms::cli
