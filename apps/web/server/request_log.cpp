// SPDX-License-Identifier: MPL-2.0
#include "request_log.hpp"

#include "event_source.hpp"

#include <ctms/base/printable.hpp>
#include <ctms/model/api_client.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ctms::web {
namespace {

// Limits on what a line may contain of a request, in bytes as written, escaped.
constexpr std::size_t longest_line = 24 * 1024; // a traced body gets what the other fields leave
constexpr std::size_t longest_path = 1024;      // also for each value in the path, the query or the headers
constexpr std::size_t longest_headers = 8 * 1024;
constexpr std::size_t longest_query = 2 * 1024;
constexpr std::size_t longest_error = 2 * 1024; // also for the traceback
constexpr std::size_t longest_trace = 1024;
constexpr std::size_t longest_ingest = 2 * 1024; // ingest_actions and ingest_error; the lists of ids and keys have a quarter
constexpr std::size_t longest_claims = 1024;     // all claims of Google's token together

/// The number of bytes that one byte of a text may take in JSON, at most longest_written.
constexpr std::size_t longest_written = 6;
std::size_t written_length(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return longest_written; // \u001b
    if (byte >= 0x80) return 3;                              // an invalid byte becomes three bytes, a two-byte control character six
    return c == '"' || c == '\\' ? 2 : 1;
}

std::size_t written_length(std::string_view text) {
    std::size_t out = 0;
    for (const char c : text) out += written_length(c);
    return out;
}

/// Shortens texts to their limits, and records whether it shortened any.
class shortener {
public:
    /// Returns the text or, if it would take more than `most` bytes, the whole characters that fit followed by "...".
    [[nodiscard]] std::string shorten(std::string text, std::size_t most) {
        if (text.size() <= most / longest_written) return text; // the usual case
        std::size_t length = 0;
        for (std::size_t end = 0; end < text.size(); ++end) {
            length += written_length(text[end]);
            if (length <= most) continue;
            is_cut_ = true;
            for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U; ++i) --end;
            text.resize(end);
            return text += "...";
        }
        return text;
    }

    /// Removes addresses, then shortens: the rest of an address that was cut might no longer look like one.
    [[nodiscard]] std::string redact(std::string_view text, std::size_t most) { return shorten(privacy::redact_text(text), most); }

    /// Adds a JSON value. If it takes more than `most` bytes, adds a string with the beginning of its text.
    void add_json(mozlog::fields& members, std::string_view name, const std::string& json, std::size_t most) {
        if (length_of(name, json) <= most) {
            members.add_json(name, json);
        } else {
            const auto around_value = name.size() + around;
            members.add(name, redact(json, most - std::min(most, around_value)));
        }
    }

    /// Adds a JSON value if it takes at most `most` bytes, and subtracts its length from `most`.
    void add_json_if_short(mozlog::fields& members, std::string_view name, const std::string& json, std::size_t& most) {
        const auto length = length_of(name, json);
        if (length > most) {
            is_cut_ = true;
            return;
        }
        most -= length;
        members.add_json(name, json);
    }

    /// Cleaned names and values that take at most `most` bytes, each name once with its last value. Pairs that do not fit are left out.
    [[nodiscard]] mozlog::fields object_of(const std::vector<std::pair<std::string, std::string>>& pairs,
                                           std::string (*clean)(std::string_view, std::string_view), std::size_t most) {
        std::vector<std::string> names;
        std::map<std::string_view, std::size_t> last;
        names.reserve(pairs.size());
        for (const auto& pair : pairs) names.push_back(privacy::redact_name(pair.first));
        for (std::size_t i = 0; i < pairs.size(); ++i) last[names[i]] = i;
        mozlog::fields out;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            if (last[names[i]] != i) continue;
            const auto value = shorten(clean(pairs[i].first, pairs[i].second), longest_path);
            const auto length = written_length(names[i]) + written_length(value) + around;
            if (length > most) {
                is_cut_ = true;
                continue;
            }
            most -= length;
            out.add(names[i], value);
        }
        return out;
    }

    /// Records that something was left out before.
    void note_left_out() { is_cut_ = true; }

    [[nodiscard]] bool has_shortened() const { return is_cut_; }

private:
    static constexpr std::size_t around = 6; ///< quotes, colon and comma of a member

    /// The bytes that a member with a JSON value takes in the line.
    static std::size_t length_of(std::string_view name, const std::string& json) {
        mozlog::fields alone;
        alone.add_json(name, json);
        return printable_json('{' + alone.json() + '}').size();
    }

    bool is_cut_ = false;
};

/// The first segment of the path if a route begins with it, otherwise "".
std::string_view known_beginning(std::string_view path, std::span<const route> routes) {
    for (const auto& one : routes) {
        const auto segment = one.path.substr(0, one.path.find('/', 1));
        if (segment.size() < 2 || !path.starts_with(segment)) continue;
        const char next = path.size() == segment.size() ? '/' : path[segment.size()];
        const bool goes_on = (next >= '0' && next <= '9') || (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') || next == '_';
        if (!goes_on) return path.substr(0, segment.size());
    }
    return {};
}

/// The path as it may be logged: it contains an address only if that address is traced.
std::string logged_path(const exchange& one, std::span<const route> routes) {
    if (one.matched == nullptr) return privacy::redact_path(one.http.path, known_beginning(one.http.path, routes));
    std::string out(one.matched->path);
    for (const auto& [name, value] : one.path_parameters) {
        const auto brace = out.find('{' + name + '}');
        if (brace != std::string::npos) out.replace(brace, name.size() + 2, privacy::redact_path_value(name, value));
    }
    return out;
}

/// The method if it is a short word. Anything else might be part of another request's data and is not logged.
std::string_view logged_method(const std::string& method) {
    constexpr std::size_t longest = 20;
    const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-'; };
    const bool is_word = method.size() <= longest && std::all_of(method.begin(), method.end(), is_letter);
    return is_word ? std::string_view(method) : privacy::omitted;
}

void add_authentication(mozlog::fields& members, const request_facts& facts, const std::string& client_id) {
    if (facts.client_allowed) members.add("client_allowed", *facts.client_allowed);
    if (!facts.token_creds_from.empty()) members.add("token_creds_from", facts.token_creds_from);
    if (!client_id.empty()) members.add("client_id", client_id);
    if (!facts.auth_fail.empty()) members.add("auth_fail", facts.auth_fail);
    if (!facts.token_fail.empty()) members.add("token_fail", facts.token_fail);
}

/// The ids come from clients; the logger redacts anything in them that looks like an address, as in all strings.
void add_ingest(mozlog::fields& members, const request_facts& facts, shortener& bounded) {
    constexpr auto longest_list = longest_ingest / 4;
    const auto add = [&](std::string_view name, const std::string& text, std::size_t most) {
        if (!text.empty()) members.add(name, bounded.redact(text, most));
    };
    if (!facts.ingest_actions.empty()) bounded.add_json(members, "ingest_actions", facts.ingest_actions, longest_ingest);
    if (facts.ingest_left_out != 0) {
        members.add("ingest_left_out", static_cast<std::int64_t>(facts.ingest_left_out));
        bounded.note_left_out();
    }
    add("fxa_id_conflict", facts.fxa_id_conflict, longest_list);
    add("ingest_error", facts.ingest_error, longest_ingest);
    add("ingest_empty", facts.ingest_empty, longest_list);
    add("ingest_unknown", facts.ingest_unknown, longest_list);
    if (facts.ingest_parked != 0) members.add("ingest_parked", static_cast<std::int64_t>(facts.ingest_parked));
}

void add_pubsub(mozlog::fields& members, const request_facts& facts, shortener& bounded) {
    auto room = longest_claims;
    for (const auto& [claim, value] : facts.pubsub_claims) {
        if (claim == "email" && !facts.pubsub_account.empty()) {
            members.add_service_account("pubsub_email", facts.pubsub_account);
        } else {
            bounded.add_json_if_short(members, "pubsub_" + claim, value, room);
        }
    }
}

/// Adds the body of a traced write. It may use what the other fields and the message leave of a line.
void add_traced_body(mozlog::fields& members, const request_facts& facts, shortener& bounded, std::string_view path) {
    constexpr std::size_t rest_of_line = 1024;
    if (facts.trace.empty() || facts.trace_json.empty()) return;
    const auto taken = printable_json('{' + members.json() + '}').size() + written_length(path) + rest_of_line;
    bounded.add_json(members, "trace_json", facts.trace_json, longest_line - std::min(longest_line, taken));
}

} // namespace

bool is_trivial(const request& http, int status) noexcept {
    if (http.method != "GET") return false;
    if (http.path == "/") return status == 307;
    if (status != 200) return false;
    const auto agent = http.header("user-agent");
    if (http.path == "/__lbheartbeat__") return agent.starts_with("kube-probe/");
    if (http.path == "/metrics") return agent.starts_with("Prometheus/");
    if (http.path != "/__heartbeat__") return false;
    return agent.starts_with("Amazon-Route53-Health-Check-Service (") ||
           (!http.header("x-newrelic-synthetics").empty() &&
            http.header("x-abuse-info").starts_with("Request sent by a New Relic Synthetics Monitor ("));
}

void log_request(mozlog::logger& log, const exchange& one, double seconds, std::span<const route> routes) {
    const auto level = one.facts.error.empty() ? mozlog::severity::info : mozlog::severity::error;
    if (!log.enabled(level)) return;
    shortener bounded;
    const auto path = bounded.shorten(logged_path(one, routes), longest_path);
    const auto method = logged_method(one.http.method);
    const auto client_id = bounded.shorten(one.facts.client_id, model::longest_client_id);
    mozlog::fields members;
    if (is_trivial(one.http, one.answer.status)) members.add("trivial", true);
    members.add("client_host", one.http.peer_address).add("method", method).add("path", path).add("rid", one.http.id);
    if (one.http.trace) members.add("trace_id", one.http.trace->trace_id);
    if (one.matched != nullptr) members.add("path_template", one.matched->path);
    if (!one.http.query.empty())
        members.add_object("query",
                           bounded.object_of(parse_urlencoded(one.http.query).pairs(), privacy::redact_query_value, longest_query));
    members.add_object("headers", bounded.object_of(one.http.headers, privacy::redact_header, longest_headers));
    add_authentication(members, one.facts, client_id);
    if (!one.facts.limit.empty()) members.add("limit_reached", one.facts.limit);
    if (!one.facts.key_use.empty()) members.add("idempotency_key", one.facts.key_use);
    if (!one.facts.trace.empty()) members.add("trace", bounded.redact(one.facts.trace, longest_trace));
    add_ingest(members, one.facts, bounded);
    add_pubsub(members, one.facts, bounded);
    for (const auto& [outcome, items] : one.facts.bulk) members.add(fmt::format("bulk_{}", outcome), static_cast<std::int64_t>(items));
    if (!one.path_parameters.empty())
        members.add_object("path_params", bounded.object_of(one.path_parameters, privacy::redact_path_value, longest_query));
    if (!one.facts.cut.empty()) members.add("cut", one.facts.cut);
    if (!one.facts.error.empty()) members.add("error", bounded.redact(one.facts.error, longest_error));
    if (!one.facts.traceback.empty()) members.add("traceback", bounded.redact(one.facts.traceback, longest_error));
    add_traced_body(members, one.facts, bounded, path);
    if (bounded.has_shortened()) members.add("shortened", true);
    if (one.answer.events && one.http.method != "HEAD") members.add("stream", true);
    members.add("status_code", one.answer.status).add_seconds("duration_s", seconds);
    log.log(level, "ctms.web", members,
            fmt::format("{}:{} {} '{} {} HTTP/1.1' {}", one.http.peer_address, one.http.peer_port, client_id.empty() ? "-" : client_id,
                        method, path, one.answer.status));
}

void log_end_of_events(mozlog::logger& log, const exchange& one, std::string_view reason, double seconds) {
    const auto level = one.facts.error.empty() ? mozlog::severity::info : mozlog::severity::error;
    if (!log.enabled(level)) return;
    shortener bounded;
    mozlog::fields members;
    members.add("client_host", one.http.peer_address).add("rid", one.http.id).add("path_template", one.matched->path);
    if (one.http.trace) members.add("trace_id", one.http.trace->trace_id);
    members.add("client_id", bounded.shorten(one.facts.client_id, model::longest_client_id));
    members.add("reason", reason).add("events", static_cast<std::int64_t>(one.answer.events->events()));
    if (!one.facts.error.empty()) members.add("error", bounded.redact(one.facts.error, longest_error));
    members.add_seconds("duration_s", seconds);
    log.log(level, "ctms.web.streams", members, fmt::format("An event stream ended: {}", reason));
}

} // namespace ctms::web
