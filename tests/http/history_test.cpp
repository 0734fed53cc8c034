// SPDX-License-Identifier: MPL-2.0
// Who changed a contact, when, and which fields: whoever wrote it, and never an address.
#include <support/becomes_true.hpp>
#include <support/stripe_objects.hpp>
#include <support/test_database.hpp>
#include <support/web_fixture.hpp>

#include <ctms/auth/keyed_hashes.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/contact_import.hpp>
#include <ctms/service/contact_lists.hpp>

#include <persistence/postgres/connection.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace ctms::test {
namespace {

namespace bj = boost::json;
using namespace std::chrono_literals;

const std::string id = "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93";
const std::string erasure_key = "the key of the tests, with 32 bytes";

web_fixture::options with_history() {
    web_fixture::options out;
    out.change_settings = [](config::settings& settings) { settings.history_days = 30; };
    return out;
}

persistence::database_options recording(web_fixture& web) {
    auto out = web.database().options();
    out.keeps_history = true;
    return out;
}

bj::object page_of(web_fixture& web, const std::string& query = {}) {
    const auto answer = web.get("/ctms/" + id + "/history" + query);
    REQUIRE(answer.status == 200);
    return bj::parse(answer.body).as_object();
}

std::string text_of(const bj::value& value) { return std::string(value.as_string()); }

/// The changes of the newest entry, as text.
std::string newest(web_fixture& web) { return bj::serialize(page_of(web).at("items").at(0).at("changes")); }

std::size_t entries(web_fixture& web) { return page_of(web).at("items").as_array().size(); }

std::string contact(std::string_view more = {}) {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"jane@example.com","first_name":"Jane"}}{}}})", id, more);
}

} // namespace

TEST_CASE("the history says which client changed which fields in which request, and why a newsletter does not come any more") {
    web_fixture web(with_history());
    const auto made = web.post("/ctms", contact(R"(,"newsletters":[{"name":"firefox-tips","lang":"de"}])"));
    REQUIRE(made.status == 201);
    CHECK(newest(web) == R"([{"field":"email.primary_email"},{"field":"email.first_name"},)"
                         R"({"field":"email.email_format","old":null,"new":"H"},{"field":"email.email_lang","old":null,"new":"en"},)"
                         R"({"field":"newsletters.subscribed","name":"firefox-tips","old":null,"new":true},)"
                         R"({"field":"newsletters.format","name":"firefox-tips","old":null,"new":"H"},)"
                         R"({"field":"newsletters.lang","name":"firefox-tips","old":null,"new":"de"}])");
    const auto left = web.send("PATCH", "/ctms/" + id,
                               R"({"email":{"first_name":"Janet"},)"
                               R"("newsletters":[{"name":"firefox-tips","subscribed":false,"unsub_reason":"jane@example.com is busy"}]})");
    REQUIRE(left.status == 200);
    const auto page = page_of(web);
    CHECK(text_of(page.at("email_id")) == id);
    CHECK(page.at("kept_days") == 30);
    CHECK(page.at("next").is_null());
    REQUIRE(page.at("items").as_array().size() == 2);
    const auto& entry = page.at("items").at(0).as_object();
    CHECK(entry.at("change") == "updated");
    CHECK(entry.at("client") == web_fixture::client);
    CHECK(text_of(entry.at("request_id")) == left.header("x-request-id"));
    CHECK(bj::serialize(entry.at("changes")) == R"([{"field":"email.first_name"},)"
                                                R"({"field":"newsletters.subscribed","name":"firefox-tips","old":true,"new":false},)"
                                                R"({"field":"newsletters.unsub_reason","name":"firefox-tips"}])");
    CHECK(page.at("items").at(1).at("change") == "created");
    CHECK(bj::serialize(page).find("example.com") == std::string::npos);
    CHECK(bj::serialize(page).find("Janet") == std::string::npos);
}

TEST_CASE("a write that changes nothing is not recorded") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact()).status == 201);
    REQUIRE(web.send("PATCH", "/ctms/" + id, R"({"email":{"first_name":"Jane"}})").status == 200);
    CHECK(entries(web) == 1);
}

TEST_CASE("joining and leaving a waitlist, and a removed group, are recorded") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact(R"(,"amo":{"email_opt_in":true,"language":"de","username":"jane"})")).status == 201);
    REQUIRE(web.send("PATCH", "/ctms/" + id, R"({"waitlists":[{"name":"vpn","fields":{"geo":"fr"}}]})").status == 200);
    CHECK(newest(web) ==
          R"([{"field":"waitlists.subscribed","name":"vpn","old":false,"new":true},{"field":"waitlists.fields","name":"vpn"}])");
    REQUIRE(web.send("PATCH", "/ctms/" + id, R"({"waitlists":"UNSUBSCRIBE","amo":"DELETE"})").status == 200);
    CHECK(newest(web) ==
          R"([{"field":"amo.email_opt_in","old":true,"new":null},{"field":"amo.language","old":"de","new":null},)"
          R"({"field":"amo.username"},)"
          R"({"field":"waitlists.subscribed","name":"vpn","old":true,"new":false},{"field":"waitlists.fields","name":"vpn"}])");
}

TEST_CASE("pages follow each other until the first change") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact()).status == 201);
    for (int n = 0; n < 6; ++n)
        REQUIRE(web.send("PATCH", "/ctms/" + id, fmt::format(R"({{"email":{{"first_name":"{}"}}}})", n)).status == 200);
    std::vector<std::string> kinds;
    std::string query = "?limit=3";
    for (;;) {
        const auto page = page_of(web, query);
        for (const auto& item : page.at("items").as_array()) kinds.emplace_back(item.at("change").as_string());
        if (page.at("next").is_null()) break;
        query = "?limit=3&before=" + std::string(page.at("next").as_string());
    }
    REQUIRE(kinds.size() == 7);
    CHECK(kinds.back() == "created");
    for (const auto* wrong : {"?limit=0", "?limit=1001", "?before=x", "?before=-1", "?limit=x"}) {
        CAPTURE(wrong);
        CHECK(web.get("/ctms/" + id + "/history" + wrong).status == 422);
    }
}

TEST_CASE("a page ends early if its entries are large, and misses none") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact()).status == 201);
    web.sql(fmt::format("insert into ctms_history (email_id, what, changes) select '{}', 'updated',"
                        " json_build_array(json_build_object('field', repeat('x', 200000))) from generate_series(1, 9)",
                        id));
    std::size_t found = 0;
    std::size_t pages = 0;
    std::string query;
    for (;;) {
        const auto page = page_of(web, query);
        found += page.at("items").as_array().size();
        ++pages;
        if (page.at("next").is_null()) break;
        query = "?before=" + std::string(page.at("next").as_string());
    }
    CHECK(found == 10);
    CHECK(pages >= 3);
}

TEST_CASE("of a deleted contact only its deletion is known, whoever deleted it") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact()).status == 201);
    SUBCASE("a client") {
        const auto gone = web.send("DELETE", "/ctms/jane%40example.com");
        REQUIRE(gone.status == 200);
        const auto page = page_of(web);
        REQUIRE(page.at("items").as_array().size() == 1);
        CHECK(page.at("items").at(0).at("change") == "deleted");
        CHECK(page.at("items").at(0).at("client") == web_fixture::client);
        CHECK(text_of(page.at("items").at(0).at("request_id")) == gone.header("x-request-id"));
    }
    SUBCASE("an operator") {
        persistence::database db(recording(web));
        const std::vector<std::string> address{"JANE@example.com"};
        CHECK(service::contact_lists(db, "ctms-admin contacts delete-bulk").remove(address, false).value().front().changed == 1);
        const auto page = page_of(web);
        REQUIRE(page.at("items").as_array().size() == 1);
        CHECK(page.at("items").at(0).at("client") == "ctms-admin contacts delete-bulk");
    }
    SUBCASE("another program") {
        web.sql(fmt::format("delete from emails where email_id = '{}'", id));
        CHECK(becomes_true([&] { return web.get("/ctms/" + id + "/history").status == 200; }));
        const auto page = page_of(web);
        REQUIRE(page.at("items").as_array().size() == 1);
        CHECK(page.at("items").at(0).at("change") == "deleted");
        CHECK(page.at("items").at(0).at("client").is_null());
        CHECK(page.at("items").at(0).at("changes").is_null());
    }
}

TEST_CASE("that another program changed a contact is recorded") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact()).status == 201);
    web.sql(fmt::format("update emails set first_name = 'Joan' where email_id = '{}'", id));
    CHECK(becomes_true([&] { return entries(web) == 2; }));
    const auto entry = page_of(web).at("items").at(0).as_object();
    CHECK(entry.at("change") == "updated");
    CHECK(entry.at("client").is_null());
    CHECK(entry.at("changes").is_null());
}

TEST_CASE("suppressing an address is recorded once") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact()).status == 201);
    persistence::database db(recording(web));
    const std::vector<std::string> address{"jane@example.com"};
    for (int n = 0; n < 2; ++n) REQUIRE(service::contact_lists(db, "ctms-admin suppress").suppress(address, false).has_value());
    CHECK(newest(web) == R"([{"field":"email.has_opted_out_of_email","old":false,"new":true}])");
    CHECK(page_of(web).at("items").at(0).at("client") == "ctms-admin suppress");
    CHECK(entries(web) == 2);
}

TEST_CASE("an import records the same fields as a client that writes the same contact") {
    constexpr auto before = R"("amo":{"email_opt_in":true,"language":"de","username":"jane"},"fxa":{"fxa_id":"a","lang":"de"},)"
                            R"("mofo":{"mofo_relevant":true},)"
                            R"("newsletters":[{"name":"a","lang":"de"},{"name":"b"},{"name":"c","subscribed":false}],)"
                            R"("waitlists":[{"name":"x","fields":{"geo":"fr"}}])";
    constexpr auto after =
        R"("fxa":{"fxa_id":"b","lang":"fr"},"mofo":{"mofo_relevant":false,"mofo_email_id":"m"},)"
        R"("newsletters":[{"name":"a","lang":"fr","format":"T"},{"name":"c"},{"name":"d","source":"https://example.com"}],)"
        R"("waitlists":[{"name":"x","fields":{"geo":"de"}},{"name":"y","fields":{"geo":"de"}}])";
    const auto fields_of = [](const bj::value& entry) {
        std::set<std::string> out;
        for (const auto& change : entry.at("changes").as_array()) out.insert(bj::serialize(change));
        return out;
    };
    std::vector<std::set<std::string>> by_client;
    std::vector<std::set<std::string>> by_import;
    {
        web_fixture web(with_history());
        REQUIRE(web.post("/ctms", contact(std::string(",") + before)).status == 201);
        REQUIRE(web.send("PUT", "/ctms/" + id, contact(std::string(",") + after)).status == 201);
        const auto page = page_of(web);
        for (const auto& entry : page.at("items").as_array()) by_client.push_back(fields_of(entry));
    }
    {
        web_fixture web(with_history());
        persistence::database db(recording(web));
        for (const auto* content : {before, after}) {
            service::contact_import import(db, {.replace = true, .allow_opt_in = true, .client = "import"});
            REQUIRE(import.run(std::vector<std::string>{contact(std::string(",") + content)}).has_value());
        }
        const auto page = page_of(web);
        for (const auto& entry : page.at("items").as_array()) {
            by_import.push_back(fields_of(entry));
            CHECK(entry.at("client") == "import");
        }
    }
    REQUIRE(by_client.size() == 2);
    REQUIRE(by_import.size() == 2);
    CHECK(by_client[0] == by_import[0]);
    CHECK(by_client[1] == by_import[1]);
}

TEST_CASE("a change of a subscription at Stripe is recorded with its status") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact(R"(,"fxa":{"fxa_id":"fxa_1"})")).status == 201);
    const auto send = [&](const bj::object& object) { REQUIRE(web.post("/stripe", bj::serialize(object)).status == 200); };
    send(stripe_objects::customer());
    CHECK(newest(web) == R"([{"field":"stripe.customer","name":"cus_1"}])");
    auto subscription = stripe_objects::subscription();
    send(subscription);
    CHECK(newest(web) == R"([{"field":"stripe.subscription","name":"sub_1","old":null,"new":"active"}])");
    subscription["status"] = "past_due";
    send(subscription);
    CHECK(newest(web) == R"([{"field":"stripe.subscription","name":"sub_1","old":"active","new":"past_due"}])");
    CHECK(page_of(web).at("items").at(0).at("client") == "stripe");
    send(subscription);
    send(stripe_objects::price("price_1", 1099)); // concerns all subscribers, and is not a change of a person
    CHECK(entries(web) == 4);
}

TEST_CASE("a write with an Idempotency-Key is recorded once, with the request that made it") {
    web_fixture web(with_history());
    const auto send = [&](std::string_view method, const std::string& target, std::string_view body, const std::string& key) {
        return web.ask(method, target, {web.authorization(), {"Content-Type", "application/json"}, {"Idempotency-Key", key}}, body);
    };
    const auto check = [&](const http_answer& first, std::string_view what) {
        const auto newest_entry = page_of(web).at("items").at(0).as_object();
        CHECK(text_of(newest_entry.at("change")) == what);
        CHECK(newest_entry.at("client") == web_fixture::client);
        CHECK(text_of(newest_entry.at("request_id")) == first.header("x-request-id"));
    };
    const std::string change = R"({"email":{"first_name":"Janet"}})";
    const auto made = send("POST", "/ctms", contact(), "key-1");
    REQUIRE(made.status == 201);
    REQUIRE(send("POST", "/ctms", contact(), "key-1").status == 201);
    check(made, "created");
    const auto changed = send("PATCH", "/ctms/" + id, change, "key-2");
    REQUIRE(changed.status == 200);
    REQUIRE(send("PATCH", "/ctms/" + id, change, "key-2").status == 200);
    check(changed, "updated");
    const auto replaced = send("PUT", "/ctms/" + id, contact(), "key-3");
    REQUIRE(replaced.status == 201);
    check(replaced, "updated");
    CHECK(entries(web) == 3);
    const auto gone = send("DELETE", "/ctms/jane%40example.com", "", "key-4");
    REQUIRE(gone.status == 200);
    check(gone, "deleted");
    CHECK(entries(web) == 1);
}

TEST_CASE("a write whose precondition does not hold is not recorded, and one whose precondition holds is") {
    web_fixture web(with_history());
    const auto made = web.post("/ctms", contact());
    REQUIRE(made.status == 201);
    const auto patch = [&](const std::string& tag) {
        return web.ask("PATCH", "/ctms/" + id, {web.authorization(), {"Content-Type", "application/json"}, {"If-Match", tag}},
                       R"({"email":{"first_name":"Janet"}})");
    };
    REQUIRE(patch("\"another\"").status == 412);
    CHECK(entries(web) == 1);
    const auto changed = patch(made.header("etag"));
    REQUIRE(changed.status == 200);
    CHECK(entries(web) == 2);
    CHECK(text_of(page_of(web).at("items").at(0).at("request_id")) == changed.header("x-request-id"));
}

TEST_CASE("of an erased contact only its erasure is known, and a refused address is not recorded") {
    auto options = with_history();
    options.change_settings = [](config::settings& settings) {
        settings.history_days = 30;
        settings.suppression_keys = {erasure_key};
    };
    web_fixture web(options);
    REQUIRE(web.post("/ctms", contact()).status == 201);
    const auto erased = web.post("/erasures", R"({"primary_email":"jane@example.com","suppress":true})");
    REQUIRE(erased.status == 201);
    REQUIRE(web.post("/ctms", contact()).status == 422);
    const auto page = page_of(web);
    REQUIRE(page.at("items").as_array().size() == 1);
    CHECK(page.at("items").at(0).at("change") == "deleted");
    CHECK(page.at("items").at(0).at("client") == web_fixture::client);
    CHECK(text_of(page.at("items").at(0).at("request_id")) == erased.header("x-request-id"));
}

TEST_CASE("that an erased address is stored opted out is recorded, whoever writes it") {
    web_fixture::options options;
    options.change_settings = [](config::settings& settings) {
        settings.history_days = 30;
        settings.suppression_keys = {erasure_key};
        settings.suppression_opts_out = true;
    };
    web_fixture web(options);
    REQUIRE(web.post("/erasures", R"({"primary_email":"jane@example.com","suppress":true})").status == 201);
    const std::string opted_out = R"({"field":"email.has_opted_out_of_email","old":)";
    SUBCASE("a client") {
        const auto made = web.post("/ctms", contact());
        REQUIRE(made.status == 201);
        CHECK(newest(web).find(opted_out + R"(null,"new":true})") != std::string::npos);
        CHECK(text_of(page_of(web).at("items").at(0).at("request_id")) == made.header("x-request-id"));
        REQUIRE(web.send("PATCH", "/ctms/" + id, R"({"email":{"has_opted_out_of_email":false}})").status == 200);
        CHECK(entries(web) == 1); // it stays as it is
    }
    SUBCASE("an import") {
        auto recorded = recording(web);
        recorded.suppression = {auth::keyed_hashes({erasure_key}), true};
        persistence::database db(recorded);
        service::contact_import import(db, {.client = "import"});
        REQUIRE(import.run(std::vector<std::string>{contact()}).has_value());
        CHECK(newest(web).find(opted_out + R"(null,"new":true})") != std::string::npos);
    }
}

TEST_CASE("that lines of an invoice got their price is recorded for the contact of the invoice, and for nobody else") {
    web_fixture web(with_history());
    REQUIRE(web.post("/ctms", contact(R"(,"fxa":{"fxa_id":"fxa_1"})")).status == 201);
    REQUIRE(web.post("/ctms", R"({"email":{"primary_email":"joe@example.com"},"fxa":{"fxa_id":"fxa_2"}})").status == 201);
    const auto send = [&](const bj::object& object) { REQUIRE(web.post("/stripe", bj::serialize(object)).status == 200); };
    send(stripe_objects::customer());
    send(stripe_objects::customer("cus_2", "fxa_2"));
    send(stripe_objects::invoice({stripe_objects::with(stripe_objects::without(stripe_objects::line(), "price"), "pricing",
                                                       bj::object{{"price_details", bj::object{{"price", "price_9"}}}})}));
    REQUIRE(web.sql("select from ctms_stripe_lines").size() == 1);
    const auto before = entries(web);
    send(stripe_objects::price("price_9"));
    CHECK(web.sql("select from ctms_stripe_lines").empty());
    CHECK(entries(web) == before + 1);
    CHECK(newest(web) == R"([{"field":"stripe.invoice","name":"in_1"}])");
    CHECK(page_of(web).at("items").at(0).at("client") == "stripe");
    CHECK(web.sql("select from ctms_history where changes::text like '%in_1%' and email_id <> '" + id + "'").empty());
}

TEST_CASE("nothing is recorded while the history is off") {
    web_fixture::options off;
    web_fixture web(off);
    REQUIRE(web.post("/ctms", contact()).status == 201);
    REQUIRE(web.send("PATCH", "/ctms/" + id, R"({"email":{"first_name":"Janet"}})").status == 200);
    const auto page = page_of(web);
    CHECK(page.at("kept_days") == 0);
    CHECK(page.at("items").as_array().empty());
    CHECK(web.get("/ctms/4f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93/history").status == 404);
    CHECK(web.get("/ctms/x/history").status == 422);
}

TEST_CASE("what is too old is forgotten, the oldest first, and in parts") {
    test_database database;
    persistence::connection link(database.options());
    link.execute("insert into ctms_history (email_id, what, changed_at) select '" + id +
                 "', 'updated', now() - n * interval '1 day' from generate_series(1, 2500) n");
    persistence::database db(database.options());
    service::contact_history history(db);
    constexpr auto age = std::chrono::hours(24 * 40 - 1);
    CHECK(history.forget(age).value() == service::contact_history::most_forgotten);
    CHECK(link.execute("select max(now() - changed_at) < interval '1501 days' from ctms_history").text(0, 0) == "t");
    CHECK(history.forget(age).value() == service::contact_history::most_forgotten);
    CHECK(history.forget(age).value() == 461);
    CHECK(link.execute("select count(*) from ctms_history").text(0, 0) == "39");
    CHECK(history.forget(0s).value() == 39);
}

} // namespace ctms::test
