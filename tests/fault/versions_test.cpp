// SPDX-License-Identifier: MPL-2.0
// Two releases on one database, under load, while the newer one migrates it. See libctms/src/persistence/migrations/README.md.
#include "load.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/persistence/migrations.hpp>
#include <persistence/clients/client_repository.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/server_process.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto key = "key of the tests of versions, of 32 bytes";
constexpr int clients = 3;

std::pair<std::string, std::string> authorization() {
    const auth::token_signer signer(key, true);
    const auto expires = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 1h;
    return {"Authorization", "Bearer " + signer.sign("api_client:id_load", expires)};
}

/// A server with clients that write, and the calls that read.
class loaded_server {
public:
    loaded_server(const std::string& program, const std::string& url)
        : server_(program, {"CTMS_DB_URL=" + url, std::string("CTMS_SECRET_KEY=") + key}),
          writers_(server_.port(), authorization(), clients) {}

    /// Waits until the clients got so many more answers, and reads meanwhile. Counts reads that failed.
    bool answers(int more) {
        const auto wanted = writers_.answered() + more;
        return becomes_true(
            [&] {
                for (const std::string path : {"/ctms?primary_email=nobody@example.com", "/updates?start=2020-01-01T00:00:00Z&limit=50",
                                               "/changes?limit=50", "/__heartbeat__"})
                    failed_reads_ += ask(server_.port(), "GET", path, {authorization()}).status == 200 ? 0 : 1;
                return writers_.answered() >= wanted;
            },
            60s);
    }

    void check_that_none_failed() {
        writers_.stop();
        CHECK(writers_.unexpected() == 0);
        CHECK(writers_.unavailable() == 0);
        CHECK(writers_.lost() == 0);
        CHECK(failed_reads_ == 0);
        CHECK_FALSE(writers_.writes().empty());
    }
    [[nodiscard]] std::size_t writes() const { return writers_.writes().size(); }

private:
    server_process server_;
    load writers_;
    int failed_reads_ = 0;
};

struct ended {
    int code;
    std::string out;
    std::string err;
};

ended run(const std::string& program, std::vector<std::string> arguments, const std::string& url) {
    child_process child(program, {{"CTMS_DB_URL", url}, {"CTMS_SECRET_KEY", key}, {"CTMS_ACOUSTIC_SYNC_PAUSED", "true"}},
                        std::move(arguments));
    const int code = child.wait(60s);
    return {code, child.output(), child.log()};
}

void add_client(const persistence::database_options& options) {
    persistence::database db(options);
    model::api_client client;
    client.client_id = "id_load";
    client.email = "load@example.com";
    client.hashed_secret = "none";
    REQUIRE(persistence::client_repository(db).create(client).has_value());
}

} // namespace

TEST_CASE("two releases serve one database without a failed request while the next one migrates it") {
    const test_database database;
    add_client(database.options());
    const auto newest = persistence::known_migrations().back().version;
    std::vector<std::unique_ptr<loaded_server>> servers;
    const auto start = [&](const std::string& program) { servers.push_back(std::make_unique<loaded_server>(program, database.url())); };
    const auto all_answer = [&] { return std::all_of(servers.begin(), servers.end(), [](auto& one) { return one->answers(30); }); };

    start(CTMS_WEB);
    REQUIRE(all_answer());
    const auto migrated = run(CTMS_NEXT_ADMIN, {"migrate"}, database.url());
    CAPTURE(migrated.err);
    REQUIRE(migrated.code == 0);
    CHECK(migrated.out == fmt::format("Applied {:04} next_release\n", newest + 1));
    CHECK(all_answer());

    // A restart of this release, and the next one beside it.
    start(CTMS_WEB);
    start(CTMS_NEXT_WEB);
    CHECK(all_answer());
    for (const std::string program : {CTMS_ADMIN, CTMS_NEXT_ADMIN}) {
        CAPTURE(program);
        CHECK(run(program, {"migrate", "--check"}, database.url()).code == 0);
        CHECK(run(program, {"migrate"}, database.url()).out == "The schema is up to date.\n"); // as the hook of a rollback does
        const auto dump = run(program, {"contacts", "dump"}, database.url());
        CHECK(dump.code == 0);
        CHECK(dump.out.find("next_name") == std::string::npos);
        CHECK(run(program, {"sync", "status"}, database.url()).code == 0);
    }
    for (const std::string program : {CTMS_SYNC, CTMS_NEXT_SYNC}) {
        const auto dry = run(program, {"--dry-run"}, database.url());
        CAPTURE(dry.err);
        CHECK(dry.code == 0);
    }
    CHECK(all_answer());

    std::size_t writes = 0;
    for (const auto& one : servers) {
        one->check_that_none_failed();
        writes += one->writes();
    }
    persistence::connection db(database.options());
    const auto stored = db.execute("select (select count(*) from emails) + (select count(*) from newsletters)").integer(0, 0);
    CHECK(static_cast<std::size_t>(stored) >= writes);
    CHECK(db.execute("select from emails e where not exists (select from ctms_sync_queue q where q.email_id = e.email_id)").empty());
}

TEST_CASE("a program refuses a schema that does not serve it any more") {
    const test_database database;
    const auto newest = persistence::known_migrations().back().version;
    REQUIRE(run(CTMS_NEXT_ADMIN, {"migrate"}, database.url()).code == 0);
    CHECK(run(CTMS_ADMIN, {"clients", "list"}, database.url()).code == 0);
    persistence::connection db(database.options());
    db.execute(fmt::format("update ctms_migrations set oldest_program = {0} where version = {0}", newest + 1));
    const auto refused = run(CTMS_ADMIN, {"clients", "list"}, database.url());
    CHECK(refused.code == 78);
    CHECK(refused.err.find(fmt::format("is at version {}, which does not serve this program", newest + 1)) != std::string::npos);
    CHECK(run(CTMS_NEXT_ADMIN, {"clients", "list"}, database.url()).code == 0);
}

} // namespace ctms::test
