// SPDX-License-Identifier: MPL-2.0
// How a Python service that is still running affects the queue of the sync: through ctms_inbox.
#include <support/becomes_true.hpp>
#include <support/queue_database.hpp>

#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace ctms::persistence;
namespace persistence = ctms::persistence;
using ctms::test::queue_database;
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

/// Drains the inbox, and returns the one row of the queue.
std::string queue(queue_database& db) {
    db.drain();
    CHECK(db.rows_of("ctms_inbox") == 0);
    CHECK(db.rows_of("ctms_sync_queue") <= 1);
    return db.value("select concat_ws(' ', operation, coalesce(primary_email, '-'), version, retry, state, priority,"
                    " next_attempt_at <= now(), coalesce(last_error, '-')) from ctms_sync_queue");
}

} // namespace

TEST_CASE("a contact alone is not queued, and its pending rows queue it") {
    queue_database db;
    insert_email(db.link);
    CHECK(queue(db).empty());
    insert_pending(db.link);
    CHECK(db.rows_of("ctms_sync_queue") == 0); // until somebody drains the inbox
    CHECK(queue(db) == "upsert - 1 0 pending 0 t -");
    insert_pending(db.link);
    insert_pending(db.link);
    CHECK(queue(db) == "upsert - 2 0 pending 0 t -"); // once for both
}

TEST_CASE("a request queues a parked contact again, before any resync, and keeps a claim") {
    queue_database db;
    insert_email(db.link);
    insert_pending(db.link);
    db.drain();
    db.link.execute("update ctms_sync_queue set state = 'parked', retry = 6, last_error = 'bad', priority = 10,"
                    " next_attempt_at = now() + interval '1 day', claimed_until = '2100-01-01', first_requested_at = '2020-01-01'");
    insert_pending(db.link);
    CHECK(queue(db) == "upsert - 2 0 pending 0 t -");
    CHECK(db.value("select claimed_until = '2100-01-01' and first_requested_at = '2020-01-01' and last_requested_at > first_requested_at"
                   " from ctms_sync_queue") == "t");
}

TEST_CASE("a deletion by the Python service is queued for the vendor with the address") {
    queue_database db;
    insert_email(db.link);
    SUBCASE("of a contact that is queued") {
        insert_pending(db.link);
        db.drain();
        delete_contact(db.link);
        CHECK(queue(db) == "delete one@example.com 2 0 pending 0 t -");
    }
    SUBCASE("of a contact whose request still waits in the inbox") {
        insert_pending(db.link);
        delete_contact(db.link);
        CHECK(queue(db) == "delete one@example.com 1 0 pending 0 t -");
    }
    SUBCASE("of a contact that was synced") {
        delete_contact(db.link);
        CHECK(queue(db) == "delete one@example.com 1 0 pending 0 t -");
    }
    SUBCASE("twice, under different addresses") {
        delete_contact(db.link);
        insert_email(db.link, "two@example.com");
        delete_contact(db.link);
        CHECK(queue(db) == "delete two@example.com 1 0 pending 0 t -");
    }
    CHECK(db.link.execute("select from emails").empty());
}

TEST_CASE("a contact that is created again with its id is not deleted at the vendor") {
    queue_database db;
    const auto worker = ctms::uuid::random();
    insert_email(db.link);
    delete_contact(db.link);
    SUBCASE("before the inbox is drained") {
        insert_email(db.link, "new@example.com");
        CHECK(queue(db) == "upsert - 1 0 pending 0 t -");
    }
    SUBCASE("after the inbox is drained") {
        db.drain();
        insert_email(db.link, "new@example.com");
    }
    SUBCASE("by the library, while another process drains the deletion") {
        // The drain has read the inbox and the contacts, and waits for the row of the queue.
        db.request(1, 1);
        connection writer(db.db.options());
        writer.begin();
        insert_email(writer, "new@example.com");
        writer.execute(queue_database::request_sql(1));
        std::jthread drain([&] { db.drain(); });
        REQUIRE(ctms::test::becomes_true([&] {
            return db.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()") == "1";
        }));
        writer.commit();
        drain.join();
    }
    const auto claimed = db.claim(worker);
    REQUIRE(claimed.size() == 1);
    CHECK_FALSE(claimed[0].is_deletion);
}

TEST_CASE("an upsert that is drained after the contact was deleted leaves the deletion as it is") {
    queue_database db;
    insert_email(db.link);
    insert_pending(db.link);
    db.link.execute("create table held as select * from ctms_inbox; delete from ctms_inbox");
    delete_contact(db.link);
    CHECK(queue(db) == "delete one@example.com 1 0 pending 0 t -");
    db.link.execute("insert into ctms_inbox (email_id, what, written_at) select email_id, what, written_at from held");
    CHECK(queue(db) == "delete one@example.com 1 0 pending 0 t -");
}

TEST_CASE("other writers that write the same contacts in opposite order do not deadlock") {
    queue_database db;
    db.insert_contacts(1, 2);
    connection one(db.db.options());
    connection two(db.db.options());
    const auto pending = [](connection& link, int number) {
        link.execute(fmt::format("insert into pending_acoustic (email_id, retry, update_timestamp) values ('{}', 0, now())",
                                 queue_database::id(number)));
    };
    one.begin();
    two.begin();
    pending(one, 1);
    pending(two, 2);
    pending(one, 2); // waits for `two` if the trigger writes to the queue
    pending(two, 1);
    CHECK(db.queue.drain_inbox(1).value()); // what is not committed is left, and nobody waits
    two.commit();
    one.commit();
    db.drain();
    CHECK(db.row(1) == "upsert 1 0 pending 0 free due");
    CHECK(db.row(2) == "upsert 1 0 pending 0 free due");
}

TEST_CASE("several processes drain the inbox at the same time, and each row is moved once") {
    queue_database db;
    db.insert_contacts(1, 8'000);
    db.link.execute(
        "insert into pending_acoustic (email_id, retry, update_timestamp) select email_id, 0, now() from emails, generate_series(1, 2)");
    const auto drain = [&] {
        persistence::database pool(db.db.options());
        persistence::sync_queue_repository queue(pool);
        while (!queue.drain_inbox(3).value()) {
        }
    };
    {
        const std::jthread first(drain);
        const std::jthread second(drain);
        for (int n = 1; n <= 50; ++n) db.request(n, n + 3); // writes go on
    }
    db.drain();
    CHECK(db.rows_of("ctms_inbox") == 0);
    CHECK(db.rows_of("ctms_sync_queue") == 8'000);
}

TEST_CASE("the library's own deletions go to the queue, and not to the inbox") {
    queue_database db;
    db.insert_contacts(1, 3);
    persistence::contact_repository contacts(db.pool);
    persistence::contact_bulk_repository bulk(db.pool);
    CHECK(contacts.remove("1@example.com").value().size() == 1);
    CHECK(bulk.remove(std::array{queue_database::contact(2)}).value().at(0).changed == 1);
    const std::vector<std::string> addresses{"3@example.com"};
    CHECK(bulk.remove(addresses).value().at(0).changed == 1);
    CHECK(db.rows_of("emails") == 0);
    CHECK(db.rows_of("ctms_inbox where what <> 'create'") == 0);
    CHECK(db.value("select string_agg(operation || ' ' || primary_email, ', ' order by email_id) from ctms_sync_queue") ==
          "delete 1@example.com, delete 2@example.com, delete 3@example.com");
    SUBCASE("and the connections treat other writes as before") {
        for (int n = 0; n < 3; ++n) {
            db.insert_contacts(4, 4);
            REQUIRE(run(db.pool, [](connection& link) { link.execute("delete from emails"); }).has_value());
        }
        CHECK(db.rows_of("ctms_inbox where what = 'delete'") == 3);
    }
}

TEST_CASE("counts include the inbox, and are exact up to a bound") {
    queue_database db;
    db.insert_contacts(1, 10'100);
    db.insert_pending(1);
    db.link.execute("update ctms_inbox set written_at = now() - interval '2 minutes'");
    db.request(2, 4);
    db.link.execute("update ctms_sync_queue set last_error = 'failed' where email_id <> '" + queue_database::id(2) + "'");
    db.link.execute("update ctms_sync_queue set state = 'parked' where email_id = '" + queue_database::id(3) + "'");
    auto counts = db.queue.count().value();
    CHECK(counts.backlog == 3);
    CHECK(counts.retry_backlog == 2);
    CHECK(counts.parked == 1);
    CHECK(counts.age >= std::chrono::minutes(2));
    auto shown = db.queue.status().value().counts;
    CHECK(shown.age >= counts.age);
    shown.age = counts.age;
    CHECK(shown == counts);
    CHECK(db.queue.any_due().value());
    db.link.execute("insert into ctms_sync_queue (email_id, last_error, state) select email_id, 'failed', 'parked' from emails"
                    " on conflict (email_id) do update set state = 'parked', last_error = 'failed'; analyze ctms_sync_queue");
    counts = db.queue.count().value();
    CHECK(counts.backlog == 1);
    CHECK(counts.parked == 10'100);
    CHECK(counts.retry_backlog == 10'100);
    db.link.execute(
        "update ctms_sync_queue set state = 'pending', first_requested_at = now() - interval '1 hour'; analyze ctms_sync_queue");
    counts = db.queue.count().value();
    CHECK(counts.backlog >= 10'001); // above the bound, the number comes from statistics
    CHECK(counts.parked == 0);
    CHECK(counts.age >= std::chrono::minutes(60));
}

TEST_CASE("a contact that waits and is written again needs no new index entries") {
    queue_database db;
    db.request(1, 1);
    db.link.begin();
    for (int n = 0; n < 20; ++n) db.link.execute(queue_database::request_sql(1));
    const auto updates = db.link.execute("select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'ctms_sync_queue'");
    CHECK(updates.integer(0, 0) == 20);
    CHECK(updates.integer(0, 1) >= 15); // the others moved to a page with more room
    db.link.commit();
    CHECK(db.row(1) == "upsert 21 0 pending 0 free due");
}

TEST_CASE("a role without rights on the inbox and the queue can write and delete contacts") {
    queue_database db;
    auto& link = db.link;
    const std::string role = "reference_" + db.db.name();
    link.execute("create role " + role + "; grant select, insert, update, delete on all tables in schema public to " + role +
                 "; grant usage on all sequences in schema public to " + role + "; revoke all on ctms_sync_queue, ctms_inbox from " + role);
    link.execute("set role " + role);
    insert_email(link);
    insert_pending(link);
    delete_contact(link);
    CHECK_THROWS_AS(link.execute("select from ctms_sync_queue"), sql_error);
    CHECK_THROWS_AS(link.execute("insert into ctms_inbox (email_id, what) values ('" + id + "', 'upsert')"), sql_error);
    link.execute("reset role");
    CHECK(queue(db) == "delete one@example.com 1 0 pending 0 t -");
    link.execute("drop owned by " + role + "; drop role " + role);
}

TEST_CASE("due rows and backlogs are found with indexes") {
    test_database db;
    connection link(db.options());
    link.execute("insert into ctms_sync_queue (email_id, next_attempt_at, last_error)"
                 " select gen_random_uuid(), now() + n * interval '1 second', case when n % 500 = 0 then 'failed' end"
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
    CHECK(plan("select count(*) from ctms_sync_queue where last_error is not null").find("ctms_sync_queue_retries") != std::string::npos);
}

TEST_CASE("a drain that waits for a deletion by the library does not undo it") {
    queue_database db;
    insert_email(db.link);
    insert_pending(db.link);
    connection library(db.db.options());
    library.begin();
    library.execute("select set_config('ctms.writer', 'library', true)");
    library.execute("insert into ctms_sync_queue (email_id, operation, primary_email) values ('" + id + "', 'delete', 'one@example.com')");
    library.execute("delete from pending_acoustic; delete from emails");
    std::thread draining([&] {
        persistence::database other(db.db.options());
        CHECK(ctms::test::becomes_true([&] { return sync_queue_repository(other).drain_inbox(1).value(); }));
    });
    CHECK(ctms::test::becomes_true([&] {
        return db.value("select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") ==
               "1";
    }));
    library.commit();
    draining.join();
    CHECK(db.value("select operation || ' ' || primary_email from ctms_sync_queue") == "delete one@example.com");
    CHECK(db.rows_of("ctms_inbox") == 0);
}
