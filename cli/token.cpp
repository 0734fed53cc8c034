// SPDX-License-Identifier: MPL-2.0
#include "client_token.hpp"
#include "commands.hpp"
#include "output.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/api_clients.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <cstdio>

namespace ctms::cli {
namespace {

error explain(const error& failure, const std::string& id) {
    if (failure.code == errc::not_found)
        return not_found(fmt::format("client '{}' does not exist; ctms-admin clients list shows all clients", id));
    if (failure.code == errc::forbidden)
        return forbidden(fmt::format("client '{0}' is disabled; ctms-admin clients enable {0} enables it", id));
    return failure;
}

} // namespace

std::optional<service::issued_token> token_for(invocation& call, const std::string& name, std::optional<std::chrono::seconds> expiration,
                                               int& exit_code) {
    const auto id = service::client_id_of(name);
    if (!id) return exit_code = fail(id.error()), std::nullopt;
    if (call.settings.secret_key.empty()) {
        complain("CTMS_SECRET_KEY is not set; use the server's value");
        return exit_code = support::configuration, std::nullopt;
    }
    call.note("client_id", *id);
    persistence::database db(support::database_options(call.settings));
    const auth::token_signer signer(call.settings.secret_key, call.settings.token_allow_no_expiration);
    service::token_options options;
    options.expiration = call.settings.token_expiration;
    auto token = service::tokens(db, signer, options).grant(*id, expiration);
    if (!token) return exit_code = fail(explain(token.error(), *id)), std::nullopt;
    return std::move(*token);
}

int print_token(invocation& call) {
    constexpr std::int64_t ten_years = 10LL * 365 * 24 * 3600;
    const auto seconds = call.number("expires-in", call.settings.token_expiration.count(), 1, ten_years);
    if (!seconds) return fail_usage(seconds.error().message, "token");
    int exit_code = support::ok;
    const auto token = token_for(call, call.operands.front(), std::chrono::seconds(*seconds), exit_code);
    if (!token) return exit_code;
    call.note("expires_in", token->expires_in.count());
    if (!call.json) return fmt::print("{}\n", token->access_token), support::ok;
    std::string out;
    object_writer writer(out);
    writer.add("access_token", std::string_view(token->access_token));
    writer.add("token_type", "bearer");
    writer.add("expires_in", static_cast<std::int64_t>(token->expires_in.count()));
    writer.close();
    print_json(out);
    return support::ok;
}

} // namespace ctms::cli
