// SPDX-License-Identifier: MPL-2.0
// The server is killed or stopped while clients write.
#include "load.hpp"

#include <ctms/auth/access_token.hpp>
#include <persistence/clients/client_repository.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/server_process.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto key = "key of the fault tests, of 32 bytes";
constexpr int clients = 8;

std::vector<std::string> environment_of(const std::string& url) {
    return {"CTMS_DB_URL=" + url, std::string("CTMS_SECRET_KEY=") + key, "CTMS_LOGGING_LEVEL=INFO"};
}

std::pair<std::string, std::string> authorization() {
    const auth::token_signer signer(key, true);
    const auto expires = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 1h;
    return {"Authorization", "Bearer " + signer.sign("api_client:id_load", expires)};
}

void add_client(const persistence::database_options& options) {
    persistence::database db(options);
    model::api_client client;
    client.client_id = "id_load";
    client.email = "load@example.com";
    client.hashed_secret = "none";
    REQUIRE(persistence::client_repository(db).create(client).has_value());
}

/// Checks that every acknowledged write is stored and that every stored contact is queued for the sync.
void check_nothing_lost(const persistence::database_options& options, const std::vector<acknowledged>& writes) {
    static const persistence::statement contact{"contact", "select 1 from emails where email_id = $1::uuid"};
    static const persistence::statement newsletter{"newsletter", "select 1 from newsletters where email_id = $1::uuid and name = $2"};
    persistence::connection db(options);
    int missing = 0;
    for (const auto& write : writes) {
        const auto found =
            write.newsletter.empty() ? db.query(contact, {write.email_id}) : db.query(newsletter, {write.email_id, write.newsletter});
        missing += found.empty() ? 1 : 0;
    }
    CHECK(missing == 0);
    CHECK(db.execute("select 1 from emails where not exists (select from ctms_sync_queue q where q.email_id = emails.email_id)").empty());
    // Each write adds one to the version: a write that is stored without its queue entry would fail this check.
    CHECK(db.execute("select 1 from emails e join ctms_sync_queue q using (email_id) "
                     "where q.version <> 1 + (select count(*) from newsletters n where n.email_id = e.email_id)")
              .empty());
}

bool reaches(const std::atomic<bool>& ended, const load& writers, int answers) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!ended && writers.answered() < answers) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

} // namespace

TEST_CASE("a server that is killed 10 times while clients write loses nothing that it acknowledged") {
    const test_database database;
    add_client(database.options());
    std::vector<acknowledged> all;
    const std::atomic<bool> never = false;
    for (int round = 0; round < 10; ++round) {
        server_process server(CTMS_WEB, environment_of(database.url()));
        load writers(server.port(), authorization(), clients);
        REQUIRE(reaches(never, writers, 300 + 37 * round));
        server.signal(SIGKILL);
        CHECK(server.wait(30s) == 128 + SIGKILL);
        writers.stop();
        CHECK(writers.unexpected() == 0);
        all.insert(all.end(), writers.writes().begin(), writers.writes().end());
    }
    CHECK(all.size() > 2000);
    check_nothing_lost(database.options(), all);
}

TEST_CASE("a server that is stopped under load answers every request it received and exits with 0") {
    const test_database database;
    add_client(database.options());
    const std::atomic<bool> never = false;
    for (int round = 0; round < 3; ++round) {
        server_process server(CTMS_WEB, environment_of(database.url()));
        load writers(server.port(), authorization(), clients);
        REQUIRE(reaches(never, writers, 200));
        server.signal(SIGTERM);
        CHECK(server.wait(60s) == 0);
        writers.stop();
        CHECK(writers.lost() == 0);
        CHECK(writers.unavailable() == 0);
        CHECK(writers.unexpected() == 0);
        check_nothing_lost(database.options(), writers.writes());
        CHECK(server.log().find("\"Stopped\"") != std::string::npos);
    }
}

} // namespace ctms::test
