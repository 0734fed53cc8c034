// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/json_text.hpp>

#include "base/eight_bytes.hpp"
#include "base/json_seconds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace ctms {
namespace {

constexpr bool needs_escape(char c) noexcept { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

/// The position of the first character at or after `from` that needs an escape, or the size of the text.
std::size_t next_escape(std::string_view text, std::size_t from) noexcept {
    for (; text.size() - from >= eight_bytes::count; from += eight_bytes::count) {
        const eight_bytes next(text.data() + from);
        if (next.any_below(0x20) || next.any_equal('"') || next.any_equal('\\')) break;
    }
    while (from < text.size() && !needs_escape(text[from])) ++from;
    return from;
}

void append_escaped(std::string& out, char c) {
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t begin = 0; // where the part begins that needs no escaping
    for (auto end = next_escape(text, 0); end < text.size(); end = next_escape(text, begin)) {
        out.append(text, begin, end - begin);
        append_escaped(out, text[end]);
        begin = end + 1;
    }
    out.append(text, begin);
    out += '"';
}

void append_json_seconds(std::string& out, double seconds) {
    if (!std::isfinite(seconds)) return void(out += "null");
    std::string number = fmt::format("{:.3f}", seconds);
    number.erase(std::max(number.find_last_not_of('0'), number.find('.') + 1) + 1);
    out += number == "-0.0" ? "0.0" : number;
}

object_writer::object_writer(std::string& out) : out_(out) { out_ += '{'; }

std::string& object_writer::key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
}

void object_writer::add(std::string_view name, std::string_view text) { append_json_string(key(name), text); }

void object_writer::add(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }

void object_writer::add(std::string_view name, std::int64_t value) { fmt::format_to(std::back_inserter(key(name)), "{}", value); }

void object_writer::add_seconds(std::string_view name, double seconds) { append_json_seconds(key(name), seconds); }

void object_writer::add_null(std::string_view name) { key(name) += "null"; }

void object_writer::add_raw(std::string_view name, std::string_view json) { key(name) += json; }

void object_writer::close() { out_ += '}'; }

} // namespace ctms
