// SPDX-License-Identifier: MPL-2.0
#include <support/contacts_admin.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <sys/stat.h>

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

TEST_CASE("different content is rejected, or replaces what is stored") {
    contacts_admin run;
    const auto first =
        run.file("first.ndjson", contact(1, "jane@example.com", R"("newsletters":[{"name":"hubs"},{"name":"gone"}],"amo":{"user":true})"));
    REQUIRE(run({"contacts", "import", first}).exit_code == 0);
    run.execute("update emails set create_timestamp = '2020-01-01', update_timestamp = '2020-01-01';"
                "update newsletters set create_timestamp = '2020-01-01', update_timestamp = '2020-01-01'; delete from ctms_sync_queue");
    const auto second =
        run.file("second.ndjson", contact(1, "new@example.com", R"("newsletters":[{"name":"hubs","lang":"de"},{"name":"more"}])"));
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
    CHECK(run.count("amo") == "0");
    CHECK(run.count("ctms_sync_queue") == "1");
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
    CHECK(rejects.find(R"({"line":6,"reason":"not JSON)") != std::string::npos);
    struct stat status {};
    REQUIRE(::stat(run.path("rejects").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
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
                     contact_id(1) + "'") == "Jane \"J\"|too\nmuch, |t");
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
