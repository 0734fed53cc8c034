// SPDX-License-Identifier: MPL-2.0
#include <support/empty_handler.hpp>

#include <doctest/doctest.h>

#include <web/server/router.hpp>

#include <array>
#include <set>
#include <string>

using namespace ctms::web;
using ctms::test::empty_handler;

namespace {

constexpr route make(std::string_view method, std::string_view path) {
    return {method, path, empty_handler, lane::read, body_kind::none, std::nullopt};
}

constexpr std::array table{make("GET", "/"),
                           make("GET", "/a"),
                           make("POST", "/a"),
                           make("GET", "/a/{id}"),
                           make("DELETE", "/a/{other}"),
                           make("GET", "/a/{id}/b/{part}"),
                           make("GET", "/slash/"),
                           make("PUT", "/a/fixed")};

route_match find(std::string_view method, std::string_view path) { return find_route(table, method, path); }

std::string_view template_of(std::string_view method, std::string_view path) {
    const auto match = find(method, path);
    return match.found == nullptr ? "none" : match.found->path;
}

using pairs = std::vector<std::pair<std::string, std::string>>;

} // namespace

TEST_CASE("a route is found by its path and method") {
    CHECK(template_of("GET", "/") == "/");
    CHECK(template_of("GET", "/a") == "/a");
    CHECK(find("POST", "/a").found == &table[2]);
    CHECK(template_of("GET", "/a/5") == "/a/{id}");
    CHECK(template_of("PUT", "/a/fixed") == "/a/fixed");
    CHECK(template_of("GET", "/a/fixed") == "/a/{id}");
    CHECK(find("GET", "/a").parameters.empty());
}

TEST_CASE("parameters match everything except slashes") {
    CHECK(find("GET", "/a/x%20y%40z%2F%3F").parameters == pairs{{"id", "x y@z/?"}});
    CHECK(find("GET", "/a/%252F").parameters == pairs{{"id", "%2F"}});
    CHECK(find("GET", "/a/{id}").parameters == pairs{{"id", "{id}"}});
    CHECK(find("DELETE", "/a/5").parameters == pairs{{"other", "5"}});
    CHECK(find("GET", "/a/1/b/2").parameters == pairs{{"id", "1"}, {"part", "2"}});
    CHECK(find("GET", "/a/b/b/b").parameters == pairs{{"id", "b"}, {"part", "b"}});
    CHECK(template_of("GET", "/a/1/2") == "none");
    CHECK(template_of("GET", "/a//b/2") == "none");
    CHECK(template_of("GET", "/a/1/b/") == "none");
}

TEST_CASE("an encoded slash belongs to its segment") {
    CHECK(template_of("GET", "/a/x/y") == "none");
    CHECK(template_of("GET", "/a/x%2Fy") == "/a/{id}");
    CHECK(find("GET", "/a/x%2fy/b/%2F").parameters == pairs{{"id", "x/y"}, {"part", "/"}});
    CHECK(template_of("GET", "/a%2Fx") == "none");
    CHECK(template_of("GET", "/%61") == "/a");
    CHECK(find("GET", "/a/x%2Fy/").redirect == "/a/x%2Fy");
    CHECK(find("GET", "/a/x%20y%0A/").redirect == "/a/x%20y%0A");
}

TEST_CASE("an unknown path matches nothing") {
    for (const std::string path :
         {"", "a", "/b", "/A", "/ab", "//", "/a/1/c", "http://x/a", "/a/1/b/2/3", "//a", "//a/", "//evil.example/a/"}) {
        CAPTURE(path);
        const auto match = find("GET", path);
        CHECK(match.found == nullptr);
        CHECK(match.allowed.empty());
        CHECK(match.redirect.empty());
    }
}

TEST_CASE("for a known path with another method, the allowed methods are returned") {
    CHECK(find("PUT", "/a").allowed == "GET, HEAD, POST");
    CHECK(find("OPTIONS", "/").allowed == "GET, HEAD");
    CHECK(find("DELETE", "/a/fixed").found->method == "DELETE");
    CHECK(find("POST", "/a/fixed").allowed == "GET, HEAD, DELETE, PUT");
    CHECK(find("PUT", "/a").redirect.empty());
    CHECK(find("PUT", "/a").is_implemented);
}

TEST_CASE("a method that several templates allow is listed once") {
    static constexpr std::array both{make("GET", "/a/{id}"), make("PUT", "/a/{id}"), make("GET", "/a/fixed")};
    CHECK(find_route(both, "POST", "/a/fixed").allowed == "GET, HEAD, PUT");
}

TEST_CASE("HEAD uses its own route if there is one, and that of GET otherwise") {
    CHECK(find("HEAD", "/a").found == &table[1]);
    CHECK(find("HEAD", "/a/5").parameters == pairs{{"id", "5"}});
    static constexpr std::array both{make("GET", "/a"), make("HEAD", "/a"), make("GET", "/b"), make("POST", "/c")};
    CHECK(find_route(both, "HEAD", "/a").found == &both[1]);
    CHECK(find_route(both, "HEAD", "/b").found == &both[2]);
    CHECK(find_route(both, "HEAD", "/c").found == nullptr);
    CHECK(find_route(both, "HEAD", "/c").allowed == "POST");
    CHECK(find_route(both, "POST", "/a").allowed == "GET, HEAD");
}

TEST_CASE("an unknown method is not implemented, whatever the path is") {
    for (const std::string method : {"TRACE", "CONNECT", "FOO", "get", ""}) {
        for (const std::string path : {"/a", "/a/", "/nothing"}) {
            CAPTURE(method);
            CHECK_FALSE(find(method, path).is_implemented);
            CHECK(find(method, path).found == nullptr);
        }
    }
    for (const std::string method : {"OPTIONS", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
        CAPTURE(method);
        CHECK(find(method, "/nothing").is_implemented); // even if this port has no paths with it
    }
}

TEST_CASE("the path * has the methods of all paths") {
    CHECK(find("OPTIONS", "*").allowed == "GET, HEAD, POST, DELETE, PUT");
    CHECK(find("OPTIONS", "*").redirect.empty());
    CHECK(find("OPTIONS", "*").found == nullptr);
}

TEST_CASE("a path with an extra or a missing slash redirects") {
    CHECK(find("GET", "/a/").redirect == "/a");
    CHECK(find("GET", "/a///").redirect == "/a");
    CHECK(find("GET", "/slash").redirect == "/slash/");
    CHECK(find("GET", "/a/5/").redirect == "/a/5");
    CHECK(find("PUT", "/a/").redirect == "/a");
    CHECK(find("GET", "/b/").redirect.empty());
    CHECK(find("GET", "/a/").allowed.empty());
}

TEST_CASE("the table of the API has each route once and finds it") {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const auto& one : all_routes()) {
        CAPTURE(std::string(one.path));
        CHECK(seen.emplace(one.method, one.path).second);
        CHECK(one.path.starts_with('/'));
        CHECK_FALSE(one.path.starts_with("//")); // a redirect there would lead to another host
        CHECK(find_route(all_routes(), one.method, one.path).found == &one);
    }
    CHECK(seen.contains({"POST", "/ctms"}));
    CHECK(seen.contains({"POST", "/token"}));
    CHECK(seen.contains({"HEAD", "/__heartbeat__"}));
    CHECK(seen.contains({"HEAD", "/__lbheartbeat__"}));
}

TEST_CASE("the port for operators has the pages of the platform that need no token, and the metrics, and nothing else") {
    std::set<std::string_view> paths;
    for (const auto& one : ops_routes()) {
        CAPTURE(std::string(one.path));
        CHECK_FALSE(one.needs_token());
        paths.insert(one.path);
    }
    CHECK(paths == std::set<std::string_view>{"/__heartbeat__", "/__lbheartbeat__", "/__version__", "/metrics"});
}
