// SPDX-License-Identifier: MPL-2.0
// What an event for Sentry contains, and what it must not contain.
#include <support/captured_log.hpp>
#include <support/empty_handler.hpp>
#include <support/sentry_event.hpp>

#include <web/server/request_log.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using ctms::support::sentry_envelope;
using ctms::test::empty_handler;
using ctms::test::memory_sink;

namespace {

const support::sentry_origin origin{
    .program = "ctms-web", .environment = "stage", .release = "ctms@1.2.3+0123456789ab", .server_name = "pod-1"};
constexpr auto id = "0123456789abcdef0123456789abcdef";

std::vector<std::string> lines_of(const std::string& envelope) {
    std::istringstream in(envelope);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

boost::json::object event_in(const std::string& envelope) { return boost::json::parse(lines_of(envelope).at(2)).as_object(); }

boost::json::object event_of(std::string_view type, const mozlog::fields& members, std::string_view message,
                             mozlog::severity level = mozlog::severity::error, std::uint64_t left_out = 0) {
    const mozlog::record line{std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'250)), level, type,
                              members.json(), message};
    return event_in(sentry_envelope(line, origin, id, left_out));
}

constexpr web::route get_contact{"GET", "/ctms/{email_id}", empty_handler, web::lane::read, web::body_kind::none, model::role::read};

} // namespace

TEST_CASE("Sentry: an envelope has a header, the header of its item, and the event, whose length the item names") {
    const mozlog::record line{std::chrono::system_clock::time_point(), mozlog::severity::error, "ctms.x", "", "It failed"};
    const auto lines = lines_of(sentry_envelope(line, origin, id, 0));
    REQUIRE(lines.size() == 3);
    CHECK(boost::json::parse(lines[0]).at("event_id") == id);
    CHECK(boost::json::parse(lines[0]).at("sent_at").as_string().size() >= 25);
    const auto item = boost::json::parse(lines[1]);
    CHECK(item.at("type") == "event");
    CHECK(item.at("content_type") == "application/json");
    CHECK(item.at("length").to_number<std::size_t>() == lines[2].size());
}

TEST_CASE("Sentry: an event says when, where, in which release and how bad") {
    const auto event = event_of("ctms.bin.acoustic_sync", {}, "The cycle makes no progress", mozlog::severity::critical, 7);
    CHECK(event.at("event_id") == id);
    CHECK(event.at("timestamp").as_double() == doctest::Approx(1'700'000'000.25));
    CHECK(event.at("level") == "fatal");
    CHECK(event.at("logger") == "ctms.bin.acoustic_sync");
    CHECK(event.at("release") == "ctms@1.2.3+0123456789ab");
    CHECK(event.at("environment") == "stage");
    CHECK(event.at("server_name") == "pod-1");
    CHECK(event.at("message").at("formatted") == "The cycle makes no progress");
    CHECK(event.at("tags").at("program") == "ctms-web");
    CHECK(event.at("extra").at("events_left_out") == 7);
    CHECK_FALSE(event.contains("exception"));
}

TEST_CASE("Sentry: a traceback becomes an exception with the place where it was thrown") {
    mozlog::fields members;
    SUBCASE("with its place") {
        members.add("error", "std::runtime_error: no").add("traceback", "std::runtime_error: no (thrown at src/a.cpp:17)");
        const auto exception = event_of("t", members, "m").at("exception").at("values").at(0);
        CHECK(exception.at("type") == "std::runtime_error");
        CHECK(exception.at("value") == "no");
        const auto frame = exception.at("stacktrace").at("frames").at(0);
        CHECK(frame.at("filename") == "src/a.cpp");
        CHECK(frame.at("lineno") == 17);
    }
    SUBCASE("without a place") {
        members.add("exception", "transient failure: 503 (thrown at x)");
        const auto exception = event_of("t", members, "m").at("exception").at("values").at(0);
        CHECK(exception.at("type") == "transient failure");
        CHECK(exception.at("value") == "503 (thrown at x)");
        CHECK_FALSE(exception.as_object().contains("stacktrace"));
    }
    SUBCASE("without a type") {
        members.add("error", "gone");
        const auto exception = event_of("t", members, "m").at("exception").at("values").at(0);
        CHECK(exception.at("type") == "Error");
        CHECK(exception.at("value") == "gone");
    }
}

TEST_CASE("Sentry: failures of one kind and route are one group, whatever the ids in the path") {
    const auto fingerprint = [](std::string_view path, std::string_view error) {
        mozlog::fields members;
        members.add("method", "GET").add("path", path).add("path_template", "/ctms/{email_id}").add("status_code", 503).add("error", error);
        return event_of("ctms.web", members, path).at("fingerprint");
    };
    CHECK(fingerprint("/ctms/1", "unavailable: a") == fingerprint("/ctms/2", "unavailable: b"));
    CHECK(fingerprint("/ctms/1", "unavailable: a") != fingerprint("/ctms/1", "std::bad_alloc: a"));
}

TEST_CASE("Sentry: the event of a failed request holds its id and route, and nothing about a person") {
    web::exchange one;
    one.matched = &get_contact;
    one.http.method = "GET";
    one.http.id = "rid-1";
    one.http.path = one.http.target = "/ctms/0d3ae1cc-path";
    one.http.query = "primary_email=query@example.com&name=Quentin";
    one.http.peer_address = "192.0.2.7";
    one.http.headers = {{"user-agent", "agent-of-a-person"}, {"x-forwarded-for", "198.51.100.9"}, {"authorization", "Bearer token"}};
    one.path_parameters = {{"email_id", "0d3ae1cc-path"}};
    one.facts.client_id = "id_news";
    one.facts.trace = "me+trace_me_mozilla_1@example.com";
    one.facts.trace_json = R"({"first_name":"Traced"})";
    one.facts.error = "pqxx::broken_connection: lost while storing someone@example.com";
    one.facts.traceback = one.facts.error + " (thrown at pool.cpp:4)";
    one.answer.status = 503;

    std::string envelope;
    std::string lines;
    {
        mozlog::options options;
        options.on_error = [&](const mozlog::record& line) { envelope = sentry_envelope(line, origin, id, 0); };
        mozlog::logger log(options, std::make_unique<memory_sink>(lines));
        web::log_request(log, one, 0.1, web::all_routes());
    }
    const auto event = event_in(envelope);
    CHECK(event.at("message").at("formatted") == "GET /ctms/{email_id} 503");
    CHECK(event.at("transaction") == "GET /ctms/{email_id}");
    CHECK(event.at("tags").at("rid") == "rid-1");
    CHECK(event.at("tags").at("client_id") == "id_news");
    CHECK(event.at("tags").at("status_code") == "503");
    CHECK(event.at("exception").at("values").at(0).at("type") == "pqxx::broken_connection");
    for (const auto* personal :
         {"@example.com", "Quentin", "192.0.2.7", "198.51.100.9", "agent-of-a-person", "Bearer", "0d3ae1cc", "Traced"}) {
        CAPTURE(personal);
        CHECK(envelope.find(personal) == std::string::npos);
    }
}
