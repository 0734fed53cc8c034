// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/python_repr.hpp>
#include <ctms/persistence/acoustic_configuration_repository.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::cli {
namespace {

// Scripts read these texts, word for word those of the reference.

using names = std::initializer_list<std::pair<const char*, std::string_view>>;

/// {"action":"added","table":"main","field":"fxa_id"}; without an action for an item of a list.
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
    return fmt::format("{} → {}", json::python_string_repr(source), json::python_string_repr(destination));
}

int not_text() { return fail(invalid("names must be UTF-8")); }

/// What there is no such thing as, on standard output as the reference says it; machines find nothing there.
int unknown(const invocation& call, std::string_view what, std::string_view name) {
    if (call.json) return fail(not_found(fmt::format("unknown {} {}", what, name)));
    print_text(fmt::format("Unknown {} {}. Give up.", what, name));
    return support::bad_data;
}

/// Runs `act(repository)` on the database of the call.
template <class Act>
int with_configuration(invocation& call, Act act) {
    persistence::database db(support::database_options(call.settings));
    persistence::acoustic_configuration_repository configuration(db);
    return act(configuration);
}

/// Runs `act(repository, table, field)` and says that it is done as `verb` ("Added") and `action` ("added") tell.
template <class Act>
int change_field(invocation& call, const char* verb, std::string_view action, Act act) {
    const auto table = call.value("tablename").value_or("main");
    const auto& field = call.operands.front();
    if (!is_valid_utf8(table) || !is_valid_utf8(field)) return not_text();
    call.note("field", full_name(table, field));
    return with_configuration(call, [&](persistence::acoustic_configuration_repository& configuration) -> int {
        const auto name = json::python_string_repr(full_name(table, field));
        const result<void> done = act(configuration, table, field);
        if (!done && done.error().code == errc::not_found) return unknown(call, "field", name);
        if (!done) return fail(done.error());
        call.json ? print_json(to_json(action, {{"table", table}, {"field", field}})) : print_text(fmt::format("{} {}.", verb, name));
        return support::ok;
    });
}

void print_change(const invocation& call, const char* verb, std::string_view action, const std::string& source,
                  const std::string& destination) {
    call.json ? print_json(to_json(action, {{"source", source}, {"destination", destination}}))
              : print_text(fmt::format("{} {}.", verb, arrow(source, destination)));
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
    return with_configuration(call, [&](persistence::acoustic_configuration_repository& configuration) -> int {
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
    const auto& text = call.operands.front();
    if (!is_valid_utf8(text)) return not_text();
    // Neither a newsletter nor a column has a colon in its name: with two of them nobody knows what is meant.
    if (std::count(text.begin(), text.end(), ':') != 1)
        return fail(invalid(fmt::format("'{}' is not SOURCE:DESTINATION, which has exactly one colon", text)));
    const auto source = text.substr(0, text.find(':'));
    const auto destination = text.substr(text.find(':') + 1);
    call.note("source", source);
    call.note("destination", destination);
    return with_configuration(call, [&](persistence::acoustic_configuration_repository& configuration) -> int {
        const auto added = configuration.add_mapping(source, destination, call.has("replace"));
        if (!added && added.error().code == errc::conflict) {
            const auto why = fmt::format("{} is already mapped; ctms-admin newsletter-mappings add --replace changes it",
                                         json::python_string_repr(source));
            return fail(conflict(why));
        }
        if (!added) return fail(added.error());
        print_change(call, "Added", "added", source, destination);
        return support::ok;
    });
}

int newsletter_mappings_remove(invocation& call) {
    const auto& source = call.operands.front();
    if (!is_valid_utf8(source)) return not_text();
    call.note("source", source);
    return with_configuration(call, [&](persistence::acoustic_configuration_repository& configuration) -> int {
        const auto destination = configuration.remove_mapping(source);
        if (!destination && destination.error().code == errc::not_found) return unknown(call, "mapping", json::python_string_repr(source));
        if (!destination) return fail(destination.error());
        call.note("destination", *destination);
        print_change(call, "Removed", "removed", source, *destination);
        return support::ok;
    });
}

int newsletter_mappings_list(invocation& call) {
    return with_configuration(call, [&](persistence::acoustic_configuration_repository& configuration) -> int {
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
