// SPDX-License-Identifier: MPL-2.0
// Retries, stops, database failures, and what a cycle reports.
#include "sync_fixture.hpp"

#include <persistence/sync/vendor_slots.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
using test::becomes_true;
using test::sync_fixture;
using kind = test::fake_fault::kind;
using clock_type = std::chrono::steady_clock;

namespace {

/// The whole queue and vendor state as text.
std::string dump(sync_fixture& all) {
    return all.value("select string_agg(q::text, chr(10) order by email_id) from ctms_sync_queue q") +
           all.value("select string_agg(s::text, chr(10) order by email_id) from ctms_vendor_state s");
}

/// Milliseconds between a contact's last attempt and its next one.
int wait_of(sync_fixture& all, int number) {
    return std::stoi(all.value(fmt::format("select (extract(epoch from next_attempt_at - last_attempt_at) * 1000)::integer"
                                           " from ctms_sync_queue where email_id = '{}'",
                                           sync_fixture::id(number))));
}

/// Makes all waiting contacts due now.
void make_due(sync_fixture& all) { all.link.execute("update ctms_sync_queue set next_attempt_at = now() where state = 'pending'"); }

} // namespace

TEST_CASE_FIXTURE(sync_fixture, "sync: the wait after a failure doubles up to a limit until the last attempt") {
    options.first_wait = 10s;
    options.longest_wait = 35s;
    options.retry_limit = 5;
    add(1, 2);
    fault(kind::fault_answer, "AddRecipient", id(1), 50);
    for (const int seconds : {10, 20, 35, 35}) {
        const auto report = cycle();
        CHECK(report.retried == 1);
        CHECK(wait_of(*this, 1) >= seconds * 800);
        CHECK(wait_of(*this, 1) <= seconds * 1200);
        CHECK(cycle().total == 0); // not due
        make_due(*this);
    }
    CHECK(row(1) == "upsert 4 pending free");
    CHECK(cycle().failed == 1);
    CHECK(row(1) == "upsert 5 parked free");
    CHECK(difference({1}).empty());
    make_due(*this);
    CHECK(cycle().total == 0);
    SUBCASE("a new write resets the attempts") {
        write(1, "again");
        CHECK(row(1) == "upsert 0 pending free");
        CHECK(cycle().retried == 1);
        CHECK(row(1) == "upsert 1 pending free");
        vendor.clear_faults();
        make_due(*this);
    }
    SUBCASE("an operator retries it") {
        vendor.clear_faults();
        REQUIRE(queue.retry_parked(std::vector{contact(1)}).value() == 1);
    }
    CHECK(cycle().synced == 1);
    CHECK(difference().empty());
    CHECK(parked() == 0);
}

TEST_CASE_FIXTURE(sync_fixture, "sync: equal failures do not wait equally long") {
    options.first_wait = options.longest_wait = 100s;
    add(1, 2);
    fault(kind::fault_answer, "AddRecipient", id(1), 50);
    std::set<int> waits;
    for (int n = 0; n < 10; ++n) {
        REQUIRE(cycle().retried == 1);
        waits.insert(wait_of(*this, 1));
        link.execute("update ctms_sync_queue set retry = 0, next_attempt_at = now()");
    }
    CHECK(waits.size() > 5);
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact that is written while its call fails is sent again immediately") {
    options.first_wait = 100s;
    options.longest_wait = 100s;
    add(1, 1);
    vendor.set_latency(1500ms);
    fault(kind::fault_answer, "AddRecipient", "", 121, 1);
    {
        const auto running = begin_cycle();
        write(1, "corrected");
    }
    CHECK(row(1) == "upsert 0 pending free");
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(vendor_name(1) == "corrected");
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact that always gets a 500 delays no other contact and is parked in the end") {
    options.retry_limit = 4;
    options.batch_limit = 10;
    std::string method = "AddRecipient";
    SUBCASE("for its main row") {}
    SUBCASE("for its newsletters") { method = "InsertUpdateRelationalTable"; }
    fault(kind::status, method, id(5), 500);
    add(1, 10);
    cycle();
    CHECK(difference({5}).empty());
    // No other contact is written for a while, so the failures of this one may open the circuit breaker.
    const auto end = clock_type::now() + 500ms;
    while (clock_type::now() < end) {
        cycle();
        std::this_thread::sleep_for(2ms);
    }
    write(1, "urgent");
    const auto start = clock_type::now();
    while (vendor_name(1) != "urgent" && clock_type::now() < start + 10s) cycle();
    CHECK(vendor_name(1) == "urgent"); // the breaker's pauses are 50 ms at most
    const auto deadline = clock_type::now() + 20s;
    for (int n = 0; parked() == 0 && clock_type::now() < deadline; ++n) {
        write(1 + n % 4, fmt::format("other{}", n));
        cycle();
        std::this_thread::sleep_for(2ms);
    }
    CHECK(row(5) == "upsert 4 parked free");
    CHECK(queue.parked(2).value().at(0).reason.find("500") != std::string::npos);
    CHECK(run_until_idle());
    CHECK(parked() == 1);
    CHECK(difference({5}).empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a stop lets the calls in progress finish and releases the other claims") {
    options.connections = 5;
    add(1, 20);
    vendor.set_latency(1500ms);
    std::stop_source stop;
    {
        const auto running = begin_cycle(5, stop.get_token());
        stop.request_stop();
    }
    CHECK(calls() == 5);
    CHECK(vendor.contacts().size() == 5);
    CHECK(value("select count(*) from ctms_sync_queue where claimed_by is null and retry = 0 and next_attempt_at <= now()") == "20");
    CHECK(value("select count(*) from ctms_vendor_slots where holder is not null and expires_at > now()") == "0");
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(difference().empty());
    SUBCASE("a cycle that is stopped before it begins sends nothing") {
        request(1, 20);
        const auto before = calls();
        const auto report = sync().run_cycle(stop.get_token());
        REQUIRE(report.has_value());
        CHECK(report->total == 0);
        CHECK(calls() == before);
        CHECK(value("select count(*) from ctms_sync_queue where claimed_by is null") == "20");
    }
}

TEST_CASE_FIXTURE(sync_fixture, "sync: the queue can be discarded without any call") {
    options.batch_limit = 10;
    add(1, 1200, {});
    const auto first = sync().discard_batch();
    REQUIRE(first.has_value());
    CHECK(first->sync_backlog == 1200);
    CHECK(first->total == 1000);
    CHECK(first->skipped == 1000);
    CHECK(first->synced == 0);
    CHECK(first->full);
    const auto second = sync().discard_batch().value();
    CHECK(second.total == 200);
    CHECK_FALSE(second.full);
    CHECK(sync().discard_batch().value().total == 0);
    CHECK(waiting() == 0);
    CHECK(calls() == 0);
}

namespace {

/// The call with its rows in alphabetical order: it gathers them from the contacts in the order in which these are ready.
std::string with_sorted_rows(const std::string& xml) {
    constexpr std::string_view begin = "<ROW>";
    constexpr std::string_view end = "</ROW>";
    const auto first = xml.find(begin);
    if (first == std::string::npos) return xml;
    std::vector<std::string> rows;
    std::size_t at = first;
    while (xml.compare(at, begin.size(), begin) == 0) {
        const auto next = xml.find(end, at) + end.size();
        rows.push_back(xml.substr(at, next - at));
        at = next;
    }
    std::sort(rows.begin(), rows.end());
    auto out = xml.substr(0, first);
    for (const auto& row : rows) out += row;
    return out + xml.substr(at);
}

} // namespace

TEST_CASE_FIXTURE(sync_fixture, "sync: a dry run shows the calls and changes nothing") {
    options.batch_limit = 10;
    options.gather = 10s;
    add(1, 4);
    pay(1, {"prod_a"});
    REQUIRE(run_until_idle());
    change(2, [](model::contact& one) { one.newsletters.pop_back(); });
    remove(3);
    request(1, 1);
    acoustic::client_options tables;
    tables.main_table_id = "1001";
    tables.newsletter_table_id = "1002";
    tables.product_table_id = "1003";
    const auto before = dump(*this);
    const auto calls_before = calls();
    std::vector<std::string> shown;
    CHECK(sync().print_calls(tables, [&](std::string_view xml) { shown.emplace_back(xml); }).value() == 3);
    CHECK(dump(*this) == before);
    CHECK(calls() == calls_before);
    CHECK(row(3) == "delete 0 pending free");
    // The next cycle sends exactly what the dry run showed.
    vendor.clear_faults();
    cycle();
    auto sent = vendor.last_calls();
    sent.erase(sent.begin(), sent.end() - static_cast<std::ptrdiff_t>(shown.size()));
    std::transform(sent.begin(), sent.end(), sent.begin(), with_sorted_rows);
    std::transform(shown.begin(), shown.end(), shown.begin(), with_sorted_rows);
    std::sort(sent.begin(), sent.end());
    std::sort(shown.begin(), shown.end());
    CHECK(sent == shown);
    CHECK(calls() - calls_before == static_cast<int>(shown.size()));
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a database failure in the middle of a cycle loses nothing") {
    add(1, 12);
    pay(1, {"prod_a"});
    REQUIRE(run_until_idle());
    for (int n = 1; n <= 12; ++n) write(n, fmt::format("later{}", n));
    vendor.set_latency(1500ms);
    auto& worker = sync();
    bool failed = false;
    const auto run_while = [&](const std::function<void()>& disturb) {
        std::optional<result<service::cycle_report>> report;
        const auto before = calls();
        {
            std::jthread running([&] { report = worker.run_cycle(); });
            REQUIRE(becomes_true([&] { return calls() > before; }));
            disturb();
        }
        failed = !report->has_value();
    };
    SUBCASE("outcomes cannot be stored") {
        run_while([&] { link.execute("alter table ctms_vendor_state rename to hidden"); });
        CHECK(failed);
        CHECK_FALSE(worker.run_cycle().has_value());
        link.execute("alter table hidden rename to ctms_vendor_state");
    }
    SUBCASE("the queue is unavailable for a moment") {
        run_while([&] { link.execute("alter table ctms_sync_queue rename to hidden"); });
        CHECK(failed);
        CHECK_FALSE(worker.run_cycle().has_value());
        link.execute("alter table hidden rename to ctms_sync_queue");
    }
    SUBCASE("connections break") {
        run_while([&] {
            link.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                         " where datname = current_database() and pid <> pg_backend_pid()");
        });
    }
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(difference().empty());
    CHECK(parked() == 0);
    CHECK(value("select count(*) from ctms_sync_queue") == "0");
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a cycle that cannot read the contacts releases what it claimed") {
    add(1, 3);
    link.execute("alter table acoustic_field rename to hidden");
    CHECK_FALSE(sync().run_cycle().has_value());
    link.execute("alter table hidden rename to acoustic_field");
    CHECK(cycle().synced == 3);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a cycle reports the backlog, its results and the age of the newest success") {
    options.batch_limit = 5;
    add(1, 7);
    fault(kind::fault_answer, "AddRecipient", id(2), 50, 1);
    fault(kind::row_permanent, "AddRecipient", id(3));
    link.execute("update ctms_sync_queue set first_requested_at = now() - interval '100 s', next_attempt_at = now() - interval '50 s'"
                 " where email_id <= '" +
                 id(5) + "'");
    const auto first = cycle();
    CHECK(first.sync_backlog == 7);
    CHECK(first.retry_backlog == 0);
    CHECK(first.parked == 0);
    CHECK(first.total == 5);
    CHECK(first.synced == 3);
    CHECK(first.retried == 1);
    CHECK(first.failed == 1);
    CHECK(first.skipped == 0);
    CHECK(first.full);
    CHECK_FALSE(first.vendor_down);
    CHECK_FALSE(first.no_slot);
    REQUIRE(first.age_s.has_value());
    CHECK(*first.age_s >= 100);
    CHECK(*first.age_s < 130);
    CHECK(first.took > 0s);
    make_due(*this);
    const auto second = cycle();
    CHECK(second.sync_backlog == 3);
    CHECK(second.retry_backlog == 2);
    CHECK(second.parked == 1);
    CHECK(second.total == 3);
    CHECK(second.synced == 3);
    CHECK_FALSE(second.full);
    const auto third = cycle();
    CHECK(third.total == 0);
    CHECK_FALSE(third.age_s.has_value());
    // A contact that failed before does not count for the age.
    link.execute("insert into ctms_sync_queue (email_id, retry) values ('" + id(1) + "', 1)");
    const auto fourth = cycle();
    CHECK(fourth.synced == 1);
    CHECK_FALSE(fourth.age_s.has_value());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a worker without a slot sends nothing and claims nothing") {
    add(1, 2);
    persistence::vendor_slots slots(pool, 10);
    const auto other = uuid::random();
    REQUIRE(slots.take(other, 10, 60s).value() == 10);
    const auto report = cycle();
    CHECK(report.no_slot);
    CHECK(report.total == 0);
    CHECK(calls() == 0);
    CHECK(row(1) == "upsert 0 pending free");
    REQUIRE(slots.give_back(other).has_value());
    CHECK(cycle().synced == 2);
}
