// SPDX-License-Identifier: MPL-2.0
// The parameters of /updates with their cursor; dates, times, durations and ids as clients and settings write them.
// Input: "start=...", "end=...", "limit=...", "after=...", "mofo_relevant=...", one per line. Each value is also parsed as all other types.
#include "fuzz_target.hpp"

#include "acoustic/vendor_dates.hpp"
#include "json/document.hpp"
#include "json/python_text.hpp"

#include <ctms/base/time.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/json/updates_json.hpp>
#include <support/config/duration.hpp>

#include <map>

namespace {

using namespace ctms;
using fuzz::require;

using parameters = std::map<std::string, std::string, std::less<>>;

result<model::updates_query> read(const parameters& given) {
    const auto source = [&](std::string_view name) -> std::optional<std::string> {
        const auto found = given.find(name);
        return found == given.end() ? std::nullopt : std::optional(found->second);
    };
    return json::read_updates_query(source);
}

/// True when the year is one that a date can be written in.
bool has_year(timestamp when) {
    const auto year = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(when)).year();
    return year >= std::chrono::year(1) && year <= std::chrono::year(9999);
}

void check_moment(const model::moment& moment) {
    if (!has_year(moment.when) || !has_year(moment.when + moment.offset.value_or(std::chrono::minutes{0}))) return;
    const auto again = read({{"start", json::to_iso(moment)}});
    require(again && again->start.when == moment.when && again->start.offset == moment.offset, "a written time is read back unchanged");
}

void check_cursor(const model::updates_cursor& cursor, const std::optional<timestamp>& until) {
    if (!has_year(cursor.updated) || (until && !has_year(*until))) return;
    const auto again = read({{"start", "2020-01-01T00:00"}, {"end", "2020-01-01T00:00"}, {"after", json::write_cursor(cursor, until)}});
    require(again && again->after, "a written cursor can be read");
    require(again->after->updated == cursor.updated && again->after->email_id == cursor.email_id && again->until == until,
            "a written cursor is read back unchanged");
}

void check_query(const parameters& given, std::size_t input) {
    const auto query = read(given);
    if (!query) {
        std::string answer;
        json::write_error(answer, query.error());
        require(answer.size() <= 12 * input + 2048, "the answer to bad parameters is limited by their size");
        return;
    }
    require(query->limit >= 1 && query->limit <= 1000, "a page has 1 to 1000 contacts");
    check_moment(query->start);
    if (query->end) check_moment(*query->end);
    if (query->after) check_cursor(*query->after, query->until);
    auto page = *query;
    if (!page.end) page.end = page.start;
    const auto head = json::updates_page_head(page, query->after, "https://ctms.example.com") + "]}";
    require(std::holds_alternative<json::document>(json::document::parse(head, {})), "a page is JSON");
}

void check_value(const std::string& text) {
    if (const auto day = parse_date(text)) {
        require(day->ok() && parse_date(to_iso(*day)) == day, "a written date is read back unchanged");
        const auto micros = std::chrono::microseconds(static_cast<std::int64_t>(text.size()) * 86'399'000'001 % 86'400'000'000);
        const model::moment at{timestamp(std::chrono::sys_days(*day)) + micros, std::nullopt};
        check_moment(at);
        check_cursor({at.when, uuid({1})}, at.when);
    }
    if (const auto id = uuid::parse(text)) require(uuid::parse(id->to_string()) == id, "a written id is read back unchanged");
    if (const auto span = config::parse_duration(text)) {
        require(span->count() >= 0, "no duration is negative");
        require(config::parse_duration(std::to_string(span->count())) == span || span->count() > 1'000'000'000,
                "a duration written in seconds is read back unchanged");
    }
    if (const auto day = acoustic::find_date(text))
        require(day->ok() && acoustic::us_date(*day).size() == 10, "a date that is found is valid");
    if (!is_valid_utf8(text)) return;
    if (const auto number = json::python_float(text)) {
        const auto shown = json::python_float_repr(*number);
        const auto again = json::python_float(shown);
        require(again && (*again == *number || *number != *number), "a written number is read back unchanged");
        (void)json::python_date_from_unix(*number);
    }
    require(json::python_strip(text).size() <= text.size(), "stripping makes no text longer");
}

} // namespace

CTMS_FUZZ_TARGET(cursors) {
    parameters given;
    for (auto rest = input; !rest.empty();) {
        const auto line = ctms::fuzz::take_line(rest);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string value(line.substr(equals + 1));
        check_value(value);
        // The server passes on decoded parameters, which are valid UTF-8.
        if (ctms::is_valid_utf8(value)) given.insert_or_assign(std::string(line.substr(0, equals)), value);
    }
    check_query(given, input.size());
}
