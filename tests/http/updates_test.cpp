// SPDX-License-Identifier: MPL-2.0
// /updates: following its pages gives every contact exactly once.
#include "support/web_fixture.hpp"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <thread>

namespace ctms::test {
namespace {

constexpr auto prefix = "http://localhost:8000";

/// Follows `next` from the first page to the last, and returns the addresses in order.
std::vector<std::string> follow(web_fixture& server, std::string target) {
    std::vector<std::string> found;
    while (!target.empty()) {
        const auto answer = server.get(target);
        REQUIRE(answer.status == 200);
        const auto page = boost::json::parse(answer.body).as_object();
        for (const auto& item : page.at("items").as_array()) found.emplace_back(item.at("email").at("primary_email").as_string());
        const auto& next = page.at("next");
        CHECK(next.is_null() == page.at("after").is_null());
        if (next.is_null()) break;
        const std::string url(next.as_string());
        REQUIRE(url.starts_with(prefix));
        target = url.substr(std::string_view(prefix).size());
    }
    return found;
}

void fill(web_fixture& server, int contacts) {
    server.sql(fmt::format("insert into emails (email_id, primary_email, update_timestamp) "
                           "select gen_random_uuid(), 'same-' || n, '2020-02-02 02:02:02.123456+00' from generate_series(1, {}) n",
                           contacts));
}

} // namespace

TEST_CASE("contacts with the same timestamp are returned exactly once each while others are written") {
    web_fixture server;
    constexpr int contacts = 5000;
    fill(server, contacts);
    const std::jthread writer([&](const std::stop_token& stop) { // ends with this block, even if an assertion fails
        for (int n = 0; !stop.stop_requested(); ++n) {
            (void)ask(server.port(), "POST", "/ctms", {server.authorization(), {"Content-Type", "application/json"}},
                      fmt::format(R"({{"email":{{"primary_email":"other-{}"}}}})", n));
        }
    });
    for (const int limit : {7, 100, 1000}) {
        const auto found = follow(server, fmt::format("/updates?start=2020-01-01T00:00:00Z&end=2020-03-01T00:00:00Z&limit={}", limit));
        CHECK(found.size() == contacts);
        CHECK(std::set<std::string>(found.begin(), found.end()).size() == contacts);
    }
}

TEST_CASE("a page that is exactly full has a next page, and that page is empty") {
    web_fixture server;
    fill(server, 4);
    const auto first = boost::json::parse(server.get("/updates?start=2020-01-01T00:00:00Z&limit=4").body).as_object();
    CHECK(first.at("items").as_array().size() == 4);
    REQUIRE(first.at("next").is_string());
    CHECK(follow(server, "/updates?start=2020-01-01T00:00:00Z&limit=4").size() == 4);
}

TEST_CASE("pages are in order of time and do not include the end") {
    web_fixture server;
    server.sql("insert into emails (email_id, primary_email, update_timestamp) values "
               "(gen_random_uuid(), 'third', '2020-01-01 00:00:03+00'), (gen_random_uuid(), 'first', '2020-01-01 00:00:01+00'), "
               "(gen_random_uuid(), 'second', '2020-01-01 00:00:02+00'), (gen_random_uuid(), 'end', '2020-01-01 00:00:04+00')");
    const auto found = follow(server, "/updates?start=2020-01-01T00:00:01Z&end=2020-01-01T01:00:04%2B01:00&limit=2");
    CHECK(found == std::vector<std::string>{"first", "second", "third"});
}

TEST_CASE("the filter mofo_relevant continues through the pages") {
    web_fixture server;
    fill(server, 30);
    server.sql(
        "insert into mofo (email_id, mofo_relevant) select email_id, primary_email < 'same-2' from emails where primary_email < 'same-3'");
    const auto count = [&](const char* filter) {
        return follow(server, fmt::format("/updates?start=2020-01-01T00:00:00Z&limit=3&mofo_relevant={}", filter)).size();
    };
    const auto relevant = static_cast<std::size_t>(server.sql("select count(*) from mofo where mofo_relevant").integer(0, 0));
    CHECK(relevant > 3);
    CHECK(count("true") == relevant);
    CHECK(count("false") == 30 - relevant);
    CHECK(count("") == 30);
}

TEST_CASE("a page of relevant contacts ends after many others, and `next` leads on") {
    web_fixture server;
    // 25,010 relevant contacts in the first second, 25,100 others in the second one, and 3 relevant ones in the third. Only pages that
    // begin among the others are read: a test of the repository reads them all.
    server.sql("insert into emails (email_id, primary_email, update_timestamp) select gen_random_uuid(), 'c-' || n, timestamptz "
               "'2020-02-02 00:00:00+00' + (n > 25010)::int * interval '1 second' + (n > 50110)::int * interval '1 second'"
               " from generate_series(1, 50113) n;"
               "insert into mofo (email_id, mofo_relevant) select email_id, true from emails"
               " where update_timestamp <> '2020-02-02 00:00:01+00'");
    const std::string others_first = "/updates?start=2020-02-02T00:00:01Z&end=2020-03-01T00:00:00Z&mofo_relevant=true";
    const auto first = boost::json::parse(server.get(others_first).body);
    CHECK(first.at("items").as_array().empty());
    CHECK(first.at("next").is_string());
    const auto found = follow(server, others_first);
    CHECK(std::set<std::string>(found.begin(), found.end()) == std::set<std::string>{"c-50111", "c-50112", "c-50113"});
    const auto relevant_first = server.get("/updates?start=2020-02-02T00:00:00Z&end=2020-03-01T00:00:00Z&limit=5&mofo_relevant=false");
    CHECK(boost::json::parse(relevant_first.body).at("items").as_array().empty());
    CHECK(boost::json::parse(relevant_first.body).at("next").is_string());
    const auto lines = [&](std::string_view limit) {
        const auto answer =
            server.ask("GET", fmt::format("{}{}", others_first, limit), {server.authorization(), {"Accept", "application/x-ndjson"}});
        CHECK(answer.status == 200);
        return std::count(answer.body.begin(), answer.body.end(), '\n');
    };
    CHECK(lines("") == 3);
    CHECK(lines("&limit=2") == 2);
    CHECK(lines("&limit=1000") == 3);
}

TEST_CASE("cursors from the Python service are accepted") {
    web_fixture server;
    server.sql("insert into emails (email_id, primary_email, update_timestamp) values "
               "('10000000-0000-4000-8000-000000000000', 'a', '2020-01-01 00:00:01.5+00'), "
               "('20000000-0000-4000-8000-000000000000', 'b', '2020-01-01 00:00:01.5+00')");
    // "10000000-0000-4000-8000-000000000000,2020-01-01 00:00:01.500000+00:00"
    const auto found = follow(server, "/updates?start=2020-01-01T00:00:00Z&after="
                                      "MTAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAwLDIwMjAtMDEtMDEgMDA6MDA6MDEuNTAwMDAwKzAwOjAw");
    CHECK(found == std::vector<std::string>{"b"});
}

} // namespace ctms::test
