// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/privacy/redact.hpp>
#include <ctms/service/tokens.hpp>
#include <support/config/settings.hpp>
#include <web/server/answers.hpp>
#include <web/server/client_address.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace ctms::web::routes {
namespace {

response bad_basic_header() {
    auto out = detail_response(401, "Invalid authentication credentials");
    out.headers.emplace_back("WWW-Authenticate", "Basic");
    return out;
}

error bad_grant_type() {
    constexpr const char* pattern = "^(client_credentials|refresh_token)$";
    std::string context;
    object_writer writer(context);
    writer.add("pattern", pattern);
    writer.close();
    return invalid_fields({{{std::string("body"), std::string("grant_type")},
                            "string does not match regex \"" + std::string(pattern) + '"',
                            "value_error.str.regex",
                            std::move(context)}});
}

bool is_known_grant(const std::string& grant_type) {
    return grant_type.empty() || grant_type == "client_credentials" || grant_type == "refresh_token";
}

/// The credentials of the form if it has both, otherwise those of the header.
auth::credentials choose(call& now, const std::optional<auth::credentials>& header) {
    auth::credentials form{now.form.find("client_id").value_or(""), now.form.find("client_secret").value_or("")};
    if (!form.client_id.empty() && !form.client_secret.empty()) {
        now.facts.token_creds_from = "form";
        return form;
    }
    if (!header) return {};
    now.facts.token_creds_from = "header";
    return *header;
}

response token_response(const service::issued_token& token) {
    std::string body;
    object_writer writer(body);
    writer.add("access_token", std::string_view(token.access_token));
    writer.add("token_type", "bearer");
    writer.add("expires_in", std::int64_t{token.expires_in.count()});
    writer.close();
    auto out = json_response(200, std::move(body));
    out.headers.emplace_back("Cache-Control", "no-store"); // RFC 6749, 5.1
    return out;
}

/// A client id as it was sent, truncated to the length that an id may have, at the end of a character. Omitted if it may be a secret: some
/// clients send the id and the secret the wrong way round.
std::string loggable(const std::string& client_id) {
    std::size_t end = std::min(client_id.size(), model::longest_client_id);
    while (end > 0 && end < client_id.size() && (static_cast<unsigned char>(client_id[end]) & 0xC0U) == 0x80U) --end;
    return privacy::redact_path_value("client_id", std::string_view(client_id).substr(0, end));
}

response answer(call& now, const result<service::issued_token>& token) {
    if (token) return token_response(*token);
    (is_failure_here(token.error().code) ? now.facts.error : now.facts.token_fail) = token.error().detail;
    return to_response(token.error());
}

} // namespace

response post_token(call& now, const services& all) {
    std::optional<auth::credentials> from_header;
    const auto header = now.http.header("authorization");
    const auto blank = std::min(header.find(' '), header.size());
    if (ascii_iequal(header.substr(0, blank), "basic")) {
        from_header = auth::parse_basic(header.substr(std::min(blank + 1, header.size())));
        if (!from_header) return bad_basic_header();
    }
    if (!is_known_grant(now.form.find("grant_type").value_or(""))) return to_response(bad_grant_type());
    const auto given = choose(now, from_header);
    const auto network = network_of(client_address(now.http, all.settings.trusted_proxies));
    auto started = all.tokens.begin(given.client_id, given.client_secret, network, now.facts.client_exists);
    now.facts.client_id = now.facts.client_exists ? given.client_id : loggable(given.client_id);
    if (started.outcome) return answer(now, *started.outcome);
    response hashing;
    hashing.next =
        std::make_shared<const next_step>(next_step{lane::password, network, [&all, attempt = std::move(started.attempt)](call& later) {
                                                        return answer(later, all.tokens.finish(*attempt));
                                                    }});
    return hashing;
}

} // namespace ctms::web::routes
