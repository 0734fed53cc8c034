// SPDX-License-Identifier: MPL-2.0
// Checks that the documentation agrees with the code.
#include <support/config/settings.hpp>

#include <doctest/doctest.h>
#include <web/server/route.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace {

std::string text_of(const char* document) {
    std::ifstream in(std::filesystem::path(CTMS_SOURCE_DIR) / document);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

struct documented_setting {
    std::string name;
    std::string default_text;
    std::string meaning;
    bool operator==(const documented_setting&) const = default;
};

std::string trimmed(std::string text) {
    text.erase(0, text.find_first_not_of(' '));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

/// Returns the rows "| `NAME` | default | ... | meaning |".
std::vector<documented_setting> documented_settings() {
    std::vector<documented_setting> out;
    std::istringstream lines(text_of("docs/configuration.md"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| `")) continue;
        std::vector<std::string> cells;
        std::istringstream row(line.substr(1));
        for (std::string cell; std::getline(row, cell, '|');) cells.push_back(trimmed(cell));
        if (cells.size() < 4) continue;
        out.push_back({cells[0].substr(1, cells[0].size() - 2), cells[1], cells[3]});
    }
    return out;
}

/// The names that only the first list has, separated by commas.
std::string missing(const std::vector<std::string>& wanted, const std::vector<std::string>& found) {
    std::string out;
    for (const auto& name : wanted) {
        if (std::find(found.begin(), found.end(), name) == found.end()) out += (out.empty() ? "" : ", ") + name;
    }
    return out;
}

} // namespace

TEST_CASE("docs/configuration.md lists every setting with its default in the order of the code") {
    const auto documented = documented_settings();
    const auto settings = ctms::config::all_settings();
    std::vector<std::string> documented_names;
    std::vector<std::string> names;
    for (const auto& one : documented) documented_names.push_back(one.name);
    for (const auto& one : settings) names.emplace_back(one.name);
    CHECK_MESSAGE(missing(names, documented_names).empty(), "not documented: ", missing(names, documented_names));
    CHECK_MESSAGE(missing(documented_names, names).empty(), "no such setting: ", missing(documented_names, names));
    REQUIRE(documented.size() == settings.size());
    for (std::size_t i = 0; i < settings.size(); ++i) {
        CAPTURE(settings[i].name);
        CHECK(documented[i].name == settings[i].name);
        CHECK(documented[i].default_text == settings[i].default_text);
        CHECK_FALSE(documented[i].meaning.empty());
    }
}

TEST_CASE("docs/configuration.md marks the secret settings") {
    REQUIRE_FALSE(documented_settings().empty());
    for (const auto& documented : documented_settings()) {
        const auto settings = ctms::config::all_settings();
        const auto setting = std::find_if(settings.begin(), settings.end(), [&](const auto& one) { return one.name == documented.name; });
        CAPTURE(documented.name);
        REQUIRE(setting != settings.end());
        CHECK((documented.meaning.find("Secret") != std::string::npos) == setting->secret);
    }
}

TEST_CASE("docs/api.md mentions every call") {
    const auto text = text_of("docs/api.md");
    for (const auto& route : ctms::web::all_routes()) {
        if (route.path.starts_with("/docs/")) continue; // files used by the HTML pages
        const std::string path(route.path);
        CAPTURE(path);
        CHECK(text.find(path) != std::string::npos);
    }
}
