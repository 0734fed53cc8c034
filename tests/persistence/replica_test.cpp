// SPDX-License-Identifier: MPL-2.0
// Which reads a replica answers, and what answers if it cannot. The replica is a separate database whose contact has
// another name, so that the source of an answer is visible. packaging/scale_out.sh tests a real standby.
#include <support/test_database.hpp>

#include <persistence/contacts/contact_repository.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <string>
#include <thread>

using namespace ctms;
using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::test_database;

namespace {

const uuid id = *uuid::parse("00000000-0000-4000-8000-000000000001");
const uuid new_id = *uuid::parse("00000000-0000-4000-8000-000000000002");

class replica_failures : public metrics::recorder {
public:
    void sync_scheduled(std::size_t /*contacts*/) override {}
    void legacy_waitlists_used() override {}
    void database_error(std::string_view kind) override { ++(kind == "replica" ? of_replica : others); }
    std::atomic<int> of_replica = 0;
    std::atomic<int> others = 0;
};

model::contact person(const uuid& email_id, const char* address, const char* name) {
    model::contact out;
    out.email.email_id = email_id;
    out.email.primary_email = address;
    out.email.first_name = name;
    return out;
}

model::identity_query by_address(const char* address) {
    model::identity_query out;
    out.primary_email = address;
    return out;
}

struct two_databases {
    test_database primary_db;
    test_database replica_db;
    replica_failures failures;
    database primary{primary_db.options(), failures};
    database replica{replica_db.options(), failures};
    contact_repository contacts{primary, &replica};

    two_databases() {
        REQUIRE(contact_repository(primary).create(person(id, "one@example.com", "primary")).has_value());
        REQUIRE(contact_repository(replica).create(person(id, "one@example.com", "replica")).has_value());
    }

    /// Returns the name of the database that answers a lookup by address.
    std::string who() {
        const auto found = contacts.find(by_address("one@example.com"));
        return found && found->size() == 1 ? found->front().email.first_name.value_or("nobody") : "nobody";
    }

    /// Returns the name of the database that answers pages of /updates, and the number of contacts.
    std::pair<std::string, std::size_t> who_pages(int limit) {
        std::string name;
        std::size_t count = 0;
        model::updates_query query{{timestamp{}, {}}, model::moment{now() + 1h, {}}, limit, {}, {}, {}};
        const auto read = contacts.visit_updates(query, [&](const model::contact& one) {
            name = one.email.first_name.value_or("");
            ++count;
        });
        return {name, read ? count : 0};
    }

    void at_replica(const std::string& sql) const { connection(replica_db.options()).execute(sql); }
    /// Refuses or allows connections to the replica.
    void reachable(bool yes) const {
        connection admin(primary_db.options());
        const auto name = replica_db.name();
        admin.execute(fmt::format("alter database {} with allow_connections {}", name, yes));
        if (!yes) admin.execute(fmt::format("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{}'", name));
    }
    bool becomes_replica(std::chrono::seconds limit) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (who() != "replica") {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(20ms);
        }
        return true;
    }
};

} // namespace

TEST_CASE_FIXTURE(two_databases, "lookups by ids other than email_id are answered by the replica") {
    CHECK(who() == "replica");
    at_replica("update emails set sfdc_id = 'known to the replica'");
    const auto ids = contacts.find_identities(by_address("ONE@example.com"));
    REQUIRE(ids.value().size() == 1);
    CHECK(ids->front().sfdc_id == "known to the replica");
}

TEST_CASE_FIXTURE(two_databases, "a read by email_id returns the result of the last write") {
    at_replica("update emails set sfdc_id = 'known to the replica'");
    CHECK(contacts.find(id).value().email.first_name == "primary");
    CHECK(contacts.find(std::span(&id, 1)).value().front().email.first_name == "primary");
    auto query = by_address("one@example.com");
    query.email_id = id;
    CHECK(contacts.find(query).value().front().email.first_name == "primary");
    CHECK_FALSE(contacts.find_identities(query).value().front().sfdc_id.has_value());
}

TEST_CASE_FIXTURE(two_databases, "writes go to the primary and are found before the replica has them") {
    REQUIRE(contacts.create(person(new_id, "two@example.com", "new")).has_value());
    const auto found = contacts.find(by_address("two@example.com"));
    REQUIRE(found.value().size() == 1);
    CHECK(found->front().email.first_name == "new");
    CHECK(contacts.find_identities(by_address("two@example.com")).value().size() == 1);
    CHECK(contact_repository(replica).find(new_id).error().code == errc::not_found);
    const auto rename = [](const std::optional<model::contact>& stored) -> result<contact_change> {
        contact_change out{*stored};
        out.after.email.first_name = "renamed";
        return out;
    };
    REQUIRE(contacts.change(id, rename).has_value());
    CHECK(contact_repository(primary).find(id).value().email.first_name == "renamed");
    CHECK(who() == "replica");
    CHECK(contacts.remove("two@example.com").value().size() == 1);
    CHECK(failures.of_replica == 0);
}

TEST_CASE_FIXTURE(two_databases, "a page of updates never comes from a server that is not known to have all changes") {
    CHECK(who_pages(1) == std::pair<std::string, std::size_t>("primary", 1)); // the replica of this test is no standby
    CHECK(who_pages(2) == std::pair<std::string, std::size_t>("primary", 1));
    REQUIRE(contacts.create(person(new_id, "two@example.com", "new")).has_value());
    CHECK(who_pages(5) == std::pair<std::string, std::size_t>("new", 2));
}

TEST_CASE("an unreachable replica costs one attempt, and the primary answers") {
    const test_database db;
    replica_failures failures;
    database primary(db.options(), failures);
    auto nowhere = db.options();
    nowhere.url = "postgresql:///ctms?host=/nonexistent";
    database replica(nowhere, failures);
    contact_repository contacts(primary, &replica);
    REQUIRE(contacts.create(person(id, "one@example.com", "primary")).has_value());
    for (int n = 0; n < 50; ++n) CHECK(contacts.find(by_address("one@example.com")).value().size() == 1);
    CHECK(failures.of_replica == 1);
    CHECK(failures.others == 0);
}

TEST_CASE_FIXTURE(two_databases, "a replica that was down is used again when it is back") {
    CHECK(who() == "replica");
    reachable(false);
    CHECK(who() == "primary");
    CHECK(who() == "primary");
    CHECK(failures.of_replica >= 1);
    reachable(true);
    CHECK(becomes_replica(20s));
    const int before = failures.of_replica;
    for (int n = 0; n < 20; ++n) CHECK(who() == "replica");
    CHECK(failures.of_replica == before);
}

TEST_CASE_FIXTURE(two_databases, "only one read at a time tries a replica that is down") {
    reachable(false);
    const auto began = std::chrono::steady_clock::now();
    CHECK(who() == "primary");
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> readers;
    for (int n = 0; n < 4; ++n) {
        readers.emplace_back([&] {
            while (failures.of_replica < 2 && std::chrono::steady_clock::now() - began < 20s) wrong += who() == "primary" ? 0 : 1;
            for (int more = 0; more < 100; ++more) wrong += who() == "primary" ? 0 : 1;
        });
    }
    readers.clear();
    CHECK(wrong == 0);
    CHECK(failures.of_replica >= 2);
    CHECK(failures.of_replica <= 1 + (std::chrono::steady_clock::now() - began) / 5s); // one in each pause of five seconds
    reachable(true);
}

TEST_CASE_FIXTURE(two_databases, "a read that the replica cancels is answered by the primary immediately") {
    const auto answer = [&](const char* body) {
        at_replica(fmt::format("create or replace function answers() returns boolean language plpgsql as $$ begin {} end $$", body));
    };
    answer("raise exception 'canceling statement due to conflict with recovery' using errcode = '40001';");
    at_replica("alter table emails rename to hidden; create view emails as select xmin, * from hidden where answers()");
    CHECK(who() == "primary");
    CHECK(who() == "primary");
    CHECK(failures.of_replica == 2); // one attempt for each read, without retries there
    answer("return true;");
    CHECK(who() == "replica"); // it was not paused
    CHECK(failures.others == 0);
}

TEST_CASE_FIXTURE(two_databases, "a replica with an older schema causes no failure") {
    at_replica("alter table emails rename column first_name to its_former_name");
    CHECK(who() == "primary");
    CHECK(failures.others == 0);
}
