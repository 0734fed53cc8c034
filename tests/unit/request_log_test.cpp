// SPDX-License-Identifier: MPL-2.0
#include <support/captured_log.hpp>
#include <support/empty_handler.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <web/server/request_log.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using namespace ctms::web;

using ctms::test::empty_handler;
using ctms::test::memory_sink;

namespace {

/// Returns what log_request writes for an exchange.
std::string logged(const exchange& one, double seconds = 0.0634, mozlog::severity level = mozlog::severity::info) {
    std::string lines;
    {
        mozlog::options options;
        options.level = level;
        options.hostname = "host";
        mozlog::logger log(options, std::make_unique<memory_sink>(lines));
        log_request(log, one, seconds, all_routes());
        REQUIRE(log.flush(std::chrono::seconds(10)));
    }
    return lines;
}

boost::json::object parsed(const std::string& line) { return boost::json::parse(line).as_object(); }
boost::json::object fields_of(const exchange& one) { return parsed(logged(one)).at("Fields").as_object(); }

std::vector<std::string> names_of(const boost::json::object& object) {
    std::vector<std::string> out;
    for (const auto& [name, value] : object) out.emplace_back(name);
    return out;
}

constexpr route get_contact{"GET", "/ctms/{email_id}", empty_handler, lane::read, body_kind::none, model::role::read};
constexpr route delete_contact{"DELETE", "/ctms/{primary_email}", empty_handler, lane::write, body_kind::none, model::role::remove};

exchange request_of(std::string method, std::string target) {
    exchange one;
    one.http.method = std::move(method);
    one.http.target = target;
    const auto question = target.find('?');
    one.http.path = percent_decode(target.substr(0, question), false);
    if (question != std::string::npos) one.http.query = target.substr(question + 1);
    one.http.peer_address = "192.0.2.7";
    one.http.peer_port = 54321;
    one.http.id = "rid-1";
    return one;
}

exchange routed(const route& to, std::string target, const std::string& name, const std::string& value) {
    auto one = request_of(std::string(to.method), std::move(target));
    one.matched = &to;
    one.path_parameters = {{name, value}};
    return one;
}

/// Everything that the log says about Stripe objects and Google's token, all made from one text.
request_facts ingested(const std::string& text) {
    const auto quoted = boost::json::serialize(boost::json::string(text));
    request_facts out;
    out.trace = text + "+trace_me_mozilla_1@example.com";
    out.trace_json = "{\"name\":" + quoted + "}";
    out.ingest_actions = "{\"skipped\":[" + quoted + "]}";
    out.fxa_id_conflict = out.ingest_error = out.ingest_empty = text;
    out.pubsub_claims = {{"aud", quoted}, {text, quoted}};
    for (int i = 0; i < 50; ++i) out.pubsub_claims.emplace_back("claim" + std::to_string(i), "\"" + std::string(300, 'x') + "\"");
    return out;
}

request monitoring(std::string method, std::string path, header_list headers) {
    request http;
    http.method = std::move(method);
    http.path = std::move(path);
    http.headers = std::move(headers);
    return http;
}

} // namespace

TEST_CASE("a request is logged on one line with its fields in order and the message last") {
    auto one = routed(get_contact, "/ctms/abc?x=1", "email_id", "abc");
    one.http.headers = {{"host", "example.com"}, {"accept", "*/*"}};
    one.facts.client_id = "id_test";
    one.facts.client_allowed = true;
    const auto text = logged(one);
    CHECK(text.find('\n') == text.size() - 1);
    const auto line = parsed(text);
    CHECK(line.at("Type") == "ctms.web");
    CHECK(line.at("Severity") == 6);
    const auto fields = line.at("Fields").as_object();
    CHECK(names_of(fields) == std::vector<std::string>{"client_host", "method", "path", "rid", "path_template", "query", "headers",
                                                       "client_allowed", "client_id", "path_params", "status_code", "duration_s", "msg"});
    CHECK(fields.at("client_host") == "192.0.2.7");
    CHECK(fields.at("method") == "GET");
    CHECK(fields.at("path") == "/ctms/abc");
    CHECK(fields.at("rid") == "rid-1");
    CHECK(fields.at("path_template") == "/ctms/{email_id}");
    CHECK(boost::json::serialize(fields.at("query")) == R"({"x":"1"})");
    CHECK(boost::json::serialize(fields.at("headers")) == R"({"host":"example.com","accept":"*/*"})");
    CHECK(boost::json::serialize(fields.at("path_params")) == R"({"email_id":"abc"})");
    CHECK(fields.at("client_allowed").as_bool());
    CHECK(fields.at("client_id") == "id_test");
    CHECK(fields.at("status_code") == 200);
    CHECK(fields.at("duration_s").as_double() == doctest::Approx(0.063));
    CHECK(fields.at("msg") == "192.0.2.7:54321 id_test 'GET /ctms/abc HTTP/1.1' 200");
}

TEST_CASE("fields that do not apply are left out") {
    auto one = request_of("GET", "/nothing");
    one.answer.status = 404;
    const auto fields = fields_of(one);
    CHECK(names_of(fields) ==
          std::vector<std::string>{"client_host", "method", "path", "rid", "headers", "status_code", "duration_s", "msg"});
    CHECK(fields.at("msg") == "192.0.2.7:54321 - 'GET /nothing HTTP/1.1' 404");
}

TEST_CASE("the known facts about the credentials are logged") {
    auto one = request_of("POST", "/token");
    one.facts.token_creds_from = "form";
    one.facts.token_fail = "Bad credentials";
    one.facts.auth_fail = "No or bad token";
    one.facts.client_allowed = false;
    const auto fields = fields_of(one);
    CHECK(fields.at("token_creds_from") == "form");
    CHECK(fields.at("token_fail") == "Bad credentials");
    CHECK(fields.at("auth_fail") == "No or bad token");
    CHECK_FALSE(fields.at("client_allowed").as_bool());
    CHECK_FALSE(fields.contains("client_id"));
}

TEST_CASE("an application error has severity 3 with error and traceback") {
    auto one = request_of("GET", "/x");
    one.answer.status = 500;
    one.facts.error = "std::runtime_error: it broke for jane@example.com";
    one.facts.traceback = "std::runtime_error: it broke for jane@example.com (thrown at x.cpp:1)";
    const auto line = parsed(logged(one));
    CHECK(line.at("Severity") == 3);
    const auto& fields = line.at("Fields").as_object();
    CHECK(fields.at("error") == "std::runtime_error: it broke for [OMITTED]");
    CHECK(fields.at("traceback") == "std::runtime_error: it broke for [OMITTED] (thrown at x.cpp:1)");
}

TEST_CASE("a logger with a higher level writes errors only") {
    auto one = request_of("GET", "/x");
    CHECK(logged(one, 0, mozlog::severity::warning).empty());
    one.facts.error = "broken";
    CHECK_FALSE(logged(one, 0, mozlog::severity::warning).empty());
}

TEST_CASE("a repeated header or parameter is logged once, with its last value") {
    auto one = request_of("GET", "/x?a=1&b=2&a=3");
    one.http.headers = {{"x-a", "1"}, {"x-b", "2"}, {"x-a", "3"}};
    const auto text = logged(one);
    CHECK(text.find(R"("query":{"b":"2","a":"3"})") != std::string::npos);
    CHECK(text.find(R"("headers":{"x-b":"2","x-a":"3"})") != std::string::npos);
}

TEST_CASE("secrets in headers and queries are omitted") {
    auto one = request_of("GET", "/x?primary_email=x&fxa_primary_email=x&client_secret=hidden&token=hidden&sfdc_id=kept");
    one.http.headers = {{"authorization", "Bearer hidden"},
                        {"cookie", "a=hidden"},
                        {"proxy-authorization", "hidden"},
                        {"x-api-key", "hidden"},
                        {"x-y", "kept"}};
    const auto text = logged(one);
    CHECK(text.find("hidden") == std::string::npos);
    const auto fields = fields_of(one);
    CHECK(boost::json::serialize(fields.at("query")) ==
          R"({"primary_email":"[OMITTED]","fxa_primary_email":"[OMITTED]","client_secret":"[OMITTED]",)"
          R"("token":"[OMITTED]","sfdc_id":"kept"})");
    CHECK(boost::json::serialize(fields.at("headers")) ==
          R"({"authorization":"[OMITTED]","cookie":"[OMITTED]","proxy-authorization":"[OMITTED]","x-api-key":"[OMITTED]","x-y":"kept"})");
}

TEST_CASE("no address gets into the line from any part of a request") {
    const std::string address = "jane.doe@example.com";
    auto one =
        routed(delete_contact, "/ctms/jane.doe%40example.com?note=jane.doe@example.com&jane.doe%40example.com=1", "primary_email", address);
    one.http.headers = {{"user-agent", "mailto " + address}, {"referer", "https://x/?q=jane.doe%40example.com"}, {"x-" + address, "1"}};
    one.http.id = address;
    one.facts.client_id = address;
    one.facts.error = "Key (primary_email)=(" + address + ") already exists";
    one.facts.traceback = address;
    one.facts.auth_fail = address;
    one.http.method = "DELETE";
    const auto text = logged(one);
    CHECK(text.find("jane") == std::string::npos);
    CHECK(text.find("example.com") == std::string::npos);
    const auto fields = fields_of(one);
    CHECK(fields.at("path") == "/ctms/[OMITTED]");
    CHECK(boost::json::serialize(fields.at("path_params")) == R"({"primary_email":"[OMITTED]"})");
    CHECK(fields.at("msg").as_string().find("'DELETE /ctms/[OMITTED] HTTP/1.1'") != boost::json::string::npos);
}

TEST_CASE("no address gets into the line for a path without a route") {
    for (const std::string target :
         {"/nothing/jane@example.com", "/jane%40example.com/x", "/jane%2540example.com", "/x/john%20jane@example.com"}) {
        CAPTURE(target);
        const auto text = logged(request_of("GET", target));
        CHECK(text.find("jane") == std::string::npos);
        CHECK(text.find("example.com") == std::string::npos);
    }
}

TEST_CASE("an address in a path is omitted completely even if it is not valid") {
    const auto text = logged(routed(delete_contact, "/ctms/no-at-sign", "primary_email", "no-at-sign"));
    CHECK(text.find("no-at-sign") == std::string::npos);
    CHECK(text.find("/ctms/[OMITTED]") != std::string::npos);
}

TEST_CASE("nothing in a request without a route reveals a secret or an address") {
    for (const std::string target : {"/token%3Fclient_secret=hidden", "/ctms/hidden/x@example.com", "/hidden/x%40example.com/",
                                     "/ctms/hidden%20x@example.com/y", "/ctms/x@y/hidden", "/x;token=hidden", "/a?client_secret+=hidden",
                                     "/a?authorization=Bearer+hidden", "/a?client_secret%3Dhidden", "/a?Client%255Fsecret=hidden"}) {
        CAPTURE(target);
        auto one = request_of("POST", target);
        one.http.headers = {{"x-original-url", target}, {"referer", "https://example.org" + target}};
        CHECK(logged(one).find("hidden") == std::string::npos);
    }
    CHECK(fields_of(request_of("GET", "/ctms/a/b@example.com")).at("path") == "/ctms/[OMITTED]");
    CHECK(fields_of(request_of("GET", "/other/b@example.com")).at("path") == "/[OMITTED]");
    CHECK(fields_of(request_of("GET", "/ctms/")).at("path") == "/ctms/");
    auto odd = request_of("alice'", "/");
    CHECK(logged(odd).find("alice") == std::string::npos);
    CHECK(fields_of(odd).at("method") == "[OMITTED]");
    CHECK(fields_of(request_of("PROPFIND", "/")).at("method") == "PROPFIND");
}

TEST_CASE("the length of a line is limited, whatever is sent") {
    constexpr std::size_t most = 24 * 1024;
    constexpr std::size_t sent = 15'900;
    for (const std::string unit : {"\x80", "\"", "\x01", "@,", "a@b ", "\u202e", "\xc2\x80", "\\", "&", "=&", "x", "%25", "\xff"}) {
        CAPTURE(unit);
        std::string text;
        while (text.size() < sent) text += unit;
        std::vector<exchange> all;
        all.push_back(request_of("GET", "/"));
        all.back().http.path = "/" + text;
        all.push_back(request_of("GET", "/"));
        all.back().http.query = text;
        all.push_back(request_of(text, "/"));
        all.push_back(request_of("GET", "/"));
        all.back().http.headers = {{"x-a", text}, {"x-b", text}};
        all.push_back(request_of("GET", "/"));
        all.back().http.headers = {{text, text}};
        all.push_back(request_of("GET", "/"));
        for (int i = 0; i < 4'000; ++i) all.back().http.headers.emplace_back("x" + std::to_string(i), unit);
        all.push_back(routed(get_contact, "/ctms/x", "email_id", text));
        all.push_back(request_of("GET", "/"));
        all.back().facts.client_id = text;
        all.push_back(request_of("GET", "/"));
        all.back().facts.error = all.back().facts.traceback = text;
        all.push_back(request_of("POST", "/stripe"));
        all.back().facts = ingested(text);
        all.push_back(request_of("POST", "/stripe"));
        all.back().facts = ingested(text);
        all.back().facts.error = all.back().facts.traceback = text;
        all.back().http.headers = {{"x-a", text}, {"x-b", text}};
        for (int i = 0; i < 4'000; ++i) all.back().http.headers.emplace_back("x" + std::to_string(i), unit);
        for (const auto& one : all) {
            const auto line = logged(one);
            CHECK(line.size() < most);
            CHECK(parsed(line).at("Fields").as_object().contains("msg"));
        }
    }
}

TEST_CASE("a long body of a traced request appears as a string with its beginning") {
    auto one = request_of("POST", "/stripe");
    one.facts.trace = "jane+trace_me_mozilla_1@example.com";
    const std::string names(19'000, 'x');
    one.facts.trace_json = R"({"name":")" + names + R"("})";
    CHECK(fields_of(one).at("trace_json").as_object().at("name").as_string() == names);
    CHECK_FALSE(fields_of(one).contains("shortened"));
    one.facts.trace_json = R"({"other":"bob@example.com","name":")" + names + names + R"("})";
    const auto fields = fields_of(one);
    const std::string text(fields.at("trace_json").as_string());
    CHECK(text.starts_with(R"({"other":"[OMITTED]","name":"xxx)"));
    CHECK(text.ends_with("x..."));
    CHECK(text.size() > 19'000);
    CHECK(fields.at("shortened").as_bool());
}

TEST_CASE("addresses are removed before a text is shortened") {
    auto one = request_of("POST", "/stripe");
    for (std::size_t before = 2'030; before < 2'060; ++before) {
        one.facts.error = one.facts.ingest_error = std::string(before, 'x') + " jane.doe@example.com";
        CHECK(logged(one).find("jane") == std::string::npos);
    }
}

TEST_CASE("a shortened line says so") {
    auto one = request_of("GET", "/x?a=1");
    one.http.headers = {{"host", "a"}, {"x-long", std::string(3'000, 'x')}, {"x-last", "kept"}};
    const auto fields = fields_of(one);
    CHECK(fields.at("shortened").as_bool());
    CHECK(fields.at("headers").as_object().at("x-long").as_string() == std::string(1'024, 'x') + "...");
    CHECK(fields.at("headers").as_object().at("x-last") == "kept");
    one.http.headers[1].second = "\u00e9";
    CHECK_FALSE(fields_of(one).contains("shortened"));
}

TEST_CASE("a traced address is logged, and its write with the body") {
    const std::string address = "jane+trace_me_mozilla_1@example.com";
    auto one = routed(delete_contact, "/ctms/x", "primary_email", address);
    one.facts.trace = address;
    one.facts.trace_json = R"({"email":{"primary_email":")" + address + R"(","first_name":"other@example.com","n":1.50}})";
    const auto text = logged(one);
    const auto fields = fields_of(one);
    CHECK(fields.at("path").as_string() == "/ctms/" + address);
    CHECK(fields.at("trace").as_string() == address);
    CHECK(
        text.find(R"("trace_json":{"email":{"primary_email":"jane+trace_me_mozilla_1@example.com","first_name":"[OMITTED]","n":1.50}})") !=
        std::string::npos);
}

TEST_CASE("a line stays valid JSON if the request has bytes that are not UTF-8") {
    auto one = request_of("GET", "/x");
    one.http.headers = {{"user-agent", "\xFF\xFE \xC3 control \x01"}};
    CHECK(fields_of(one).at("headers").as_object().contains("user-agent"));
}

TEST_CASE("successful requests from monitoring systems are trivial") {
    const auto trivial = [](const request& http, int status = 200) { return is_trivial(http, status); };
    const header_list kubernetes{{"user-agent", "kube-probe/1.29"}};
    const header_list prometheus{{"user-agent", "Prometheus/2.45"}};
    const header_list amazon{{"user-agent", "Amazon-Route53-Health-Check-Service (ref x)"}};
    const header_list new_relic{{"x-newrelic-synthetics", "x"},
                                {"x-abuse-info", "Request sent by a New Relic Synthetics Monitor (https://x)"}};
    CHECK(trivial(monitoring("GET", "/__lbheartbeat__", kubernetes)));
    CHECK(trivial(monitoring("GET", "/metrics", prometheus)));
    CHECK(trivial(monitoring("GET", "/__heartbeat__", amazon)));
    CHECK(trivial(monitoring("GET", "/__heartbeat__", new_relic)));
    CHECK(trivial(monitoring("GET", "/", {}), 307));
    CHECK_FALSE(trivial(monitoring("GET", "/", {}), 200));
    CHECK_FALSE(trivial(monitoring("GET", "/__lbheartbeat__", kubernetes), 503));
    CHECK_FALSE(trivial(monitoring("HEAD", "/__lbheartbeat__", kubernetes)));
    CHECK_FALSE(trivial(monitoring("GET", "/__heartbeat__", kubernetes)));
    CHECK_FALSE(trivial(monitoring("GET", "/__lbheartbeat__", prometheus)));
    CHECK_FALSE(trivial(monitoring("GET", "/ctms", kubernetes)));
    CHECK_FALSE(trivial(monitoring("GET", "/__lbheartbeat__", {})));
    CHECK_FALSE(trivial(monitoring("GET", "/__heartbeat__", {{"x-newrelic-synthetics", ""}, new_relic[1]})));
    CHECK_FALSE(trivial(monitoring("GET", "/__heartbeat__", {new_relic[0], {"x-abuse-info", "other"}})));
    CHECK_FALSE(trivial(monitoring("GET", "/__heartbeat__", {new_relic[0]})));
}

TEST_CASE("a trivial request is marked and other requests are not") {
    auto one = request_of("GET", "/__lbheartbeat__");
    CHECK_FALSE(fields_of(one).contains("trivial"));
    one.http.headers = {{"user-agent", "kube-probe/1.29"}};
    CHECK(fields_of(one).at("trivial").as_bool());
}
