// SPDX-License-Identifier: MPL-2.0
// What happens to a claimed row, and adding and removing rows in bulk.
#include <support/queue_database.hpp>

#include <persistence/sync/vendor_slots.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <future>
#include <thread>

using namespace std::chrono_literals;
using ctms::uuid;
using ctms::persistence::connection;
using ctms::persistence::failed_attempt;
using ctms::persistence::vendor_state;
using ctms::test::queue_database;

namespace {

const uuid me = uuid::random();
const uuid other = uuid::random();
const vendor_state first_state{"m", "n", "p", {"one", "two"}, {"prod"}};
const vendor_state second_state{"m2", "n2", "p2", {"two"}, {}};

/// Runs `call` while a transaction that made `change` is open, and commits the transaction once `call` waits for it.
bool during(queue_database& db, const std::string& change, const std::function<bool()>& call) {
    connection writer(db.db.options());
    writer.begin();
    writer.execute(change);
    auto answer = std::async(std::launch::async, call);
    const auto deadline = std::chrono::steady_clock::now() + 15s;
    const std::string waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while (db.value(waiting) == "0" && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(2ms);
    CHECK(db.value(waiting) == "1");
    writer.commit();
    return answer.get();
}

void park(queue_database& db, int number, const std::string& reason) {
    for (const auto& one : db.claim(me)) {
        if (queue_database::number(one.email_id) == number) {
            CHECK(db.queue.fail(me, one, {reason, true}).value());
        } else {
            REQUIRE(db.queue.release(me, std::vector{one.email_id}).has_value());
        }
    }
}

vendor_state without_hashes(vendor_state state) {
    state.main_hash = state.newsletter_hash = state.product_hash = "";
    return state;
}

std::string states(queue_database& db) {
    return db.value(
        "select coalesce(string_agg(concat_ws(' ', ltrim(right(email_id::text, 12), '0'), main_hash), ',' order by email_id), '')"
        " from ctms_vendor_state");
}

} // namespace

TEST_CASE("a contact that was sent leaves the queue, together with the pending rows of the Python service") {
    queue_database db;
    db.insert_contacts(1, 2);
    db.insert_pending(1);
    db.insert_pending(1);
    db.insert_pending(2);
    const auto got = db.claim(me);
    REQUIRE(queue_database::numbers(got) == "1,2");
    CHECK(db.complete(me, got[0], first_state));
    CHECK(db.row(1).empty());
    CHECK(db.row(2) == "upsert 1 0 pending 0 claimed due");
    CHECK(db.value("select string_agg(right(email_id::text, 1), ',') from pending_acoustic") == "2");
    CHECK(states(db) == "1 m");
    CHECK_FALSE(db.complete(me, got[0], second_state)); // a second time
    CHECK(states(db) == "1 m");
}

TEST_CASE("a contact that was written while it was being sent stays in the queue and is due immediately") {
    queue_database db;
    db.insert_contacts(1, 1);
    db.insert_pending(1);
    auto got = db.claim(me);
    db.insert_pending(1);
    db.drain();
    CHECK(db.row(1) == "upsert 2 0 pending 0 claimed due");
    CHECK(db.claim(other).empty());
    CHECK_FALSE(db.complete(me, got.at(0), first_state));
    CHECK(db.row(1) == "upsert 2 0 pending 0 free due");
    CHECK(db.rows_of("pending_acoustic") == 2);
    CHECK(states(db) == "1 "); // all of it is sent again
    got = db.claim(other);
    REQUIRE(got.size() == 1);
    CHECK(got[0].sent == without_hashes(first_state));
    CHECK(db.complete(other, got[0], second_state));
    CHECK(db.rows_of("pending_acoustic") == 0);
    CHECK(db.rows_of("ctms_sync_queue") == 0);
    CHECK(states(db) == "1 m2");
}

TEST_CASE("a resync requests contacts again that are being sent, but not those that wait") {
    queue_database db;
    db.insert_contacts(1, 2);
    db.request(1, 2);
    const auto got = db.claim(me, 1);
    REQUIRE(queue_database::numbers(got) == "1");
    CHECK(db.queue.request_resync({}, std::nullopt, 10).value().queued == 0);
    CHECK(db.row(1) == "upsert 2 0 pending 0 claimed due");
    CHECK(db.row(2) == "upsert 1 0 pending 0 free due");
    CHECK_FALSE(db.complete(me, got[0], first_state));
    CHECK(states(db) == "1 ");
    CHECK(db.row(1) == "upsert 2 0 pending 0 free due");
}

TEST_CASE("a resync of contacts or of addresses forgets the hashes of what was sent, and nothing else") {
    queue_database db;
    db.insert_contacts(1, 2);
    db.request(1, 2);
    for (const auto& one : db.claim(me)) REQUIRE(db.complete(me, one, first_state));
    SUBCASE("of contacts") { CHECK(db.queue.request_resync({}, std::nullopt, 10).value().queued == 2); }
    SUBCASE("of addresses") {
        const auto addresses = db.value("select string_agg(primary_email, ' ' order by email_id) from emails");
        const auto blank = addresses.find(' ');
        REQUIRE(db.queue.request_resync(std::vector{addresses.substr(0, blank), addresses.substr(blank + 1)}).has_value());
    }
    const auto got = db.claim(me);
    REQUIRE(got.size() == 2);
    for (const auto& one : got) CHECK(one.sent == without_hashes(first_state));
}

TEST_CASE("a contact that is gone before its deletion is known keeps what the vendor has of it") {
    queue_database db;
    db.insert_contacts(1, 1);
    db.request(1, 1);
    REQUIRE(db.complete(me, db.claim(me).at(0), first_state));
    db.request(1, 1);
    const auto got = db.claim(me).at(0);
    db.link.execute("delete from emails"); // the deletion waits in the inbox
    CHECK_FALSE(got.is_deletion);
    CHECK(db.complete(me, got, std::nullopt));
    db.drain();
    const auto deletion = db.claim(me).at(0);
    CHECK(deletion.is_deletion);
    CHECK(deletion.sent == first_state);
}

TEST_CASE("a request that is committed while the outcome is being stored is not lost") {
    queue_database db;
    db.insert_contacts(1, 1);
    db.insert_pending(1);
    const auto got = db.claim(me).at(0);
    const auto request = queue_database::request_sql(1);
    SUBCASE("sent") {
        CHECK_FALSE(during(db, request, [&] { return db.complete(me, got, first_state); }));
        CHECK(db.rows_of("pending_acoustic") == 1);
    }
    SUBCASE("failed") {
        CHECK_FALSE(during(db, request, [&] { return db.queue.fail(me, got, {"bad", true}, first_state).value(); }));
    }
    CHECK(db.row(1) == "upsert 2 0 pending 0 free due");
    CHECK(states(db) == "1 ");
    CHECK(db.claim(other).at(0).version == 2);
}

TEST_CASE("renewing a lease while the outcome waits for the row does no harm") {
    queue_database db;
    db.request(1, 1);
    const auto got = db.claim(me).at(0);
    CHECK(during(db, "update ctms_sync_queue set claimed_until = now() + interval '5 min'",
                 [&] { return db.complete(me, got, first_state); }));
    CHECK(db.rows_of("ctms_sync_queue") == 0);
}

TEST_CASE("completing does not wait for a transaction that deletes the contact table by table") {
    queue_database db;
    db.insert_contacts(1, 1);
    db.insert_pending(1);
    const auto got = db.claim(me).at(0);
    connection reference(db.db.options());
    reference.begin();
    reference.execute("delete from pending_acoustic"); // next it deletes the contact
    CHECK(db.complete(me, got, first_state));
    reference.execute("delete from emails");
    reference.commit();
    db.drain();
    CHECK(db.row(1) == "delete 1 0 pending 0 free due");
}

TEST_CASE("a deletion that the vendor accepted leaves no rows") {
    queue_database db;
    db.insert_contacts(1, 1);
    db.request(1, 1);
    REQUIRE(db.complete(me, db.claim(me).at(0), first_state));
    db.link.execute("delete from emails");
    db.drain();
    CHECK(states(db) == "1 m"); // until the vendor is informed
    const auto got = db.claim(me).at(0);
    CHECK(got.is_deletion);
    CHECK(got.sent == first_state);
    SUBCASE("the contact is gone") {
        CHECK(db.complete(me, got, std::nullopt));
        CHECK(db.rows_of("ctms_sync_queue") == 0);
    }
    SUBCASE("the contact was created again meanwhile") {
        db.insert_contacts(1, 1);
        CHECK_FALSE(db.complete(me, got, std::nullopt));
        CHECK_FALSE(db.claim(me).at(0).is_deletion);
    }
    CHECK(states(db).empty());
}

TEST_CASE("failures are counted up to the limit") {
    queue_database db;
    db.request(1, 1);
    failed_attempt how;
    how.limit = 3;
    how.wait = 90s;
    for (int attempt = 1; attempt <= 2; ++attempt) {
        how.reason = fmt::format("reason {}", attempt);
        CHECK_FALSE(db.queue.fail(me, db.claim(me).at(0), how).value());
        CHECK(db.row(1) == fmt::format("upsert 1 {} pending 0 free waits", attempt));
        CHECK(db.value("select last_error from ctms_sync_queue") == how.reason);
        CHECK(db.value("select next_attempt_at - last_attempt_at from ctms_sync_queue") == "00:01:30");
        CHECK(db.claim(me).empty());
        db.make_due();
    }
    const auto got = db.claim(me).at(0);
    CHECK(got.retry == 2);
    CHECK(got.last_attempt_at.has_value());
    CHECK(db.queue.fail(me, got, how).value());
    CHECK(db.row(1).starts_with("upsert 1 3 parked 0 free"));
    db.make_due();
    CHECK(db.claim(me).empty());
    const auto counts = db.queue.count().value();
    CHECK(counts.backlog == 0);
    CHECK(counts.retry_backlog == 1);
    CHECK(counts.parked == 1);
}

TEST_CASE("attempts do not count while the vendor is down") {
    queue_database db;
    db.request(1, 1);
    failed_attempt how{"down", false, false, 1, 1500ms};
    for (int attempt = 1; attempt <= 3; ++attempt) {
        CHECK_FALSE(db.queue.fail(me, db.claim(me).at(0), how).value());
        CHECK(db.row(1) == "upsert 1 0 pending 0 free waits");
        CHECK(db.value("select next_attempt_at - last_attempt_at from ctms_sync_queue") == "00:00:01.5");
        CHECK(db.value("select last_error from ctms_sync_queue") == "down");
        db.make_due();
    }
}

TEST_CASE("a permanent failure is parked immediately") {
    queue_database db;
    db.request(1, 1);
    CHECK(db.queue.fail(me, db.claim(me).at(0), {"never", true}, second_state).value());
    CHECK(db.row(1).starts_with("upsert 1 1 parked 0 free"));
    CHECK(states(db) == "1 m2");
    db.request(1, 1);
    CHECK(db.row(1) == "upsert 2 0 pending 0 free due");
}

TEST_CASE("a failure does not count if the contact was written meanwhile") {
    queue_database db;
    db.request(1, 1);
    const auto got = db.claim(me).at(0);
    db.request(1, 1);
    CHECK_FALSE(db.queue.fail(me, got, {"bad", true}, first_state).value());
    CHECK(db.row(1) == "upsert 2 0 pending 0 free due");
    CHECK(db.value("select coalesce(last_error, '-') || coalesce(last_attempt_at::text, '-') from ctms_sync_queue") == "--");
    CHECK(states(db) == "1 "); // all of it is sent again
}

TEST_CASE("a worker can end claims that it does not know of, and only its own") {
    queue_database db;
    db.request(1, 3);
    REQUIRE(db.claim(me, 2).size() == 2);
    REQUIRE(db.claim(other, 1).size() == 1);
    CHECK(db.queue.release(me, std::nullopt).has_value());
    CHECK(db.value("select count(*) from ctms_sync_queue where claimed_by is null and claimed_until is null") == "2");
    CHECK(db.claim(me, 3).size() == 2);
}

TEST_CASE("a deletion stays when the queue is emptied, also if its contact was created again") {
    queue_database db;
    db.insert_contacts(1, 2);
    db.request(1, 2);
    db.value("update ctms_sync_queue set operation = 'delete', primary_email = 'x' returning 1");
    db.value("delete from emails where email_id = '" + db.id(2) + "' returning 1");
    db.drain();
    CHECK(db.queue.discard(10).value() == 0);
    CHECK(db.rows_of("ctms_sync_queue") == 2);
    CHECK(db.rows_of("ctms_sync_skipped") == 0);
}

TEST_CASE("the queue is emptied in batches, including parked and claimed rows") {
    queue_database db;
    db.insert_contacts(1, 5);
    for (int n = 1; n <= 4; ++n) db.insert_pending(n);
    db.drain();
    db.request(5, 5);
    park(db, 2, "bad");
    db.claim(me, 1);
    CHECK(db.queue.discard(0).value() == 0);
    CHECK(db.queue.discard(3).value() == 3);
    CHECK(db.rows_of("ctms_sync_queue") == 2);
    CHECK(db.value("select string_agg(right(email_id::text, 1), ',' order by email_id) from pending_acoustic") ==
          db.value("select string_agg(right(email_id::text, 1), ',' order by email_id) from ctms_sync_queue where email_id <> '" +
                   db.id(5) + "'"));
    CHECK(db.queue.discard(3).value() == 2);
    CHECK(db.queue.discard(3).value() == 0);
    CHECK(db.rows_of("ctms_sync_queue") == 0);
    CHECK(db.rows_of("pending_acoustic") == 0);
    CHECK(db.rows_of("emails") == 5);
}

TEST_CASE("a resync queues all contacts after everything that was written, in parts") {
    queue_database db;
    db.insert_contacts(1, 7);
    db.request(6, 7);
    park(db, 7, "bad");
    db.request(3, 3);
    const auto waiting = db.claim(me, 1); // 6
    REQUIRE(queue_database::numbers(waiting) == "6");
    db.link.execute("insert into ctms_sync_queue (email_id, operation, primary_email, state) values ('" + db.id(8) +
                    "', 'delete', 'gone@example.com', 'parked')");
    auto step = db.queue.request_resync({}, std::nullopt, 3).value();
    CHECK(step.last == db.contact(3));
    CHECK(step.chosen == 3);
    CHECK(step.queued == 2);
    CHECK(db.rows_of("ctms_sync_queue") == 6);
    step = db.queue.request_resync({}, step.last, 3).value();
    CHECK(step.last == db.contact(6));
    CHECK(step.queued == 2);
    step = db.queue.request_resync({}, step.last, 3).value();
    CHECK(step.last == db.contact(7));
    CHECK(step.looked_at == 1);
    CHECK(step.queued == 1);
    CHECK_FALSE(db.queue.request_resync({}, step.last, 3).value().last.has_value());
    CHECK(db.row(1) == "upsert 1 0 pending 10 free due");
    CHECK(db.row(3) == "upsert 1 0 pending 0 free due");
    CHECK(db.row(6) == "upsert 2 0 pending 0 claimed due"); // it was being sent
    CHECK(db.row(7) == "upsert 2 0 pending 10 free due");
    CHECK(db.row(8) == "delete 1 0 parked 0 free due");
    CHECK(db.rows_of("ctms_sync_queue") == 8);
    db.request(5, 5); // a write moves it to the front
    CHECK(queue_database::numbers(db.claim(other, 3)).starts_with("3,5,"));
    CHECK_FALSE(db.complete(me, waiting[0], first_state));
    CHECK(db.row(6) == "upsert 2 0 pending 0 free due");
}

TEST_CASE("a resync can select a newsletter, a waitlist or addresses") {
    queue_database db;
    using kind = ctms::model::resync_selection::kind;
    db.insert_contacts(1, 5);
    db.request(2, 2);
    db.link.execute(fmt::format("insert into newsletters (email_id, name, subscribed, update_timestamp) values"
                                " ('{}', 'hubs', true, now()), ('{}', 'hubs', true, now()), ('{}', 'hubs', false, now()),"
                                " ('{}', 'other', true, now())",
                                db.id(1), db.id(2), db.id(4), db.id(5)));
    db.link.execute(
        fmt::format("insert into waitlists (email_id, name, fields, update_timestamp) values ('{}', 'vpn', '{{}}', now())", db.id(3)));
    CHECK(db.queue.count_selected({kind::newsletter, "hubs"}).value() == 3);
    CHECK(db.queue.count_selected({kind::waitlist, "vpn"}).value() == 1);
    CHECK(db.queue.count_selected({}).value() == 5);
    const auto hubs = db.queue.request_resync({kind::newsletter, "hubs"}, std::nullopt, 10).value();
    CHECK(hubs.looked_at == 5);
    CHECK(hubs.chosen == 3);
    CHECK(hubs.queued == 2);
    CHECK(db.row(5).empty());
    const auto vpn = db.queue.request_resync({kind::waitlist, "vpn"}, std::nullopt, 10).value();
    CHECK(vpn.queued == 1);
    CHECK(db.row(3) == "upsert 1 0 pending 10 free due");

    const std::vector<std::string> addresses{"5@EXAMPLE.com", "nobody@example.com", "5@example.com", "1@example.com"};
    const auto looked = db.queue.look_up(addresses).value();
    CHECK(looked.back() == ctms::model::bulk_outcome{0, 1, 0});
    CHECK(db.row(5).empty());
    const auto queued = db.queue.request_resync(addresses).value();
    CHECK(queued == std::vector<ctms::model::bulk_outcome>{{1, 0, 1}, {}, {1, 0, 0}, {0, 1, 0}});
    CHECK(db.row(5) == "upsert 1 0 pending 10 free due");
}

TEST_CASE("the status reports what is due and which workers are active") {
    queue_database db;
    db.insert_contacts(1, 4);
    db.request(1, 3);
    REQUIRE(db.claim(me, 2).size() == 2);
    ctms::persistence::vendor_slots slots(db.pool, 5);
    REQUIRE(slots.take(other, 3, std::chrono::seconds(60)).value() == 3);
    (void)db.queue.request_resync({}, std::nullopt, 10).value();
    const auto status = db.queue.status().value();
    CHECK(status.counts.backlog == 4);
    CHECK(status.due == 2);
    CHECK(status.claimed == 2);
    CHECK(status.after_writes == 1);
    REQUIRE(status.workers.size() == 2);
    const auto& mine = status.workers[status.workers[0].id == me ? 0 : 1];
    const auto& theirs = status.workers[status.workers[0].id == me ? 1 : 0];
    CHECK(mine.claimed == 2);
    CHECK(mine.slots == 0);
    CHECK(theirs.id == other);
    CHECK(theirs.slots == 3);
    CHECK(theirs.until > ctms::now());
}

TEST_CASE("parked rows can be listed, retried and discarded") {
    queue_database db;
    db.insert_contacts(1, 4);
    db.insert_pending(1);
    db.request(2, 3);
    db.link.execute(fmt::format("delete from emails where email_id = '{}'", db.id(4)));
    db.drain();
    for (int n = 1; n <= 4; ++n) park(db, n, fmt::format("reason {}", n));
    db.link.execute("update ctms_sync_queue set last_requested_at = 'epoch'::timestamptz + right(email_id::text, 1)::int * interval '1 s'");
    const auto listed = db.queue.parked(3).value();
    REQUIRE(listed.size() == 3);
    CHECK(listed[0].email_id == db.contact(4));
    CHECK(listed[0].is_deletion);
    CHECK(listed[2].email_id == db.contact(2));
    CHECK_FALSE(listed[2].is_deletion);
    CHECK(listed[2].reason == "reason 2");
    CHECK(listed[2].retry == 1);
    CHECK(listed[2].last_requested_at == ctms::timestamp(2s));

    SUBCASE("some") {
        CHECK(db.queue.retry_parked(std::vector{db.contact(2), db.contact(9)}).value() == 1);
        CHECK(db.row(2) == "upsert 1 0 pending 0 free due");
        CHECK(db.queue.forget_parked(std::vector{db.contact(1), db.contact(2)}).value() == 1);
        CHECK(db.rows_of("pending_acoustic") == 0);
        CHECK(db.row(1).empty());
        CHECK(db.queue.parked(10).value().size() == 2);
        CHECK(queue_database::numbers(db.claim(me)) == "2");
    }
    SUBCASE("no ids mean none") {
        CHECK(db.queue.retry_parked({}).value() == 0);
        CHECK(db.queue.forget_parked({}).value() == 0);
        CHECK(db.queue.parked(10).value().size() == 4);
    }
    SUBCASE("all are retried") {
        CHECK(db.queue.retry_all_parked().value() == 4);
        CHECK(db.queue.parked(10).value().empty());
        CHECK(db.claim(me).size() == 4);
        CHECK(db.queue.retry_all_parked().value() == 0);
    }
    SUBCASE("all are discarded, and other rows are kept") {
        db.request(3, 3);
        CHECK(db.queue.forget_all_parked().value() == 3);
        CHECK(db.row(3) == "upsert 2 0 pending 0 free due");
        CHECK(db.rows_of("ctms_sync_queue") == 1);
    }
}

TEST_CASE("more rows than fit into one transaction can be retried and discarded") {
    queue_database db;
    db.link.execute("insert into ctms_sync_queue (email_id, state) select gen_random_uuid(), 'parked' from generate_series(1, 12000)");
    SUBCASE("retry") { CHECK(db.queue.retry_all_parked().value() == 12000); }
    SUBCASE("forget") { CHECK(db.queue.forget_all_parked().value() == 12000); }
    CHECK(db.value("select count(*) from ctms_sync_queue where state = 'parked'") == "0");
}
