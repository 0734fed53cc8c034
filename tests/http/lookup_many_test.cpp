// SPDX-License-Identifier: MPL-2.0
// POST /ctms/lookup: many contacts by ids of one kind.
#include "support/gunzip.hpp"
#include "support/web_fixture.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <string>
#include <vector>

namespace ctms::test {
namespace {

namespace bj = boost::json;

std::string id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }

bj::array items_of(const http_answer& answer) {
    INFO(answer.body.substr(0, 1000));
    REQUIRE(answer.status == 200);
    return bj::parse(answer.body).at("items").as_array();
}

/// The id of the only contact of an item.
std::string found_in(const bj::value& item) {
    const auto& contacts = item.at("contacts").as_array();
    return contacts.size() == 1 ? std::string(contacts[0].at("email").at("email_id").as_string()) : "";
}

std::string asked_in(const bj::value& item) { return std::string(item.at("id").as_string()); }

http_answer look_up(web_fixture& web, std::string_view list, const std::vector<std::string>& ids) {
    return web.post("/ctms/lookup", fmt::format("{{\"{}\":[\"{}\"]}}", list, fmt::join(ids, "\",\"")));
}

} // namespace

TEST_CASE("a lookup of many ids has an item for each, in their order") {
    web_fixture web;
    web.add_contact(fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"Jane@example.com"}},"fxa":{{"fxa_id":"f1"}}}})", id(1)));
    web.add_contact(fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"jane@example.com"}},"fxa":{{"fxa_id":"f2"}}}})", id(2)));
    const auto items = items_of(look_up(web, "email_ids", {id(2), id(9), id(1), id(2)}));
    REQUIRE(items.size() == 4);
    CHECK(asked_in(items[0]) == id(2));
    CHECK(items[0].at("contacts").as_array().size() == 1);
    CHECK(bj::serialize(items[0].at("contacts").at(0)) == bj::serialize(bj::parse(web.get("/ctms?email_id=" + id(2)).body).at(0)));
    CHECK(asked_in(items[1]) == id(9));
    CHECK(items[1].at("contacts").as_array().empty());
    CHECK(found_in(items[2]) == id(1));
    CHECK(items[3] == items[0]);

    const auto by_address = items_of(look_up(web, "primary_emails", {"nobody@example.com", "JANE@example.com"}));
    REQUIRE(by_address.size() == 2);
    CHECK(by_address[0].at("contacts").as_array().empty());
    CHECK(asked_in(by_address[1]) == "JANE@example.com");
    CHECK(by_address[1].at("contacts").as_array().size() == 2);

    const auto by_account = items_of(look_up(web, "fxa_ids", {"f2", "f3", "f1"}));
    CHECK(found_in(by_account[0]) == id(2));
    CHECK(by_account[1].at("contacts").as_array().empty());
    CHECK(found_in(by_account[2]) == id(1));
}

TEST_CASE("a lookup takes a thousand ids, and sends its answer in pieces") {
    web_fixture web;
    web.sql(
        "insert into emails (email_id, primary_email, create_timestamp, update_timestamp) select "
        "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com', now(), now() from generate_series(1, 1000) n");
    std::vector<std::string> ids;
    std::vector<std::string> addresses;
    for (int number = 1000; number > 0; --number) ids.push_back(id(number)), addresses.push_back(fmt::format("{}@example.com", number));
    for (const auto& answer : {look_up(web, "email_ids", ids), look_up(web, "primary_emails", addresses)}) {
        CHECK(answer.header("transfer-encoding") == "chunked");
        const auto items = items_of(answer);
        REQUIRE(items.size() == 1000);
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (found_in(items[i]) != ids[i]) FAIL_CHECK("wrong contact at ", i);
        }
    }
    const auto packed =
        web.ask("POST", "/ctms/lookup", {web.authorization(), {"Content-Type", "application/json"}, {"Accept-Encoding", "gzip"}},
                fmt::format(R"({{"email_ids":["{}"]}})", fmt::join(ids, "\",\"")));
    CHECK(packed.header("content-encoding") == "gzip");
    CHECK(bj::parse(gunzip(packed.body)).at("items").as_array().size() == 1000);
}

TEST_CASE("a lookup that breaks a rule is refused with its place") {
    web_fixture web;
    const auto refused = [&](const std::string& body, std::string_view wanted) {
        CAPTURE(body.substr(0, 100));
        const auto answer = web.post("/ctms/lookup", body);
        CAPTURE(answer.body);
        CHECK(answer.status == 422);
        CHECK(answer.body.find(wanted) != std::string::npos);
    };
    refused(R"({"email_ids":["00000000-0000-4000-8000-000000000001","x"]})",
            R"("loc":["body","email_ids",1],"msg":"value is not a valid uuid")");
    refused(R"({"fxa_ids":["a",null]})", R"(["body","fxa_ids",1])");
    refused(R"({"fxa_ids":[""]})", R"(["body","fxa_ids",0])");
    refused(R"({"fxa_ids":[{}]})", R"(["body","fxa_ids",0])");
    refused(R"({"fxa_ids":["\u0000"]})", R"(["body","fxa_ids",0])");
    refused(R"({"fxa_ids":"a"})", "value is not a valid list");
    refused(R"({"fxa_ids":[]})", "ensure this list has 1 to 1000 items");
    refused(fmt::format(R"({{"fxa_ids":["{}"]}})", fmt::join(std::vector<std::string>(1001, "a"), "\",\"")),
            "ensure this list has 1 to 1000 items");
    refused("{}", "exactly one list of ids is needed: email_ids, primary_emails, basket_tokens");
    refused(R"({"fxa_ids":["a"],"sfdc_ids":["b"]})", "exactly one list of ids is needed");
    refused("[]", R"(["body"])");
}

} // namespace ctms::test
