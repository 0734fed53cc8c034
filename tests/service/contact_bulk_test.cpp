// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_bulk.hpp>

#include <ctms/service/contacts.hpp>
#include <support/closed_database.hpp>
#include <support/queue_database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>
#include <string>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
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

std::string remove(const uuid& id) { return fmt::format(R"({{"op":"delete","email_id":"{}"}})", id.to_string()); }

std::string merge(const uuid& id, std::string_view address) {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}}}})", id.to_string(), address);
}

std::string create(std::string_view address) { return fmt::format(R"({{"op":"create","email":{{"primary_email":"{}"}}}})", address); }

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

TEST_CASE("items about the address of a contact are done in order with the items of that contact") {
    test::queue_database db;
    db.insert_contacts(1, 2);
    service::contact_bulk bulk(db.pool);
    const auto one = db.contact(1);
    const auto two = db.contact(2);
    const auto count = [&](const std::string& address) {
        return db.value(fmt::format("select count(*) from emails where primary_email = '{}'", address));
    };
    items all;
    SUBCASE("a contact is created with the address of one that is deleted afterwards") {
        add(all, create("1@example.com"));
        add(all, remove(one));
        const auto results = bulk.run(all, {});
        CHECK(results[0].failure.value().code == errc::conflict);
        CHECK(results[1].what == bulk_outcome::removed);
        CHECK(count("1@example.com") == "0");
    }
    SUBCASE("a contact is created with the address of one that was deleted") {
        add(all, remove(one));
        add(all, create("1@example.com"));
        const auto results = bulk.run(all, {});
        CHECK(results[0].what == bulk_outcome::removed);
        CHECK(results[1].what == bulk_outcome::created);
        CHECK(count("1@example.com") == "1");
    }
    SUBCASE("a contact gets the address of one that was deleted") {
        add(all, remove(two));
        add(all, patch(one, R"("email":{"primary_email":"2@example.com"})"));
        const auto results = bulk.run(all, {});
        CHECK(results[0].what == bulk_outcome::removed);
        CHECK(results[1].what == bulk_outcome::changed);
        CHECK(count("2@example.com") == "1");
    }
    SUBCASE("a contact gets the address of one that is deleted afterwards") {
        add(all, patch(one, R"("email":{"primary_email":"2@example.com"})"));
        add(all, remove(two));
        const auto results = bulk.run(all, {});
        CHECK(results[0].failure.value().code == errc::conflict);
        CHECK(results[1].what == bulk_outcome::removed);
        CHECK(count("1@example.com") == "1");
    }
    SUBCASE("a contact gets the address that another one gave up") {
        add(all, patch(two, R"("email":{"primary_email":"free@example.com"})"));
        add(all, patch(one, R"("email":{"primary_email":"2@example.com"})"));
        add(all, create("1@example.com"));
        const auto results = bulk.run(all, {});
        CHECK(results[0].what == bulk_outcome::changed);
        CHECK(results[1].what == bulk_outcome::changed);
        CHECK(results[2].what == bulk_outcome::created);
    }
    SUBCASE("a contact is merged into one that exists, with the address of one that was deleted") {
        add(all, remove(two));
        add(all, merge(one, "2@example.com"));
        const auto results = bulk.run(all, {});
        CHECK(results[1].what == bulk_outcome::changed);
        CHECK(results[1].email_id == one);
        CHECK(count("2@example.com") == "1");
    }
    SUBCASE("whether an id exists is asked again after its contact was deleted") {
        add(all, merge(two, "1@example.com"));
        add(all, remove(two));
        add(all, merge(two, "1@example.com"));
        const auto results = bulk.run(all, {});
        CHECK(results[0].failure.value().code == errc::conflict);
        CHECK(results[1].what == bulk_outcome::removed);
        CHECK(results[2].what == bulk_outcome::unchanged);
        CHECK(results[2].email_id == one);
    }
}

TEST_CASE("of many contacts that want the same address, each gets its own result") {
    test::queue_database db;
    constexpr int most = 200;
    db.insert_contacts(1, most);
    items all;
    for (int number = 1; number <= most; ++number) add(all, merge(db.contact(number), "1@example.com"));
    const auto results = service::contact_bulk(db.pool).run(all, {});
    CHECK(results.front().what == bulk_outcome::unchanged);
    for (std::size_t i = 1; i < results.size(); ++i) CHECK(results[i].failure.value().code == errc::conflict);
}

TEST_CASE("contacts that others keep locked do not stop a bulk write") {
    test::queue_database db;
    auto options = db.db.options();
    options.lock_timeout = 500ms;
    persistence::database pool(options);
    service::contact_bulk bulk(pool);
    persistence::connection holder(db.db.options());
    items all;
    const auto is_locked = [](std::size_t place) { return place == 3 || place == 150 || place == 290; };
    constexpr std::size_t most = 300;
    const auto check = [&](const std::vector<service::bulk_result>& results, bulk_outcome wanted) {
        REQUIRE(results.size() == most);
        for (std::size_t i = 0; i < most; ++i) {
            CAPTURE(i);
            CHECK(results[i].what == (is_locked(i) ? bulk_outcome::refused : wanted));
            if (results[i].failure) CHECK(results[i].failure->code == errc::unavailable);
        }
    };
    holder.begin();
    SUBCASE("new addresses that others are storing") {
        for (std::size_t i = 0; i < most; ++i) {
            add(all, create(fmt::format("new{}@example.com", i)));
            if (is_locked(i))
                holder.execute(fmt::format("insert into emails (email_id, primary_email, update_timestamp)"
                                           " values (gen_random_uuid(), 'new{}@example.com', now())",
                                           i));
        }
        check(bulk.run(all, {}), bulk_outcome::created);
        CHECK(db.rows_of("emails") == most - 3);
    }
    SUBCASE("contacts to delete") {
        db.insert_contacts(0, most - 1);
        for (int i = 0; i < static_cast<int>(most); ++i) {
            add(all, remove(db.contact(i)));
            if (is_locked(static_cast<std::size_t>(i)))
                holder.execute(fmt::format("select from emails where email_id = '{}' for update", db.id(i)));
        }
        check(bulk.run(all, {}), bulk_outcome::removed);
    }
    SUBCASE("two contacts to change, in a round of their own, before others") {
        db.insert_contacts(1, 2);
        for (int i = 1; i <= 2; ++i) {
            add(all, patch(db.contact(i), R"("email":{"first_name":"New"})"));
            holder.execute(fmt::format("select from emails where email_id = '{}' for update", db.id(i)));
        }
        add(all, patch(db.contact(1), R"("email":{"primary_email":"free@example.com"})"));
        add(all, create("free@example.com"));
        const auto results = bulk.run(all, {});
        for (std::size_t i = 0; i < 3; ++i) CHECK(results[i].failure.value().code == errc::unavailable);
        CHECK(results[3].what == bulk_outcome::created);
    }
    holder.rollback();
}

TEST_CASE("deletions of a bulk write whose outcome is unknown are not repeated") {
    test::queue_database db;
    db.insert_contacts(1, 2);
    db.link.execute("create sequence ended; create function end_once() returns trigger language plpgsql as $$ begin"
                    " if nextval('ended') = 1 then perform pg_terminate_backend(pg_backend_pid()), pg_sleep(10); end if;"
                    " return null; end $$;"
                    "create constraint trigger ends after delete on emails deferrable initially deferred"
                    " for each row execute function end_once()");
    items all;
    for (int number = 1; number <= 2; ++number) add(all, remove(db.contact(number)));
    for (const auto& one : service::contact_bulk(db.pool).run(all, {})) CHECK(one.failure.value().code == errc::outcome_unknown);
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
