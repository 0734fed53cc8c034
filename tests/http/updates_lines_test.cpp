// SPDX-License-Identifier: MPL-2.0
// /updates as NDJSON: its contents.
#include <support/gunzip.hpp>
#include <support/web_fixture.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <base/base64.hpp>

#include <algorithm>
#include <sstream>

namespace ctms::test {
namespace {

constexpr auto span = "/updates?start=2020-01-01T00:00:00Z&end=2020-03-01T00:00:00Z";

http_answer lines_of(web_fixture& server, const std::string& target, header_list headers = {}) {
    headers.push_back(server.authorization());
    headers.emplace_back("Accept", "application/x-ndjson");
    return server.ask("GET", target, headers);
}

std::vector<std::string> split(const std::string& body) {
    std::istringstream all(body);
    std::vector<std::string> out;
    for (std::string line; std::getline(all, line);) out.push_back(line);
    return out;
}

/// Adds contacts of all kinds, several with the same timestamp.
void fill(web_fixture& server, int contacts) {
    server.sql(fmt::format(
        "insert into emails (email_id, primary_email, update_timestamp) select gen_random_uuid(), 'c-' || n, "
        "timestamptz '2020-02-02 02:02:02.123456+00' + (n / 40) * interval '1 second' from generate_series(1, {}) n;"
        "insert into mofo (email_id, mofo_relevant) select email_id, primary_email < 'c-3' from emails where primary_email < 'c-5';"
        "insert into newsletters (email_id, name, lang, subscribed, update_timestamp) select email_id, name, 'de', true, now() from "
        "emails, "
        "unnest(array['b', 'a']) name where primary_email like '%1';"
        "insert into waitlists (email_id, name, fields, update_timestamp) select email_id, 'vpn', '{{\"geo\":\"d\\u00e9\\n\"}}', now() "
        "from "
        "emails where primary_email like '%2'",
        contacts));
}

/// Returns the items of all pages as they are written there.
std::string items_of_pages(web_fixture& server, std::string target) {
    std::string out;
    while (!target.empty()) {
        const auto answer = server.get(target);
        REQUIRE(answer.status == 200);
        const std::string begin = R"("items":[)";
        const auto at = answer.body.find(begin) + begin.size();
        if (at < answer.body.size() - 2) (out += out.empty() ? "" : ",") += answer.body.substr(at, answer.body.size() - at - 2);
        const auto next = boost::json::parse(answer.body).at("next");
        target = next.is_null() ? "" : std::string(next.as_string()).substr(std::string_view("http://localhost:8000").size());
    }
    return out;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) (out += out.empty() ? "" : ",") += line;
    return out;
}

/// Returns the cursor that continues after a line, made as docs/api.md tells clients.
std::string cursor_behind(const std::string& line) {
    const auto contact = boost::json::parse(line);
    const auto& email = contact.at("email");
    return base64url_encode(std::string(email.at("email_id").as_string()) + "," + std::string(email.at("update_timestamp").as_string()));
}

} // namespace

TEST_CASE("the lines are the items of all pages, in order") {
    web_fixture server;
    constexpr int contacts = 1234;
    fill(server, contacts);
    const auto answer = lines_of(server, span);
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type") == "application/x-ndjson");
    CHECK(answer.header("transfer-encoding") == "chunked");
    CHECK_FALSE(answer.has_header("content-length"));
    CHECK(answer.body.ends_with("}\n"));
    const auto lines = split(answer.body);
    CHECK(lines.size() == contacts);
    const bool same = joined(lines) == items_of_pages(server, std::string(span) + "&limit=100");
    CHECK(same);
    const auto fields = server.fields_of(answer);
    CHECK(fields.at("status_code") == 200);
    CHECK_FALSE(fields.contains("cut"));
}

TEST_CASE("lines are filtered like pages") {
    web_fixture server;
    fill(server, 700);
    for (const std::string filter : {"&mofo_relevant=true", "&mofo_relevant=false"}) {
        const auto lines = split(lines_of(server, span + filter).body);
        CHECK(lines.size() > 200);
        const bool same = joined(lines) == items_of_pages(server, span + filter + "&limit=1000");
        CHECK(same);
    }
}

TEST_CASE("a client that does not prefer lines gets a page as before") {
    web_fixture server;
    fill(server, 3);
    const auto page = server.get(span);
    for (const std::string accept :
         {"*/*", "application/json", "application/x-ndjson;q=0", "application/x-ndjson;q=0.1, application/json"}) {
        const auto answer = server.ask("GET", span, {server.authorization(), {"Accept", accept}});
        CHECK(answer.body == page.body);
        CHECK(answer.header("content-type") == "application/json");
        CHECK(answer.header("content-length") == std::to_string(page.body.size()));
    }
}

TEST_CASE("a time span without contacts gives no lines") {
    web_fixture server;
    const auto answer = lines_of(server, span);
    CHECK(answer.status == 200);
    CHECK(answer.body.empty());
    CHECK(answer.header("content-type") == "application/x-ndjson");
}

TEST_CASE("a client can continue after the last contact that it has received") {
    web_fixture server;
    fill(server, 90);
    const auto all = split(lines_of(server, span).body);
    REQUIRE(all.size() == 90);
    for (const std::size_t had : {1U, 40U, 89U, 90U}) {
        const auto rest = split(lines_of(server, std::string(span) + "&after=" + cursor_behind(all[had - 1])).body);
        CHECK(rest == std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(had), all.end()));
    }
}

TEST_CASE("a given limit is the maximum number of lines") {
    web_fixture server;
    fill(server, 250);
    const auto all = split(lines_of(server, std::string(span) + "&limit=").body);
    CHECK(all.size() == 250);
    for (const std::size_t limit : {1U, 100U, 101U, 249U, 250U, 1000U}) {
        const auto lines = split(lines_of(server, fmt::format("{}&limit={}", span, limit)).body);
        CHECK(lines == std::vector<std::string>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()))));
    }
}

TEST_CASE("a query that is refused for pages is refused for lines with the same message") {
    web_fixture server;
    for (const std::string query : {"", "?start=x", "?start=2020-01-01T00:00:00Z&limit=0", "?start=2020-01-01T00:00:00Z&limit=1001",
                                    "?start=2020-01-01T00:00:00Z&after=x", "?start=2020-01-01T00:00:00Z&end=x&limit=y&mofo_relevant=z"}) {
        const auto page = server.get("/updates" + query);
        const auto lines = lines_of(server, "/updates" + query);
        CHECK(lines.status == 422);
        CHECK(lines.body == page.body);
        CHECK(lines.header("content-type") == "application/json");
    }
    const auto stranger = server.ask("GET", span, {{"Accept", "application/x-ndjson"}});
    CHECK(stranger.status == 401);
    const auto head = server.ask("HEAD", span, {server.authorization(), {"Accept", "application/x-ndjson"}});
    CHECK(head.status == 200);
    CHECK(head.header("content-type") == "application/x-ndjson");
    CHECK(head.body.empty());
}

TEST_CASE("lines are compressed if the client accepts it") {
    web_fixture server;
    fill(server, 800);
    const auto plain = lines_of(server, span);
    const auto packed = lines_of(server, span, {{"Accept-Encoding", "gzip"}});
    CHECK(packed.header("content-encoding") == "gzip");
    CHECK(packed.header("transfer-encoding") == "chunked");
    CHECK(packed.header("vary") == "Accept, Accept-Encoding");
    CHECK(packed.body.size() < plain.body.size() / 4);
    const bool same = gunzip(packed.body) == plain.body;
    CHECK(same);
    CHECK(plain.header("content-encoding").empty());
    CHECK(plain.header("vary") == "Accept, Accept-Encoding");
    const auto none = lines_of(server, "/updates?start=2021-01-01T00:00:00Z", {{"Accept-Encoding", "gzip"}});
    CHECK(none.header("content-encoding").empty()); // too short
    CHECK(none.header("content-length") == "0");
}

} // namespace ctms::test
