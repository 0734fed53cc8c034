// SPDX-License-Identifier: MPL-2.0
// Reading long input takes time proportional to its length, whatever it repeats. Input: a letter for the reader (see the table), then
// the beginning, the unit repeated up to a quarter of a megabyte, and the end, each terminated by the byte 0xFE.
#include "fuzz_target.hpp"

#include "acoustic/answer.hpp"
#include "auth/google_keys.hpp"
#include "mozlog/clean.hpp"
#include "mozlog/format.hpp"
#include "json/any_url.hpp"
#include "json/python_text.hpp"

#include <csv.hpp>

#include <ctms/auth/access_token.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/json/stripe_json.hpp>
#include <ctms/json/updates_json.hpp>
#include <ctms/privacy/redact.hpp>
#include <support/config/settings.hpp>
#include <support/cpu_time.hpp>
#include <support/empty_handler.hpp>
#include <web/server/accept.hpp>
#include <web/server/client_address.hpp>
#include <web/server/compression.hpp>
#include <web/server/form.hpp>
#include <web/server/router.hpp>

#include <algorithm>
#include <array>
#include <sstream>

namespace {

using namespace ctms;

constexpr std::size_t length = 256 * 1024;

void read_form(const std::string& text) { (void)web::parse_urlencoded(text); }

void read_multipart(const std::string& text) { (void)web::parse_multipart("multipart/form-data; boundary=b", text); }

void read_parameters(const std::string& text) { (void)web::parse_multipart(text, "--b\r\n\r\n\r\n--b--"); }

void read_headers(const std::string& text) {
    web::request asked;
    asked.peer_address = "127.0.0.1";
    asked.headers = {{"accept", text}, {"authorization", text}, {"x-forwarded-for", text}};
    (void)web::prefers(asked, "application/x-ndjson", "application/json");
    (void)web::accepts_gzip(text);
    (void)web::client_address(asked, {"127.0.0.0/8", "::1", "10.0.0.0/8"});
    (void)auth::parse_basic(text);
    (void)web::media_type(text);
}

void read_path(const std::string& text) {
    static constexpr std::array<web::route, 3> routes{{
        {"GET", "/a/{b}", test::empty_handler, web::lane::immediate, web::body_kind::none, std::nullopt},
        {"GET", "/a/{b}/c/{d}", test::empty_handler, web::lane::immediate, web::body_kind::none, std::nullopt},
        {"GET", "/", test::empty_handler, web::lane::immediate, web::body_kind::none, std::nullopt},
    }};
    (void)web::find_route(routes, "GET", text);
}

void read_contact(const std::string& text) {
    const auto body = json::body::parse(text);
    std::string answer;
    if (!body) return json::write_error(answer, body.error());
    const auto contact = json::read_contact(*body, json::purpose::create);
    if (!contact) json::write_error(answer, contact.error());
    const auto patch = json::read_patch(*body);
    if (!patch) json::write_error(answer, patch.error());
}

void read_stripe(const std::string& text) {
    (void)json::read_stripe_object(text);
    (void)json::read_stripe_objects(text, [](auto, const auto&) { return true; });
    (void)json::read_pubsub_message(text);
}

void read_token(const std::string& text) {
    static const auth::token_signer signer("a key of more than thirty-two bytes, for tests", true);
    (void)signer.verify(text, std::chrono::system_clock::now());
    (void)auth::read_keys(text);
}

void read_query(const std::string& text) {
    const auto valid = web::percent_decode(text, true);
    const auto query = json::read_updates_query([&](auto) { return std::optional(valid); });
    std::string answer;
    if (!query) json::write_error(answer, query.error());
    (void)json::python_float(valid);
    (void)json::python_strip(valid);
}

void read_url(const std::string& text) { (void)json::parse_any_url(web::percent_decode(text, false)); }

void read_xml(const std::string& text) {
    (void)acoustic::short_reason(text);
    (void)acoustic::read_answer(text);
}

void read_csv(const std::string& text) {
    std::istringstream in(text);
    cli::csv_reader reader(in);
    cli::csv_record record;
    while (reader.next(record)) {
    }
}

void write_log(const std::string& text) {
    (void)privacy::redact_text(text);
    mozlog::fields members;
    members.add("name", text).add_json("body", text);
    const mozlog::record what{{}, mozlog::severity::info, "type", members.json(), "message"};
    (void)mozlog::json_line(what, {}, 1);
    (void)mozlog::console_line(what, false);
}

void read_settings(const std::string& text) {
    const auto outcome = config::read(
        config::program::web, false, [&](const std::string& name) { return name.ends_with("_FILE") ? std::nullopt : std::optional(text); });
    (void)config::print(outcome.values);
}

struct reader {
    char letter;
    void (*read)(const std::string& text);
};

constexpr std::array<reader, 14> readers{{{'f', read_form},
                                          {'m', read_multipart},
                                          {'p', read_parameters},
                                          {'h', read_headers},
                                          {'r', read_path},
                                          {'j', read_contact},
                                          {'s', read_stripe},
                                          {'t', read_token},
                                          {'q', read_query},
                                          {'u', read_url},
                                          {'x', read_xml},
                                          {'c', read_csv},
                                          {'l', write_log},
                                          {'e', read_settings}}};

std::string_view take_part(std::string_view& input) {
    const auto end = input.find('\xFE');
    const auto part = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    return part;
}

/// CPU seconds to read `unit` repeated to about `bytes`, between `first` and `last`.
double seconds_for(const reader& one, std::size_t bytes, std::string_view first, std::string_view unit, std::string_view last) {
    std::string text(first);
    while (text.size() < bytes) text += unit;
    text += last;
    const double begin = test::cpu_seconds();
    one.read(text);
    return test::cpu_seconds() - begin;
}

/// Four times the length may take four times as long, or a little more because of caches. Quadratic work takes sixteen times as long.
/// Short times are not compared, because they are too imprecise. Others may use the same caches and cores, so the best of three comparisons
/// counts.
void check_growth(const reader& one, std::string_view first, std::string_view unit, std::string_view last) {
    constexpr double a_moment = 0.25;
    constexpr double too_long = 10;
    constexpr double most_growth = 10;
    constexpr int most_tries = 3;
    const auto read = [&](std::size_t bytes) { return seconds_for(one, bytes, first, unit, last); };
    for (int tries = 1;; ++tries) {
        const double whole = read(length);
        if (whole < a_moment) return;
        const bool is_fast = whole < too_long;
        if (is_fast && whole < most_growth * std::max(read(length / 4), read(length / 4))) return;
        fuzz::require(is_fast || tries < most_tries, "a quarter of a megabyte is read in seconds");
        fuzz::require(tries < most_tries, "work grows with the length of the input, not with its square");
    }
}

} // namespace

CTMS_FUZZ_TARGET(repetition) {
    const char letter = ctms::fuzz::take_byte(input);
    const auto first = take_part(input);
    const auto unit = take_part(input);
    const auto last = take_part(input);
    if (unit.empty()) return;
    for (const auto& one : readers) {
        if (one.letter == letter) check_growth(one, first, unit, last);
    }
}
