// SPDX-License-Identifier: MPL-2.0
// A right that is taken away while ctms-web runs.
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>

using ctms::test::web_fixture;

TEST_CASE("a request that lacks a right in the database is answered with 503, and the log names the object") {
    web_fixture web;
    web.sql("revoke insert on newsletters from ctms_test_web");
    const auto refused = web.post("/ctms", R"({"email":{"primary_email":"a@example.com"},"newsletters":[{"name":"hubs"}]})");
    CHECK(refused.status == 503);
    CHECK(refused.body.find("newsletters") == std::string::npos);
    const auto error = std::string(web.fields_of(refused).at("error").as_string());
    CHECK(error.find("permission denied for table newsletters [SQLSTATE 42501]") != std::string::npos);
    CHECK(error.find("ctms-admin db grants") != std::string::npos);
}
