// SPDX-License-Identifier: MPL-2.0
#include "moments.hpp"
#include "python_text.hpp"
#include "query_parameters.hpp"
#include "scalars.hpp"

#include "base/base64.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/updates_json.hpp>

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cmath>

namespace ctms::json {
namespace {

/// Reads a text from its front.
class scanner {
public:
    explicit scanner(std::string_view text) : rest_(text) {}
    bool take(char wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    /// Reads a number of `least` to `most` digits.
    std::optional<int> number(std::size_t least, std::size_t most) {
        std::size_t count = 0;
        while (count < most && count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') ++count;
        if (count < least) return std::nullopt;
        int value = 0;
        std::from_chars(rest_.data(), rest_.data() + count, value);
        rest_.remove_prefix(count);
        return value;
    }
    /// Reads a fraction of a second in microseconds; digits after the sixth are ignored, up to six more.
    std::optional<int> microseconds() {
        constexpr std::size_t kept = 6;
        const auto before = rest_;
        const auto value = number(1, kept);
        if (!value) return std::nullopt;
        int micros = *value;
        for (auto digits = before.size() - rest_.size(); digits < kept; ++digits) micros *= 10;
        (void)number(0, kept);
        return micros;
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

/// Reads `Z`, `+HH`, `+HHMM` or `+HH:MM`; returns false for anything else. No offset is allowed too.
bool scan_offset(scanner& text, std::optional<std::chrono::minutes>& offset) {
    if (text.at_end()) return true;
    if (text.take('Z')) {
        offset = std::chrono::minutes{0};
        return text.at_end();
    }
    const bool negative = text.take('-');
    if (!negative && !text.take('+')) return false;
    const auto hours = text.number(2, 2);
    if (!hours) return false;
    int minutes = 0;
    if (!text.at_end()) {
        (void)text.take(':');
        const auto given = text.number(2, 2);
        if (!given || !text.at_end()) return false;
        minutes = *given;
    }
    const auto total = std::chrono::hours{*hours} + std::chrono::minutes{minutes};
    if (total >= std::chrono::hours{24}) return false;
    offset = negative ? -total : total;
    return true;
}

} // namespace

std::optional<model::moment> parse_moment(std::string_view text) {
    const auto separator = text.find_first_of("T ");
    if (separator == std::string_view::npos) return std::nullopt;
    const auto day = parse_date(text.substr(0, separator));
    scanner rest(text.substr(separator + 1));
    const auto hour = rest.number(1, 2);
    if (!day || !hour || !rest.take(':')) return std::nullopt;
    const auto minute = rest.number(1, 2);
    std::optional<int> second = 0;
    std::optional<int> micros = 0;
    if (rest.take(':')) {
        second = rest.number(1, 2);
        if (rest.take('.')) micros = rest.microseconds();
    }
    if (!minute || !second || !micros || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    model::moment out;
    if (!scan_offset(rest, out.offset)) return std::nullopt;
    out.when = std::chrono::sys_days(*day) + std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second} +
               std::chrono::microseconds{*micros} - out.offset.value_or(std::chrono::minutes{0});
    return out;
}

namespace {

/// Reads a number as a Unix time. If it is too large for seconds, reads it as milli-, micro- or nanoseconds.
std::optional<model::moment> moment_of_number(double seconds) {
    constexpr double largest = 2e10;
    constexpr double absurd = 3e20;
    if (!(std::abs(seconds) <= absurd)) return std::nullopt;
    while (std::abs(seconds) > largest) seconds /= 1000;
    const auto micros = std::chrono::microseconds(std::llround(seconds * 1e6));
    return model::moment{timestamp(micros), std::chrono::minutes{0}};
}

std::optional<model::moment> read_moment(const std::string& text, error_list& errors) {
    const auto number = python_float(text);
    auto moment = number ? moment_of_number(*number) : parse_moment(text);
    if (!moment) errors.add("invalid datetime format", "value_error.datetime");
    return moment;
}

/// A cursor, and the second time if there is one.
struct read_cursor {
    model::updates_cursor cursor;
    std::optional<timestamp> until;
};

std::optional<read_cursor> parse_cursor(const std::string& text) {
    auto decoded = base64url_decode(text.substr(0, text.find('='))); // the Python service writes padding
    if (!decoded) return std::nullopt;
    const auto comma = decoded->find(',');
    if (comma == std::string::npos) return std::nullopt;
    const auto id = uuid::parse(std::string_view(*decoded).substr(0, comma));
    const auto rest = std::string_view(*decoded).substr(comma + 1);
    const auto second = rest.find(',');
    const auto updated = parse_moment(rest.substr(0, second));
    if (!id || !updated) return std::nullopt;
    const auto until = second == std::string_view::npos ? std::nullopt : parse_moment(rest.substr(second + 1));
    return read_cursor{{updated->when, *id}, until ? std::optional(until->when) : std::nullopt};
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    std::string out;
    for (const char c : text) {
        plain.find(c) != std::string_view::npos ? void(out += c) : void(out += fmt::format("%{:02X}", static_cast<unsigned char>(c)));
    }
    return out;
}

std::string next_url(const model::updates_query& query, const std::string& cursor, std::string_view prefix) {
    auto out = fmt::format("{}/updates?start={}&end={}&limit={}&after={}", prefix, percent_encode(to_iso(query.start)),
                           percent_encode(to_iso(query.end.value())), query.limit, percent_encode(cursor));
    if (query.mofo_relevant) out += *query.mofo_relevant ? "&mofo_relevant=true" : "&mofo_relevant=false";
    return out;
}

} // namespace

result<model::updates_query> read_updates_query(const parameter_source& parameters) {
    error_list errors("query");
    model::updates_query out;
    {
        const auto here = errors.at("start");
        const auto given = parameters("start");
        given ? void(out.start = read_moment(*given, errors).value_or(model::moment{})) : add_missing(errors);
    }
    {
        const auto here = errors.at("end");
        out.end = read_or_blank<model::moment>(parameters("end"), errors, [&](const auto& text) { return read_moment(text, errors); });
    }
    {
        const auto here = errors.at("limit");
        out.limit = read_limit(parameters("limit"), errors).value_or(out.limit);
    }
    const auto after = parameters("after").value_or("");
    {
        const auto here = errors.at("mofo_relevant");
        out.mofo_relevant =
            read_or_blank<bool>(parameters("mofo_relevant"), errors, [&](const auto& text) { return read_bool(text_node(text), errors); });
    }
    if (!errors.empty()) return std::move(errors).take();
    if (auto broken = check_limit(out.limit)) return *std::move(broken);
    if (after.empty()) return out;
    const auto cursor = parse_cursor(after);
    if (!cursor) return out_of_range("after", "'after' param validation error when decoding value.");
    out.after = cursor->cursor;
    if (out.end) out.until = cursor->until;
    return out;
}

std::string write_cursor(const model::updates_cursor& cursor, const std::optional<timestamp>& until) {
    const auto written = [](timestamp when) {
        auto text = ctms::to_iso(when);
        text[text.find('T')] = ' ';
        return text;
    };
    auto out = base64url_encode(cursor.email_id.to_string() + "," + written(cursor.updated) + (until ? "," + written(*until) : ""));
    while (out.size() % 4 != 0) out += '='; // the Python service reads only padded cursors
    return out;
}

std::string to_iso(const model::moment& moment) {
    auto out = ctms::to_iso(moment.when + moment.offset.value_or(std::chrono::minutes{0}));
    out.resize(out.rfind('+'));
    if (moment.offset) {
        const auto minutes = moment.offset->count();
        out += fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', std::abs(minutes) / 60, std::abs(minutes) % 60);
    }
    return out;
}

std::string updates_page_head(const model::updates_query& query, const std::optional<model::updates_cursor>& last,
                              std::string_view prefix) {
    std::string out;
    object_writer writer(out);
    writer.add("start", std::string_view(to_iso(query.start)));
    writer.add("end", std::string_view(to_iso(query.end.value())));
    writer.add("limit", query.limit);
    if (last) {
        const auto cursor = write_cursor(*last, query.until);
        writer.add("after", std::string_view(cursor));
        writer.add("next", std::string_view(next_url(query, cursor, prefix)));
    } else {
        writer.add_null("after");
        writer.add_null("next");
    }
    writer.key("items") += '[';
    return out;
}

} // namespace ctms::json
