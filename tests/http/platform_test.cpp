// SPDX-License-Identifier: MPL-2.0
// The calls for operators and platforms, and the behaviour that all requests share.
#include <support/closed_database.hpp>
#include <support/web_fixture.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

boost::json::object body_of(const http_answer& answer) { return boost::json::parse(answer.body).as_object(); }

web_fixture::options with_backlog(std::int64_t most, std::int64_t most_retries) {
    web_fixture::options out;
    out.change_settings = [=](ctms::config::settings& settings) {
        settings.acoustic_max_backlog = most;
        settings.acoustic_max_retry_backlog = most_retries;
    };
    return out;
}

int heartbeat(web_fixture& web) { return web.ask("GET", "/__heartbeat__").status; }

boost::json::object queue_of(web_fixture& web) {
    return body_of(web.ask("GET", "/__heartbeat__")).at("database").at("acoustic").as_object();
}

bool has_metric(web_fixture& web, const std::string& line) {
    return web.ask("GET", "/metrics").body.find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("the heartbeat reports the state of the database and of the queue") {
    web_fixture web;
    web.add_contact(R"({"email":{"primary_email":"a"}})");
    const auto answer = web.ask("GET", "/__heartbeat__");
    CHECK(answer.status == 200);
    const auto database = body_of(answer).at("database").as_object();
    CHECK(database.at("up").as_bool());
    CHECK(database.at("time_ms").as_int64() >= 0);
    auto queue = database.at("acoustic").as_object();
    CHECK(queue.at("time_ms").as_int64() >= 0);
    CHECK(answer.body.find(R"("acoustic":{"success":true,"backlog":1,"max_backlog":null,"retry_backlog":0,"max_retry_backlog":null,)"
                           R"("retry_limit":6,"batch_limit":20,"loop_min_sec":5,"time_ms":)") != std::string::npos);
}

TEST_CASE("the heartbeat fails if the backlog exceeds its limit") {
    web_fixture web(with_backlog(1, 100));
    web.add_contact(R"({"email":{"primary_email":"a"}})");
    CHECK(heartbeat(web) == 200);
    web.add_contact(R"({"email":{"primary_email":"b"}})");
    CHECK(heartbeat(web) == 503);
    CHECK(queue_of(web).at("backlog") == 2);
    CHECK(queue_of(web).at("max_backlog") == 1);
    web.sql("update ctms_sync_queue set state = 'parked'");
    CHECK(heartbeat(web) == 200);
}

TEST_CASE("the heartbeat fails if too many contacts are retried") {
    web_fixture web(with_backlog(100, 0));
    web.add_contact(R"({"email":{"primary_email":"a"}})");
    CHECK(heartbeat(web) == 200);
    web.sql("update ctms_sync_queue set last_error = 'failed'");
    CHECK(heartbeat(web) == 503);
    CHECK(queue_of(web).at("retry_backlog") == 1);
}

TEST_CASE("the heartbeat does not fail if the queue cannot be counted") {
    web_fixture web(with_backlog(0, 0));
    web.sql("alter table ctms_sync_queue rename to elsewhere");
    const auto answer = web.ask("GET", "/__heartbeat__");
    CHECK(answer.status == 200);
    const auto queue = body_of(answer).at("database").at("acoustic").as_object();
    CHECK_FALSE(queue.at("success").as_bool());
    CHECK(queue.at("backlog").is_null());
    CHECK(queue.at("retry_backlog").is_null());
}

TEST_CASE("while the database is down, requests get 503 and nothing else breaks") {
    web_fixture web;
    const auto id = web.add_contact(R"({"email":{"primary_email":"a"}})");
    {
        const closed_database away(web.database());
        const auto start = std::chrono::steady_clock::now();
        const auto answer = web.ask("GET", "/__heartbeat__");
        CHECK(std::chrono::steady_clock::now() - start < 10s); // it does not wait for a connection from the pool
        CHECK(answer.status == 503);
        CHECK(answer.body.starts_with(R"({"database":{"up":false,"time_ms":)"));
        CHECK(answer.body.find("acoustic") == std::string::npos);
        CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
        const auto read = web.get("/ctms/" + id);
        CHECK(read.status == 503);
        CHECK(read.has_header("retry-after"));
        const auto line = web.line_of(read);
        CHECK(line.at("Severity") == 3);
        CHECK(line.at("Fields").as_object().contains("error"));
        CHECK(web.post("/ctms", R"({"email":{"primary_email":"b"}})").status == 503);
    }
    CHECK(becomes_true([&] { return web.get("/ctms/" + id).status == 200; }));
    CHECK(becomes_true([&] { return heartbeat(web) == 200; }));
}

TEST_CASE("the load balancer's heartbeat succeeds") {
    web_fixture web;
    const auto answer = web.ask("GET", "/__lbheartbeat__");
    CHECK(answer.status == 200);
    CHECK(answer.body == R"({"status":"OK"})");
}

TEST_CASE("HEAD gets the response to GET without a body") {
    web_fixture web;
    http_connection connection(web.port());
    for (const std::string path : {"/__lbheartbeat__", "/__heartbeat__", "/nothing"}) {
        CAPTURE(path);
        const auto head = connection.ask("HEAD", path);
        const auto get = connection.ask("GET", path);
        CHECK(head.status == get.status);
        CHECK(head.body.empty());
        CHECK_FALSE(get.body.empty());
        CHECK(head.header("content-type") == get.header("content-type"));
        CHECK(head.has_header("content-length"));
        CHECK(head.header("content-length") != "0");
    }
    CHECK(connection.ask("HEAD", "/ctms").status == 401);
    CHECK(connection.ask("HEAD", "/token").status == 405);
}

TEST_CASE("the version identifies the build") {
    web_fixture web;
    const auto answer = web.ask("GET", "/__version__");
    CHECK(answer.status == 200);
    const auto version = body_of(answer);
    for (const auto* name : {"commit", "version", "source", "build"}) CHECK(version.contains(name));
}

TEST_CASE("metrics count requests by route and client") {
    web_fixture web;
    const auto id = web.add_contact(R"({"email":{"primary_email":"a"}})");
    (void)web.get("/ctms/" + id);
    (void)web.get("/ctms/x");
    (void)web.ask("GET", "/ctms/x");
    (void)web.ask("GET", "/nothing");
    (void)web.ask("PUT", "/token");
    const auto answer = web.ask("GET", "/metrics");
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    const std::string route = R"(method="GET",path_template="/ctms/{email_id}")";
    CHECK(has_metric(web, "ctms_requests_total{" + route + R"(,status_code="200",status_code_family="2xx"} 1)"));
    CHECK(has_metric(web, "ctms_requests_total{" + route + R"(,status_code="422",status_code_family="4xx"} 1)"));
    CHECK(has_metric(web, "ctms_requests_total{" + route + R"(,status_code="401",status_code_family="4xx"} 1)"));
    CHECK(has_metric(web, R"(ctms_api_requests_total{client_id="id_enabled",)" + route + R"(,status_code_family="2xx"} 1)"));
    CHECK(has_metric(web, R"(ctms_api_requests_total{client_id="id_enabled",)" + route + R"(,status_code_family="4xx"} 1)"));
    CHECK(has_metric(web, "ctms_pending_acoustic_sync_total 1"));
    CHECK(answer.body.find("/nothing") == std::string::npos);
    CHECK(answer.body.find(R"(le="1.0")") != std::string::npos);
}

TEST_CASE("metrics show the used share of the ids, and a table without ids is unavailable and no error of the client") {
    web_fixture web;
    const auto id = web.add_contact(R"({"email":{"primary_email":"a"},"newsletters":[{"name":"x"}]})");
    web.sql("select setval('newsletters_id_seq', 2147483647)");
    CHECK(has_metric(web, R"(ctms_database_ids_used_ratio{table="newsletters"} 1)"));
    CHECK(web.send("PATCH", "/ctms/" + id, R"({"newsletters":[{"name":"x","lang":"fr"}]})").status == 200);
    const auto refused = web.send("PATCH", "/ctms/" + id, R"({"newsletters":[{"name":"y"}]})");
    CHECK(refused.status == 503);
    const auto line = web.line_of(refused);
    CHECK(line.at("Severity") == 3);
    CHECK(line.at("Fields").as_object().at("error").as_string().find("newsletters_id_seq") != std::string::npos);
}

TEST_CASE("refused tokens count for a client only if it exists") {
    web_fixture web;
    (void)web.ask("GET", "/ctms", {{"Authorization", "Bearer " + web.token_for("api_client:id_disabled")}});
    (void)web.ask("GET", "/ctms", {{"Authorization", "Bearer " + web.token_for("api_client:id_nobody")}});
    (void)web.ask("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}}, "client_id=id_enabled&client_secret=wrong");
    const auto text = web.ask("GET", "/metrics").body;
    CHECK(text.find(R"(client_id="id_disabled",method="GET",path_template="/ctms",status_code_family="4xx"} 1)") != std::string::npos);
    CHECK(text.find(R"(client_id="id_enabled",method="POST",path_template="/token",status_code_family="4xx"} 1)") != std::string::npos);
    CHECK(text.find("id_nobody") == std::string::npos);
}

TEST_CASE("after a crash the client gets no details and the log gets all of them") {
    web_fixture web;
    CHECK(web.ask("GET", "/__crash__").status == 401);
    const auto answer = web.get("/__crash__");
    CHECK(answer.status == 500);
    CHECK(answer.header("content-type").starts_with("text/plain"));
    CHECK(answer.body == "Internal Server Error");
    const auto line = web.line_of(answer);
    CHECK(line.at("Severity") == 3);
    const auto& fields = line.at("Fields").as_object();
    CHECK(fields.at("status_code") == 500);
    CHECK(fields.at("error").as_string().find("Crashed on purpose") != std::string::npos);
    CHECK(fields.at("traceback").as_string().find("platform.cpp:") != std::string::npos);
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a valid request id is accepted and any other is replaced") {
    web_fixture web;
    const auto id_for = [&](const std::string& sent) {
        return web.ask("GET", "/__lbheartbeat__", {{"X-Request-Id", sent}}).header("x-request-id");
    };
    CHECK(id_for("abc-DEF_1.2:3/4+5=") == "abc-DEF_1.2:3/4+5=");
    CHECK(id_for(std::string(128, 'a')) == std::string(128, 'a'));
    for (const auto& odd : {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a@example.com"), std::string("<script>"),
                            std::string("a\"b"), std::string("\xC3\xA9")}) {
        CAPTURE(odd);
        const auto made = id_for(odd);
        CHECK(made != odd);
        CHECK(made.size() == 32);
        CHECK(made.find_first_not_of("0123456789abcdef") == std::string::npos);
    }
    const auto first = web.ask("GET", "/nothing");
    const auto second = web.ask("GET", "/nothing");
    CHECK(first.header("x-request-id") != second.header("x-request-id"));
    CHECK(web.fields_of(first).at("path") == "/nothing");
}

TEST_CASE("an unknown path is not found") {
    web_fixture web;
    for (const std::string path : {"/nothing", "/ctms/a/b", "/ctms%2Fa", "/CTMS", "//", "/%00", "/%FF%FE"}) {
        CAPTURE(path);
        const auto answer = web.ask("GET", path);
        CHECK(answer.status == 404);
        CHECK(answer.body == R"({"detail":"Not Found"})");
        CHECK_FALSE(web.fields_of(answer).contains("path_template"));
    }
}

TEST_CASE("a known path with another method is not allowed") {
    web_fixture web;
    const auto answer = web.ask("DELETE", "/token");
    CHECK(answer.status == 405);
    CHECK(answer.body == R"({"detail":"Method Not Allowed"})");
    CHECK(answer.header("allow") == "POST");
    CHECK_FALSE(web.fields_of(answer).contains("path_template"));
    CHECK(web.ask("OPTIONS", "/ctms").header("allow") == "GET, HEAD, POST");
}

TEST_CASE("a path with an extra slash and the root redirect") {
    web_fixture web;
    const auto slash = web.ask("GET", "/ctms/?primary_email=a%20b");
    CHECK(slash.status == 307);
    CHECK(slash.header("location") == "/ctms?primary_email=a%20b");
    CHECK(slash.body.empty());
    const auto odd = web.ask("GET", "/identity/a%20b%0D%0ASet-Cookie:x/");
    CHECK(odd.status == 307);
    CHECK(odd.header("location") == "/identity/a%20b%0D%0ASet-Cookie%3Ax");
    CHECK_FALSE(odd.has_header("set-cookie"));
    const auto root = web.ask("GET", "/");
    CHECK(root.status == 307);
    CHECK(root.header("location") == "./docs");
    CHECK(web.fields_of(root).at("trivial").as_bool());
}

TEST_CASE("requests from probes are marked as trivial") {
    web_fixture web;
    const auto probe = web.ask("GET", "/__lbheartbeat__", {{"User-Agent", "kube-probe/1.29"}});
    CHECK(web.fields_of(probe).at("trivial").as_bool());
    CHECK_FALSE(web.fields_of(web.ask("GET", "/__lbheartbeat__")).contains("trivial"));
}
