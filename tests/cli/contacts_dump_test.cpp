// SPDX-License-Identifier: MPL-2.0
#include <support/becomes_true.hpp>
#include <support/contacts_admin.hpp>
#include <support/pseudo_terminal.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <persistence/postgres/connection.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <thread>

using namespace ctms::test;

namespace {

/// Inserts what databases hold but the API neither accepts nor shows: nulls, whitespace in JSON, groups with only default
/// values, old texts; and a value in every field.
void fill(contacts_admin& run) {
    run.execute("insert into emails values"
                " ('" +
                contact_id(1) +
                "', E'o''hara \"x\"@example.com', 'no uuid', 'sf', E'Jo\\nhn\\\\', 'Dö\xF0\x9F\x98\x80', 'de', 'N', 'de', true,"
                "  E'tab\\t, quote\" and\\r\\nline', '2001-02-03 04:05:06.789012+00', '2024-12-31 23:59:59.999999+00', true),"
                " ('" +
                contact_id(2) +
                "', 'nulls@example.com', null, null, null, null, null, null, null, null, null, '2020-01-01', '2020-01-02', null),"
                " ('" +
                contact_id(3) +
                "', '', null, '', '', '', '', '', '', false, '', '2020-01-01', '2020-01-02', false);"
                "insert into amo (email_id, add_on_ids, display_name, email_opt_in, language, last_login, location, profile_url, \"user\", "
                "user_id, username,"
                " create_timestamp, update_timestamp) values"
                " ('" +
                contact_id(1) +
                "', 'a,b', 'Jo', true, 'de', '2024-02-29', 'x', 'y', true, '4711', 'jo', '2011-01-01 00:00:00.1', '2012-01-01'),"
                " ('" +
                contact_id(2) +
                "', null, null, null, null, null, null, null, null, null, null, '2011-01-01', '2012-01-01');"
                "insert into fxa (email_id, fxa_id, primary_email, created_date, lang, first_service, account_deleted, create_timestamp, "
                "update_timestamp) values"
                " ('" +
                contact_id(1) +
                "', repeat('f', 200), 'no address', 'once', 'de,en', 'sync', true, '2013-01-01', '2014-01-01 00:00:00.000001'),"
                " ('" +
                contact_id(3) +
                "', null, null, null, null, null, null, '2013-01-01', '2014-01-01');"
                "insert into mofo (email_id, mofo_email_id, mofo_contact_id, mofo_relevant) values"
                " ('" +
                contact_id(1) + "', 'm', 'c', true), ('" + contact_id(2) +
                "', null, null, null);"
                "insert into newsletters (email_id, name, subscribed, format, lang, source, unsub_reason, create_timestamp, "
                "update_timestamp) values"
                " ('" +
                contact_id(1) +
                "', 'hubs', false, 'T', 'de', 'no url', 'x;y', '2015-01-01', '2016-01-01 12:00:00.5'),"
                " ('" +
                contact_id(1) +
                "', 'Zeta', true, 'H', null, null, null, '2015-01-01', '2016-01-01'),"
                " ('" +
                contact_id(3) +
                "', '', null, null, null, null, null, '2015-01-01', '2016-01-01');"
                "insert into waitlists (email_id, name, source, fields, create_timestamp, update_timestamp) values"
                " ('" +
                contact_id(1) +
                "', 'vpn', null, '{\"geo\": \"fr\",  \"n\": 1.50}', '2017-01-01', '2018-01-01'),"
                " ('" +
                contact_id(1) +
                "', 'relay', 'x', E'{\\n\"geo\":\\t\"\\\\u00e9\"}', '2017-01-01', '2018-01-01'),"
                " ('" +
                contact_id(2) + "', 'list', null, '[1, {\"a\": null}]', '2017-01-01', '2018-01-01')");
}

} // namespace

TEST_CASE("a dump that is imported into another database reproduces every field") {
    contacts_admin from;
    fill(from);
    contacts_admin to;
    const auto dumped = from({"contacts", "dump", "--output", to.path("dump.ndjson")});
    REQUIRE(dumped.exit_code == 0);
    const auto imported = to({"contacts", "import", "--exact", to.path("dump.ndjson")});
    CAPTURE(to.content("dump.ndjson.rejects.ndjson"));
    CHECK(imported.exit_code == 0);
    CHECK(to.everything() == from.everything());
    CHECK(to.count("newsletters") == "3");

    // The second import has nothing to do. After changes, --replace restores what the dump says.
    CHECK(to({"contacts", "import", "--json", "--exact", to.path("dump.ndjson")}).out ==
          "{\"created\":0,\"unchanged\":3,\"replaced\":0,\"rejected\":0}\n");
    to.execute("update amo set username = 'other'; delete from mofo; delete from waitlists where name = 'relay';"
               "insert into newsletters (email_id, name, subscribed, update_timestamp) values ('" +
               contact_id(2) +
               "', 'new', true, now());"
               "update emails set first_name = 'other', create_timestamp = now(), update_timestamp = now() where primary_email = "
               "'nulls@example.com'");
    CHECK(to({"contacts", "import", "--json", "--replace", "--exact", to.path("dump.ndjson")}).out ==
          "{\"created\":0,\"unchanged\":1,\"replaced\":2,\"rejected\":0}\n");
    // Readers of changes must see what was replaced, so the time of a replaced contact is that of the import.
    CHECK(to.select("select count(*)::text from emails where update_timestamp > now() - interval '1 hour'") == "2");
    for (auto* database : {&from, &to}) database->execute("update emails set update_timestamp = '2020-01-01'");
    CHECK(to.everything() == from.everything());
}

TEST_CASE("a dump prints times as the API does, and older dumps can still be imported") {
    contacts_admin run;
    fill(run);
    run.execute("alter database " + run.select("select quote_ident(current_database())") + " set timezone = 'Asia/Kolkata'");
    const auto dumped = run({"contacts", "dump"}).out;
    for (const std::string time :
         {R"("create_timestamp":"2001-02-03T04:05:06.789012+00:00","update_timestamp":"2024-12-31T23:59:59.999999+00:00")",
          R"("create_timestamp":"2011-01-01T00:00:00.100000+00:00","update_timestamp":"2012-01-01T00:00:00+00:00")",
          R"("update_timestamp":"2014-01-01T00:00:00.000001+00:00")", R"("update_timestamp":"2016-01-01T12:00:00.500000+00:00")"}) {
        CAPTURE(time);
        CHECK(dumped.find(time) != std::string::npos);
    }
    contacts_admin to;
    const auto old = to.file("old.ndjson", R"({"format":"ctms-contact-1","email":{"email_id":")" + contact_id(9) +
                                               R"(","primary_email":"old@example.com","create_timestamp":"2020-01-01T05:30:00.5+05:30",)"
                                               R"("update_timestamp":"2020-01-02T00:00:00+00:00"}})"
                                               "\n");
    CHECK(to({"contacts", "import", "--exact", old}).exit_code == 0);
    CHECK(to.select("select extract(epoch from create_timestamp)::text from emails") == "1577836800.500000");
    // What PostgreSQL can store and the API cannot print stays as it is.
    run.execute("update emails set create_timestamp = '-infinity', update_timestamp = '0044-03-15 BC' where primary_email = ''");
    contacts_admin copy;
    REQUIRE(run({"contacts", "dump", "-o", copy.path("dump")}).exit_code == 0);
    CHECK(copy({"contacts", "import", "--exact", copy.path("dump")}).exit_code == 0);
    CHECK(copy.everything() == run.everything());
}

TEST_CASE("a dump on a terminal removes its bar before it prints the result") {
    contacts_admin run;
    fill(run);
    ctms::persistence::connection holder(run.options());
    holder.begin();
    holder.execute("lock table emails in access exclusive mode");
    pseudo_terminal terminal({CTMS_ADMIN, "contacts", "dump", "-o", run.path("dump")}, {"CTMS_DB_URL=" + run.url()});
    REQUIRE(becomes_true([&] {
        return run.select("select count(*)::text from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()") ==
               "1";
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100)); // no bar is drawn before
    holder.rollback();
    CHECK(terminal.wait() == 0);
    CAPTURE(terminal.output());
    CHECK(terminal.output().starts_with("\rcontacts"));
    CHECK(terminal.output().find("\x1b[K\r\x1b[Kctms-admin: 3 contacts in ") != std::string::npos);
}

TEST_CASE("a dump goes to standard output, or to a file that appears only when it is complete") {
    contacts_admin run;
    fill(run);
    const auto printed = run({"contacts", "dump", "--ndjson"});
    CHECK(printed.exit_code == 0);
    CHECK(std::count(printed.out.begin(), printed.out.end(), '\n') == 3);
    const auto filed = run({"contacts", "dump", "-o", run.path("dump")});
    CHECK(filed.out.empty());
    CHECK(run.content("dump") == printed.out);
    struct stat status {};
    REQUIRE(::stat(run.path("dump").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    CHECK(run.content("dump.part").empty());
    CHECK(run({"contacts", "dump", "-o", run.path("no/such/folder")}).exit_code == 75);
    CHECK(run({"contacts", "dump", "--csv", "--ndjson"}).exit_code == 64);
}

TEST_CASE("a full disk ends a dump with an error") {
    contacts_admin run;
    fill(run);
    const auto full =
        run_program({"/bin/sh", "-c", std::string("exec '") + CTMS_ADMIN + "' contacts dump > /dev/full"}, {"CTMS_DB_URL=" + run.url()});
    CHECK(full.exit_code == 75);
    CHECK(full.err.find("cannot be written") != std::string::npos);
}

TEST_CASE("an empty database gives an empty dump") {
    contacts_admin run;
    const auto dumped = run({"contacts", "dump"});
    CHECK(dumped.exit_code == 0);
    CHECK(dumped.out.empty());
    const auto csv = run({"contacts", "dump", "--csv"});
    CHECK(std::count(csv.out.begin(), csv.out.end(), '\n') == 1);
    CHECK(run({"contacts", "import", run.file("empty.csv", csv.out)}).exit_code == 0);
    for (const auto* text : {"", " \r\n\n"}) { // as a dump that has failed leaves it
        const auto refused = run({"contacts", "import", run.file("empty.ndjson", text)});
        CHECK(refused.exit_code == 65);
        CHECK(refused.err.find("empty.ndjson is empty; nothing was done") != std::string::npos);
    }
}

TEST_CASE("a CSV dump contains the fields and the names of lists") {
    contacts_admin from;
    from.execute("insert into emails (email_id, primary_email, first_name, has_opted_out_of_email, update_timestamp)"
                 " values ('" +
                 contact_id(1) +
                 "', 'jane@example.com', 'a, \"b\"', true, now());"
                 "insert into amo (email_id, \"user\", user_id, update_timestamp) values ('" +
                 contact_id(1) +
                 "', true, '7', now());"
                 "insert into newsletters (email_id, name, subscribed, format, update_timestamp) values"
                 " ('" +
                 contact_id(1) + "', 'hubs', true, 'H', now()), ('" + contact_id(1) + "', 'miti', true, 'H', now()), ('" + contact_id(1) +
                 "', 'left', false, 'H', now())");
    contacts_admin to;
    REQUIRE(from({"contacts", "dump", "--csv", "-o", to.path("dump.csv")}).exit_code == 0);
    REQUIRE(to({"contacts", "import", to.path("dump.csv")}).exit_code == 0);
    CHECK(to.select("select concat(email_id, ' ', primary_email, ' ', first_name, ' ', has_opted_out_of_email) from emails") ==
          contact_id(1) + " jane@example.com a, \"b\" t");
    CHECK(to.select("select concat(\"user\", ' ', user_id) from amo") == "t 7");
    CHECK(to.select("select name from newsletters order by name") == "hubs,miti");
}

TEST_CASE("a line of a dump that the tables cannot store is rejected without affecting the others") {
    contacts_admin run;
    fill(run);
    auto lines = run({"contacts", "dump"}).out;
    contacts_admin to;
    const auto with = [&](const std::string& part, const std::string& other) {
        auto out = lines;
        const auto at = out.find(part);
        REQUIRE(at != std::string::npos);
        return out.replace(at, part.size(), other);
    };
    for (const auto& text : {with("\"2024-02-29\"", "\"2024-02-30\""), with("\"4711\"", "\"" + std::string(300, '1') + "\""),
                             with("\"amo\":{", "\"amo\":[{}],\"x\":{"), with("\"name\":\"Zeta\"", "\"name\":\"hubs\"")}) {
        to.execute("truncate emails cascade");
        const auto done = to({"contacts", "import", "--json", "--exact", to.file("bad.ndjson", text), "--rejects", to.path("rejects")});
        CHECK(done.exit_code == 65);
        CHECK(done.out == "{\"created\":2,\"unchanged\":0,\"replaced\":0,\"rejected\":1}\n");
        CHECK(to.content("rejects").find("{\"line\":1,") == 0);
    }
}
