// SPDX-License-Identifier: MPL-2.0
#include <support/contacts_admin.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

using namespace ctms::test;

namespace {

void fill(contacts_admin& run) {
    run.execute("insert into emails (email_id, primary_email, has_opted_out_of_email, update_timestamp) values"
                " ('" +
                contact_id(1) + "', 'jane@example.com', null, '2020-01-01'), ('" + contact_id(2) +
                "', 'Jane@Example.com', true, '2020-01-01'),"
                " ('" +
                contact_id(3) + "', 'joe@example.com', false, '2020-01-01'), ('" + contact_id(4) +
                "', 'stays@example.com', false, '2020-01-01');"
                "insert into newsletters (email_id, name, subscribed, update_timestamp) values ('" +
                contact_id(3) +
                "', 'hubs', true, '2020-01-01');"
                "insert into waitlists (email_id, name, update_timestamp) values ('" +
                contact_id(3) +
                "', 'vpn', '2020-01-01');"
                "insert into amo (email_id, update_timestamp) values ('" +
                contact_id(3) +
                "', now());"
                "insert into fxa (email_id, update_timestamp) values ('" +
                contact_id(3) +
                "', now());"
                "insert into mofo (email_id) values ('" +
                contact_id(3) +
                "');"
                "insert into pending_acoustic (email_id, retry, update_timestamp) values ('" +
                contact_id(3) +
                "', 0, now());"
                "delete from ctms_sync_queue");
}

constexpr auto list = "JANE@example.com\n\n  nobody@example.com \r\njoe@example.com\nJoe@Example.com\n";

} // namespace

TEST_CASE("a list of addresses is deleted, with a report for each, and the deletions are queued for the vendor") {
    contacts_admin run;
    fill(run);
    const auto done = run({"contacts", "delete-bulk", run.file("list", list), "--yes", "--json"});
    CHECK(done.exit_code == 67);
    CHECK(done.out == "{\"addresses\":3,\"deleted\":3,\"already\":0,\"not_found\":1,\"other_case\":2,\"repeated\":1,\"skipped\":0}\n");
    CHECK(run.content("list.report.ndjson") ==
          "{\"line\":5,\"primary_email\":\"Joe@Example.com\",\"outcome\":\"repeated\"}\n"
          "{\"line\":1,\"primary_email\":\"JANE@example.com\",\"outcome\":\"deleted\",\"contacts\":2,\"other_case\":2}\n"
          "{\"line\":3,\"primary_email\":\"nobody@example.com\",\"outcome\":\"not_found\",\"contacts\":0,\"other_case\":0}\n"
          "{\"line\":4,\"primary_email\":\"joe@example.com\",\"outcome\":\"deleted\",\"contacts\":1,\"other_case\":0}\n");
    CHECK(mode_of(run.path("list.report.ndjson")) == 0600);
    CHECK(done.err.find("example.com") == std::string::npos);
    CHECK(run.select("select primary_email from emails") == "stays@example.com");
    for (const std::string table : {"amo", "fxa", "mofo", "newsletters", "waitlists", "pending_acoustic"}) CHECK(run.count(table) == "0");
    CHECK(run.select("select concat(operation, ' ', primary_email) from ctms_sync_queue order by email_id") ==
          "delete jane@example.com,delete Jane@Example.com,delete joe@example.com");
    const auto again = run({"contacts", "delete-bulk", run.path("list"), "--yes"});
    CHECK(again.exit_code == 67);
    CHECK(again.err.find("3 addresses do not belong to any contact") != std::string::npos);
    // The report of the first run stays.
    CHECK(again.err.find("list.report.2.ndjson lists the result for each address") != std::string::npos);
    CHECK(run.content("list.report.ndjson").find("\"outcome\":\"deleted\"") != std::string::npos);
    CHECK(run.content("list.report.2.ndjson").find("\"outcome\":\"deleted\"") == std::string::npos);
    CHECK(mode_of(run.path("list.report.2.ndjson")) == 0600);
    CHECK(run.select("select string_agg(concat(details::text), ' ') from ctms_audit_log").find("example.com") == std::string::npos);
}

TEST_CASE("nothing is deleted without --yes or by a dry run") {
    contacts_admin run;
    fill(run);
    const auto asked = run({"contacts", "delete-bulk", run.file("list", list)});
    CHECK(asked.exit_code == 1);
    CHECK(asked.out.empty());
    const auto tried = run({"contacts", "delete-bulk", run.path("list"), "--dry-run", "--json"});
    CHECK(tried.exit_code == 67);
    CHECK(tried.out.find("{\"addresses\":3,\"deleted\":3,\"already\":0,\"not_found\":1,") == 0);
    CHECK(run.count("emails") == "4");
    CHECK(run.count("ctms_sync_queue") == "0");
    CHECK(run({"contacts", "delete-bulk", "--yes", run.path("missing")}).exit_code == 66);
}

TEST_CASE("bad lines stop the command before it does anything, unless they are to be skipped") {
    contacts_admin run;
    fill(run);
    const auto file = run.file("list.csv", "id,Email,Primary_Email\n1,joe@example.com,\"jane@example.com\"\n2,x,\n3,\"broken\n");
    const auto refused = run({"contacts", "delete-bulk", file, "--yes", "--json"});
    CHECK(refused.exit_code == 65);
    CHECK(refused.out.empty());
    CHECK(refused.err.find("line 3: no address") != std::string::npos);
    CHECK(refused.err.find("line 4: a quote is not closed") != std::string::npos);
    CHECK(refused.err.find("2 lines have no single address in 'Primary_Email'; nothing was done") != std::string::npos);
    CHECK(run.count("emails") == "4");
    const auto done = run({"contacts", "delete-bulk", file, "--yes", "--json", "--skip-bad-lines"});
    CHECK(done.exit_code == 65);
    CHECK(done.out == "{\"addresses\":1,\"deleted\":2,\"already\":0,\"not_found\":0,\"other_case\":1,\"repeated\":0,\"skipped\":2}\n");
    CHECK(run.select("select primary_email from emails order by 1") == "joe@example.com,stays@example.com");
}

TEST_CASE("nothing is done if the report cannot be written") {
    contacts_admin run;
    fill(run);
    const auto done = run({"suppress", run.file("list", list), "--yes", "--report", run.path("missing/report")});
    CHECK(done.exit_code == 74);
    CHECK(done.err.find("nothing was done") != std::string::npos);
    CHECK(run.count("emails where has_opted_out_of_email") == "1");
}

TEST_CASE("a list of addresses is opted out of mail and nothing else changes") {
    contacts_admin run;
    fill(run);
    const auto tried = run({"suppress", run.file("list", list), "--dry-run", "--json"});
    CHECK(tried.out == "{\"addresses\":3,\"suppressed\":2,\"already\":1,\"not_found\":1,\"other_case\":2,\"repeated\":1,\"skipped\":0}\n");
    CHECK(run.count("emails where has_opted_out_of_email") == "1");
    CHECK(run({"suppress", run.path("list")}).exit_code == 1);

    const auto done = run({"suppress", run.path("list"), "--yes", "--json"});
    CHECK(done.exit_code == 67);
    CHECK(done.out == "{\"addresses\":3,\"suppressed\":2,\"already\":1,\"not_found\":1,\"other_case\":2,\"repeated\":1,\"skipped\":0}\n");
    CHECK(run.select(
              "select concat(email_id, ' ', has_opted_out_of_email, ' ', update_timestamp > '2021-01-01') from emails order by email_id") ==
          contact_id(1) + " t t," + contact_id(2) + " t f," + contact_id(3) + " t t," + contact_id(4) + " f f");
    CHECK(run.select("select subscribed::text from newsletters") == "true");
    CHECK(run.count("waitlists") == "1");
    CHECK(run.select("select concat(email_id, ' ', operation, ' ', priority) from ctms_sync_queue order by email_id") ==
          contact_id(1) + " upsert 5," + contact_id(3) + " upsert 5");
    CHECK(run({"suppress", run.path("list"), "--yes", "--json"}).out ==
          "{\"addresses\":3,\"suppressed\":0,\"already\":3,\"not_found\":1,\"other_case\":2,\"repeated\":1,\"skipped\":0}\n");
}
