// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>
#include <web/server/message.hpp>

#include <string>
#include <vector>

namespace {

/// Returns the bearer token of a request with these Authorization headers, or "none".
std::string bearer_of(const std::vector<std::string>& values) {
    ctms::web::request http;
    http.headers.emplace_back("host", "Bearer host");
    for (const auto& value : values) http.headers.emplace_back("authorization", value);
    return std::string(http.bearer_token().value_or("none"));
}

} // namespace

TEST_CASE("a bearer token is the text after the scheme, in any case") {
    CHECK(bearer_of({"Bearer abc.def"}) == "abc.def");
    CHECK(bearer_of({"bearer abc"}) == "abc");
    CHECK(bearer_of({"BEARER abc"}) == "abc");
    CHECK(bearer_of({"Bearer a b"}) == "a b");
    CHECK(bearer_of({"Bearer "}) == "");
    CHECK(bearer_of({"Bearer"}) == "");
}

TEST_CASE("other schemes or a missing header give no bearer token") {
    CHECK(bearer_of({}) == "none");
    for (const auto* value : {"", " ", "Basic aWQ6c2VjcmV0", "Bearerabc", "Bear abc", "abc", " Bearer abc", "Bearer\tabc"}) {
        CAPTURE(value);
        CHECK(bearer_of({value}) == "none");
    }
}

TEST_CASE("if there are several Authorization headers, the last one is used") {
    CHECK(bearer_of({"Bearer one", "Bearer two"}) == "two");
    CHECK(bearer_of({"Bearer one", "Basic two"}) == "none");
}
