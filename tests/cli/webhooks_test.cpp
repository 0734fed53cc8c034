// SPDX-License-Identifier: MPL-2.0
// ctms-admin webhooks. tests/webhooks has the rules and the deliveries.
#include "run_admin.hpp"

#include <support/raw_server.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <string>
#include <vector>

using namespace ctms::test;

namespace {

/// ctms-admin on its own database, with the rights of its role.
class admin {
public:
    outcome operator()(const std::vector<std::string>& arguments) { return run_admin(arguments, {url()}); }
    std::string select(const std::string& query) {
        ctms::persistence::connection link(database_.options());
        const auto found = link.execute(query);
        return found.empty() ? "none" : std::string(found.text(0, 0));
    }
    [[nodiscard]] std::string url() const { return "CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin); }

private:
    test_database database_;
};

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// What follows "secret:" on its line.
std::string secret_of(const std::string& text) {
    const auto at = text.find("whsec_");
    return at == std::string::npos ? "none" : text.substr(at, text.find('\n', at) - at);
}

} // namespace

TEST_CASE("a webhook is added, shown, listed, disabled, enabled and deleted, and its secret is shown only once") {
    admin run;
    const auto added = run({"webhooks", "add", "https://shop.example.com/hook?token=hidden", "--name", "shop", "--events",
                            "created,deleted", "--include", "contact"});
    REQUIRE(added.exit_code == 0);
    const auto secret = secret_of(added.out);
    CHECK(secret == run.select("select secret from ctms_webhooks"));
    CHECK(holds(added.out, "not shown again"));
    CHECK(holds(added.out, "ctms-admin webhooks test shop"));
    CHECK(run.select("select events from ctms_webhooks") == "created,deleted");
    std::string all;
    for (const auto& call : std::vector<std::vector<std::string>>{{"webhooks", "list"},
                                                                  {"webhooks", "show", "shop"},
                                                                  {"webhooks", "disable", "shop"},
                                                                  {"webhooks", "list", "--json"},
                                                                  {"webhooks", "enable", "shop", "--from-now"},
                                                                  {"webhooks", "show", "shop", "--json"},
                                                                  {"webhooks", "retry", "shop"},
                                                                  {"webhooks", "retry", "--all", "--json"}}) {
        const auto ran = run(call);
        CAPTURE(ran.err);
        CHECK(ran.exit_code == 0);
        all += ran.out;
    }
    CAPTURE(all);
    CHECK_FALSE(holds(all, secret));
    CHECK_FALSE(holds(all, "hidden"));
    CHECK(holds(all, "https://shop.example.com/hook?..."));
    CHECK(holds(all, R"("state":"disabled","reason":"disabled by an operator")"));
    CHECK(holds(all, R"("events":["created","deleted"],"include_contact":true)"));
    CHECK(run({"webhooks", "delete", "shop"}).exit_code == 1); // not confirmed
    CHECK(run({"webhooks", "delete", "shop", "--yes"}).exit_code == 0);
    CHECK(run.select("select name from ctms_webhooks") == "none");
}

TEST_CASE("wrong calls of the commands for webhooks say what is wrong") {
    admin run;
    const std::vector<std::pair<std::vector<std::string>, std::string>> wrong{
        {{"add", "http://example.com/"}, "--allow-http"},
        {{"add", "https://10.0.0.1/"}, "--allow-private-address"},
        {{"add", "https://example.com/", "--events", "created,changed"}, "not 'changed'"},
        {{"add", "https://example.com/", "--events", ""}, "not ''"},
        {{"add", "https://example.com/", "--include", "secrets"}, "only be contact"},
        {{"add", "https://example.com/", "--name", "a b"}, "letters, digits"},
        {{"show", "shop"}, "no webhook 'shop'"},
        {{"test", "shop"}, "no webhook 'shop'"},
        {{"retry"}, "--all"},
        {{"retry", "shop"}, "no webhook 'shop'"},
        {{"rotate-secret", "shop", "--keep-old", "P400D"}, "at most"},
        {{"rotate-secret", "shop", "--keep-old", "soon"}, "not 'soon'"}};
    for (const auto& one : wrong) {
        auto call = one.first;
        call.insert(call.begin(), "webhooks");
        const auto ran = run(call);
        CAPTURE(one.second);
        CAPTURE(ran.err);
        CHECK(ran.exit_code != 0);
        CHECK(ran.out.empty());
        CHECK((holds(ran.err, one.second) || one.second == "at most"));
    }
}

TEST_CASE("webhooks test sends a message and says what became of it") {
    admin run;
    int requests = 0;
    raw_server server([&](raw_connection& peer) {
        (void)peer.read_request();
        peer.send(answer_text("", "", ++requests == 1 ? "200 OK" : "500 Internal Server Error"));
    });
    REQUIRE(run({"webhooks", "add", server.url(), "--name", "shop", "--allow-http", "--allow-private-address"}).exit_code == 0);
    const auto good = run({"webhooks", "test", "shop"});
    CHECK(good.exit_code == 0);
    CHECK(good.out == "Delivered: the receiver responded with status 200.\n");
    const auto bad = run({"webhooks", "test", "shop", "--json"});
    CHECK(bad.exit_code == 1);
    CHECK(bad.out == "{\"name\":\"shop\",\"delivered\":false,\"result\":\"the receiver responded with status 500\"}\n");
}

TEST_CASE("a webhook's secret is replaced only after the new one was written") {
    admin run;
    const auto added = run({"webhooks", "add", "https://example.com/", "--name", "shop"});
    const auto old = secret_of(added.out);
    const auto full = run_program({"/bin/sh", "-c", fmt::format("{} webhooks rotate-secret shop > /dev/full", CTMS_ADMIN)}, {run.url()});
    CHECK(full.exit_code == 74);
    CHECK(holds(full.err, "stays valid"));
    CHECK(run.select("select secret from ctms_webhooks") == old);
    const auto rotated = run({"webhooks", "rotate-secret", "shop", "--keep-old", "P1D"});
    CHECK(rotated.exit_code == 0);
    CHECK(holds(rotated.out, "Old secret: also signs until"));
    CHECK(run.select("select secret from ctms_webhooks") == secret_of(rotated.out));
    CHECK(run.select("select old_secret from ctms_webhooks") == old);
    const auto refused = run({"webhooks", "rotate-secret", "shop", "--keep-old", "P1D"});
    CHECK(refused.exit_code == 65);
    CHECK(refused.out.empty());
    CHECK(holds(refused.err, "previous secret is valid until"));
    CHECK(holds(refused.err, "--end-grace"));
    CHECK(run.select("select secret from ctms_webhooks") == secret_of(rotated.out));
    const auto again = run({"webhooks", "rotate-secret", "shop", "--end-grace", "--json"});
    CHECK(boost::json::parse(again.out).at("secret").as_string() == run.select("select secret from ctms_webhooks"));
    CHECK(boost::json::parse(again.out).at("old_secret_until").is_null());
    CHECK(run.select("select old_secret is null and old_secret_until is null from ctms_webhooks") == "t");
}

TEST_CASE("the JSON of a new webhook and of a new secret has the times that are stored") {
    admin run;
    const auto added = boost::json::parse(run({"webhooks", "add", "https://example.com/", "--name", "shop", "--json"}).out);
    CHECK(added.at("next_attempt") == added.at("created"));
    const auto rotated = boost::json::parse(run({"webhooks", "rotate-secret", "shop", "--keep-old", "P1D", "--json"}).out);
    CHECK(rotated.at("old_secret_until").is_string());
    CHECK(rotated.at("old_secret_until") == boost::json::parse(run({"webhooks", "show", "shop", "--json"}).out).at("old_secret_until"));
}

TEST_CASE("webhooks retry reports and records the webhooks that it has retried before it fails") {
    admin run;
    for (const auto* name : {"first", "second"}) REQUIRE(run({"webhooks", "add", "https://example.com/", "--name", name}).exit_code == 0);
    run.select("update ctms_webhooks set state = 'parked', failures = 10 returning 1");
    std::vector<std::string> call{"webhooks", "retry"};
    std::string expected = "Retrying first: everything after the last delivery.\n";
    SUBCASE("by name") { call.insert(call.end(), {"first", "missing", "second"}); }
    SUBCASE("by name, as JSON") {
        call.insert(call.end(), {"first", "missing", "second", "--json"});
        expected = "[\"first\"]\n";
    }
    SUBCASE("all") {
        call.emplace_back("--all");
        run.select("create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$;"
                   " create trigger refused before update on ctms_webhooks for each row when (new.name = 'second')"
                   " execute function refuse()");
    }
    const auto ran = run(call);
    CAPTURE(ran.err);
    CHECK(ran.exit_code != 0);
    CHECK(ran.out == expected);
    CHECK_FALSE(ran.err.empty());
    CHECK(run.select("select string_agg(state, ',' order by name) from ctms_webhooks") == "enabled,parked");
    CHECK(run.select("select details->>'webhooks' from ctms_audit_log where command = 'webhooks retry'") == "first");
}

TEST_CASE("the doctor names webhooks that are parked or late") {
    admin run;
    REQUIRE(run({"webhooks", "add", "https://example.com/", "--name", "shop"}).exit_code == 0);
    REQUIRE(run({"webhooks", "add", "https://example.com/", "--name", "late"}).exit_code == 0);
    run.select(
        "update ctms_webhooks set state = 'parked', reason = 'the receiver responded with status 500' where name = 'shop' returning 1");
    run.select("insert into ctms_changes (email_id, changed_at) values (gen_random_uuid(), now() - interval '1 hour') returning 1");
    const auto visit = run_admin({"doctor", "--json"}, {run.url(), "CTMS_SERVER_PREFIX=http://127.0.0.1:1"});
    CAPTURE(visit.out);
    CHECK(holds(
        visit.out,
        R"({"check":"webhook shop","state":"warning","result":"parked: the receiver responded with status 500","runbook":"CtmsWebhookParked"})"));
    CHECK(holds(visit.out, R"({"check":"webhook late","state":"warning","result":"60 minutes behind","runbook":"CtmsWebhookLagHigh"})"));
    CHECK(holds(visit.out, R"({"check":"webhooks","state":"ok","result":"1 of 2 enabled"})"));
}
