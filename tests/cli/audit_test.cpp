// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <command.hpp>
#include <persistence/clients/audit_repository.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/pseudo_terminal.hpp>
#include <support/stripe_objects.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace ctms::test;

namespace {

class admin {
public:
    outcome operator()(const std::vector<std::string>& arguments) { return run_admin(arguments, environment()); }
    [[nodiscard]] std::vector<std::string> environment() const {
        return {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin), "CTMS_SECRET_KEY=key",
                "CTMS_SERVER_PREFIX=http://127.0.0.1:1", "SUDO_USER=jane"};
    }
    void sql(const std::string& text) { link_.execute(text); }
    /// The newest records, as the program lists them.
    boost::json::array records(const std::vector<std::string>& more = {}) {
        std::vector<std::string> call{"audit", "--json"};
        call.insert(call.end(), more.begin(), more.end());
        return boost::json::parse((*this)(call).out).as_array();
    }
    std::string file(const std::string& text) {
        const auto path = (files_.path() / "file").string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    const test_database& database() const { return database_; }

private:
    test_database database_;
    temporary_directory files_;
    ctms::persistence::connection link_{database_.options()};
};

} // namespace

TEST_CASE("every command that changes something leaves a record with its exit code and no addresses") {
    admin run;
    CHECK(run.records().empty());
    const auto stripe = run.file(serialize(stripe_objects::customer()));
    const std::string id = "332de237-cab7-4461-bcc3-48e68f42bd5c";
    struct expected {
        std::vector<std::string> call;
        std::string command;
        int exit_code;
        std::string note; ///< a name that the details must contain; "" for none
    };
    const std::vector<expected> all{
        {{"migrate"}, "migrate", 0, ""},
        {{"clients", "create", "basket", "-e", "team@example.com"}, "clients create", 0, "client_id"},
        {{"clients", "create", "basket", "-e", "team@example.com"}, "clients create", 65, "client_id"},
        {{"clients", "disable", "basket"}, "clients disable", 0, "client_id"},
        {{"clients", "enable", "basket"}, "clients enable", 0, "client_id"},
        {{"clients", "rotate-secret", "basket"}, "clients rotate-secret", 0, "client_id"},
        {{"webhooks", "add", "https://hooks.example.com/x?token=t", "--name", "shop"}, "webhooks add", 0, "webhook"},
        {{"webhooks", "disable", "shop"}, "webhooks disable", 0, "webhook"},
        {{"webhooks", "enable", "shop"}, "webhooks enable", 0, "webhook"},
        {{"webhooks", "rotate-secret", "shop"}, "webhooks rotate-secret", 0, "webhook"},
        {{"webhooks", "retry", "--all"}, "webhooks retry", 0, "webhooks"},
        {{"webhooks", "disable", "jane@example.com"}, "webhooks disable", 65, ""},
        {{"webhooks", "delete", "shop", "--yes"}, "webhooks delete", 0, "webhook"},
        {{"token", "basket"}, "token", 0, "client_id"},
        {{"request", "GET", "/ctms?primary_email=jane@example.com", "-c", "basket"}, "request", 69, "path"},
        {{"stripe", "ingest", stripe}, "stripe ingest", 0, "created"},
        {{"stripe", "queue", stripe}, "stripe queue", 0, "queued"},
        {{"sync", "retry", "--all"}, "sync retry", 0, "retried"},
        {{"sync", "forget", "--yes", id}, "sync forget", 65, "forgotten"},
        {{"sync", "resync", "--all", "--yes"}, "sync resync", 0, "queued"},
        {{"clients", "delete", "basket"}, "clients delete", 1, "client_id"},
        {{"clients", "delete", "basket", "--yes"}, "clients delete", 0, "client_id"},
    };
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& each = all[i];
        CAPTURE(each.command);
        CHECK(run(each.call).exit_code == each.exit_code);
        const auto records = run.records();
        REQUIRE(records.size() == i + 1);
        const auto& newest = records.front();
        CHECK(newest.at("command").as_string() == each.command);
        CHECK(newest.at("exit_code") == each.exit_code);
        CHECK(newest.at("actor").as_string().starts_with("jane@"));
        CHECK(newest.at("began_at").as_string() <= newest.at("ended_at").as_string());
        if (!each.note.empty()) CHECK(newest.at("details").as_object().contains(each.note));
    }
    CHECK(boost::json::serialize(run.records()).find("example.com") == std::string::npos);
    CHECK(boost::json::serialize(run.records()).find("secret_") == std::string::npos);
    CHECK(boost::json::serialize(run.records()).find("whsec_") == std::string::npos);
}

TEST_CASE("read-only commands leave no record") {
    admin run;
    for (const auto& call : std::vector<std::vector<std::string>>{{"clients", "list"},
                                                                  {"sync", "status"},
                                                                  {"sync", "parked"},
                                                                  {"db", "status"},
                                                                  {"db", "url"},
                                                                  {"migrate", "--plan"},
                                                                  {"migrate", "--check"},
                                                                  {"audit"},
                                                                  {"clients", "delete"}, // a wrong call
                                                                  {"sync", "--help"}})
        (void)run(call);
    CHECK(run.records().empty());
}

TEST_CASE("a command that was killed is shown as not ended") {
    admin run;
    run.sql("insert into api_client (client_id, email, enabled, hashed_secret, update_timestamp)"
            " values ('id_basket', 'team@example.com', true, 'x', now())");
    {
        pseudo_terminal asked({CTMS_ADMIN, "clients", "delete", "basket"}, run.environment());
        REQUIRE(asked.shows("[y/N]"));
        asked.signal(SIGKILL);
        CHECK(asked.wait() == 128 + SIGKILL);
    }
    const auto records = run.records();
    REQUIRE(records.size() == 1);
    CHECK(records[0].at("command") == "clients delete");
    CHECK(records[0].at("ended_at").is_null());
    CHECK(records[0].at("exit_code").is_null());
    const auto text = run({"audit"}).out;
    CHECK(text.starts_with("WHEN"));
    CHECK(text.find("  clients delete  -     \n") != std::string::npos);
}

TEST_CASE("the audit log is listed newest first, up to the limit") {
    admin run;
    ctms::persistence::database db(run.database().options());
    ctms::persistence::audit_repository audit(db);
    for (int i = 0; i < 120; ++i) {
        const auto id = audit.begin("jane@host", fmt::format("command {}", i)).value();
        REQUIRE(audit.end(id, i, {{"count", std::to_string(i)}}).has_value());
    }
    CHECK(run.records().size() == 100);
    CHECK(run.records({"--limit", "1000"}).size() == 120);
    const auto two = run.records({"-n", "2"});
    REQUIRE(two.size() == 2);
    CHECK(two[0].at("command") == "command 119");
    CHECK(two[0].at("details").at("count") == "119");
    CHECK(two[0].at("id").as_int64() > two[1].at("id").as_int64());
    CHECK(two[1].at("exit_code") == 118);
    CHECK(run({"audit", "--limit", "0"}).exit_code == 64);
}
