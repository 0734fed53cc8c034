// SPDX-License-Identifier: MPL-2.0
// The server is killed between a write and its answer. Clients that repeat their requests with an Idempotency-Key get the first answer.
#include <ctms/auth/access_token.hpp>
#include <persistence/clients/client_repository.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/http_client.hpp>
#include <support/server_process.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto signing_key = "key of the fault tests, of 32 bytes";

std::vector<std::string> environment_of(const std::string& url) {
    return {"CTMS_DB_URL=" + url, std::string("CTMS_SECRET_KEY=") + signing_key, "CTMS_LOGGING_LEVEL=INFO"};
}

header_list headers_with(const std::string& key) {
    const auth::token_signer signer(signing_key, true);
    const auto expires = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 1h;
    return {{"Authorization", "Bearer " + signer.sign("api_client:id_retry", expires)},
            {"Content-Type", "application/json"},
            {"Idempotency-Key", key}};
}

void add_client(const persistence::database_options& options) {
    persistence::database db(options);
    model::api_client client;
    client.client_id = "id_retry";
    client.email = "retry@example.com";
    client.hashed_secret = "none";
    REQUIRE(persistence::client_repository(db).create(client).has_value());
}

std::string body_of(const std::string& name) { return fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", name); }

/// Clients that create contacts, each with a key, and remember what was sent and what was answered.
class creators {
public:
    creators(std::uint16_t port, int round) {
        constexpr int clients = 8;
        for (int client = 0; client < clients; ++client)
            threads_.emplace_back(
                [this, port, name = fmt::format("{}-{}", round, client)](const std::stop_token& stop) { run(port, name, stop); });
    }
    void stop() { threads_.clear(); }

    /// By name; nullopt: no answer came. Only after stop().
    [[nodiscard]] const std::map<std::string, std::optional<std::string>>& sent() const { return sent_; }
    [[nodiscard]] std::size_t count() {
        const std::lock_guard lock(mutex_);
        return sent_.size();
    }

private:
    void run(std::uint16_t port, const std::string& prefix, const std::stop_token& stop) {
        try {
            http_connection connection(port);
            for (int number = 0; !stop.stop_requested(); ++number) {
                const auto name = fmt::format("{}-{}", prefix, number);
                note(name, std::nullopt);
                const auto answer = connection.ask("POST", "/ctms", headers_with(name), body_of(name));
                if (answer.status == 201) note(name, answer.body);
            }
        } catch (const std::exception&) { // the server is gone
        }
    }
    void note(const std::string& name, std::optional<std::string> body) {
        const std::lock_guard lock(mutex_);
        sent_[name] = std::move(body);
    }

    std::mutex mutex_;
    std::map<std::string, std::optional<std::string>> sent_;
    std::vector<std::jthread> threads_; ///< last: they use the others
};

} // namespace

TEST_CASE("a write whose answer was lost with its server is answered by the next one, and made once") {
    const test_database database;
    add_client(database.options());
    const auto headers = headers_with("lost");
    {
        server_process server(CTMS_WEB, environment_of(database.url()));
        http_connection connection(server.port());
        REQUIRE(connection.send(request_text("POST", "/ctms", headers, body_of("jane"))));
        persistence::connection db(database.options());
        REQUIRE(becomes_true([&] { return !db.execute("select 1 from ctms_kept_answers").empty(); }));
        server.signal(SIGKILL); // the answer is never read
        CHECK(server.wait(30s) == 128 + SIGKILL);
    }
    server_process server(CTMS_WEB, environment_of(database.url()));
    const auto answer = ask(server.port(), "POST", "/ctms", headers, body_of("jane"));
    CHECK(answer.status == 201);
    CHECK_FALSE(answer.header("etag").empty());
    CHECK(answer.header("location").starts_with("/ctms/"));
    persistence::connection db(database.options());
    CHECK(db.execute("select email_id::text from emails").text(0, 0) == answer.header("location").substr(6));
    CHECK(db.execute("select 1 from emails").size() == 1);
}

TEST_CASE("a server is killed 8 times while clients create contacts with keys: each repeated request has one effect and one answer") {
    const test_database database;
    add_client(database.options());
    std::map<std::string, std::optional<std::string>> all;
    for (int round = 0; round < 8; ++round) {
        server_process server(CTMS_WEB, environment_of(database.url()));
        creators clients(server.port(), round);
        REQUIRE(becomes_true([&] { return clients.count() > static_cast<std::size_t>(40 + 13 * round); }));
        server.signal(SIGKILL);
        CHECK(server.wait(30s) == 128 + SIGKILL);
        clients.stop();
        all.insert(clients.sent().begin(), clients.sent().end());
    }
    server_process server(CTMS_WEB, environment_of(database.url()));
    http_connection connection(server.port());
    int wrong = 0;
    for (const auto& [name, first] : all) {
        const auto answer = connection.ask("POST", "/ctms", headers_with(name), body_of(name));
        wrong += answer.status == 201 && (!first || *first == answer.body) ? 0 : 1; // without the key: 409
    }
    CHECK(wrong == 0);
    persistence::connection db(database.options());
    CHECK(db.execute("select 1 from emails").size() == all.size());
    CHECK(db.execute("select 1 from ctms_kept_answers").size() == all.size());
}

} // namespace ctms::test
