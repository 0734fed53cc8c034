// SPDX-License-Identifier: MPL-2.0
// The times when a newsletter was joined and last changed, which are sent to the email vendor.
#include <support/test_database.hpp>

#include <persistence/contacts/contact_repository.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

const uuid id = *uuid::parse("00000000-0000-4000-8000-000000000001");
constexpr auto day = std::chrono::sys_days(std::chrono::year(2020) / 1 / 2);

model::newsletter newsletter(const char* name) {
    model::newsletter out;
    out.name = name;
    return out;
}

struct fixture {
    test_database db;
    database pool{db.options()};
    contact_repository contacts{pool};

    fixture() {
        model::contact contact;
        contact.email.email_id = id;
        contact.email.primary_email = "one@example.com";
        contact.newsletters = {newsletter("app-dev"), newsletter("hubs")};
        REQUIRE(contacts.create(contact).has_value());
        connection link(db.options());
        link.execute("update newsletters set create_timestamp = '2020-01-02Z', update_timestamp = '2020-01-02T00:00:00.000001Z'");
    }

    /// Writes the contact as a client sends it: without timestamps.
    void send(const char* lang_of_hubs) {
        REQUIRE(contacts
                    .change(id,
                            [&](const std::optional<model::contact>& stored) -> result<contact_change> {
                                contact_change out{*stored};
                                out.after.newsletters = {newsletter("app-dev"), newsletter("hubs")};
                                out.after.newsletters[1].lang = lang_of_hubs;
                                return out;
                            })
                    .has_value());
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a newsletter is read with the timestamps of its row") {
    const auto found = contacts.find(id);
    REQUIRE(found.has_value());
    REQUIRE(found->newsletters.size() == 2);
    CHECK(found->newsletters[1].name == "hubs");
    CHECK(found->newsletters[1].create_timestamp == timestamp(day));
    CHECK(found->newsletters[1].update_timestamp == timestamp(day) + std::chrono::microseconds(1));
}

TEST_CASE_FIXTURE(fixture, "only a newsletter that a write changes gets a new update time") {
    send("en");
    CHECK(contacts.find(id)->newsletters.at(1).update_timestamp == timestamp(day) + std::chrono::microseconds(1));
    send("fr");
    const auto found = contacts.find(id);
    CHECK(found->newsletters.at(0).update_timestamp == timestamp(day) + std::chrono::microseconds(1));
    CHECK(*found->newsletters.at(1).update_timestamp > timestamp(day) + std::chrono::hours(24));
    CHECK(found->newsletters.at(1).create_timestamp == timestamp(day));
}
