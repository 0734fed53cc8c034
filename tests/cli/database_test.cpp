// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/migrations.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/fake_acoustic.hpp>
#include <support/pseudo_terminal.hpp>
#include <support/raw_server.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include <string>
#include <vector>

using namespace ctms::test;

namespace {

class admin {
public:
    explicit admin(test_database::content what) : database_(what) {}
    outcome operator()(const std::vector<std::string>& arguments) { return run_admin(arguments, {"CTMS_DB_URL=" + database_.url()}); }
    [[nodiscard]] const std::string& url() const { return database_.url(); }

    /// Whether a table exists.
    bool has(const std::string& table) {
        ctms::persistence::connection link(database_.options());
        return !link.execute("select where to_regclass('" + table + "') is not null").empty();
    }
    std::string value(const std::string& sql) {
        return std::string(ctms::persistence::connection(database_.options()).execute(sql).text(0, 0));
    }
    void sql(const std::string& text) { ctms::persistence::connection(database_.options()).execute(text); }

private:
    test_database database_;
};

/// One line for each migration, starting with `verb`.
std::string lines_of_migrations(const std::string& verb) {
    std::string out;
    for (const auto& one : ctms::persistence::known_migrations()) {
        const auto number = std::to_string(one.version);
        out += verb + " " + std::string(4 - number.size(), '0') + number + " " + one.name + "\n";
    }
    return out;
}

} // namespace

TEST_CASE("an empty database is planned, checked and migrated") {
    admin run(test_database::content::empty);
    CHECK(run({"migrate", "--check"}).exit_code == 1);
    const auto plan = run({"migrate", "--plan"});
    CHECK(plan.exit_code == 0);
    for (const auto& one : ctms::persistence::known_migrations()) CHECK(plan.out.find(" " + one.name + "\n") != std::string::npos);
    CHECK_FALSE(run.has("emails"));
    CHECK_FALSE(run.has("ctms_migrations"));

    const auto migrated = run({"migrate"});
    CHECK(migrated.exit_code == 0);
    CHECK(migrated.err.empty());
    CHECK(migrated.out == lines_of_migrations("Applied"));
    CHECK(run.has("emails"));
    CHECK(run.has("ctms_sync_queue"));

    CHECK(run({"migrate", "--check"}).exit_code == 0);
    CHECK(run({"migrate", "--plan"}).out.find("Would apply") == std::string::npos);
    const auto again = run({"migrate"});
    CHECK(again.exit_code == 0);
    CHECK(again.out == "The schema is up to date.\n");
}

TEST_CASE("a schema that is newer or foreign is not changed") {
    admin run(test_database::content::migrated);
    run.sql("insert into ctms_migrations select (jsonb_populate_record(m, '{\"version\": 9999, \"name\": \"future\"}')).* from "
            "ctms_migrations m limit 1");
    CHECK(run({"migrate", "--check"}).exit_code == 1);
    const auto migrated = run({"migrate"});
    CHECK(migrated.exit_code == 65);
    CHECK(migrated.err.starts_with("ctms-admin: "));
    CHECK(boost::json::parse(run({"db", "status", "--json"}).out).at("schema") == "ahead");
}

TEST_CASE("wrong calls of migrate are usage errors and change nothing") {
    admin run(test_database::content::empty);
    for (const auto& call : std::vector<std::vector<std::string>>{
             {"migrate", "--plan", "--check"}, {"migrate", "now"}, {"migrate", "--plan", "x"}, {"migrate", "--paln"}}) {
        CAPTURE(call.back());
        const auto wrong = run(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.err.find("see ctms-admin migrate --help") != std::string::npos);
    }
    CHECK_FALSE(run.has("emails"));
}

TEST_CASE("the status shows whether the database answers and the state of its schema") {
    admin empty(test_database::content::empty);
    CHECK(boost::json::parse(empty({"db", "status", "--json"}).out).at("schema") == "empty");
    admin run(test_database::content::migrated);
    const auto text = run({"db", "status"});
    CHECK(text.exit_code == 0);
    CHECK(text.out.starts_with("database: "));
    CHECK(text.out.find("\nanswers:  yes\nschema:   current: ") != std::string::npos);
    const auto json = boost::json::parse(run({"--json", "db", "status"}).out).as_object();
    CHECK(json.at("up").as_bool());
    CHECK(json.at("schema") == "current");
}

TEST_CASE("a database that does not answer is reported without its password") {
    const std::vector<std::string> nowhere{"CTMS_DB_URL=postgresql://user:hunter2@127.0.0.1:1/ctms"};
    for (const auto& call : std::vector<std::vector<std::string>>{
             {"db", "status"}, {"migrate"}, {"migrate", "--check"}, {"clients", "list"}, {"clients", "show", "a"}}) {
        CAPTURE(call.back());
        const auto failed = run_admin(call, nowhere);
        CHECK(failed.exit_code == 69);
        CHECK(failed.err.starts_with("ctms-admin: "));
        CHECK((failed.out + failed.err).find("hunter2") == std::string::npos);
    }
    const auto json = run_admin({"db", "status", "--json"}, nowhere);
    CHECK(json.exit_code == 69);
    CHECK(json.out == "{\"url\":\"postgresql://user@127.0.0.1:1/ctms\",\"up\":false}\n");
}

TEST_CASE("the URL of the database is printed in a usable form") {
    admin run(test_database::content::migrated);
    CHECK(run({"db", "url"}).out == run.url() + "\n");
}

TEST_CASE("PostgreSQL's own programs run on the database") {
    admin run(test_database::content::migrated);
    CHECK(run({"db", "psql", "-AtX", "-c", "select 40 + 2"}).out == "42\n");
    CHECK(run({"db", "psql", "-X", "-c", "select wrong"}).exit_code == 1);
    const auto dump = run({"db", "dump", "--schema-only"});
    CHECK(dump.exit_code == 0);
    CHECK(dump.out.find("CREATE TABLE public.emails") != std::string::npos);
}

TEST_CASE("PostgreSQL's own programs get all arguments, also those that ctms-admin has itself") {
    admin run(test_database::content::migrated);
    CHECK(run({"db", "psql", "--version"}).out.starts_with("psql (PostgreSQL)"));
    const auto no_host = run({"db", "dump", "--schema-only", "-h"});
    CHECK(no_host.exit_code == 1);
    CHECK(no_host.out.empty());
    CHECK(no_host.err.find("pg_dump --help") != std::string::npos);
    CHECK(run({"db", "psql", "-AtX", "-c", "select 1", "--json"}).err.find("unrecognized option '--json'") != std::string::npos);
    // Before and within the name of the command, they are those of ctms-admin.
    CHECK(run({"db", "--json", "psql", "-c", "select 1"}).exit_code == 64);
    for (const std::vector<std::string>& asked : {std::vector<std::string>{"-h", "db", "dump", "--schema-only"},
                                                  {"db", "--help", "dump", "--schema-only"},
                                                  {"db", "dump", "--help"}}) {
        const auto help = run(asked);
        CHECK(help.exit_code == 0);
        CHECK(help.out.find("\n  db dump [ARGUMENT...]\n") != std::string::npos);
    }
}

TEST_CASE("the embedded database is created in CTMS_DATA_DIR") {
    temporary_directory place;
    const std::vector<std::string> environment{"CTMS_DATA_DIR=" + (place.path() / "data").string()};
    const auto migrated = run_admin({"--embedded", "migrate"}, environment);
    CHECK(migrated.err.empty());
    CHECK(migrated.exit_code == 0);
    const auto status = run_admin({"--embedded", "db", "status", "--json"}, environment);
    CHECK(status.exit_code == 0);
    CHECK(boost::json::parse(status.out).at("schema") == "current");
}

TEST_CASE("a data directory that another account could have planted is refused with 78 and a reason") {
    temporary_directory place;
    const auto data = place.path() / "data";
    std::filesystem::create_directory(data);
    std::ofstream(data / "secret_key") << "planted";
    std::filesystem::permissions(data, std::filesystem::perms(0777));
    const auto refused = run_admin({"--embedded", "migrate"}, {"CTMS_DATA_DIR=" + data.string()});
    CHECK(refused.exit_code == 78);
    CHECK(refused.err.find(data.string() + " of ") != std::string::npos);
    CHECK(refused.err.find("chmod go-w") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(data / "postgres"));
    if (::geteuid() != 0) return; // the rest needs two accounts
    // The reverse: the program runs as `nobody` and the directory belongs to root.
    std::filesystem::permissions(data, std::filesystem::perms(0755));
    std::filesystem::permissions(place.path(), std::filesystem::perms(0755));
    const auto foreign =
        run_program({"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CTMS_ADMIN, "--embedded", "migrate"},
                    {"CTMS_DATA_DIR=" + data.string()});
    CHECK(foreign.exit_code == 78);
    CHECK(foreign.err.find("belongs to `root` (uid 0), but should belong to `nobody` (uid 65534)") != std::string::npos);
}

TEST_CASE("a mistyped directory is not a new database") {
    const temporary_directory place;
    const auto data = place.path() / "ctms-dta";
    const std::vector<std::string> environment{"CTMS_DATA_DIR=" + data.string()};
    for (const std::vector<std::string>& words : {std::vector<std::string>{"clients", "list"},
                                                  {"db", "status"},
                                                  {"sync", "status"},
                                                  {"contacts", "dump"},
                                                  {"migrate", "--plan"},
                                                  {"migrate", "--check"},
                                                  {"clients", "create", "a", "-e", "a@example.com"}}) {
        CAPTURE(words.front());
        const auto refused = run_admin(words, environment);
        CHECK(refused.exit_code == 78);
        CHECK(refused.err.find("there is no database in " + data.string()) != std::string::npos);
        CHECK(refused.out.empty());
        CHECK_FALSE(std::filesystem::exists(data));
    }
}

TEST_CASE("a database that does not answer is reported within 5 seconds") {
    const temporary_directory place;
    const std::vector<std::string> environment{"CTMS_DATA_DIR=" + (place.path() / "data").string()};
    REQUIRE(run_admin({"migrate"}, environment).exit_code == 0);
    const auto frozen = ctms::persistence::embedded_postgres::start(place.path() / "data").value();
    std::ifstream pid_file(place.path() / "data/postgres/postmaster.pid");
    pid_t server = 0;
    pid_file >> server;
    REQUIRE(server > 1);
    REQUIRE(::kill(server, SIGSTOP) == 0);
    const auto check = [&](const std::vector<std::string>& settings, const std::string& said) {
        const auto begin = std::chrono::steady_clock::now();
        const auto run = run_admin({"clients", "list"}, settings);
        CAPTURE(run.err);
        CHECK(run.exit_code == 69);
        CHECK(run.err.find(said) != std::string::npos);
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
    };
    check({"CTMS_DB_URL=" + frozen.url()}, "the database does not answer");
    check(environment, "is running but does not answer");
    ::kill(server, SIGCONT);
    check({"CTMS_DB_URL=postgresql://127.0.0.1:1/none"}, "the database does not answer: ");
    CHECK(run_admin({"clients", "list"}, environment).exit_code == 0);
}

namespace {

/// The lines of the doctor, by the name of the check.
std::map<std::string, boost::json::object> lines_of(const outcome& visit) {
    std::map<std::string, boost::json::object> out;
    const auto all = boost::json::parse(visit.out);
    for (const auto& one : all.as_array()) out[std::string(one.as_object().at("check").as_string())] = one.as_object();
    return out;
}

} // namespace

TEST_CASE("the doctor checks the database, the queue and the web server, and names the sections of the runbook") {
    admin run(test_database::content::migrated);
    const auto visit = run_admin({"doctor", "--json"}, {"CTMS_DB_URL=" + run.url(), "CTMS_SERVER_PREFIX=http://127.0.0.1:1"});
    CHECK(visit.exit_code == 1);
    auto lines = lines_of(visit);
    for (const auto* check :
         {"settings", "database", "schema", "connections", "queue", "parked", "replication", "webhooks", "erasures", "database clock"}) {
        CAPTURE(check);
        CHECK(lines[check]["state"] == "ok");
    }
    CHECK(lines["web"]["state"] == "failed");
    CHECK(lines["web"]["runbook"] == "CtmsDown");
    const auto down = run_admin({"doctor", "--json"}, {"CTMS_DB_URL=postgresql://127.0.0.1:1/x", "CTMS_SERVER_PREFIX=http://127.0.0.1:1"});
    CHECK(down.exit_code == 1);
    CHECK(lines_of(down)["database"]["state"] == "failed");
}

TEST_CASE("the doctor asks the vendor for a token, Google for its keys, and each of them for the time and the certificate") {
    admin run(test_database::content::migrated);
    fake_acoustic_options with_tls;
    with_tls.tls = true;
    fake_acoustic vendor(with_tls);
    raw_server google([](raw_connection& client) {
        (void)client.read_request();
        client.send(answer_text(R"({"1": "a certificate"})", "Date: Thu, 01 Jan 2015 00:00:00 GMT\r\nConnection: close\r\n"));
    });
    raw_server without_keys([](raw_connection& client) {
        (void)client.read_request();
        client.send(answer_text("[]", "Connection: close\r\n"));
    });
    const auto visit = [&](const std::string& secret, const raw_server& key_server) {
        return run_admin({"doctor", "--json"},
                         {"CTMS_DB_URL=" + run.url(), "CTMS_SERVER_PREFIX=http://127.0.0.1:1", "CTMS_ACOUSTIC_SYNC_FEATURE_FLAG=true",
                          "CTMS_ACOUSTIC_BASE_URL=" + vendor.url(), "CTMS_ACOUSTIC_CLIENT_ID=fake-client",
                          "CTMS_ACOUSTIC_CLIENT_SECRET=" + secret, "CTMS_ACOUSTIC_REFRESH_TOKEN=fake-refresh",
                          "CTMS_ACOUSTIC_MAIN_TABLE_ID=1", "CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID=2",
                          "CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID=3", "CTMS_PUBSUB_EMAIL=push@example.com", "CTMS_PUBSUB_CLIENT=client",
                          "CTMS_PUBSUB_AUDIENCE=https://ctms.example.com", "CTMS_GOOGLE_CERTS_URL=" + key_server.url(),
                          "SSL_CERT_FILE=" + vendor.ca_file()});
    };
    auto lines = lines_of(visit("fake-secret", google));
    CHECK(lines["vendor"]["state"] == "ok");
    CHECK(lines["vendor"]["result"].as_string().find("accepts the credentials") != boost::json::string::npos);
    CHECK(lines["vendor certificate"]["state"] == "failed"); // it expires tomorrow
    CHECK(lines["google"]["state"] == "ok");
    CHECK(lines["google clock"]["state"] == "failed");
    lines = lines_of(visit("wrong", without_keys));
    CHECK(lines["vendor"]["state"] == "failed");
    CHECK(lines["vendor"]["result"].as_string().find("the credentials were refused") != boost::json::string::npos);
    CHECK(lines["google"]["state"] == "failed");
}

TEST_CASE("the bar of progress is gone from the terminal before the result is printed") {
    admin run(test_database::content::migrated);
    run.sql("insert into emails (email_id, primary_email, update_timestamp)"
            " select gen_random_uuid(), n || '@example.com', now() from generate_series(1, 1001) n");
    pseudo_terminal terminal({CTMS_ADMIN, "db", "build-documents", "--pause", "1100"}, {"CTMS_DB_URL=" + run.url()}); // two pages
    CHECK(terminal.wait() == 0);
    CAPTURE(terminal.output());
    CHECK(terminal.output().find("\rcontacts  1,001  ") != std::string::npos);
    CHECK(terminal.output().ends_with("\x1b[K\r\x1b[K1001 contacts: 0 had a document, 1001 were stored.\r\n"));
}

TEST_CASE("documents that are missing are stored, and wrong ones are found and removed") {
    admin run(test_database::content::migrated);
    run.sql("insert into emails (email_id, primary_email, update_timestamp) select ('00000000-0000-4000-8000-' || lpad(n::text, 12, "
            "'0'))::uuid,"
            " n || '@example.com', now() from generate_series(1, 1001) n; delete from ctms_inbox");
    CHECK(run({"db", "build-documents"}).out == "1001 contacts: 0 had a document, 1001 were stored.\n");
    CHECK(run({"db", "build-documents", "--pause", "1"}).out == "1001 contacts: 1001 had a document, 0 were stored.\n");
    CHECK(run({"db", "verify"}).out == "1001 contacts, 1001 documents: 0 differ from the tables, 0 have no contact.\n");

    // As if the tables had been written while their triggers were disabled.
    run.sql("set session_replication_role = replica; delete from emails where primary_email = '500@example.com'");
    const auto left = run({"db", "verify"});
    CHECK(left.exit_code == 1);
    CHECK(left.out == "1000 contacts, 1000 documents: 0 differ from the tables, 1 have no contact.\n");
    run.sql("set session_replication_role = replica; insert into amo (email_id, username, update_timestamp)"
            " select email_id, 'u', now() from emails where primary_email in ('7@example.com', '1001@example.com')");
    const auto found = run({"db", "verify"});
    CHECK(found.exit_code == 1);
    CHECK(found.out == "1000 contacts, 1000 documents: 2 differ from the tables, 1 have no contact.\n"
                       "  00000000-0000-4000-8000-000000000007\n  00000000-0000-4000-8000-000000001001\n");
    const auto fixed = run({"db", "verify", "--fix", "--json"});
    CHECK(fixed.exit_code == 0);
    CHECK(run.value("select command || ' ' || details from ctms_audit_log order by id desc limit 1") ==
          "db verify {\"contacts\": \"1000\"}");
    const auto report = boost::json::parse(fixed.out).as_object();
    CHECK(report.at("stale").as_array().size() == 2);
    CHECK(report.at("left_behind") == 1);
    CHECK(run({"db", "verify"}).out == "1000 contacts, 998 documents: 0 differ from the tables, 0 have no contact.\n");
    CHECK(run({"db", "build-documents"}).out == "1000 contacts: 998 had a document, 2 were stored.\n");
}
