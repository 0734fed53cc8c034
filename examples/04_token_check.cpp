// SPDX-License-Identifier: MPL-2.0
// Checks CTMS tokens in your own HTTP service: handles the header "Authorization: Bearer ...".
// Usage: 04_token_check FOLDER    the first run creates a private PostgreSQL there
#include <ctms/auth/access_token.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/migrations.hpp>
#include <ctms/service/api_clients.hpp>
#include <ctms/service/tokens.hpp>

#include <cstdlib>
#include <iostream>

namespace {

// The status to answer a request with, given the value of its Authorization header. Thread safe, like `tokens`.
int status_of(ctms::service::tokens& tokens, std::string_view authorization) {
    constexpr std::string_view scheme = "Bearer ";
    if (!authorization.starts_with(scheme)) return 401;
    const auto caller = tokens.authenticate(authorization.substr(scheme.size()), ctms::model::role::read);
    if (caller.verdict) return 200; // caller.client_id identifies the client
    switch (caller.verdict.error().code) {
    case ctms::errc::forbidden:    // the token is valid, but its client is disabled
    case ctms::errc::missing_role: // the client does not have the required role
        return 403;
    case ctms::errc::unavailable: return 503; // the database is down, so the token cannot be checked
    default: return 401;
    }
}

void show(std::string_view what, int status) { std::cout << what << ": " << status << '\n'; }

int use(const ctms::persistence::database_options& options) {
    ctms::persistence::migrate(options).value();
    ctms::persistence::database database(options);
    ctms::service::api_clients clients(database);
    // Services that accept each other's tokens share this key: CTMS_SECRET_KEY of ctms-web.
    const ctms::auth::token_signer signer("a-key-for-the-example-only-of-32-bytes", false);
    ctms::service::token_options rules;
    rules.client_cache_time = std::chrono::milliseconds(0); // check each time whether the client is still enabled
    ctms::service::tokens tokens(database, signer, rules);

    // Clients are normally created with ctms-admin, which shows the secret once; only its hash is stored. value() throws on failure, which
    // is good enough here.
    const auto secret = clients.create({.name = "shop", .email = "team@example.com"}).value().secret;
    bool known = false;
    const auto token = tokens.issue("id_shop", secret, "192.0.2.1", known).value();
    const auto header = "Bearer " + token.access_token;

    show("no header", status_of(tokens, ""));
    show("nonsense", status_of(tokens, "Bearer abc"));
    show("a good token", status_of(tokens, header));
    clients.set_enabled("shop", false).value();
    show("its client disabled", status_of(tokens, header));
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::cerr << "Usage: 04_token_check FOLDER\n", EXIT_FAILURE;
    try {
        const auto server = ctms::persistence::embedded_postgres::start(argv[1]).value();
        ctms::persistence::database_options options;
        options.url = server.url();
        return use(options);
    } catch (const std::exception& problem) {
        return std::cerr << problem.what() << '\n', EXIT_FAILURE;
    }
}
