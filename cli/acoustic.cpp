// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"
#include "suggest.hpp"

#include <ctms/acoustic/client.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <ctms/service/sync_admin.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
int unknown(const invocation& call, std::string_view what, std::string_view name, const std::vector<std::string>& known) {
    const auto similar = did_you_mean(name, known);
    if (call.json) return fail(not_found(fmt::format("unknown {} {}{}", what, python_string_repr(name), similar)));
    print_text(fmt::format("Unknown {} {}. Give up.", what, python_string_repr(name)));
    if (!similar.empty()) complain("unknown {}{}", what, similar);
    return support::bad_data;
}

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
    std::vector<std::string> out;
    for (const auto& [key, value] : map) out.push_back(key);
    return out;
}

/// The names of all fields; none if the database fails.
std::vector<std::string> fields_in(service::acoustic_configuration configuration) {
    std::vector<std::string> out;
    const auto all = configuration.read();
    if (!all) return out;
    for (const auto& [table, fields] : all->sync_fields) {
        for (const auto& field : fields) out.push_back(full_name(table, field));
    }
    return out;
}

/// The mapped newsletters; none if the database fails.
std::vector<std::string> sources_in(service::acoustic_configuration configuration) {
    const auto all = configuration.read();
    return all ? keys_of(all->newsletter_mappings) : std::vector<std::string>();
}

/// Refuses a table that is neither one of the vendor's that the sync knows, nor in the configuration, unless --allow-unknown is given. The
/// scripts of the Python service allow every name.
result<void> check_table(const invocation& call, service::acoustic_configuration configuration, const std::string& table) {
    if (call.has("allow-unknown") || !is_valid_utf8(table)) return {}; // the use case refuses what is not UTF-8
    const auto all = configuration.read();
    if (!all) return all.error();
    auto known = keys_of(all->sync_fields);
    for (const auto which : {acoustic::table::main, acoustic::table::newsletter, acoustic::table::product})
        known.emplace_back(acoustic::to_string(which));
    if (std::find(known.begin(), known.end(), table) != known.end()) return {};
    return invalid(fmt::format("unknown table {} (--allow-unknown accepts it){}", python_string_repr(table), did_you_mean(table, known)));
}

/// Refuses a newsletter whose name resembles one that contacts have, unless --allow-unknown is given: it is probably a slip of the hand. A
/// name that resembles none may be that of a new newsletter, which has a column before it has subscribers.
result<void> check_newsletter(const invocation& call, persistence::database& db, const std::string& name) {
    if (call.has("allow-unknown")) return {};
    const auto known = service::sync_admin(db).known_names(model::resync_selection::kind::newsletter);
    if (!known) return known.error();
    if (std::find(known->begin(), known->end(), name) != known->end()) return {};
    const auto similar = did_you_mean(name, *known);
    if (similar.empty()) return {};
    return invalid(fmt::format("no contact has the newsletter {} (--allow-unknown accepts it){}", python_string_repr(name), similar));
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
        if (const auto known = check_table(call, configuration, table); !known) return fail(known.error());
        const result<void> done = act(configuration, table, field);
        if (!done && done.error().code != errc::not_found) return fail(done.error());
        const auto name = full_name(table, field);
        if (!done) return unknown(call, "field", name, fields_in(configuration));
        call.json ? print_json(to_json(action, {{"table", table}, {"field", field}}))
                  : print_text(fmt::format("{} {}.", verb, python_string_repr(name)));
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
        if (const auto known = wanted ? check_table(call, configuration, *wanted) : result<void>(); !known) return fail(known.error());
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
    persistence::database db(support::database_options(call.settings));
    if (const auto known = check_newsletter(call, db, mapping->source); !known) return fail(known.error());
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
        if (!removed && removed.error().code == errc::not_found) return unknown(call, "mapping", source, sources_in(configuration));
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
