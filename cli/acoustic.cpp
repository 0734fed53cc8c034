// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace ctms::cli {
namespace {

// Scripts read these texts: they are the same, word for word, as those of the Python service.

using names = std::initializer_list<std::pair<const char*, std::string_view>>;

/// {"action":"added","table":"main","field":"fxa_id"}; items of a list have no action.
std::string to_json(std::string_view action, names members) {
    std::string out;
    object_writer writer(out);
    if (!action.empty()) writer.add("action", action);
    for (const auto& [name, text] : members) writer.add(name, text);
    writer.close();
    return out;
}

/// "main.fxa_id"
std::string full_name(const std::string& table, const std::string& field) { return table + "." + field; }

/// "'test-pilot' → 'sub_new_test_pilot'"
std::string arrow(const std::string& source, const std::string& destination) {
    return fmt::format("{} → {}", python_string_repr(source), python_string_repr(destination));
}

/// Reports a name that does not exist: on standard output, as the Python service does, but with --json only on standard error.
int unknown(const invocation& call, std::string_view what, std::string_view name) {
    if (call.json) return fail(not_found(fmt::format("unknown {} {}", what, name)));
    print_text(fmt::format("Unknown {} {}. Give up.", what, name));
    return support::bad_data;
}

/// Runs `act(configuration)` on the database of the call.
template <class Act>
int with_configuration(invocation& call, Act act) {
    persistence::database db(support::database_options(call.settings));
    return act(service::acoustic_configuration(db));
}

/// Runs `act(configuration, table, field)` and prints the result with `verb` ("Added"), or `action` ("added") for machines.
template <class Act>
int change_field(invocation& call, const char* verb, std::string_view action, Act act) {
    const auto table = call.value("tablename").value_or("main");
    const auto& field = call.operands.front();
    call.note("field", full_name(table, field));
    return with_configuration(call, [&](service::acoustic_configuration configuration) -> int {
        const result<void> done = act(configuration, table, field);
        if (!done && done.error().code != errc::not_found) return fail(done.error());
        const auto name = python_string_repr(full_name(table, field));
        if (!done) return unknown(call, "field", name);
        call.json ? print_json(to_json(action, {{"table", table}, {"field", field}})) : print_text(fmt::format("{} {}.", verb, name));
        return support::ok;
    });
}

void print_change(const invocation& call, const char* verb, std::string_view action, const service::newsletter_mapping& one) {
    call.json ? print_json(to_json(action, {{"source", one.source}, {"destination", one.destination}}))
              : print_text(fmt::format("{} {}.", verb, arrow(one.source, one.destination)));
}

} // namespace

int acoustic_fields_add(invocation& call) {
    return change_field(call, "Added", "added",
                        [](auto& configuration, const auto& table, const auto& field) { return configuration.add_field(table, field); });
}

int acoustic_fields_remove(invocation& call) {
    return change_field(call, "Removed", "removed",
                        [](auto& configuration, const auto& table, const auto& field) { return configuration.remove_field(table, field); });
}

int acoustic_fields_list(invocation& call) {
    const auto wanted = call.value("tablename");
    return with_configuration(call, [&](service::acoustic_configuration configuration) -> int {
        const auto all = configuration.read();
        if (!all) return fail(all.error());
        std::vector<std::pair<std::string, std::string>> found;
        for (const auto& [table, fields] : all->sync_fields) {
            if (wanted && *wanted != table) continue;
            for (const auto& field : fields) found.emplace_back(table, field);
        }
        if (call.json) {
            std::string out;
            append_json_array(out, found, [](std::string& to, const auto& one) {
                to += to_json({}, {{"table", one.first}, {"field", one.second}});
            });
            print_json(out);
            return support::ok;
        }
        for (const auto& [table, field] : found) print_text("- " + full_name(table, field));
        return support::ok;
    });
}

int newsletter_mappings_add(invocation& call) {
    const auto mapping = service::parse_newsletter_mapping(call.operands.front());
    if (!mapping) return fail(mapping.error());
    call.note("source", mapping->source);
    call.note("destination", mapping->destination);
    return with_configuration(call, [&](service::acoustic_configuration configuration) -> int {
        const auto added = configuration.add_mapping(*mapping, call.has("replace"));
        if (!added && added.error().code == errc::conflict) {
            const auto why = fmt::format("{} is already mapped; ctms-admin newsletter-mappings add --replace changes it",
                                         python_string_repr(mapping->source));
            return fail(conflict(why));
        }
        if (!added) return fail(added.error());
        print_change(call, "Added", "added", *mapping);
        return support::ok;
    });
}

int newsletter_mappings_remove(invocation& call) {
    const auto& source = call.operands.front();
    call.note("source", source);
    return with_configuration(call, [&](service::acoustic_configuration configuration) -> int {
        const auto removed = configuration.remove_mapping(source);
        if (!removed && removed.error().code == errc::not_found) return unknown(call, "mapping", python_string_repr(source));
        if (!removed) return fail(removed.error());
        call.note("destination", removed->destination);
        print_change(call, "Removed", "removed", *removed);
        return support::ok;
    });
}

int newsletter_mappings_list(invocation& call) {
    return with_configuration(call, [&](service::acoustic_configuration configuration) -> int {
        const auto all = configuration.read();
        if (!all) return fail(all.error());
        if (call.json) {
            std::string out;
            append_json_array(out, all->newsletter_mappings, [](std::string& to, const auto& one) {
                to += to_json({}, {{"source", one.first}, {"destination", one.second}});
            });
            print_json(out);
            return support::ok;
        }
        for (const auto& [source, destination] : all->newsletter_mappings) print_text("- " + arrow(source, destination));
        return support::ok;
    });
}

} // namespace ctms::cli
