// SPDX-License-Identifier: MPL-2.0
#include "person_page.hpp"

#include <ctms/service/person_export.hpp>

#include <json/document.hpp>

#include <variant>

namespace ctms::service {
namespace {

/// The value as people read it.
std::string text_of(const json::node& value) {
    if (value.type == json::kind::string) return std::string(value.text);
    if (value.type == json::kind::boolean) return value.truth ? "yes" : "no";
    std::string out;
    json::write(out, value);
    return out;
}

} // namespace

std::string_view html_begin() noexcept {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n"
           "<title>What is held about a person</title>\n</head>\n<body>\n<h1>What is held about a person</h1>\n";
}

std::string_view html_end() noexcept { return "</body>\n</html>\n"; }

void append_html_text(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        default: out += c;
        }
    }
}

void append_html_heading(std::string& out, std::string_view name, std::string_view meaning) {
    out += "<h2>";
    append_html_text(out, name);
    out += "</h2>\n<p>";
    append_html_text(out, meaning);
    out += "</p>\n";
}

void append_html_row(std::string& out, std::string_view json) {
    constexpr json::limits generous{.depth = 1'000, .length = 10'000'000};
    const auto parsed = json::document::parse(json, generous);
    const auto* row = std::get_if<json::document>(&parsed);
    if (row == nullptr || row->root().type != json::kind::object) {
        out += "<p>";
        append_html_text(out, json);
        out += "</p>\n";
        return;
    }
    out += "<table border=\"1\">\n";
    for (const auto* member = row->root().first; member != nullptr; member = member->next) {
        if (member->type == json::kind::null) continue;
        out += "<tr><th align=\"left\">";
        append_html_text(out, member->key);
        out += "</th><td>";
        append_html_text(out, text_of(*member));
        out += "</td></tr>\n";
    }
    out += "</table>\n<p></p>\n";
}

void append_html_nothing(std::string& out) { out += "<p>Nothing is held here.</p>\n"; }

} // namespace ctms::service
