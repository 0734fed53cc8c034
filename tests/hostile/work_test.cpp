// SPDX-License-Identifier: MPL-2.0
// Requests within all size limits that try to cause more work than their size justifies. Measures CPU time, not elapsed time.
#include "peer.hpp"
#include "target.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1024 * 1024;
constexpr std::size_t longest_header = 15 * 1024; ///< with which a request still fits

/// Repeats `text` up to `size` bytes.
std::string filled(std::string_view text, std::size_t size) {
    std::string out;
    while (out.size() + text.size() <= size) out += text;
    return out;
}

struct costly {
    std::string what;
    std::string request;
};

/// Sends each request several times and checks that one takes at most `most` CPU time.
void check_cost(target& server, const std::vector<costly>& all, std::chrono::milliseconds most, int times) {
    for (const auto& attack : all) {
        CAPTURE(attack.what);
        const auto before = server.cpu_time();
        for (int i = 0; i < times; ++i) {
            peer attacker(server.port());
            REQUIRE(attacker.send(attack.request, 20s * slowness));
            const auto answer = attacker.receive(30s * slowness);
            CHECK(answer.status != 500);
            CHECK(answer.status != 0);
        }
        const auto each = (server.cpu_time() - before) / times;
        if (each > most / 5) MESSAGE(attack.what, ": ", each.count(), " ms");
        CHECK(each <= most * slowness);
    }
}

std::string form(std::string_view body, const std::string& type = "application/x-www-form-urlencoded") {
    return request_text("POST", "/token", {{"Content-Type", type}}, body);
}

std::string multipart(std::string_view headers, std::string_view rest = "x\r\n--b--\r\n") {
    return form(fmt::format("--b\r\n{}\r\n\r\n{}", headers, rest), "multipart/form-data; boundary=b");
}

std::string with_header(const std::string& path, const std::string& name, const std::string& value) {
    return request_text("GET", path, {{"Authorization", target::bearer()}, {name, value}});
}

std::string list_of(const std::string& member, std::string_view item, std::size_t count) {
    auto items = filled(std::string(item) + ",", (item.size() + 1) * count);
    items.pop_back();
    return fmt::format(R"({{"email":{{"primary_email":"a@example.com"}},"{}":[{}]}})", member, items);
}

} // namespace

TEST_CASE("forms of 1 MiB take little CPU time") {
    survives([](target& server) {
        const auto size = mib - 2'000;
        const std::vector<costly> all{
            {"ampersands", form(filled("&", size))},
            {"empty pairs", form(filled("=&", size))},
            {"short pairs", form(filled("a=&", size))},
            {"percent signs", form(filled("%", size))},
            {"bytes that are not UTF-8", form("client_id=" + filled("%ff", size))},
            {"truncated UTF-8 characters", form("client_id=" + filled("\xf0\x90\x80", size))},
            {"semicolons in a part's header", multipart("Content-Disposition: form-data" + filled(";a", size))},
            {"semicolons and spaces in a part's header", multipart("Content-Disposition: form-data" + filled("; ", size))},
            {"quotes in a part's header", multipart("Content-Disposition: form-data" + filled(";a=\"", size))},
            {"escaped quotes in a part's header", multipart("Content-Disposition: form-data; name=\"" + filled("\\\"", size))},
            {"lines in a part's header", multipart(filled("a\r\n", size))},
            {"colons in a part's header", multipart(filled(":\r\n", size))},
            {"spaces in a part's header", multipart("Content-Disposition:" + filled(" ", size) + "x")},
            {"parts", multipart("a: b", filled("x\r\n--b\r\na: b\r\n\r\n", size))},
            {"named parts", multipart("a: b", filled("x\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n", size) + "x\r\n--b--")},
            {"prefixes of a delimiter", multipart("a: b", filled("\r\n--", size))},
            {"delimiters without headers", form(filled("--b\r\n", size), "multipart/form-data; boundary=b")},
            {"a long boundary that almost occurs",
             form("--" + filled("b", 8'000) + "\r\n\r\n" + filled("\r\n--" + filled("b", 7'900), size - 20'000),
                  "multipart/form-data; boundary=" + filled("b", 8'000))},
            {"a boundary of one byte", form(filled("-", size), "multipart/form-data; boundary=-")},
            {"semicolons in the content type", form("a=b", "multipart/form-data" + filled(";a", longest_header))},
        };
        check_cost(server, all, 300ms, 2);
    });
}

TEST_CASE("JSON of 1 MiB takes little CPU time") {
    survives([](target& server) {
        const auto size = mib - 2'000;
        const auto post = [](std::string_view json) { return target::request("POST", "/ctms", json); };
        std::string members;
        for (int i = 0; i < 9'999; ++i) members += fmt::format(R"("a{}":1,)", i);
        const std::vector<costly> all{
            {"quotes", post("{" + filled("\"", size))},
            {"control characters", post("{" + filled("\x01", size))},
            {"bytes that are not UTF-8", post("{" + filled("\xff", size))},
            {"backslashes", post("{\"" + filled("\\", size))},
            {"an unterminated string", post("{\"a\":\"" + filled("a", size))},
            {"lines", post(filled("\n", size))},
            {"nested lists", post(filled("[", size))},
            {"nested objects", post(filled(R"({"a":)", size))},
            {"a long string", post("\"" + filled("a", size) + "\"")},
            {"escapes", post("\"" + filled("\\u0000", size) + "\"")},
            {"lone surrogates", post("\"" + filled("\\ud800", size) + "\"")},
            {"digits", post(filled("9", size))},
            {"digits after the decimal point", post("0." + filled("9", size))},
            {"a large exponent", post("1e" + filled("9", size))},
            {"spaces", post(filled(" ", size) + "{}")},
            {"numbers in a list", post("[" + filled("1,", size) + "1]")},
            {"members", post("{" + members + R"("a":1})")},
            {"a repeated member", post("{" + filled(R"("a":1,)", 60'000) + R"("a":1})")},
            {"invalid newsletters", post(list_of("newsletters", "1", 9'999))},
            {"empty newsletters", post(list_of("newsletters", "{}", 9'999))},
            {"newsletters with the same name", post(list_of("newsletters", R"({"name":"a"})", 9'999))},
            {"newsletters with an invalid language",
             post(list_of("newsletters", R"({"name":"a","lang":"xxxxxxxx","format":"?","source":1})", 9'999))},
            {"invalid waitlists", post(list_of("waitlists", R"({"name":1,"source":"x y","fields":[]})", 9'999))},
            {"waitlists with the same name", post(list_of("waitlists", R"({"name":"vpn","fields":{"geo":"fr"}})", 9'999))},
            {"a long address", post(R"({"email":{"primary_email":")" + filled("a.", size) + R"(@example.com"}})")},
            {"at signs in an address", post(R"({"email":{"primary_email":")" + filled("@", size) + R"("}})")},
            {"quotes in an address", post(R"({"email":{"primary_email":")" + filled("\\\"", size) + R"(@example.com"}})")},
            {"labels of a domain", post(R"({"email":{"primary_email":"a@)" + filled("a.", size) + R"("}})")},
            {"hyphens of a domain", post(R"({"email":{"primary_email":"a@)" + filled("a-", size) + R"(.com"}})")},
            {"a long URL",
             post(R"({"email":{"primary_email":"a@example.com","unsubscribe_reason":"x"},"newsletters":[{"name":"a","source":"https://)" +
                  filled("a.", size) + R"("}]})")},
            {"a URL of at signs", post(R"({"email":{"primary_email":"a@example.com"},"newsletters":[{"name":"a","source":"https://)" +
                                       filled("a@", size) + R"("}]})")},
            {"a long country name",
             post(R"({"email":{"primary_email":"a@example.com","mailing_country":")" + filled("a", size) + R"("}})")},
            {"a long date", post(R"({"email":{"primary_email":"a@example.com"},"fxa":{"created_date":")" + filled("1", size) + R"("}})")},
        };
        check_cost(server, all, 500ms, 2);
    });
}

TEST_CASE("Stripe and Pub/Sub messages of 1 MiB take little CPU time") {
    survives([](target& server) {
        const auto size = mib - 2'000;
        const auto stripe = [](std::string_view json) { return target::request("POST", "/stripe", json); };
        const auto pubsub = [](std::string_view json) {
            return request_text("POST", "/stripe_from_pubsub", {{"Authorization", "Bearer a.b.c"}}, json);
        };
        std::string objects;
        for (int i = 0; i < 9'999; ++i) objects += fmt::format(R"("k:{}":{{"object":"customer"}},)", i);
        const std::vector<costly> all{
            {"nested", stripe(filled(R"({"object":)", size))},
            {"a long id", stripe(R"({"object":"customer","id":")" + filled("a", size) + R"("})")},
            {"items", stripe(R"({"object":"subscription","items":{"data":[)" + filled("{},", 29'900) + "{}]}}")},
            {"objects of a message", pubsub("{" + objects + R"("a":1})")},
            {"Base64 data", pubsub(R"({"message":{"data":")" + filled("e30=", size) + R"("}})")},
        };
        check_cost(server, all, 500ms, 2);
    });
}

TEST_CASE("headers and targets of 15 KiB take little CPU time") {
    survives(
        [](target& server) {
            const auto size = longest_header;
            const auto updates = std::string("/updates?start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z");
            const auto many = [&](const std::string& item) { return filled(item, size); };
            std::vector<costly> all{
                {"forwarded addresses", request_text("POST", "/token", {{"X-Forwarded-For", many("127.0.0.1,")}}, "client_id=a")},
                {"forwarded commas", request_text("POST", "/token", {{"X-Forwarded-For", many(",")}}, "client_id=a")},
                {"forwarded IPv6 addresses",
                 request_text("POST", "/token", {{"X-Forwarded-For", many("::ffff:127.0.0.1,")}}, "client_id=a")},
                {"accepted types", with_header(updates, "Accept", many("application/x-ndjson;q=0.1,"))},
                {"weights", with_header(updates, "Accept", "application/x-ndjson" + many(";q=0."))},
                {"accepted commas", with_header(updates, "Accept", many(","))},
                {"accepted encodings", with_header("/openapi.json", "Accept-Encoding", many("gzip;q=0,"))},
                {"encoding semicolons", with_header("/openapi.json", "Accept-Encoding", "gzip" + many(";"))},
                {"conditions", with_header("/openapi.json", "If-None-Match", many("\"a\","))},
                {"fields", "GET /__lbheartbeat__ HTTP/1.1\r\nHost: x\r\n" + many("A:\r\n") + "\r\n"},
                {"connection options", with_header("/__lbheartbeat__", "Connection", many("a,"))},
                {"a cursor", with_header("/updates?after=" + many("a"), "A", "b")},
                {"empty pairs in a query", with_header("/ctms?" + many("&"), "A", "b")},
                {"ids in a query", with_header("/ctms?" + many("fxa_id=a&"), "A", "b")},
                {"escapes in a path", with_header("/ctms/" + many("%2f"), "A", "b")},
                {"bytes that are not UTF-8 in a path", with_header("/ctms/" + many("%f0%90"), "A", "b")},
                {"slashes", with_header(many("/"), "A", "b")},
                {"dots", with_header(many("/.."), "A", "b")},
                {"a bearer token of dots", request_text("GET", "/ctms", {{"Authorization", "Bearer " + many(".")}})},
                {"a long bearer token", request_text("GET", "/ctms", {{"Authorization", "Bearer " + many("e30")}})},
                {"long basic credentials", request_text("POST", "/token", {{"Authorization", "Basic " + many("YWFh")}})},
                {"a long date", with_header("/updates?start=" + many("1"), "A", "b")},
            };
            // The log searches everything it writes for addresses.
            for (const auto* text : {"a", ".", "@", "a@", "a.", "%40", "+", "-", "a@a.", "a.a@a.a ", "\"", "'", "a@a.aa,"}) {
                all.push_back({fmt::format("a header of {}", text), with_header("/__lbheartbeat__", "X-A", many(text))});
                all.push_back({fmt::format("a query of {}", text),
                               with_header("/__lbheartbeat__?q=" + (std::string_view(text) == "a.a@a.a " ? many("a.a@a.a+") : many(text)),
                                           "A", "b")});
                if (std::string_view(text) != "a.a@a.a ")
                    all.push_back({fmt::format("a path of {}", text), with_header("/x" + many(text), "A", "b")});
            }
            check_cost(server, all, 20ms, 10);
        },
        {}, {"CTMS_TRUSTED_PROXIES=127.0.0.0/8,10.0.0.0/8,192.168.0.0/16,::1"});
}
