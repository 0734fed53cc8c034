// SPDX-License-Identifier: MPL-2.0
// Settings from the environment. Input: a letter for the program, then NAME=value, one per line. NAME_FILE is skipped, because the
// fuzzer must not read files.
#include "fuzz_target.hpp"

#include <ctms/base/utf8.hpp>
#include <support/config/settings.hpp>

#include <algorithm>
#include <map>

namespace {

using namespace ctms;
using fuzz::require;

using variables = std::map<std::string, std::string>;

config::getenv_fn lookup(const variables& all) {
    return [&all](const std::string& name) -> std::optional<std::string> {
        const auto found = all.find(name);
        return found == all.end() ? std::nullopt : std::optional(found->second);
    };
}

/// True for a value that cannot be confused with anything else in the input.
bool is_telling(const variables& all, const std::string& name, const std::string& value) {
    constexpr std::size_t enough = 9;
    if (value.size() < enough || std::string_view("[SECRET]").find(value) != std::string_view::npos) return false;
    return std::none_of(all.begin(), all.end(), [&](const auto& other) {
        return other.first != name && (other.second.find(value) != std::string::npos || value.find(other.second) != std::string::npos);
    });
}

/// Checks that neither the output nor a mistake contains a secret. Text that is still there when the secret is different is not the secret.
void check_secrets(config::program who, bool embedded, const variables& all, const config::read_outcome& outcome,
                   const std::string& shown) {
    for (const auto& info : config::all_settings()) {
        const auto found = all.find(std::string(info.name));
        if (!info.secret || found == all.end() || !is_telling(all, found->first, found->second)) continue;
        const auto& secret = found->second;
        const auto tells = [&](const std::string& text) { return text.find(secret) != std::string::npos; };
        const bool in_mistake = std::any_of(outcome.mistakes.begin(), outcome.mistakes.end(), tells);
        if (!in_mistake && !tells(shown)) continue;
        auto others = all;
        others[found->first] = std::string(secret.size(), '~');
        const auto again = config::read(who, embedded, lookup(others));
        if (tells(shown)) require(tells(config::print(again.values)), "a secret is not printed");
        if (in_mistake) require(std::any_of(again.mistakes.begin(), again.mistakes.end(), tells), "a mistake contains no secret");
    }
}

/// Checks that the settings shown by --print-config give the same settings when they are set again.
void check_round_trip(config::program who, const variables& all, const std::string& shown) {
    variables again;
    for (std::string_view rest = shown; !rest.empty();) {
        const auto line = fuzz::take_line(rest);
        const auto equals = line.find('=');
        require(equals != std::string_view::npos, "every printed line is NAME=value");
        again.emplace(std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)));
    }
    for (const auto& info : config::all_settings()) {
        const auto found = all.find(std::string(info.name));
        // The output omits passwords in every value that contains a URL.
        if (found != all.end() && (info.secret || found->second.find("://") != std::string::npos))
            again.insert_or_assign(found->first, found->second);
    }
    const auto outcome = config::read(who, false, lookup(again));
    require(outcome.mistakes.empty(), "the printed settings can be set");
    require(config::print(outcome.values) == shown, "the printed settings are unchanged when set again");
}

void check(config::program who, bool embedded, const variables& all) {
    const auto outcome = config::read(who, embedded, lookup(all));
    const auto shown = config::print(outcome.values);
    check_secrets(who, embedded, all, outcome, shown);
    for (const auto& mistake : outcome.mistakes) require(mistake.find(": ") != std::string::npos, "a mistake names its setting");
    // A newline in a value would start another line.
    const bool one_line_each = static_cast<std::size_t>(std::count(shown.begin(), shown.end(), '\n')) <= config::all_settings().size();
    if (outcome.mistakes.empty() && !embedded && !outcome.values.embedded && one_line_each) check_round_trip(who, all, shown);
}

} // namespace

CTMS_FUZZ_TARGET(settings) {
    const char letter = ctms::fuzz::take_byte(input);
    variables all;
    while (!input.empty()) {
        const auto line = ctms::fuzz::take_line(input);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0 || line.substr(0, equals).ends_with("_FILE")) continue;
        // A variable ends at its first NUL.
        const auto value = line.substr(equals + 1);
        all.insert_or_assign(std::string(line.substr(0, equals)), std::string(value.substr(0, value.find('\0'))));
    }
    const auto who = letter == 's' ? config::program::sync : letter == 'a' ? config::program::admin : config::program::web;
    check(who, letter == 'e', all);
}
