// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contacts.hpp>
#include <ctms/service/person_export.hpp>

#include <support/closed_database.hpp>
#include <support/queue_database.hpp>

#include <ctms/json/contact_json.hpp>
#include <ctms/service/contact_export.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <optional>
#include <ranges>
#include <string>
#include <unordered_set>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;

namespace {

static_assert(std::ranges::input_range<service::contact_range>);

model::updates_query everything(int limit) {
    model::updates_query out;
    out.end = model::moment{now() + 1h, std::nullopt};
    out.limit = limit;
    return out;
}

} // namespace

TEST_CASE("a contact is deleted by its id, with its deletion at the vendor") {
    test::queue_database db;
    db.insert_contacts(1, 2);
    service::contacts contacts(db.pool);
    CHECK(contacts.remove(db.contact(1)).has_value());
    CHECK(contacts.get(db.contact(1)).error().code == errc::not_found);
    CHECK(contacts.get(db.contact(2)).has_value());
    CHECK(db.row(1).starts_with("delete"));
    const auto again = contacts.remove(db.contact(1));
    CHECK(again.error().code == errc::not_found);
    CHECK(again.error().message == "Unknown email_id");
}

TEST_CASE("updates are a range over all pages") {
    test::queue_database db;
    db.insert_contacts(1, 7); // all with the same update_timestamp
    service::contacts contacts(db.pool);
    for (const int limit : {1, 3, 7, 100, 0}) {
        CAPTURE(limit);
        std::unordered_set<uuid> seen;
        std::size_t count = 0;
        for (auto& contact : contacts.updates(everything(limit))) {
            REQUIRE(contact.has_value());
            seen.insert(contact->email.email_id);
            ++count;
        }
        CHECK(count == 7);
        CHECK(seen.size() == 7);
    }
    auto none = everything(10);
    none.end = none.start;
    auto range = contacts.updates(none);
    CHECK(range.begin() == range.end());
}

TEST_CASE("a range of updates continues after a contact") {
    test::queue_database db;
    db.insert_contacts(1, 5);
    service::contacts contacts(db.pool);
    auto query = everything(2);
    std::vector<int> numbers;
    for (auto& contact : contacts.updates(query)) {
        numbers.push_back(db.number(contact.value().email.email_id));
        if (numbers.size() < 3) continue;
        query.after = {contact->email.update_timestamp.value(), contact->email.email_id};
        break;
    }
    for (auto& contact : contacts.updates(query)) numbers.push_back(db.number(contact.value().email.email_id));
    CHECK(numbers == std::vector{1, 2, 3, 4, 5});
}

TEST_CASE("an error is the last element of a range of updates") {
    test::test_database where;
    const test::closed_database closed(where);
    persistence::database nowhere(where.options());
    service::contacts contacts(nowhere);
    std::vector<errc> codes;
    for (auto& contact : contacts.updates(everything(10))) codes.push_back(contact.error().code);
    CHECK(codes == std::vector{errc::unavailable});
}

TEST_CASE("a range of updates ends with an error in the middle") {
    test::queue_database db;
    db.insert_contacts(1, 4);
    service::contacts contacts(db.pool);
    std::size_t good = 0;
    std::size_t bad = 0;
    std::optional<test::closed_database> closed;
    for (auto& contact : contacts.updates(everything(2))) {
        (contact ? good : bad) += 1;
        if (good == 2 && bad == 0) closed.emplace(db.db);
    }
    CHECK(good == 2);
    CHECK(bad == 1);
}

TEST_CASE("a query without ids finds nobody, at every level") {
    test::queue_database db;
    db.insert_contacts(1, 2);
    persistence::contact_repository repository(db.pool);
    CHECK(repository.find(model::identity_query{}).value().empty());
    CHECK(repository.find_identities(model::identity_query{}).value().empty());
    CHECK(repository.find(std::span<const uuid>()).value().empty());
    service::contacts contacts(db.pool);
    CHECK(contacts.find(model::identity_query{}).error().code == errc::malformed);
    CHECK(contacts.documents(std::span<const uuid>()).empty());
}

TEST_CASE("what a GET answers is read as the contact that was stored") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    model::contact_input jane;
    jane.email.primary_email = "jane@example.com";
    jane.amo.emplace().display_name = "Jane";
    jane.newsletters.emplace_back().name = "hubs";
    jane.waitlists.push_back({.name = "vpn", .source = {}, .fields = R"({"geo":"fr","platform":"ios"})"});
    const auto stored = contacts.get(contacts.create(jane).value().contact.email.email_id).value();
    std::string answer;
    json::write_contact(answer, stored, true);
    CHECK(json::read_answered_contact(answer).value() == stored);
}

TEST_CASE("everything about a contact is one JSON object") {
    test::queue_database db;
    db.insert_contacts(1, 1);
    std::string text;
    CHECK(service::person_export(db.pool, db.contact(1), service::export_form::json).next(text).value() == false);
    const auto all = boost::json::parse(text).as_object();
    CHECK(std::string(all.at("email").at("email_id").as_string()) == db.id(1));
    for (const auto* member :
         {"newsletters", "waitlists", "products", "stripe_customers", "sync_queue", "vendor_state", "history", "webhooks"}) {
        CAPTURE(member);
        CHECK(all.contains(member));
    }
    CHECK(service::person_export(db.pool, db.contact(2), service::export_form::json).next(text).error().code == errc::not_found);
}

TEST_CASE("duplicates come in groups, until the caller has enough") {
    test::queue_database db;
    for (const auto* address : {"a@x.org", "A@x.org", "b@x.org", "c@x.org", "C@x.org", "C@X.org"})
        db.link.execute(
            fmt::format("insert into emails (email_id, primary_email, update_timestamp) values (gen_random_uuid(), '{}', now())", address));
    service::contact_export exports(db.pool);
    std::vector<std::size_t> sizes;
    CHECK(exports.duplicates([&](auto group) { return sizes.push_back(group.size()), true; }).has_value());
    CHECK(sizes == std::vector<std::size_t>{2, 3});
    sizes.clear();
    CHECK(exports.duplicates([&](auto group) { return sizes.push_back(group.size()), false; }).has_value());
    CHECK(sizes == std::vector<std::size_t>{2});
}
