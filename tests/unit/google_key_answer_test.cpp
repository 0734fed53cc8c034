// SPDX-License-Identifier: MPL-2.0
#include "auth/google_key_answer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace ctms;
using namespace std::chrono_literals;
using auth::key_document_from;

TEST_CASE("a key server's response becomes a document with the lifetime that its headers allow") {
    const auto document = key_document_from(
        net::http_response{200, {{"age", "100"}, {"cache-control", "public"}, {"expires", "0"}, {"cache-control", "max-age=600"}}, "{}"});
    REQUIRE(document.has_value());
    CHECK(document->body == "{}");
    CHECK(document->max_age == 500s);
    const auto forbidden =
        key_document_from(net::http_response{200, {{"cache-control", "max-age=600"}, {"cache-control", "no-store"}}, "{}"});
    REQUIRE(forbidden.has_value());
    CHECK(forbidden->max_age == 0s);
    const auto silent = key_document_from(net::http_response{200, {}, std::string(1 << 20, ' ')});
    REQUIRE(silent.has_value());
    CHECK(silent->max_age == 0s);
}

TEST_CASE("a key server that fails, refuses or sends too much is unavailable") {
    const auto detail = [](net::http_outcome outcome) {
        const auto document = key_document_from(std::move(outcome));
        REQUIRE(document.has_error());
        CHECK(document.error().code == errc::unavailable);
        return document.error().detail;
    };
    CHECK(detail(unavailable("", "timed out")) == "timed out");
    for (const int status : {204, 301, 304, 404, 503}) {
        CHECK(detail(net::http_response{status, {}, "{}"}) == "the key server answered with status " + std::to_string(status));
    }
    CHECK(detail(net::http_response{200, {}, std::string((1 << 20) + 1, ' ')}) == "answer too long");
}
