// SPDX-License-Identifier: MPL-2.0
// POST /ctms/bulk with a list: what each item does, and that no item affects another.
#include "support/held_writes.hpp"
#include "support/web_fixture.hpp"

#include <persistence/clients/client_repository.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {
namespace {

namespace bj = boost::json;
using namespace std::chrono_literals;

std::string id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }

bj::array results_of(const http_answer& answer) {
    INFO(answer.body.substr(0, 1000));
    REQUIRE(answer.status == 200);
    return bj::parse(answer.body).as_array();
}

bj::array bulk(web_fixture& web, const std::string& items, std::string_view query = "") {
    return results_of(web.post("/ctms/bulk" + std::string(query), '[' + items + ']'));
}

std::int64_t status(const bj::value& result) { return result.at("status").as_int64(); }
std::string id_of(const bj::value& result) { return result.at("email_id").is_null() ? "" : std::string(result.at("email_id").as_string()); }

std::vector<std::int64_t> statuses(const bj::array& results) {
    std::vector<std::int64_t> out;
    for (const auto& one : results) out.push_back(status(one));
    return out;
}

bj::object contact(web_fixture& web, const std::string& email_id) { return bj::parse(web.get("/ctms/" + email_id).body).as_object(); }

std::string person(int number, std::string_view more = "") {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"p{}@example.com"}}{}}})", id(number), number, more);
}
std::string address(std::string_view text, std::string_view more = "") {
    return fmt::format(R"({{"email":{{"primary_email":"{}"}}{}}})", text, more);
}

using numbers = std::vector<std::int64_t>;

void set_roles(web_fixture& web, const std::set<model::role>& roles) {
    persistence::database db(web.database().options());
    REQUIRE(persistence::client_repository(db).set_roles(web_fixture::client, roles).has_value());
}

} // namespace

TEST_CASE("bulk: each kind of item does what the call on one contact does, and the results are in order") {
    web_fixture web;
    web.add_contact(person(1));
    web.add_contact(person(2));
    const auto results = bulk(web, fmt::format(R"({},{{"op":"create","email":{{"primary_email":"new@example.com"}}}},)"
                                               R"({{"op":"patch","email_id":"{}","email":{{"first_name":"Jane"}}}},)"
                                               R"({{"op":"delete","email_id":"{}"}},{})",
                                               address("other@example.com"), id(1), id(2), person(3)));
    CHECK(statuses(results) == numbers{201, 201, 200, 200, 201});
    for (std::size_t i = 0; i < results.size(); ++i) {
        CHECK(results[i].at("index").as_int64() == static_cast<std::int64_t>(i));
        CHECK(results[i].as_object().size() == 3);
    }
    CHECK(contact(web, id_of(results[0])).at("email").at("primary_email") == "other@example.com");
    CHECK(contact(web, id_of(results[1])).at("email").at("primary_email") == "new@example.com");
    CHECK(id_of(results[2]) == id(1));
    CHECK(contact(web, id(1)).at("email").at("first_name") == "Jane");
    CHECK(id_of(results[3]) == id(2));
    CHECK(web.get("/ctms/" + id(2)).status == 404);
    CHECK(id_of(results[4]) == id(3));
    CHECK(web.sql("select from ctms_sync_queue").size() == 5);
}

TEST_CASE("bulk: a contact is merged into the one with its id, or else with its address") {
    web_fixture web;
    web.add_contact(R"({"email":{"email_id":")" + id(1) +
                    R"(","primary_email":"a@example.com","first_name":"Ann"},"newsletters":[{"name":"one"}]})");
    web.add_contact(R"({"email":{"email_id":")" + id(2) + R"(","primary_email":"b@example.com","last_name":"B"}})");
    const auto results =
        bulk(web, fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"new@example.com"}},"newsletters":[{{"name":"two"}}]}},)"
                              R"({{"email":{{"primary_email":"b@example.com","first_name":"Bob"}}}},{{"email_id":"{}",{})",
                              id(1), id(3), address("B@example.com").substr(1)));
    CHECK(statuses(results) == numbers{200, 200, 201});
    const auto first = contact(web, id(1));
    CHECK(first.at("email").at("primary_email") == "new@example.com");
    CHECK(first.at("email").at("first_name") == "Ann");
    CHECK(first.at("newsletters").as_array().size() == 2);
    CHECK(id_of(results[1]) == id(2));
    CHECK(contact(web, id(2)).at("email").at("first_name") == "Bob");
    CHECK(contact(web, id(2)).at("email").at("last_name") == "B");
    CHECK(id_of(results[2]) == id(3)); // the id may stand beside the group; another spelling is another contact, as for POST

    const auto by_address = bulk(web, R"({"email":{"email_id":")" + id(9) + R"(","primary_email":"b@example.com","first_name":"Bill"}})");
    CHECK(statuses(by_address) == numbers{200});
    CHECK(id_of(by_address[0]) == id(2)); // the id is new, the address is known
    CHECK(contact(web, id(2)).at("email").at("first_name") == "Bill");

    const auto taken = bulk(web, R"({"email":{"email_id":")" + id(1) + R"(","primary_email":"b@example.com"}})");
    CHECK(statuses(taken) == numbers{409}); // both are known, and belong to different contacts
    CHECK(bj::serialize(taken[0].at("conflicts")) == R"(["primary_email"])");
}

TEST_CASE("bulk: a merge that changes nothing writes nothing") {
    web_fixture web;
    web.add_contact(person(1, R"(,"newsletters":[{"name":"one"}])"));
    const auto before = contact(web, id(1));
    web.sql("delete from ctms_sync_queue");
    CHECK(statuses(bulk(web, person(1))) == numbers{200});
    CHECK(contact(web, id(1)) == before);
    CHECK(web.sql("select from ctms_sync_queue").empty());
}

TEST_CASE("bulk: a merge keeps opt-outs unless the client allows to clear them") {
    web_fixture web;
    const std::string out =
        R"({"email":{"email_id":")" + id(1) +
        R"(","primary_email":"p1@example.com","has_opted_out_of_email":true},"newsletters":[{"name":"one","subscribed":false}]})";
    const std::string in = R"({"email":{"primary_email":"p1@example.com","has_opted_out_of_email":false,"first_name":"Jane"},)"
                           R"("newsletters":[{"name":"one","subscribed":true},{"name":"two"}]})";
    web.add_contact(out);
    const auto kept = bulk(web, in);
    CHECK(statuses(kept) == numbers{200});
    CHECK(std::string(kept[0].at("detail").as_string()).find("opt-out") != std::string::npos);
    auto now = contact(web, id(1));
    CHECK(now.at("email").at("has_opted_out_of_email") == true);
    CHECK(now.at("email").at("first_name") == "Jane");
    CHECK(now.at("newsletters").at(0).at("subscribed") == false);
    CHECK(now.at("newsletters").at(1).at("subscribed") == true);

    const auto allowed = bulk(web, in, "?allow_opt_in=true");
    CHECK_FALSE(allowed[0].as_object().contains("detail"));
    now = contact(web, id(1));
    CHECK(now.at("email").at("has_opted_out_of_email") == false);
    CHECK(now.at("newsletters").at(0).at("subscribed") == true);

    CHECK(web.post("/ctms/bulk?allow_opt_in=perhaps", "[]").status == 422);
    CHECK(web.send("PATCH", "/ctms/" + id(1), R"({"email":{"has_opted_out_of_email":true}})").status == 200);
    CHECK(statuses(bulk(web, R"({"op":"patch","email_id":")" + id(1) + R"(","email":{"has_opted_out_of_email":false}})")) == numbers{200});
    CHECK(contact(web, id(1)).at("email").at("has_opted_out_of_email") == false); // as PATCH
}

TEST_CASE("bulk: items of one contact are done in order") {
    web_fixture web;
    const auto results = bulk(
        web, fmt::format(R"({0},{1},{{"op":"patch","email_id":"{2}","email":{{"primary_email":"moved@example.com"}}}},{3},{4},)"
                         R"({{"op":"delete","email_id":"{2}"}},{{"op":"delete","email_id":"{2}"}},{5},{{"op":"create",{6})",
                         person(1, R"(,"newsletters":[{"name":"one"}])"), address("p1@example.com", R"(,"newsletters":[{"name":"two"}])"),
                         id(1), address("moved@example.com", R"(,"newsletters":[{"name":"three"}])"), address("p1@example.com"), person(1),
                         person(1).substr(1)));
    CHECK(statuses(results) == numbers{201, 200, 200, 200, 201, 200, 404, 200, 409});
    CHECK(id_of(results[1]) == id(1));
    CHECK(id_of(results[3]) == id(1));
    const auto heir = id_of(results[4]); // the address was free
    CHECK(heir != id(1));
    CHECK(id_of(results[7]) == heir); // by address, because the id was deleted
    CHECK(web.sql("select from emails").size() == 1);

    const auto many = bulk(web, fmt::format("{0},{0},{0},{0}", address("same@example.com")));
    CHECK(statuses(many) == numbers{201, 200, 200, 200});
    CHECK(std::set{id_of(many[0]), id_of(many[1]), id_of(many[2]), id_of(many[3])}.size() == 1);
}

TEST_CASE("bulk: items about the address of a contact are done in order with those of the contact") {
    web_fixture web;
    for (int number = 1; number <= 3; ++number) web.add_contact(person(number));
    const auto results =
        bulk(web, fmt::format(R"({{"op":"create",{0},{{"op":"delete","email_id":"{1}"}},{{"op":"delete","email_id":"{2}"}},)"
                              R"({{"op":"patch","email_id":"{3}",{4})",
                              address("p1@example.com").substr(1), id(1), id(2), id(3), address("p2@example.com").substr(1)));
    CHECK(statuses(results) == numbers{409, 200, 200, 200});
    CHECK(web.sql("select from emails").size() == 1);
    CHECK(contact(web, id(3)).at("email").at("primary_email") == "p2@example.com");
}

TEST_CASE("bulk: an item that is refused has the error of the call on one contact, and stops no other") {
    web_fixture web;
    web.add_contact(R"({"email":{"email_id":")" + id(1) + R"(","primary_email":"a@example.com","basket_token":")" + id(7) +
                    R"("},"fxa":{"fxa_id":"f"}})");
    const std::string bad_name = R"({"email":{"primary_email":"x@example.com","first_name":{}}})";
    const std::string taken = R"({"email":{"primary_email":"y@example.com","basket_token":")" + id(7) + R"("}})";
    const std::string twice = R"({"email":{"primary_email":"z@example.com"},"newsletters":[{"name":"one"},{"name":"one"}]})";
    const std::string bad_patch = R"({"fxa":{"fxa_id":[]}})";
    const auto results =
        bulk(web, fmt::format(R"({},{},{},{},1,null,"x",{{"op":"merge"}},{{"op":"delete"}},{{"op":"patch","email_id":"x"}},)"
                              R"({{"op":"create",{},{{"op":"patch","email_id":"{}",{},{{"op":"patch","email_id":"{}"}},{},[],)"
                              R"({{"op":"patch","email_id":"{}","email":{{"email_id":"{}"}}}},{{"email_id":"{}",{})",
                              address("b@example.com"), bad_name, taken, twice, address("a@example.com").substr(1), id(1),
                              bad_patch.substr(1), id(5), address("c@example.com"), id(1), id(2), id(3), person(4).substr(1)));
    CHECK(statuses(results) == numbers{201, 422, 409, 409, 422, 422, 422, 422, 422, 422, 409, 422, 404, 201, 422, 422, 422});
    const auto same = [&](std::size_t index, const http_answer& single) {
        CAPTURE(index);
        CAPTURE(single.body);
        const auto wanted = bj::parse(single.body).as_object();
        CHECK(status(results[index]) == single.status);
        CHECK(results[index].at("detail") == wanted.at("detail"));
        const auto* conflicts = results[index].as_object().if_contains("conflicts");
        CHECK((conflicts != nullptr) == wanted.contains("conflicts"));
        if (conflicts != nullptr) CHECK(*conflicts == wanted.at("conflicts"));
    };
    same(1, web.post("/ctms", bad_name));
    same(2, web.post("/ctms", taken));
    same(3, web.post("/ctms", twice));
    same(4, web.post("/ctms", "1"));
    same(5, web.post("/ctms", "null"));
    same(10, web.post("/ctms", address("a@example.com")));
    same(11, web.send("PATCH", "/ctms/" + id(1), bad_patch));
    same(12, web.send("PATCH", "/ctms/" + id(5), "{}"));
    same(15, web.send("PATCH", "/ctms/" + id(1), R"({"email":{"email_id":")" + id(2) + R"("}})"));
    CHECK(bj::serialize(results[7].at("detail")).find(R"("loc":["body","op"])") != std::string::npos);
    CHECK(bj::serialize(results[8].at("detail")).find(R"("loc":["body","email_id"],"msg":"field required")") != std::string::npos);
    CHECK(bj::serialize(results[9].at("detail")).find("not a valid uuid") != std::string::npos);
    CHECK(bj::serialize(results[16].at("detail")).find("must match") != std::string::npos);
    CHECK(web.sql("select from emails").size() == 3);
}

TEST_CASE("bulk: the list has at most 1,000 items") {
    web_fixture web;
    const auto list = [](int items) {
        std::vector<std::string> out;
        for (int i = 0; i < items; ++i) out.push_back(address(fmt::format("{}@example.com", i)));
        return fmt::format("[{}]", fmt::join(out, ","));
    };
    const auto refused = web.post("/ctms/bulk", list(1001));
    CHECK(refused.status == 422);
    CHECK(refused.body.find("ensure this value has at most 1000 items") != std::string::npos);
    CHECK(web.sql("select from emails").empty());
    const auto results = results_of(web.post("/ctms/bulk", list(1000)));
    CHECK(results.size() == 1000);
    CHECK(std::all_of(results.begin(), results.end(), [](const auto& one) { return status(one) == 201; }));
    CHECK(web.sql("select from emails").size() == 1000);
    const auto again = results_of(web.post("/ctms/bulk", list(1000)));
    CHECK(std::all_of(again.begin(), again.end(), [](const auto& one) { return status(one) == 200; }));

    CHECK(web.post("/ctms/bulk", "[]").body == "[]");
    for (const auto* body : {"{}", "1", "null", "\"x\""}) CHECK(web.post("/ctms/bulk", body).status == 422);
    CHECK(web.post("/ctms/bulk", "[").status == 422);
    CHECK(web.ask("POST", "/ctms/bulk", {web.authorization()}).status == 422);
    CHECK(web.ask("POST", "/ctms/bulk", {{"Content-Type", "application/json"}}, "[]").status == 401);
}

TEST_CASE("bulk: errors of a list have a limit together, and each item has its first one") {
    web_fixture web;
    std::vector<std::string> items(200, fmt::format(R"({{"newsletters":[{}]}})", fmt::join(std::vector<int>(300, 1), ",")));
    const auto answer = web.post("/ctms/bulk", fmt::format("[{}]", fmt::join(items, ",")));
    CHECK(answer.body.size() < 600 * 1024);
    const auto results = results_of(answer);
    REQUIRE(results.size() == 200);
    CHECK(results[0].at("detail").as_array().size() == 301);
    CHECK(results[199].at("detail").as_array().size() == 1);
}

TEST_CASE("bulk: a client needs the role to delete for items that delete") {
    web_fixture web;
    web.add_contact(person(1));
    set_roles(web, {model::role::write});
    REQUIRE(becomes_true([&] { return web.get("/ctms/" + id(1)).status == 403; }));
    const auto results = bulk(web, R"({"op":"delete","email_id":")" + id(1) + R"("},)" + person(2));
    CHECK(statuses(results) == numbers{403, 201});
    CHECK(results[0].at("detail") == "Client lacks the role 'delete'");
    CHECK(web.sql("select from emails").size() == 2);
}

TEST_CASE("bulk: a client that must send a precondition can only create") {
    web_fixture web;
    web.add_contact(person(1));
    {
        persistence::database db(web.database().options());
        REQUIRE(persistence::client_repository(db).set_must_have_precondition(web_fixture::client, true).has_value());
    }
    REQUIRE(becomes_true([&] { return web.send("PATCH", "/ctms/" + id(1), "{}").status == 428; }));
    const auto results =
        bulk(web, fmt::format(R"({0},{1},{{"op":"patch","email_id":"{2}"}},{{"op":"delete","email_id":"{2}"}},{{"op":"create",{3})",
                              person(1, R"(,"amo":{"user_id":"1"})"), person(2), id(1), person(3).substr(1)));
    CHECK(statuses(results) == numbers{428, 201, 428, 428, 201});
    CHECK(results[0].at("detail") == bj::parse(web.send("PATCH", "/ctms/" + id(1), "{}").body).at("detail"));
    CHECK(web.sql("select from emails").size() == 3);
}

TEST_CASE("bulk: legal holds and suppressed addresses hold as for the calls on one contact") {
    for (const bool opts_out : {false, true}) {
        web_fixture web({.change_settings = [opts_out](config::settings& settings) {
            settings.suppression_keys = {"the key of the tests, with 32 bytes"};
            settings.suppression_opts_out = opts_out;
        }});
        web.add_contact(person(1));
        web.add_contact(person(2));
        web.sql(fmt::format("insert into ctms_holds values ('{}', 'case 2026-17', 'operator')", id(1)));
        REQUIRE(web.post("/erasures", R"({"primary_email":"gone@example.com","suppress":true})").status == 201);
        const auto results = bulk(web, fmt::format(R"({{"op":"delete","email_id":"{}"}},{{"op":"delete","email_id":"{}"}},{},{})", id(1),
                                                   id(2), address("Gone@example.com"), address("stays@example.com")));
        CHECK(statuses(results) == numbers{409, 200, opts_out ? 201 : 422, 201});
        CHECK(results[0].at("detail") == "A legal hold exists for this contact: it can be neither deleted nor erased");
        if (opts_out) {
            CHECK(contact(web, id_of(results[2])).at("email").at("has_opted_out_of_email") == true);
        } else {
            CHECK(results[2].at("detail") == bj::parse(web.post("/ctms", address("Gone@example.com")).body).at("detail"));
        }
        CHECK(contact(web, id_of(results[3])).at("email").at("has_opted_out_of_email") == false);
    }
}

TEST_CASE("bulk: the history names the client and the request of each item") {
    web_fixture web({.change_settings = [](config::settings& settings) { settings.history_days = 30; }});
    web.add_contact(person(1));
    const auto answer =
        web.ask("POST", "/ctms/bulk", {web.authorization(), {"Content-Type", "application/json"}, {"X-Request-Id", "the-bulk"}},
                fmt::format("[{},{}]", person(1, R"(,"amo":{"user_id":"1"})"), person(2)));
    CHECK(statuses(results_of(answer)) == numbers{200, 201});
    for (const auto& one : {id(1), id(2)}) {
        const auto newest = bj::parse(web.get("/ctms/" + one + "/history").body).at("items").at(0);
        CHECK(newest.at("client") == web_fixture::client);
        CHECK(newest.at("request_id") == "the-bulk");
    }
    const auto removed = bulk(web, R"({"op":"delete","email_id":")" + id(2) + R"("})");
    CHECK(statuses(removed) == numbers{200});
    CHECK(web.sql("select from ctms_history where what = 'deleted' and request_id <> ''").size() == 1);
}

TEST_CASE("bulk: the log has counts and no address, and the metrics have the route") {
    web_fixture web;
    web.add_contact(person(1));
    const auto answer = web.post("/ctms/bulk", fmt::format(R"([{},{},{},{{}},{{"op":"delete","email_id":"{}"}}])", person(2), person(1),
                                                           person(1, R"(,"amo":{"user_id":"1"})"), id(2)));
    CHECK(statuses(results_of(answer)) == numbers{201, 200, 200, 422, 200});
    const auto fields = web.fields_of(answer);
    CHECK(fields.at("bulk_created") == 1);
    CHECK(fields.at("bulk_unchanged") == 1);
    CHECK(fields.at("bulk_changed") == 1);
    CHECK(fields.at("bulk_refused") == 1);
    CHECK(fields.at("bulk_deleted") == 1);
    CHECK(fields.at("path_template") == "/ctms/bulk");
    CHECK(web.log_text().find("example.com") == std::string::npos);
    CHECK(web.ask("GET", "/metrics").body.find(R"(path_template="/ctms/bulk")") != std::string::npos);
}

TEST_CASE("bulk: one contact that stays locked holds up the others only for a while, and gets 503") {
    web_fixture web;
    web.add_contact(person(1));
    persistence::connection other(web.database().options());
    other.begin();
    const auto check = [&](const std::string& locked, const std::string& is_locked, int first) {
        other.execute(locked);
        std::vector<std::string> items{is_locked};
        for (int i = first; i < first + 30; ++i) items.push_back(person(i));
        const auto results = bulk(web, fmt::format("{},{}", fmt::join(items, ","), is_locked)); // the last one does not wait, too
        REQUIRE(results.size() == 32);
        CHECK(std::all_of(results.begin() + 1, results.end() - 1, [](const auto& one) { return status(one) == 201; }));
        for (const auto* one : {&results.front(), &results.back()}) {
            CHECK(status(*one) == 503);
            CHECK(one->at("detail") == "Service temporarily unavailable");
        }
    };
    check(fmt::format("select from emails where email_id = '{}' for update", id(1)), person(1, R"(,"amo":{"user_id":"1"})"), 100);
    check("insert into emails (email_id, primary_email, update_timestamp) values (gen_random_uuid(), 'p3@example.com', now())", person(3),
          200);
    other.rollback();
    CHECK(statuses(bulk(web, person(1, R"(,"amo":{"user_id":"1"})") + ',' + person(3))) == numbers{200, 201});
}

TEST_CASE("bulk: if the database does nothing, the whole response is 503") {
    web_fixture web;
    web.add_contact(person(1));
    web.sql("alter database " + web.database().name() + " set default_transaction_read_only = on");
    web.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
    const std::string unavailable = R"({"detail":"Service temporarily unavailable"})";
    REQUIRE(becomes_true([&] { return web.post("/ctms", person(2)).body == unavailable; }));
    const auto answer = web.post("/ctms/bulk", fmt::format(R"([{},{},{{"op":"delete","email_id":"{}"}}])", person(2), person(3), id(1)));
    CHECK(answer.status == 503);
    CHECK(answer.body == unavailable);
    CHECK(answer.header("retry-after") == "1");
    CHECK_FALSE(web.fields_of(answer).at("error").as_string().empty());
    web.sql("alter database " + web.database().name() + " reset default_transaction_read_only");
}

TEST_CASE("bulk: clients that write the same contacts in opposite order do not fail") {
    web_fixture web;
    constexpr int contacts = 300;
    std::atomic<int> failures = 0;
    const auto write = [&](bool backwards, int rounds) {
        for (int round = 0; round < rounds; ++round) {
            std::vector<std::string> items;
            for (int i = 0; i < contacts; ++i) {
                const int number = backwards ? contacts - 1 - i : i;
                items.push_back(
                    address(fmt::format("p{}@example.com", number), fmt::format(R"(,"amo":{{"user_id":"{}-{}"}})", round, backwards)));
            }
            const auto answer = web.post("/ctms/bulk", fmt::format("[{}]", fmt::join(items, ",")));
            if (answer.status != 200) ++failures;
            const auto results = bj::parse(answer.body);
            for (const auto& one : results.as_array()) failures += status(one) == 200 || status(one) == 201 ? 0 : 1;
        }
    };
    constexpr int rounds = 4;
    std::jthread other([&] { write(true, rounds); });
    write(false, rounds);
    other.join();
    CHECK(failures == 0);
    CHECK(web.sql("select from emails").size() == contacts);
}

} // namespace ctms::test
