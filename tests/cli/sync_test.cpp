// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <support/becomes_true.hpp>
#include <support/pseudo_terminal.hpp>
#include <support/queue_database.hpp>

#include <persistence/sync/bulk_job_repository.hpp>
#include <persistence/sync/vendor_slots.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace ctms::test;
using boost::json::parse;

namespace {

/// ctms-admin on its own queue.
class admin : public queue_database {
public:
    outcome operator()(const std::vector<std::string>& arguments) { return run_admin(arguments, environment()); }
    boost::json::value json(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "--json");
        return parse((*this)(arguments).out);
    }
    [[nodiscard]] std::vector<std::string> environment() const { return {"CTMS_DB_URL=" + db.url()}; }
    std::string audit() {
        return value("select command || ' ' || exit_code || ' ' || details from ctms_audit_log order by id desc limit 1");
    }

    /// Parks contacts `first` to `last`.
    void park(int first, int last) {
        request(first, last);
        link.execute(fmt::format("update ctms_sync_queue set state = 'parked', retry = 6, last_error = 'refused' where email_id between "
                                 "'{}' and '{}'",
                                 id(first), id(last)));
    }
    std::string parked() { return value("select count(*) from ctms_sync_queue where state = 'parked'"); }

    std::string file(const std::string& text) {
        const auto path = (files_.path() / "addresses.txt").string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

private:
    temporary_directory files_;
};

} // namespace

TEST_CASE("the status shows the counts of the queue and its workers") {
    admin run;
    const auto empty = run({"sync", "status"});
    CHECK(empty.exit_code == 0);
    CHECK(empty.out.find("WORKER") == std::string::npos);
    run.insert_contacts(1, 9);
    run.request(1, 5);
    run.park(6, 7);
    const auto worker = ctms::uuid::random();
    REQUIRE(run.claim(worker, 2).size() == 2);
    ctms::persistence::vendor_slots slots(run.pool, 4);
    REQUIRE(slots.take(worker, 3, std::chrono::seconds(60)).value() == 3);

    const auto json = run.json({"sync", "status"});
    CHECK(json.at("backlog") == 5);
    CHECK(json.at("due") == 3);
    CHECK(json.at("claimed") == 2);
    CHECK(json.at("parked") == 2);
    CHECK(json.at("retry_backlog") == 2);
    CHECK(json.at("resync") == 0);
    CHECK(json.at("age_seconds").as_int64() >= 0);
    REQUIRE(json.at("workers").as_array().size() == 1);
    CHECK(json.at("workers").at(0).at("worker").as_string() == worker.to_string());
    CHECK(json.at("workers").at(0).at("claimed") == 2);
    CHECK(json.at("workers").at(0).at("slots") == 3);
    const auto text = run({"sync", "status"});
    CHECK(text.out.find("backlog           5\n") != std::string::npos);
    CHECK(text.out.find("parked            2\n") != std::string::npos);
    CHECK(text.out.find(worker.to_string() + "  2        3      ") != std::string::npos);
}

TEST_CASE("the status shows a bulk job, which is no worker") {
    admin run;
    run.insert_contacts(1, 3);
    run.request(1, 3);
    CHECK(run.json({"sync", "status"}).at("bulk_job").is_null());
    const auto job = ctms::uuid::random();
    REQUIRE(run.queue.claim(job, 2, std::chrono::seconds(300)).value().size() == 2);
    ctms::persistence::bulk_job_repository jobs(run.pool);
    const auto holder = ctms::uuid::random();
    REQUIRE(jobs.hold(holder, std::chrono::seconds(300)).value().has_value());
    REQUIRE(jobs.begin(holder, job, {"upload/a.csv"}).value());
    const auto json = run.json({"sync", "status"});
    CHECK(json.at("bulk_job") == 2);
    CHECK(json.at("claimed") == 2);
    CHECK(json.at("due") == 1);
    CHECK(json.at("workers").as_array().empty());
    CHECK(run({"sync", "status"}).out.find("A bulk job is under way, with 2 contacts.\n") != std::string::npos);
}

TEST_CASE("the status shows the circuit to the vendor and its last error, and contacts that were skipped are queued again") {
    admin run;
    run.insert_contacts(1, 3);
    auto json = run.json({"sync", "status"});
    CHECK(json.at("circuit") == "closed");
    CHECK(json.at("circuit_reason").is_null());
    CHECK(json.at("vendor_error").is_null());
    CHECK(json.at("skipped") == 0);
    REQUIRE(run.queue.note_circuit(std::chrono::milliseconds(20'000), "main: HTTP 503").has_value());
    REQUIRE(run.queue.note_circuit(std::chrono::milliseconds(30'000), "main: HTTP 500").has_value());
    run.request(1, 3);
    REQUIRE(run.queue.discard(10).value() == 3);
    json = run.json({"sync", "status"});
    CHECK(json.at("circuit") == "open");
    CHECK(json.at("circuit_reason") == "main: HTTP 503");
    CHECK(json.at("next_probe_at").is_string());
    CHECK(json.at("vendor_error") == "main: HTTP 500");
    CHECK(json.at("skipped") == 3);
    const auto text = run({"sync", "status"}).out;
    CHECK(text.find("The circuit is open: main: HTTP 503. Next probe: ") != std::string::npos);
    CHECK(text.find("Last error of the vendor: main: HTTP 500, ") != std::string::npos);
    CHECK(text.find("3 contacts were removed from the queue without being sent") != std::string::npos);
    REQUIRE(run.queue.note_circuit(std::nullopt, std::nullopt).has_value());
    CHECK(run({"sync", "status"}).out.find("The circuit is closed.") != std::string::npos);
    CHECK(run.json({"sync", "resync", "--skipped", "--dry-run"}).at("contacts") == 3);
    CHECK(run.json({"sync", "resync", "--skipped", "--yes"}).at("queued") == 3);
    CHECK(run.json({"sync", "status"}).at("skipped") == 0);
    CHECK(run.rows_of("ctms_sync_queue") == 3);
}

TEST_CASE("the status counts the contacts of imports, opt-outs and resyncs as queued in bulk") {
    admin run;
    run.insert_contacts(1, 3);
    run.request(1, 1);
    REQUIRE(run({"suppress", run.file("2@example.com\n"), "--yes"}).exit_code == 0);
    CHECK(run({"sync", "status"}).out.find("  queued in bulk  1\n") != std::string::npos);
    REQUIRE(run({"sync", "resync", "--all", "--yes"}).out == "Queued 1 contact; 2 were already waiting.\n");
    CHECK(run({"sync", "status"}).out.find("  queued in bulk  2\n") != std::string::npos);
    CHECK(run.json({"sync", "status"}).at("resync") == 2);
    CHECK(run.json({"sync", "status"}).at("backlog") == 3);
}

TEST_CASE("parked contacts are listed with the reason") {
    admin run;
    CHECK(run.json({"sync", "parked"}).as_array().empty());
    run.insert_contacts(1, 3);
    run.park(1, 3);
    run.link.execute(fmt::format("delete from emails where email_id = '{}'", run.id(3)));
    run.drain();
    run.link.execute("update ctms_sync_queue set state = 'parked' where operation = 'delete'");
    const auto all = run.json({"sync", "parked"}).as_array();
    REQUIRE(all.size() == 3);
    CHECK(all[0].at("email_id").as_string() == run.id(3));
    CHECK(all[0].at("operation") == "delete");
    CHECK(all[2].at("operation") == "upsert");
    CHECK(all[2].at("retries") == 6);
    CHECK(all[2].at("reason") == "refused");
    CHECK(all[2].at("requested_at").as_string().starts_with("20"));
    CHECK(run.json({"sync", "parked", "--limit", "1"}).as_array().size() == 1);
    const auto text = run({"sync", "parked", "-n", "2"});
    CHECK(text.out.find(run.id(3) + "  delete") != std::string::npos);
    CHECK(text.out.find("example.com") == std::string::npos);
    for (const std::string limit : {"0", "-1", "x", "1000001"}) {
        const auto wrong = run({"sync", "parked", "--limit=" + limit});
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.err.find("see ctms-admin sync --help") != std::string::npos);
    }
}

TEST_CASE("some or all parked contacts are retried") {
    admin run;
    run.insert_contacts(1, 5);
    run.park(1, 4);
    run.request(5, 5);
    const auto one = run({"sync", "retry", run.id(2)});
    CHECK(one.exit_code == 0);
    CHECK(one.out == "Made due 1 parked contact.\n");
    CHECK(run.row(2) == "upsert 1 0 pending 0 free due");
    CHECK(run.audit() == "sync retry 0 {\"retried\": \"1\"}");
    // One contact that waits, and one that is unknown.
    const auto partly = run({"sync", "retry", run.id(1), run.id(5), run.id(77)});
    CHECK(partly.exit_code == 65);
    CHECK(partly.err.find("2 of 3 contacts were not parked; ctms-admin sync parked lists") != std::string::npos);
    CHECK(run.parked() == "2");
    CHECK(run.json({"sync", "retry", "--all"}).at("retried") == 2);
    CHECK(run.parked() == "0");
    for (const int number : {3, 4}) CHECK(run.row(number) == "upsert 1 0 pending 0 free due");
    CHECK(run({"sync", "retry", "--all"}).exit_code == 0);
    for (const auto& call : std::vector<std::vector<std::string>>{
             {"sync", "retry"}, {"sync", "retry", "--all", run.id(1)}, {"sync", "retry", "jane@example.com"}, {"sync", "forget"}}) {
        const auto wrong = run(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.err.find("see ctms-admin sync --help") != std::string::npos);
        CHECK(wrong.err.find("jane") == std::string::npos);
    }
}

TEST_CASE("parked contacts are forgotten only after confirmation") {
    admin run;
    run.insert_contacts(1, 4);
    run.park(1, 3);
    run.request(4, 4);
    const auto unasked = run({"sync", "forget", "--all"});
    CHECK(unasked.exit_code == 1);
    CHECK(unasked.err.find("--yes") != std::string::npos);
    CHECK(run.parked() == "3");
    {
        pseudo_terminal asked({CTMS_ADMIN, "sync", "forget", "--all"}, run.environment());
        REQUIRE(asked.shows("Forget all parked contacts?"));
        asked.type("n\n");
        CHECK(asked.wait() == 1);
        CHECK(run.parked() == "3");
    }
    {
        pseudo_terminal asked({CTMS_ADMIN, "sync", "forget", run.id(1)}, run.environment());
        REQUIRE(asked.shows("Forget 1 parked contact?"));
        asked.type("y\n");
        CHECK(asked.wait() == 0);
        CHECK(run.parked() == "2");
    }
    CHECK(run.json({"sync", "forget", "--all", "--yes"}).at("forgotten") == 2);
    CHECK(run.audit() == "sync forget 0 {\"forgotten\": \"2\"}");
    CHECK(run.rows_of("ctms_sync_queue") == 1);
    CHECK(run.rows_of("emails") == 4);
}

TEST_CASE("all contacts are queued after those that wait, and a second resync queues nothing") {
    admin run;
    run.insert_contacts(1, 25'000);
    run.request(7, 8);
    const auto dry = run.json({"sync", "resync", "--all", "--dry-run"});
    CHECK(dry.at("contacts") == 25'000);
    CHECK(dry.at("queued") == 0);
    CHECK(run.rows_of("ctms_sync_queue") == 2);
    const auto unasked = run({"sync", "resync", "--all"});
    CHECK(unasked.exit_code == 1);
    CHECK(run.rows_of("ctms_sync_queue") == 2);
    const auto done = run({"sync", "resync", "--all", "--yes"});
    CHECK(done.exit_code == 0);
    CHECK(done.out == "Queued 24998 contacts; 2 were already waiting.\n");
    CHECK(done.err.empty());
    CHECK(run.audit() == "sync resync 0 {\"queued\": \"24998\", \"contacts\": \"25000\"}");
    CHECK(run.value("select count(*) from ctms_sync_queue where priority > 0") == "24998");
    CHECK(queue_database::numbers(run.claim(ctms::uuid::random(), 2)) == "7,8");
    CHECK(run.json({"sync", "resync", "--all", "--yes"}).at("queued") == 0);
}

TEST_CASE("contacts are queued by newsletter, by waitlist and by address") {
    admin run;
    run.insert_contacts(1, 6);
    run.link.execute(
        fmt::format("insert into newsletters (email_id, name, subscribed, update_timestamp) values ('{}', 'hubs', true, now()),"
                    " ('{}', 'hubs', false, now())",
                    run.id(1), run.id(2)));
    run.link.execute(
        fmt::format("insert into waitlists (email_id, name, fields, update_timestamp) values ('{}', 'vpn', '{{}}', now())", run.id(3)));
    CHECK(run.json({"sync", "resync", "--newsletter", "hubs", "--yes"}).at("queued") == 2);
    CHECK(run.json({"sync", "resync", "--waitlist", "vpn", "--yes"}).at("queued") == 1);
    const auto unknown = run({"sync", "resync", "--newsletter", "hbus", "--dry-run"});
    CHECK(unknown.exit_code == 65);
    CHECK(unknown.out.empty());
    CHECK(unknown.err == "ctms-admin: no contact has the newsletter 'hbus' (--allow-unknown accepts it); did you mean 'hubs'?\n");
    CHECK(run({"sync", "resync", "--waitlist", "none", "--yes"}).exit_code == 65);
    CHECK(run.json({"sync", "resync", "--waitlist", "none", "--yes", "--allow-unknown"}).at("contacts") == 0);
    // No contact has it, but a mapping knows it.
    CHECK(run.json({"sync", "resync", "--newsletter", "mozilla-festival", "--yes"}).at("contacts") == 0);
    const auto file = run.file("\xEF\xBB\xBF"
                               "4@example.com\r\n\n \"5@EXAMPLE.COM\" \n1@example.com\nnobody@example.com\nother@example.com\n");
    const auto dry = run({"sync", "resync", "--emails", file, "--dry-run"});
    CHECK(dry.exit_code == 67);
    CHECK(run.rows_of("ctms_sync_queue") == 3);
    const auto done = run({"sync", "resync", "--emails", file, "--yes", "--json"});
    CHECK(done.exit_code == 67);
    CHECK(done.err.find("2 addresses do not belong to any contact") != std::string::npos);
    CHECK((done.out + done.err + run.audit()).find("example.com") == std::string::npos);
    CHECK(parse(done.out).at("queued") == 2);
    CHECK(parse(done.out).at("already") == 1);
    CHECK(parse(done.out).at("not_found") == 2);
    CHECK(run.row(6).empty());
    CHECK(run({"sync", "resync", "--emails", "/nowhere/file", "--yes"}).exit_code == 66);
    for (const auto& call : std::vector<std::vector<std::string>>{{"sync", "resync"},
                                                                  {"sync", "resync", "--all", "--newsletter", "x"},
                                                                  {"sync", "resync", "--all", "--skipped"},
                                                                  {"sync", "resync", "x"},
                                                                  {"sync", "resync", "--newsletter"}})
        CHECK(run(call).exit_code == 64);
}

TEST_CASE("a resync that is interrupted says so and can be run again") {
    admin run;
    run.insert_contacts(1, 30'000);
    // A step blocks while another writer has queued the same contact and not committed.
    ctms::persistence::connection writer(run.db.options());
    writer.begin();
    writer.execute(queue_database::request_sql(15'000));
    pseudo_terminal resync({CTMS_ADMIN, "sync", "resync", "--all", "--yes"}, run.environment());
    REQUIRE(becomes_true(
        [&] {
            (void)resync.shows("nothing", 0, std::chrono::milliseconds(10)); // reads its output, so that it can continue
            return run.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()") !=
                   "0";
        },
        std::chrono::seconds(60)));
    CHECK(run.rows_of("ctms_sync_queue") == 10'000);
    resync.signal(SIGINT);
    writer.rollback();
    CHECK(resync.wait() == 75);
    CHECK(resync.output().find("Queued 20000 contacts; 0 were already waiting.") != std::string::npos);
    CHECK(resync.output().find("run the same command again") != std::string::npos);
    CHECK(run.audit().starts_with("sync resync 75 "));
    CHECK(run.json({"sync", "resync", "--all", "--yes"}).at("queued") == 10'000);
    CHECK(run.rows_of("ctms_sync_queue") == 30'000);
}

TEST_CASE("a mapping for a newsletter that resembles a known one is probably a slip of the hand") {
    admin run;
    const auto slip = run({"newsletter-mappings", "add", "mozila-festival:sub_x"});
    CHECK(slip.exit_code == 65);
    CHECK(slip.err == "ctms-admin: no contact has the newsletter 'mozila-festival' (--allow-unknown accepts it); did you mean "
                      "'mozilla-festival'?\n");
    CHECK(run({"newsletter-mappings", "add", "mozila-festival:sub_x", "--allow-unknown"}).exit_code == 0);
    CHECK(run({"newsletter-mappings", "add", "something-entirely-new:sub_y"}).exit_code == 0);
    const auto removed = run({"newsletter-mappings", "remove", "something-entirely-ne"});
    CHECK(removed.exit_code == 65);
    CHECK(removed.out == "Unknown mapping 'something-entirely-ne'. Give up.\n");
    CHECK(removed.err == "ctms-admin: unknown mapping; did you mean 'something-entirely-new'?\n");
}
