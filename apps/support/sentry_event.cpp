// SPDX-License-Identifier: MPL-2.0
#include "sentry_event.hpp"

#include <ctms/base/time.hpp>
#include <ctms/base/version.hpp>

#include <boost/json.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <optional>

namespace ctms::support {
namespace {

namespace bj = boost::json;

// Fields of the log by which events can be searched.
constexpr std::array<std::string_view, 6> tags{"rid", "method", "path_template", "status_code", "client_id", "reason"};

bj::object fields_of(const mozlog::record& line) {
    boost::system::error_code failed;
    auto parsed = bj::parse('{' + std::string(line.members) + '}', failed);
    return failed || !parsed.is_object() ? bj::object() : std::move(parsed.as_object());
}

std::string text_of(const bj::object& fields, std::string_view name) {
    const auto* value = fields.if_contains(name);
    if (value == nullptr) return {};
    return value->is_string() ? std::string(value->get_string()) : bj::serialize(*value);
}

struct place {
    std::string file;
    std::int64_t line = 0;
};

/// Removes "(thrown at FILE:LINE)" from the end of a traceback, and returns the place.
std::optional<place> take_place(std::string& traceback) {
    constexpr std::string_view before = " (thrown at ";
    const auto begin = traceback.rfind(before);
    const auto colon = traceback.rfind(':');
    if (begin == std::string::npos || colon == std::string::npos || colon < begin || traceback.back() != ')') return std::nullopt;
    place out{traceback.substr(begin + before.size(), colon - begin - before.size()), 0};
    const auto* const end = traceback.data() + traceback.size() - 1;
    const auto [stopped, failed] = std::from_chars(traceback.data() + colon + 1, end, out.line);
    if (failed != std::errc{} || stopped != end) return std::nullopt;
    traceback.erase(begin);
    return out;
}

/// The exception of the line, "TYPE: VALUE"; null if the line has none.
bj::value exception_of(const bj::object& fields) {
    std::string text;
    for (const auto* name : {"traceback", "exception", "error"}) {
        if (text.empty()) text = text_of(fields, name);
    }
    if (text.empty()) return nullptr;
    const auto where = take_place(text);
    const auto colon = text.find(": ");
    bj::object out{{"type", colon == std::string::npos ? "Error" : text.substr(0, colon)},
                   {"value", colon == std::string::npos ? text : text.substr(colon + 2)},
                   {"mechanism", bj::object{{"type", "log"}, {"handled", true}}}};
    if (where) {
        bj::object frame{{"filename", where->file}, {"lineno", where->line}, {"in_app", true}};
        out["stacktrace"] = bj::object{{"frames", bj::array{std::move(frame)}}};
    }
    return out;
}

/// The message of a request contains its path and the address of the client, so it is written anew.
std::string title_of(const mozlog::record& line, const bj::object& fields) {
    if (!fields.contains("path")) return std::string(line.message);
    const auto route = text_of(fields, "path_template");
    return text_of(fields, "method") + ' ' + (route.empty() ? "(no route)" : route) + ' ' + text_of(fields, "status_code");
}

} // namespace

std::string sentry_envelope(const mozlog::record& line, const sentry_origin& from, std::string_view id, std::uint64_t left_out) {
    const auto fields = fields_of(line);
    const auto title = title_of(line, fields);
    const std::chrono::duration<double> when = line.when.time_since_epoch();
    bj::object event{{"event_id", id},
                     {"timestamp", when.count()},
                     {"platform", "native"},
                     {"level", line.level == mozlog::severity::critical ? "fatal" : "error"},
                     {"logger", line.type},
                     {"release", from.release},
                     {"environment", from.environment},
                     {"server_name", from.server_name},
                     {"message", bj::object{{"formatted", title}}},
                     {"sdk", bj::object{{"name", "ctms"}, {"version", version()}}}};
    bj::object searchable{{"program", from.program}};
    for (const auto name : tags) {
        if (const auto text = text_of(fields, name); !text.empty()) searchable[name] = text;
    }
    event["tags"] = std::move(searchable);
    if (const auto route = text_of(fields, "path_template"); !route.empty()) event["transaction"] = text_of(fields, "method") + ' ' + route;
    auto exception = exception_of(fields);
    // One group of events for each kind of failure of each route.
    event["fingerprint"] = bj::array{line.type, title, exception.is_null() ? bj::value("") : exception.at("type")};
    if (!exception.is_null()) event["exception"] = bj::object{{"values", bj::array{std::move(exception)}}};
    if (left_out != 0) event["extra"] = bj::object{{"events_left_out", left_out}};

    const auto payload = bj::serialize(event);
    auto out = bj::serialize(bj::object{{"event_id", id}, {"sent_at", to_iso(now())}});
    out += '\n' + bj::serialize(bj::object{{"type", "event"}, {"length", payload.size()}, {"content_type", "application/json"}}) + '\n';
    return out + payload + '\n';
}

} // namespace ctms::support
