// SPDX-License-Identifier: MPL-2.0
#include <support/becomes_true.hpp>
#include <support/contacts_admin.hpp>
#include <support/pseudo_terminal.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <persistence/postgres/connection.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <future>

using namespace ctms::test;
using boost::json::object;

namespace {

std::string contact(int number, const std::string& address, const std::string& more = R"("newsletters":[{"name":"hubs"}])") {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}},{}}})", contact_id(number), address, more) + "\n";
}

object summary(const outcome& run) { return boost::json::parse(run.out).as_object(); }

object counts(int created, int unchanged, int replaced, int rejected) {
    return {{"created", created}, {"unchanged", unchanged}, {"replaced", replaced}, {"rejected", rejected}};
}

} // namespace

TEST_CASE("imported contacts are stored as by POST and queued with a lower priority than single writes") {
    contacts_admin run;
    const auto file = run.file("contacts.ndjson", contact(1, "jane@example.com") + "\n" +
                                                      contact(2, "joe@example.com", R"("amo":{"user":true},"vpn_waitlist":{"geo":"fr"})"));
    const auto done = run({"contacts", "import", "--json", file});
    CHECK(done.exit_code == 0);
    CHECK(summary(done) == counts(2, 0, 0, 0));
    CHECK(run.select("select concat(name, ' ', subscribed, ' ', format, ' ', lang) from newsletters") == "hubs t H en");
    CHECK(run.select("select concat(email_id, ' ', \"user\") from amo") == contact_id(2) + " t");
    CHECK(run.select("select concat(name, ' ', fields) from waitlists") == R"(vpn {"geo":"fr","platform":null})");
    CHECK(run.select("select concat(email_id, ' ', operation, ' ', priority) from ctms_sync_queue order by email_id") ==
          contact_id(1) + " upsert 10," + contact_id(2) + " upsert 10");
    CHECK(run.select("select details::text from ctms_audit_log").find("\"created\"") != std::string::npos);
}

TEST_CASE("an import that is run again changes nothing, whatever the batch size") {
    contacts_admin run;
    const auto text = contact(1, "jane@example.com") + contact(2, "joe@example.com", R"("mofo":{"mofo_relevant":true})") +
                      R"({"email":{"primary_email":"no-id@example.com"}})" + "\n";
    const auto file = run.file("contacts.ndjson", text);
    CHECK(summary(run({"contacts", "import", "--json", "--no-sync", file})) == counts(3, 0, 0, 0));
    CHECK(run.count("ctms_sync_queue") == "0");
    const auto before = run.everything();
    for (const std::string batch : {"1", "2", "50"}) {
        CHECK(summary(run({"contacts", "import", "--json", "--replace", "--batch", batch, file})) == counts(0, 3, 0, 0));
        CHECK(run.everything() == before);
    }
    CHECK(summary(run({"contacts", "import", "--json", run.file("twice.ndjson", text + text)})) == counts(0, 6, 0, 0));
}

TEST_CASE("a replacement does not clear an opt-out that is committed while it waits") {
    contacts_admin run;
    const auto file = run.file("contacts.ndjson", contact(1, "jane@example.com") + contact(2, "joe@example.com"));
    REQUIRE(run({"contacts", "import", file}).exit_code == 0);
    const auto changed = run.file("changed.ndjson", contact(1, "jane@example.com", R"("amo":{"user":true})") +
                                                        contact(2, "joe@example.com", R"("amo":{"user":true})"));
    ctms::persistence::connection other(run.options());
    other.begin();
    other.execute("update emails set has_opted_out_of_email = true where primary_email = 'jane@example.com'");
    auto imported = std::async(std::launch::async, [&] { return run({"contacts", "import", "--json", "--replace", changed}); });
    REQUIRE(becomes_true([&] {
        return run.select("select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") ==
               "1";
    }));
    other.commit();
    const auto done = imported.get();
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == counts(0, 0, 1, 1));
    CHECK(run.content("changed.ndjson.rejects.ndjson").find("--allow-opt-in") != std::string::npos);
    CHECK(run.select("select concat(primary_email, ' ', has_opted_out_of_email) from emails order by 1") ==
          "jane@example.com t,joe@example.com f");
    CHECK(run.count("amo") == "1");
}

TEST_CASE("spellings of one address in a file are one contact, or rejected if one of them has opted out") {
    contacts_admin run;
    const std::string text = "primary_email,has_opted_out_of_email,first_name\nJane@example.com,true,\njane@example.com,false,J\n";
    SUBCASE("as they are") {
        const auto done = run({"contacts", "import", "--json", run.file("both.csv", text)});
        CHECK(done.exit_code == 65);
        CHECK(summary(done) == counts(1, 0, 0, 1));
        CHECK(run.content("both.csv.rejects.ndjson").find("opted out") != std::string::npos);
    }
    SUBCASE("whatever the case") {
        const auto done = run({"contacts", "import", "--json", "--merge", "--case-insensitive", run.file("both.csv", text)});
        CHECK(done.exit_code == 0);
        CHECK(run.select("select first_name from emails") == "J");
    }
    SUBCASE("in Unicode") { // composed and decomposed
        const std::string address = "@example.com";
        const auto done = run({"contacts", "import", "--json",
                               run.file("both.csv", "primary_email,has_opted_out_of_email\nj\xC3\xB6rg" + address + ",true\njo\xCC\x88rg" +
                                                        address + ",false\n")});
        CHECK(done.exit_code == 65);
        CHECK(summary(done) == counts(1, 0, 0, 1));
    }
    CHECK(run.select("select has_opted_out_of_email::text from emails") == "true");
}

TEST_CASE("an import with a rate stores no more contacts per second, and all of them") {
    contacts_admin run;
    std::string text;
    for (int number = 1; number <= 11; ++number) text += contact(number, fmt::format("person{}@example.com", number));
    const auto file = run.file("contacts.ndjson", text);
    const auto begun = std::chrono::steady_clock::now();
    CHECK(summary(run({"contacts", "import", "--json", "--rate", "10", file})) == counts(11, 0, 0, 0));
    CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::seconds(1));
    // One transaction each, so no pause is longer than that of one contact.
    CHECK(run.select("select count(distinct xmin::text)::text from emails") == "11");
    const auto refused = run({"contacts", "import", "--rate", "0", file});
    CHECK(refused.exit_code == 64);
    CHECK(refused.err.find("--rate takes a whole number from 1 to 1000000, not '0'") != std::string::npos);
}

TEST_CASE("lines of one contact are stored in their order, also when several batches are stored at the same time") {
    contacts_admin run;
    std::string text;
    for (int line = 1; line <= 200; ++line) {
        const auto id = line % 2 == 0 ? fmt::format(R"("email_id":"{}",)", contact_id(1)) : "";
        text += fmt::format(R"({{"email":{{{}"primary_email":"jane@example.com","first_name":"{}"}}}})"
                            "\n",
                            id, line);
    }
    run.execute("insert into emails (email_id, primary_email, update_timestamp) values ('" + contact_id(1) +
                "', 'jane@example.com', now())");
    std::string how;
    SUBCASE("replaced") { how = "--replace"; }
    SUBCASE("merged") { how = "--merge"; }
    const auto done = run({"contacts", "import", how, "--batch", "1", "--jobs", "8", run.file("contacts.ndjson", text)});
    CHECK(done.exit_code == 0);
    CHECK(run.select("select first_name from emails") == "200");
}

TEST_CASE("an address that another batch opts out of email is not stored in another spelling") {
    contacts_admin run;
    std::string text;
    constexpr int people = 60;
    for (int number = 1; number <= people; ++number) {
        text += fmt::format(R"({{"email":{{"primary_email":"jane{0}@example.com","has_opted_out_of_email":true}}}})"
                            "\n"
                            R"({{"email":{{"primary_email":"Jane{0}@Example.com"}}}})"
                            "\n",
                            number);
    }
    const auto done = run({"contacts", "import", "--json", "--batch", "1", "--jobs", "8", run.file("contacts.ndjson", text)});
    CHECK(summary(done) == counts(people, 0, 0, people));
    CHECK(run.select("select bool_and(has_opted_out_of_email)::text from emails") == "true");
}

TEST_CASE("after a batch that was not stored, none is stored that has an address in common") {
    contacts_admin run;
    run.execute("create function refuse() returns trigger language plpgsql as $$ begin"
                " perform pg_sleep(2); raise exception 'too slow' using errcode = '57014'; end $$");
    run.execute("create trigger refuse before insert on emails for each row when (new.has_opted_out_of_email) execute function refuse()");
    const auto file = run.file("contacts.ndjson", R"({"email":{"primary_email":"jane@example.com","has_opted_out_of_email":true}})"
                                                  "\n"
                                                  R"({"email":{"primary_email":"Jane@Example.com"}})"
                                                  "\n");
    const auto stopped = run({"contacts", "import", "--batch", "1", "--jobs", "2", file});
    CHECK(stopped.exit_code == 75);
    CHECK(stopped.err.find("an earlier batch") == std::string::npos); // the reason is that of the batch that failed
    CHECK(run.count("emails") == "0");
    run.execute("drop trigger refuse on emails");
    CHECK(summary(run({"contacts", "import", "--json", "--batch", "1", "--jobs", "2", file})) == counts(1, 0, 0, 1));
}

TEST_CASE("an import shows a bar on a terminal, also on one that does not say how wide it is") {
    contacts_admin run;
    std::string text;
    for (int number = 1; number <= 30; ++number) text += contact(number, fmt::format("person{}@example.com", number));
    pseudo_terminal terminal({CTMS_ADMIN, "contacts", "import", "--rate", "20", run.file("contacts.ndjson", text)},
                             {"CTMS_DB_URL=" + run.url()}, 0);
    CHECK(terminal.wait() == 0);
    CAPTURE(terminal.output());
    const auto bar = terminal.output().find("\rKiB ");
    REQUIRE(bar != std::string::npos);
    CHECK(terminal.output().find("[==", bar) < terminal.output().find(" left", bar));
    CHECK(terminal.output().find("\r\x1b[K", bar) != std::string::npos);
}

TEST_CASE("different content is rejected, or replaces what is stored") {
    contacts_admin run;
    const auto first = run.file("first.ndjson", contact(1, "jane@example.com",
                                                        R"("newsletters":[{"name":"hubs"},{"name":"gone"}],)"
                                                        R"("waitlists":[{"name":"demo"},{"name":"gone"}],"amo":{"user":true},)"
                                                        R"("fxa":{"fxa_id":"a"},"mofo":{"mofo_relevant":true})"));
    REQUIRE(run({"contacts", "import", first}).exit_code == 0);
    run.execute("update emails set create_timestamp = '2020-01-01', update_timestamp = '2020-01-01';"
                "update newsletters set create_timestamp = '2020-01-01', update_timestamp = '2020-01-01'; delete from ctms_sync_queue");
    const auto second = run.file("second.ndjson", contact(1, "new@example.com",
                                                          R"("newsletters":[{"name":"hubs","lang":"de"},{"name":"more"}],)"
                                                          R"("waitlists":[{"name":"demo"},{"name":"next"}])"));
    const auto refused = run({"contacts", "import", "--json", second});
    CHECK(refused.exit_code == 65);
    CHECK(summary(refused) == counts(0, 0, 0, 1));
    CHECK(run.content("second.ndjson.rejects.ndjson").find("--replace") != std::string::npos);
    CHECK(run.select("select primary_email from emails") == "jane@example.com");

    const auto done = run({"contacts", "import", "--json", "--replace", second});
    CHECK(done.exit_code == 0);
    CHECK(summary(done) == counts(0, 0, 1, 0));
    CHECK(run.select("select concat(primary_email, ' ', create_timestamp = '2020-01-01', ' ', update_timestamp > now() - '1 "
                     "min'::interval) from emails") == "new@example.com t t");
    CHECK(run.select("select concat(name, ' ', lang, ' ', create_timestamp = '2020-01-01') from newsletters order by name") ==
          "hubs de t,more en f");
    CHECK(run.select("select name from waitlists order by name") == "demo,gone,next"); // kept, as by PUT
    for (const std::string table : {"amo", "fxa", "mofo"}) CHECK(run.count(table) == "0");
    CHECK(run.count("ctms_sync_queue") == "1");
}

TEST_CASE("a line of a dump replaces everything of a contact, also its lists") {
    contacts_admin from;
    REQUIRE(from({"contacts", "import",
                  from.file("new.ndjson", contact(1, "jane@example.com",
                                                  R"("newsletters":[{"name":"hubs"}],)"
                                                  R"("waitlists":[{"name":"demo"}])"))})
                .exit_code == 0);
    contacts_admin run;
    const auto old = contact(1, "jane@example.com",
                             R"("newsletters":[{"name":"gone"},{"name":"hubs"}],"waitlists":[{"name":"demo"},{"name":"gone"}],)"
                             R"("amo":{"user":true},"fxa":{"fxa_id":"a"},"mofo":{"mofo_relevant":true})");
    REQUIRE(run({"contacts", "import", run.file("old.ndjson", old)}).exit_code == 0);
    REQUIRE(from({"contacts", "dump", "--output", run.path("dump.ndjson")}).exit_code == 0);
    CHECK(summary(run({"contacts", "import", "--json", "--replace", run.path("dump.ndjson")})) == counts(0, 0, 1, 0));
    CHECK(run.select("select name from newsletters") == "hubs");
    CHECK(run.select("select name from waitlists") == "demo");
    for (const std::string table : {"amo", "fxa", "mofo"}) CHECK(run.count(table) == "0");
}

TEST_CASE("invalid lines are rejected with their number and a reason, and the rest is stored") {
    contacts_admin run;
    const auto file =
        run.file("contacts.ndjson", contact(1, "jane@example.com") + "nonsense\n" +
                                        contact(2, "joe@example.com", R"("newsletters":[{"name":"hubs","format":"X"}])") + "\n" +
                                        contact(3, "long@example.com", R"("newsletters":[{"name":"a"},{"name":"a"}])") + "\"\xFF\"\n" +
                                        contact(4, "joe@example.com"));
    const auto done = run({"contacts", "import", "--json", file, "--rejects", run.path("rejects")});
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == counts(2, 0, 0, 4));
    CHECK(done.err.find("example.com") == std::string::npos);
    const auto rejects = run.content("rejects");
    CAPTURE(rejects);
    CHECK(rejects.find(R"({"line":2,"reason":"not JSON: syntax error: line 1)") == 0);
    CHECK(rejects.find(R"({"line":3,"reason":"newsletters.0.format: )") != std::string::npos);
    CHECK(rejects.find(R"({"line":5,"reason":"newsletters: a name appears twice","original":"{\"email\":)") != std::string::npos);
    CHECK(rejects.find(R"({"line":6,"reason":"not UTF-8")") != std::string::npos);
    struct stat status {};
    REQUIRE(::stat(run.path("rejects").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("an import says that the rejected lines could not be written, and stores the rest") {
    contacts_admin run;
    const auto file = run.file("contacts.ndjson", contact(1, "jane@example.com") + "nonsense\n");
    const auto done = run({"contacts", "import", "--json", file, "--rejects", run.path("missing/rejects")});
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == counts(1, 0, 0, 1));
    CHECK(done.err.find("missing/rejects could not be written") != std::string::npos);
    CHECK(run.count("emails") == "1");
}

TEST_CASE("a value that another contact has rejects only the contact that wants it") {
    contacts_admin run;
    std::string text;
    for (int number = 1; number <= 50; ++number) text += contact(number, fmt::format("person{}@example.com", number));
    text += contact(51, "person7@example.com") + contact(52, "x@example.com", R"("fxa":{"fxa_id":"same"})") +
            contact(53, "y@example.com", R"("fxa":{"fxa_id":"same"})");
    const auto done = run({"contacts", "import", "--json", run.file("contacts.ndjson", text)});
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == counts(51, 0, 0, 2));
    const auto rejects = run.content("contacts.ndjson.rejects.ndjson");
    CHECK(rejects.find(R"("line":51,"reason":"primary_email: another contact has this value")") != std::string::npos);
    CHECK(rejects.find(R"("line":53,"reason":"fxa_id: another contact has this value")") != std::string::npos);
    CHECK(run.count("emails") == "51");
}

TEST_CASE("CSV has a column for each field, and lists of names") {
    contacts_admin run;
    const auto file = run.file(
        "contacts.csv",
        "\xEF\xBB\xBF"
        "email_id,primary_email,first_name,unsubscribe_reason,has_opted_out_of_email,amo_user_id,amo_last_login,"
        "fxa_id,fxa_primary_email,mofo_relevant,newsletters,waitlists,update_timestamp\r\n" +
            contact_id(1) +
            ",jane@example.com,\"Jane \"\"J\"\"\",\"too\nmuch, \",yes,4711,2024-05-30,f1,acc@example.com,true,hubs;miti,demo,2020-01-01\r\n"
            ",joe@example.com,,,,,,,,,,,\r\n,joe@example.com,short\r\n");
    const auto done = run({"contacts", "import", "--json", file});
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == counts(2, 0, 0, 1));
    CHECK(run.select("select concat(first_name, '|', unsubscribe_reason, '|', has_opted_out_of_email) from emails where email_id = '" +
                     contact_id(1) + "'") == "Jane \"J\"|too\nmuch,|t");
    CHECK(run.select("select concat(user_id, ' ', last_login) from amo") == "4711 2024-05-30");
    CHECK(run.select("select concat(fxa_id, ' ', primary_email) from fxa") == "f1 acc@example.com");
    CHECK(run.select("select name from newsletters order by name") == "hubs,miti");
    CHECK(run.select("select name from waitlists") == "demo");
    CHECK(run.select("select mofo_relevant::text from mofo") == "true");
    const auto rejects = run.content("contacts.csv.rejects.ndjson");
    CHECK(rejects.find(R"({"line":5,"reason":"the line has 3 fields, but the header has 13","original":",joe@example.com,short"})") == 0);
    CHECK(summary(run({"contacts", "import", "--json", file})) == counts(0, 2, 0, 1));
}

TEST_CASE("an invalid header stores nothing") {
    contacts_admin run;
    for (const std::string header : {"primary_email,frist_name", "primary_email,primary_email", ""}) {
        CAPTURE(header);
        const auto done = run({"contacts", "import", run.file("contacts.csv", header + "\na@example.com,x\n")});
        CHECK(done.exit_code == 65);
        CHECK(done.out.empty());
    }
    CHECK(run.count("emails") == "0");
    CHECK(run({"contacts", "import", run.path("missing.csv")}).exit_code == 66);
    CHECK(run({"contacts", "import", run.path("x"), "--format", "xml"}).exit_code == 64);
}

TEST_CASE("a dry run says what would be done") {
    contacts_admin run;
    const auto file = run.file("contacts.ndjson", contact(1, "jane@example.com") + "nonsense\n");
    CHECK(summary(run({"contacts", "import", "--json", "--dry-run", file})) == counts(1, 0, 0, 1));
    CHECK(run.count("emails") == "0");
    CHECK(run.count("ctms_sync_queue") == "0");
}

TEST_CASE("contacts can be read from standard input") {
    contacts_admin run;
    const auto file = run.file("contacts.ndjson", contact(1, "jane@example.com"));
    const auto done = run_program({"/bin/sh", "-c", fmt::format("exec '{}' --json contacts import - < '{}'", CTMS_ADMIN, file)},
                                  {"CTMS_DB_URL=" + run.url()});
    CHECK(done.exit_code == 0);
    CHECK(run.count("emails") == "1");
}

TEST_CASE("a merge changes only the given fields and never clears an opt-out") {
    contacts_admin run;
    const auto full = R"({"email":{"email_id":")" + contact_id(1) +
                      R"(","primary_email":"jane@example.com","first_name":"Jane","has_opted_out_of_email":true,"basket_token":")" +
                      contact_id(9) + R"("},"fxa":{"fxa_id":"f1"},"newsletters":[{"name":"hubs"},{"name":"left","subscribed":false}]})";
    REQUIRE(run({"contacts", "import", run.file("full.ndjson", full + "\n")}).exit_code == 0);
    const auto before = run.everything();
    const auto file = run.file("few.csv", "primary_email,last_name,has_opted_out_of_email,newsletters\n"
                                          "jane@example.com,Doe,false,left;more\nnew@example.com,New,,hubs\n");
    CHECK(summary(run({"contacts", "import", "--json", "--merge", "--dry-run", file})).at("merged") == 1);
    CHECK(run.everything() == before);
    const auto done = run({"contacts", "import", "--json", "--merge", file});
    CHECK(done.exit_code == 0);
    CHECK(summary(done) == object{{"created", 1}, {"unchanged", 0}, {"merged", 1}, {"opt_outs_kept", 1}, {"rejected", 0}});
    CHECK(run.select("select concat(first_name, ' ', last_name, ' ', has_opted_out_of_email, ' ', basket_token is not null) from emails"
                     " where email_id = '" +
                     contact_id(1) + "'") == "Jane Doe t t");
    CHECK(run.select("select concat(name, ' ', subscribed) from newsletters where email_id = '" + contact_id(1) + "' order by name") ==
          "hubs t,left f,more t");
    CHECK(run.select("select fxa_id from fxa") == "f1");
    CHECK(summary(run({"contacts", "import", "--json", "--merge", file})).at("unchanged") == 2);
    for (const std::vector<std::string>& wrong :
         {std::vector<std::string>{"--merge", "--replace"}, {"--merge", "--no-sync"}, {"--allow-opt-in"}}) {
        std::vector<std::string> words{"contacts", "import", file};
        words.insert(words.end(), wrong.begin(), wrong.end());
        CHECK(run(words).exit_code == 64);
    }
}

TEST_CASE("a replacement does not clear an opt-out by mistake") {
    for (const bool dumped : {false, true}) {
        CAPTURE(dumped);
        contacts_admin run;
        const auto first = contact(1, "jane@example.com", R"("newsletters":[{"name":"hubs","subscribed":false}])") +
                           contact(2, "joe@example.com", R"("newsletters":[])");
        REQUIRE(run({"contacts", "import", run.file("first.ndjson", first)}).exit_code == 0);
        auto second = run.file("second.ndjson", contact(1, "jane@example.com") + contact(2, "joe@example.com", R"("amo":{"user":true})"));
        if (dumped) {
            contacts_admin other;
            REQUIRE(other({"contacts", "import", second}).exit_code == 0);
            REQUIRE(other({"contacts", "dump", "-o", run.path("dump.ndjson")}).exit_code == 0);
            second = run.path("dump.ndjson");
        }
        run.execute("update emails set has_opted_out_of_email = true where primary_email = 'joe@example.com'");
        const auto before = run.everything();
        const auto refused = run({"contacts", "import", "--json", "--replace", second});
        CHECK(refused.exit_code == 65);
        CHECK(summary(refused) == counts(0, 0, 0, 2));
        CHECK(run.everything() == before);
        CHECK(content(second + ".rejects.ndjson").find("--allow-opt-in") != std::string::npos);
        CHECK(summary(run({"contacts", "import", "--json", "--replace", "--allow-opt-in", second})) == counts(0, 0, 2, 0));
        CHECK(run.count("emails where has_opted_out_of_email") == "0");
    }
}

TEST_CASE("what surrounds a value is removed, and addresses that cannot be addresses are rejected") {
    contacts_admin run;
    const auto file = run.file("contacts.csv", "primary_email,first_name\n\"  pad@example.com  \",  Pad \n\u00a0two@example.com\u200b,\n"
                                               "jane,Jane\na b@example.com,\njane@,\n");
    const auto done = run({"contacts", "import", "--json", file});
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == counts(2, 0, 0, 3));
    CHECK(run.select("select concat('<', primary_email, '|', first_name, '>') from emails order by 1") ==
          "<pad@example.com|Pad>,<two@example.com|>");
    CHECK(run.content("contacts.csv.rejects.ndjson").find(R"({"line":4,"reason":"primary_email: not an email address")") == 0);
    CHECK(run({"suppress", run.file("list", "pad@example.com\n"), "--yes"}).exit_code == 0);
    CHECK(summary(run({"contacts", "import", "--json", "--exact", run.file("kept.csv", "primary_email\njane\n")})) == counts(1, 0, 0, 0));

    REQUIRE(run({"contacts", "dump", "-o", run.path("dump.ndjson")}).exit_code == 0);
    contacts_admin other;
    CHECK(summary(other({"contacts", "import", "--json", run.path("dump.ndjson")})) == counts(2, 0, 0, 1));
    CHECK(summary(other({"contacts", "import", "--json", "--exact", run.path("dump.ndjson")})) == counts(1, 2, 0, 0));
    CHECK(other.everything() == run.everything());
}

TEST_CASE("a new contact must not get around an opt-out by case or Unicode form") {
    contacts_admin run;
    run.execute("insert into emails (email_id, primary_email, update_timestamp, has_opted_out_of_email) values ('" + contact_id(1) +
                "', 'jane@example.com', now(), true), ('" + contact_id(2) + "', 'j\u00f6rg@example.com', now(), true), ('" + contact_id(3) +
                "', 'joe@example.com', now(), false)");
    const auto file =
        run.file("contacts.csv", "primary_email,last_name\nJane@Example.com,A\njo\u0308rg@example.com,B\nJOE@example.com,C\n");
    const auto refused = run({"contacts", "import", "--json", "--merge", file});
    CHECK(refused.exit_code == 65);
    CHECK(summary(refused).at("rejected") == 2);
    CHECK(summary(refused).at("created") == 1);
    CHECK(run.content("contacts.csv.rejects.ndjson").find("use --case-insensitive") != std::string::npos);
    CHECK(run.content("contacts.csv.rejects.ndjson").find(R"({"line":2,"reason":"primary_email: differs only in case)") == 0);
    run.execute("delete from emails where primary_email = 'JOE@example.com'");
    const auto same = run({"contacts", "import", "--json", "--merge", "--case-insensitive", file});
    CHECK(same.exit_code == 0);
    CHECK(summary(same).at("merged") == 3);
    CHECK(run.select("select concat(primary_email, ' ', last_name, ' ', has_opted_out_of_email) from emails order by email_id") ==
          "jane@example.com A t,j\u00f6rg@example.com B t,joe@example.com C f");
}

TEST_CASE("CSV carries the fields of waitlists") {
    contacts_admin run;
    const auto text = contact(1, "jane@example.com",
                              R"("waitlists":[{"name":"vpn","source":"https://example.com","fields":{"geo":"fr"}},{"name":"demo"}])") +
                      contact(2, "joe@example.com", R"("waitlists":[{"name":"a"},{"name":"b"}])");
    REQUIRE(run({"contacts", "import", run.file("contacts.ndjson", text)}).exit_code == 0);
    REQUIRE(run({"contacts", "dump", "--csv", "-o", run.path("dump.csv")}).exit_code == 0);
    CHECK(run.content("dump.csv").find(",a;b\r\n") == std::string::npos); // quoted, because of the semicolon
    CHECK(run.content("dump.csv").find("\"a;b\"\r\n") != std::string::npos);
    contacts_admin other;
    CHECK(summary(other({"contacts", "import", "--json", run.path("dump.csv")})) == counts(2, 0, 0, 0));
    const std::string waitlists =
        "select concat(email_id, ' ', name, ' ', source, ' ', fields::jsonb) from waitlists order by email_id, name";
    CHECK(other.select(waitlists) == run.select(waitlists));
    const auto wrong = run({"contacts", "import", run.file("wrong.csv", "primary_email,waitlists\nx@example.com,[vpn\n")});
    CHECK(wrong.exit_code == 65);
    CHECK(run.content("wrong.csv.rejects.ndjson").find("waitlists: neither names separated by semicolons nor a JSON list") !=
          std::string::npos);
}

TEST_CASE("files of contacts in other encodings and with other separators are read") {
    contacts_admin run;
    const std::string utf16("p\0r\0i\0m\0a\0r\0y\0_\0e\0m\0a\0i\0l\0\r\0\n\0a\0@\0b\0.\0c\0\r\0\n\0", 44);
    for (const auto& text : {std::string("primary_email;first_name\r\na@b.c;\r\n"), std::string("primary_email\tfirst_name\ra@b.c\t\r"),
                             std::string("sep=|\nprimary_email|first_name\na@b.c|\n"), "\xFF\xFE" + utf16, utf16}) {
        CAPTURE(text);
        CHECK(summary(run({"contacts", "import", "--json", run.file("contacts", text)})).at("rejected") == 0);
    }
    CHECK(run.select("select primary_email from emails") == "a@b.c");
    const auto latin = run({"contacts", "import", run.file("latin.csv", "primary_email,first_name\nj@b.c,J\xF6rg\n")});
    CHECK(latin.exit_code == 65);
    CHECK(run.content("latin.csv.rejects.ndjson").find(R"({"line":2,"reason":"not UTF-8 in column 'first_name'")") == 0);
}

TEST_CASE("a file of the wrong format is reported once, without its addresses") {
    contacts_admin run;
    for (const auto& [text, said] : {std::pair{"jane@example.com\njoe@example.com\n", "unknown name of column 1 in line 1"},
                                     std::pair{"[\n{\"email\":{}}\n]\n", "JSON list"}}) {
        const auto done = run({"contacts", "import", run.file("contacts", text)});
        CHECK(done.exit_code == 65);
        CHECK(done.err.find(said) != std::string::npos);
        CHECK(done.err.find("example.com") == std::string::npos);
        CHECK(std::count(done.err.begin(), done.err.end(), '\n') == 1);
    }
    const auto other = run({"contacts", "import", "--format", "ndjson", run.file("contacts.csv", "primary_email\na@b.c\n")});
    CHECK(other.exit_code == 65);
    CHECK(other.err.find("line 1 is not a JSON object") != std::string::npos);
}
