// SPDX-License-Identifier: MPL-2.0
// The API's document and pages as a client gets them, whether the build includes Swagger UI and Redoc or not.
// tests/browser opens them in a browser.
#include <doctest/doctest.h>

#include <support/web_fixture.hpp>
#include <web/openapi/assets.hpp>

#include <boost/json.hpp>

using namespace ctms;
using namespace ctms::test;

namespace {

bool has_pages() { return web::openapi::find_asset("docs.html") != nullptr; }

} // namespace

TEST_CASE_FIXTURE(web_fixture, "the OpenAPI document is public") {
    const auto got = ask("GET", "/openapi.json");
    CHECK(got.status == 200);
    CHECK(got.header("content-type") == "application/json");
    CHECK(boost::json::parse(got.body).at("openapi").as_string() == "3.0.3");
    const auto head = ask("HEAD", "/openapi.json");
    CHECK(head.status == 200);
    CHECK(head.header("content-length") == std::to_string(got.body.size()));
    const auto posted = ask("POST", "/openapi.json", {}, "{}");
    CHECK(posted.status == 405);
    CHECK(posted.header("allow") == "GET, HEAD");
}

TEST_CASE_FIXTURE(web_fixture, "the pages are HTML with a strict content security policy") {
    for (const auto* path : {"/docs", "/redoc", "/docs/oauth2-redirect"}) {
        INFO(path);
        const auto page = ask("GET", path);
        CHECK(page.status == 200);
        CHECK(page.header("content-type") == "text/html; charset=utf-8");
        CHECK(page.body.find("<html") != std::string::npos);
        const auto policy = page.header("content-security-policy");
        CHECK(policy.find("default-src 'none'") != std::string::npos);
        CHECK(policy.find("unsafe") == std::string::npos);
        CHECK(page.header("cache-control") == "no-cache");
        CHECK(ask("HEAD", path).status == 200);
        CHECK(ask("POST", path, {}, "{}").header("allow") == "GET, HEAD");
    }
    CHECK(ask("GET", "/docs/").header("location").ends_with("/docs"));
}

TEST_CASE_FIXTURE(web_fixture, "/docs is Swagger UI, or says that the build has no pages and links to the document") {
    const auto page = ask("GET", "/docs");
    CHECK((page.body.find("swagger-ui") != std::string::npos) == has_pages());
    if (has_pages()) return;
    CHECK(page.body.find("openapi.json") != std::string::npos);
    CHECK(page.body.find("npm") != std::string::npos);
}

TEST_CASE_FIXTURE(web_fixture, "the pages' files are compressed if the client accepts it, and are cached for a day") {
    CHECK(ask("GET", "/docs/nothing.js").status == 404);
    CHECK(ask("GET", "/docs/left-out.html").status == 404);
    if (!has_pages()) return;
    CHECK(ask("GET", "/docs/docs.html").status == 404);
    const auto plain = ask("GET", "/docs/swagger-ui.css");
    CHECK(plain.status == 200);
    CHECK(plain.header("content-type") == "text/css; charset=utf-8");
    CHECK(plain.header("cache-control") == "public, max-age=86400");
    CHECK(plain.header("x-content-type-options") == "nosniff");
    CHECK_FALSE(plain.has_header("content-encoding"));
    const auto compressed = ask("GET", "/docs/swagger-ui.css", {{"Accept-Encoding", "gzip, br"}});
    CHECK(compressed.header("content-encoding") == "gzip");
    CHECK(compressed.header("vary") == "Accept-Encoding");
    CHECK(compressed.body.size() * 3 < plain.body.size());
    const web::openapi::asset received{"", "", compressed.body, true};
    CHECK(web::openapi::decompressed(received) == plain.body);
    const auto head = ask("HEAD", "/docs/swagger-ui.css");
    CHECK(head.header("content-length") == std::to_string(plain.body.size()));
}

TEST_CASE_FIXTURE(web_fixture, "the pages' files are counted under one path template") {
    (void)ask("GET", "/docs/a.js");
    (void)ask("GET", "/docs/b.js");
    const auto metrics = ask("GET", "/metrics").body;
    CHECK(metrics.find(R"(path_template="/docs/{asset}")") != std::string::npos);
    CHECK(metrics.find("a.js") == std::string::npos);
}
