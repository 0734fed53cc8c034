// SPDX-License-Identifier: MPL-2.0
// What is removed from logs, and that a log line stays a single line of JSON. Input: four lines that make up an address (what comes
// before it, its local part, its domain, what follows), and free text.
#include "fuzz_target.hpp"

#include "mozlog/clean.hpp"
#include "mozlog/format.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/privacy/redact.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>

namespace {

using namespace ctms;
using fuzz::require;

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// True when the input contains the marker of addresses that ask to be traced, which may stay.
bool may_trace(std::string_view text) {
    const auto lower = ascii_lower(text);
    return holds(lower, "trace");
}

void check_no_address(std::string_view clean, std::string_view from) {
    if (may_trace(from)) return;
    for (const std::string_view sign : {"@", "%40", "%2540", "&#64;", "&#064;", "&#x40;", "&commat;", "\\u0040", "\\u{40}"}) {
        require(!holds(ascii_lower(clean), sign), "no at sign is left in any encoding");
    }
}

void check_text(std::string_view text) {
    const auto clean = privacy::redact_text(text);
    check_no_address(clean, text);
    // An [OMITTED] replaces at least one at sign.
    require(clean.size() <= privacy::omitted.size() * text.size(), "a clean text is at most nine times as long");
    if (!holds(text, "@") && !holds(text, "%") && !holds(text, "&") && !holds(text, "\\") && !holds(text, "\xEF")) {
        require(clean == text, "text without an at sign is unchanged");
    }
    const auto valid = mozlog::clean_text(text);
    require(is_valid_utf8(valid), "text for the log is valid UTF-8");
    check_no_address(valid, text);
    (void)privacy::is_traced(text);
    for (const auto* name : {"cookie", "authorization"})
        require(privacy::redact_header(name, text) == privacy::omitted, "secret headers are omitted");
    for (const auto* name : {"primary_email", "token"})
        require(privacy::redact_query_value(name, text) == privacy::omitted, "secrets are omitted");
    if (!privacy::is_traced(text))
        require(privacy::redact_path_value("primary_email", text) == privacy::omitted, "an address in a path is omitted");
}

/// Checks that no address survives, wherever it is: the word that marks it must be gone.
void check_address(std::string_view before, std::string_view local, std::string_view domain, std::string_view after) {
    constexpr std::string_view marker = "zqsecretqz";
    if (may_trace(before) || may_trace(local) || may_trace(domain)) return;
    if (holds(before, marker) || holds(after, marker) || holds(local, marker) || holds(domain, marker)) return;
    // A local part without quotes (RFC 5322 atext and anything beyond ASCII), and a domain that continues after the marker.
    constexpr std::string_view atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.";
    std::string name;
    for (const char c : local) name += static_cast<unsigned char>(c) >= 0x80 || atext.find(c) != std::string_view::npos ? c : '.';
    for (const std::string_view sign : {"@", "%40", "%2540", "&#64;", "&#064;", "&#x0040;", "\\u0040", "\\u{0040}", "\uFF20"}) {
        std::string text(before);
        text.append(name).append("a").append(sign).append(marker).append(".example").append(domain).append(after);
        require(!holds(privacy::redact_text(text), marker), "the domain of an address is removed");
    }
    // The local part must go too, if what comes before the address cannot be mistaken for a part of it or of a URL.
    const bool separated = before.empty() || before.ends_with(' ') || before.ends_with('<') || before.ends_with(',');
    if (!separated || name.find_first_of("/?&=:#'`{}|*!.") != std::string::npos) return;
    const auto text = std::string(before).append(name).append(marker).append("@example.com").append(after);
    require(!holds(privacy::redact_text(text), marker), "the local part of an address is removed");
}

/// Checks that no secret survives where a name, a scheme or a question mark announces one, nor any part of a path with an address.
void check_secret(std::string_view before, std::string_view local) {
    constexpr std::string_view marker = "zqsecretqz";
    constexpr std::string_view plain = "zqhiddenqz";
    if (holds(before, plain) || holds(local, plain)) return;
    std::string between; // characters that a name may contain besides its letters and digits
    for (const char c : local.substr(0, 16)) {
        const bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alphanumeric) between += c;
    }
    const auto name = "client" + between + "SECRET" + between;
    require(privacy::redact_query_value(name, plain) == privacy::omitted, "a secret is omitted however its name is spelled");
    for (const auto& value : {std::string(before) + "?" + std::string(plain), name + "=" + std::string(plain),
                              "bearer " + std::string(plain), std::string(before) + "%3f" + std::string(plain)})
        require(!holds(privacy::redact_header("x", value), plain), "a secret in a header is omitted");
    require(privacy::redact_query_value("x", marker) == privacy::omitted, "a value that announces a secret is omitted");
    if (may_trace(before) || may_trace(local)) return;
    const auto path = "/" + std::string(before) + std::string(plain) + std::string(local) + "@example.com/" + std::string(plain);
    require(!holds(privacy::redact_path(path, ""), plain), "a path with an address is omitted entirely");
    require(privacy::redact_path_value("email_id", path) == privacy::omitted, "a value with an address is omitted entirely");
}

/// True without control characters, and without anything that changes the text direction or ends a line (Unicode UAX #9). Decodes by
/// itself, so that the tested code does not check itself.
bool is_printable(std::string_view line) {
    if (!is_valid_utf8(line)) return false;
    for (std::size_t at = 0; at < line.size();) {
        const auto c = next_code_point(line, at);
        const bool is_control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
        const bool changes_direction =
            c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
        if (is_control || changes_direction || c == 0x2028 || c == 0x2029) return false;
    }
    return true;
}

void check_line(std::string_view name, std::string_view text) {
    const auto clean_name = mozlog::clean_text(name);
    const auto message = mozlog::clean_text(text);
    mozlog::fields members;
    members.add(clean_name, text).add_json("body", text).add("n", 1).add_seconds("s", 0.5).add_null("none");
    const auto type = mozlog::clean_text(name);
    const mozlog::record what{std::chrono::system_clock::time_point(std::chrono::seconds(1'600'000'000)), mozlog::severity::info, type,
                              members.json(), message};
    const auto line = mozlog::json_line(what, {}, 1);
    require(line.ends_with('\n') && std::count(line.begin(), line.end(), '\n') == 1, "one event is one line");
    require(is_printable(std::string_view(line).substr(0, line.size() - 1)), "a line of JSON contains no control characters");
    boost::json::parse_options deep;
    deep.max_depth = 300;
    boost::json::error_code ec;
    const auto parsed = boost::json::parse(std::string_view(line).substr(0, line.size() - 1), ec, {}, deep);
    require(!ec && parsed.is_object(), "a log line is a JSON object");
    require(parsed.as_object().at("Fields").as_object().at("msg").as_string() == message, "the message is unchanged");
    check_no_address(line, std::string(name).append(text));
    for (const bool color : {false, true}) {
        const auto shown = mozlog::console_line(what, color);
        require(shown.ends_with('\n'), "a console line ends with a newline");
        if (!color)
            require(is_printable(std::string_view(shown).substr(0, shown.size() - 1)), "a console line contains no control characters");
    }
}

} // namespace

CTMS_FUZZ_TARGET(redaction) {
    auto rest = input;
    const auto before = ctms::fuzz::take_line(rest);
    const auto local = ctms::fuzz::take_line(rest);
    const auto domain = ctms::fuzz::take_line(rest);
    const auto after = ctms::fuzz::take_line(rest);
    check_address(before, local, domain, after);
    check_secret(before, local);
    check_text(input);
    check_line(before, rest);
}
