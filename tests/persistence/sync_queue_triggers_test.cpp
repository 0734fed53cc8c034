// SPDX-License-Identifier: MPL-2.0
// How a Python service that is still running affects the queue of the sync.
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>

using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

const std::string id = "00000000-0000-4000-8000-000000000001";

void insert_email(connection& link, const std::string& address = "one@example.com") {
    link.execute("insert into emails (email_id, primary_email, update_timestamp) values ('" + id + "', '" + address + "', now())");
}

// Writes as the Python service does: without checks, one row per request.
void insert_pending(connection& link) {
    link.execute("insert into pending_acoustic (email_id, retry, update_timestamp) values ('" + id + "', 0, now())");
}

void delete_contact(connection& link) {
    link.begin();
    for (const std::string table : {"amo", "fxa", "mofo", "newsletters", "waitlists", "pending_acoustic", "emails"}) {
        link.execute("delete from " + table + " where email_id = '" + id + "'");
    }
    link.commit();
}

std::string queue(connection& link) {
    const auto found = link.execute("select concat_ws(' ', operation, coalesce(primary_email, '-'), version, retry, state, priority,"
                                    " next_attempt_at <= now(), coalesce(last_error, '-')) from ctms_sync_queue");
    REQUIRE(found.size() <= 1);
    return found.empty() ? "" : std::string(found.text(0, 0));
}

} // namespace

TEST_CASE("a contact alone is not queued, and its pending rows queue it once") {
    test_database db;
    connection link(db.options());
    insert_email(link);
    CHECK(queue(link).empty());
    insert_pending(link);
    CHECK(queue(link) == "upsert - 1 0 pending 0 t -");
    insert_pending(link);
    insert_pending(link);
    CHECK(queue(link) == "upsert - 3 0 pending 0 t -");
}

TEST_CASE("a request queues a parked contact again, before any resync, and keeps a claim") {
    test_database db;
    connection link(db.options());
    insert_email(link);
    insert_pending(link);
    link.execute("update ctms_sync_queue set state = 'parked', retry = 6, last_error = 'bad', priority = 10,"
                 " next_attempt_at = now() + interval '1 day', claimed_until = '2100-01-01', first_requested_at = '2020-01-01'");
    insert_pending(link);
    CHECK(queue(link) == "upsert - 2 0 pending 0 t -");
    const auto kept = link.execute("select claimed_until = '2100-01-01', first_requested_at = '2020-01-01',"
                                   " last_requested_at > first_requested_at from ctms_sync_queue");
    CHECK(kept.boolean(0, 0));
    CHECK(kept.boolean(0, 1));
    CHECK(kept.boolean(0, 2));
}

TEST_CASE("a deletion by the Python service is queued for the vendor with the address") {
    test_database db;
    connection link(db.options());
    insert_email(link);
    SUBCASE("of a contact that is queued") {
        insert_pending(link);
        delete_contact(link);
        CHECK(queue(link) == "delete one@example.com 2 0 pending 0 t -");
    }
    SUBCASE("of a contact that was synced") {
        delete_contact(link);
        CHECK(queue(link) == "delete one@example.com 1 0 pending 0 t -");
    }
    CHECK(link.execute("select from emails").empty());
}

TEST_CASE("a contact that is created again with its id is not deleted at the vendor") {
    test_database db;
    connection link(db.options());
    insert_email(link);
    delete_contact(link);
    insert_email(link, "new@example.com");
    CHECK(queue(link) == "upsert - 2 0 pending 0 t -");
    insert_pending(link);
    CHECK(queue(link) == "upsert - 3 0 pending 0 t -");
}

TEST_CASE("a role without rights on the queue can write and delete contacts") {
    test_database db;
    connection link(db.options());
    const std::string role = "reference_" + db.name();
    link.execute("create role " + role + "; grant select, insert, update, delete on all tables in schema public to " + role +
                 "; grant usage on all sequences in schema public to " + role + "; revoke all on ctms_sync_queue from " + role);
    link.execute("set role " + role);
    insert_email(link);
    insert_pending(link);
    delete_contact(link);
    CHECK_THROWS_AS(link.execute("select from ctms_sync_queue"), sql_error);
    CHECK_THROWS_AS(link.execute("select ctms_request_sync('" + id + "', 'upsert', null)"), sql_error);
    link.execute("reset role");
    CHECK(queue(link) == "delete one@example.com 2 0 pending 0 t -");
    link.execute("drop owned by " + role + "; drop role " + role);
}

TEST_CASE("due rows and backlogs are found with indexes") {
    test_database db;
    connection link(db.options());
    link.execute("insert into ctms_sync_queue (email_id, next_attempt_at, retry)"
                 " select gen_random_uuid(), now() + n * interval '1 second', case when n % 500 = 0 then 1 else 0 end"
                 " from generate_series(1, 5000) n; analyze ctms_sync_queue");
    const auto plan = [&](const std::string& sql) {
        const auto lines = link.execute("explain " + sql);
        std::string all;
        for (std::size_t row = 0; row < lines.size(); ++row) all += std::string(lines.text(row, 0)) + "\n";
        return all;
    };
    CHECK(plan("select * from ctms_sync_queue where state = 'pending' and priority = 0"
               " and greatest(next_attempt_at, claimed_until) <= now()"
               " order by greatest(next_attempt_at, claimed_until), first_requested_at limit 20 for update skip locked")
              .find("ctms_sync_queue_due") != std::string::npos);
    CHECK(plan("select count(*) from ctms_sync_queue where retry > 0").find("ctms_sync_queue_retries") != std::string::npos);
}
