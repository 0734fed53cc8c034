// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_bulk.hpp>

#include <ctms/service/contacts.hpp>
#include <support/closed_database.hpp>
#include <support/queue_database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <string>
#include <vector>

using namespace ctms;
using service::bulk_outcome;

namespace {

using items = std::vector<result<json::bulk_item>>;

void add(items& to, const std::string& text) {
    auto sent = json::body::parse(text);
    REQUIRE(sent.has_value());
    to.push_back(json::read_bulk_item(*std::move(sent)));
}

std::string patch(const uuid& id, std::string_view more) {
    return fmt::format(R"({{"op":"patch","email_id":"{}",{}}})", id.to_string(), more);
}

} // namespace

TEST_CASE("a bulk write does items of several contacts, and of one contact in order") {
    test::queue_database db;
    db.insert_contacts(1, 3);
    items all;
    add(all, R"({"email":{"primary_email":"1@example.com","first_name":"One"}})");
    add(all, patch(db.contact(1), R"("email":{"first_name":"Two"})"));
    add(all, patch(db.contact(2), R"("email":{"primary_email":"free@example.com"})"));
    add(all, R"({"email":{"primary_email":"2@example.com"}})");
    add(all, R"({"email":7})");
    add(all, R"({"op":"delete","email_id":")" + db.contact(3).to_string() + "\"}");
    const auto results = service::contact_bulk(db.pool).run(all, {.by = model::author("tests")});
    REQUIRE(results.size() == all.size());
    CHECK(results[0].what == bulk_outcome::changed);
    CHECK(results[0].email_id == db.contact(1));
    CHECK(results[1].what == bulk_outcome::changed);
    CHECK(results[2].what == bulk_outcome::changed);
    CHECK(results[3].what == bulk_outcome::created);
    CHECK(results[4].failure.value().code == errc::invalid);
    CHECK(results[5].what == bulk_outcome::removed);
    service::contacts contacts(db.pool);
    CHECK(contacts.get(db.contact(1)).value().email.first_name == "Two");
    CHECK(contacts.get(results[3].email_id).value().email.primary_email == "2@example.com");
    CHECK(contacts.get(db.contact(3)).error().code == errc::not_found);
}

TEST_CASE("a bulk write without roles or a precondition refuses the items that need them") {
    test::queue_database db;
    db.insert_contacts(1, 2);
    items all;
    add(all, R"({"op":"delete","email_id":")" + db.contact(1).to_string() + "\"}");
    add(all, R"({"email":{"primary_email":"2@example.com","first_name":"Two"}})");
    service::bulk_options how;
    how.may_remove = missing_role("no");
    how.needs_precondition = true;
    const auto results = service::contact_bulk(db.pool).run(all, how);
    CHECK(results[0].failure.value().code == errc::missing_role);
    CHECK(results[1].what == bulk_outcome::needs_precondition);
    CHECK(results[1].email_id == db.contact(2));
}

TEST_CASE("a bulk write without a database refuses every item") {
    test::queue_database db;
    test::closed_database closed(db.db);
    items all;
    for (int i = 0; i < 3; ++i) add(all, fmt::format(R"({{"email":{{"primary_email":"{}@example.com"}}}})", i));
    for (const auto& one : service::contact_bulk(db.pool).run(all, {})) {
        CHECK(one.what == bulk_outcome::refused);
        CHECK(one.failure.value().code == errc::unavailable);
    }
}
