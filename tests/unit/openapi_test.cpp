// SPDX-License-Identifier: MPL-2.0
#include <support/empty_handler.hpp>

#include <doctest/doctest.h>

#include <ctms/json/bulk_json.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/json/lookup_json.hpp>
#include <web/openapi/assets.hpp>
#include <web/openapi/document.hpp>

#include <boost/json.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ctms;
using namespace ctms::web;
namespace bj = boost::json;
using test::empty_handler;

namespace {

using call_name = std::pair<std::string_view, std::string_view>;

bj::object made_document() { return bj::parse(openapi::document(all_routes(), openapi::shown_calls())).as_object(); }

void collect_references(const bj::value& value, std::set<std::string>& into) {
    if (const auto* list = value.if_array()) {
        for (const auto& item : *list) collect_references(item, into);
    }
    if (const auto* object = value.if_object()) {
        for (const auto& [key, member] : *object) {
            if (key == "$ref") into.insert(std::string(member.as_string()));
            collect_references(member, into);
        }
    }
}

/// Returns the names of the parameters in a path template.
std::set<std::string> names_in(std::string_view path) {
    std::set<std::string> out;
    for (auto open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1)) {
        out.emplace(path.substr(open + 1, path.find('}', open) - open - 1));
    }
    return out;
}

} // namespace

TEST_CASE("every route is either described or hidden, and nothing else is") {
    std::set<call_name> routes;
    std::set<call_name> described;
    for (const auto& one : all_routes()) CHECK(routes.emplace(one.method, one.path).second);
    for (const auto& one : openapi::shown_calls()) CHECK(described.emplace(one.method, one.path).second);
    for (const auto& one : openapi::hidden_calls()) CHECK(described.emplace(one.method, one.path).second);
    for (const auto& [method, path] : routes) {
        const auto what = std::string(method) + ' ' + std::string(path) + " has a row in calls.cpp";
        INFO(what);
        CHECK(described.count({method, path}) == 1);
    }
    for (const auto& [method, path] : described) {
        const auto what = std::string(method) + ' ' + std::string(path) + " is a route";
        INFO(what);
        CHECK(routes.count({method, path}) == 1);
    }
}

TEST_CASE("the document is valid JSON, and every reference points to a schema") {
    const auto document = made_document();
    CHECK(document.at("openapi").as_string() == "3.0.3");
    std::set<std::string> references;
    collect_references(document, references);
    CHECK(references.size() > 20);
    for (const auto& one : references) {
        INFO(one);
        boost::system::error_code ec;
        CHECK(bj::value(document).find_pointer(one.substr(1), ec) != nullptr);
    }
}

TEST_CASE("the document shows each call with its texts, responses and security") {
    const auto document = made_document();
    std::set<std::string> ids;
    for (const auto& one : openapi::shown_calls()) {
        INFO(one.method << ' ' << one.path);
        std::string method(one.method == "HEAD" ? "head" : one.method);
        for (auto& c : method) c = static_cast<char>(std::tolower(c));
        const auto& call = document.at("paths").as_object().at(one.path).as_object().at(method).as_object();
        CHECK(call.at("summary").as_string() == one.summary);
        CHECK_FALSE(one.summary.empty());
        CHECK_FALSE(one.description.empty());
        CHECK(ids.insert(std::string(call.at("operationId").as_string())).second);
        const auto& responses = call.at("responses").as_object();
        CHECK(responses.contains("default"));
        for (const auto& each : one.answers) CHECK(responses.contains(each.status == 0 ? "default" : std::to_string(each.status)));
        CHECK(call.contains("security") != (one.tag == "Operations" || one.tag == "Access"));
        CHECK(call.contains("requestBody") == !one.body.empty());
    }
}

TEST_CASE("the path parameters are those of the templates") {
    for (const auto& one : openapi::shown_calls()) {
        std::set<std::string> described;
        for (const auto& each : one.parameters) {
            if (each.place == "path") described.emplace(each.name);
            CHECK((each.place != "path" || each.required));
        }
        INFO(one.method << ' ' << one.path);
        CHECK(described == names_in(one.path));
    }
}

TEST_CASE("the examples of request bodies are valid") {
    for (const auto& one : openapi::shown_calls()) {
        if (one.body_example.empty()) continue;
        INFO(one.method << ' ' << one.path);
        const auto sent = json::body::parse(one.body_example);
        REQUIRE(sent.has_value());
        if (one.path == "/ctms/bulk") {
            auto items = json::read_bulk_list(*sent);
            REQUIRE(items.has_value());
            for (auto& item : *items) CHECK(json::read_bulk_item(std::move(item)).has_value());
            continue;
        }
        if (one.path == "/ctms/lookup") CHECK(json::read_lookup(*sent).has_value());
        if (one.method == "POST" && one.path == "/ctms") CHECK(json::read_contact(*sent, json::purpose::create).has_value());
        if (one.method == "PUT") CHECK(json::read_contact(*sent, json::purpose::replace).has_value());
        if (one.method == "PATCH") CHECK(json::read_patch(*sent).has_value());
    }
}

TEST_CASE("the document describes the lines of a bulk write, also the last one") {
    const auto document = bj::value(made_document());
    const auto& lines = document.at_pointer("/paths/~1ctms~1bulk/post/responses/200/content/application~1x-ndjson/schema/oneOf");
    CHECK(bj::serialize(lines) == R"([{"$ref":"#/components/schemas/BulkResult"},{"$ref":"#/components/schemas/BulkEnd"}])");
    const auto& end = document.at_pointer("/components/schemas/BulkEnd");
    CHECK(bj::serialize(end.at("required")) == R"(["status","detail"])");
    for (const auto* status : {"400", "401", "403", "408", "413", "431", "503"})
        CHECK(end.at_pointer("/properties/status/description").as_string().find(status) != bj::string::npos);
}

TEST_CASE("a call appears if both tables have a row for it") {
    static constexpr std::array routes{
        route{"POST", "/events/{kind}", empty_handler, lane::write, body_kind::none, std::nullopt},
        route{"GET", "/secret", empty_handler, lane::read, body_kind::none, ctms::model::role::read},
    };
    static constexpr std::array answers{openapi::answer{200, "Taken", ""}};
    static constexpr std::array parameters{openapi::parameter{"path", "kind", true, "Which", R"({"type":"string"})"}};
    static constexpr std::array texts{
        openapi::call_text{.method = "POST",
                           .path = "/events/{kind}",
                           .tag = "Public",
                           .summary = "Take an event",
                           .description = "Checks a token of its own.",
                           .answers = answers,
                           .parameters = parameters,
                           .own_scheme = "Kinds"},
    };
    const auto paths = bj::parse(openapi::document(routes, texts)).at("paths").as_object();
    CHECK(paths.size() == 1);
    const auto& call = paths.at("/events/{kind}").at("post").as_object();
    CHECK(call.at("operationId").as_string() == "post_events_kind");
    CHECK(bj::serialize(call.at("security")) == R"([{"Kinds":[]}])");
    CHECK(bj::serialize(call.at("responses").at("200")) == R"({"description":"Taken"})");
}

TEST_CASE("assets are found by name and can be decompressed") {
    REQUIRE_FALSE(openapi::all_assets().empty());
    for (const auto& one : openapi::all_assets()) {
        INFO(one.name);
        CHECK(openapi::find_asset(one.name) == &one);
        const auto kept = openapi::kept_decompressed(one);
        CHECK_FALSE(kept->empty());
        CHECK(*kept == openapi::decompressed(one));
        CHECK(openapi::kept_decompressed(one) == kept); // not another copy
        if (one.name.ends_with(".html")) CHECK(openapi::decompressed(one).find("<html") != std::string::npos);
    }
    CHECK(openapi::find_asset("nothing.js") == nullptr);
    CHECK(openapi::find_asset("") == nullptr);
    const openapi::asset broken{"x", "text/plain", "no gzip at all", true};
    CHECK_THROWS_AS((void)openapi::decompressed(broken), std::runtime_error);
}
