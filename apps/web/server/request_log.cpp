// SPDX-License-Identifier: MPL-2.0
#include "request_log.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/format.h>

#include <map>

namespace ctms::web {
namespace {

/// A JSON object of names and values, each name once with its last value.
std::string object_of(const std::vector<std::pair<std::string, std::string>>& pairs,
                      std::string (*clean)(std::string_view, std::string_view)) {
    std::map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < pairs.size(); ++i) last[pairs[i].first] = i;
    std::string out;
    object_writer writer(out);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto& [name, value] = pairs[i];
        if (last[name] == i) writer.add(privacy::redact_text(name), std::string_view(clean(name, value)));
    }
    writer.close();
    return out;
}

/// The path as it may be logged: an address in it only when it is traced.
std::string logged_path(const exchange& one) {
    if (one.matched == nullptr || one.path_parameters.empty()) return privacy::redact_text(one.http.path);
    std::string out(one.matched->path);
    for (const auto& [name, value] : one.path_parameters) {
        const auto brace = out.find('{' + name + '}');
        if (brace != std::string::npos) out.replace(brace, name.size() + 2, privacy::redact_path_value(name, value));
    }
    return out;
}

void add_authentication(mozlog::fields& members, const request_facts& facts) {
    if (facts.client_allowed) members.add("client_allowed", *facts.client_allowed);
    if (!facts.token_creds_from.empty()) members.add("token_creds_from", facts.token_creds_from);
    if (!facts.client_id.empty()) members.add("client_id", facts.client_id);
    if (!facts.auth_fail.empty()) members.add("auth_fail", facts.auth_fail);
    if (!facts.token_fail.empty()) members.add("token_fail", facts.token_fail);
}

void add_trace(mozlog::fields& members, const request_facts& facts) {
    if (facts.trace.empty()) return;
    members.add("trace", facts.trace);
    if (!facts.trace_json.empty()) members.add_json("trace_json", facts.trace_json);
}

/// Ids come from clients; like all strings here they lose what looks like an address.
void add_ingest(mozlog::fields& members, const request_facts& facts) {
    if (!facts.ingest_actions.empty()) members.add_json("ingest_actions", facts.ingest_actions);
    if (!facts.fxa_id_conflict.empty()) members.add("fxa_id_conflict", facts.fxa_id_conflict);
    if (!facts.ingest_error.empty()) members.add("ingest_error", facts.ingest_error);
    if (!facts.ingest_empty.empty()) members.add("ingest_empty", facts.ingest_empty);
}

void add_pubsub(mozlog::fields& members, const request_facts& facts) {
    for (const auto& [claim, value] : facts.pubsub_claims) {
        if (claim == "email" && !facts.pubsub_account.empty()) {
            members.add_service_account("pubsub_email", facts.pubsub_account);
        } else {
            members.add_json("pubsub_" + claim, value);
        }
    }
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

void log_request(mozlog::logger& log, const exchange& one, double seconds) {
    const auto level = one.facts.error.empty() ? mozlog::severity::info : mozlog::severity::error;
    if (!log.enabled(level)) return;
    const auto path = logged_path(one);
    mozlog::fields members;
    if (is_trivial(one.http, one.answer.status)) members.add("trivial", true);
    members.add("client_host", one.http.peer_address).add("method", one.http.method).add("path", path).add("rid", one.http.id);
    if (one.matched != nullptr) members.add("path_template", one.matched->path);
    if (!one.http.query.empty())
        members.add_json("query", object_of(parse_urlencoded(one.http.query).pairs(), privacy::redact_query_value));
    members.add_json("headers", object_of(one.http.headers, privacy::redact_header));
    add_authentication(members, one.facts);
    add_trace(members, one.facts);
    add_ingest(members, one.facts);
    add_pubsub(members, one.facts);
    if (!one.path_parameters.empty()) members.add_json("path_params", object_of(one.path_parameters, privacy::redact_path_value));
    if (!one.facts.cut.empty()) members.add("cut", one.facts.cut);
    if (!one.facts.error.empty()) members.add("error", one.facts.error);
    if (!one.facts.traceback.empty()) members.add("traceback", one.facts.traceback);
    members.add("status_code", one.answer.status).add_seconds("duration_s", seconds);
    log.log(level, "ctms.web", members,
            fmt::format("{}:{} {} '{} {} HTTP/1.1' {}", one.http.peer_address, one.http.peer_port,
                        one.facts.client_id.empty() ? "-" : one.facts.client_id, one.http.method, path, one.answer.status));
}

} // namespace ctms::web
