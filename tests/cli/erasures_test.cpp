// SPDX-License-Identifier: MPL-2.0
// Erasures, legal holds and suppressed addresses from the command line.
#include <support/contacts_admin.hpp>
#include <support/person.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Runs ctms-admin with a key for suppressed addresses.
outcome with_key(const contacts_admin& run, std::vector<std::string> arguments,
                 const std::string& key = "the key of the tests has 32 bytes or more") {
    return run_admin(arguments, {"CTMS_DB_URL=" + run.url(), "CTMS_SUPPRESSION_KEYS=" + key});
}

std::string audited(contacts_admin& run) {
    return run.select("select command || ' ' || exit_code || ' ' || details::text from ctms_audit_log order by id");
}

} // namespace

TEST_CASE("a person is erased, and the receipt is printed and can be shown again") {
    contacts_admin run;
    run.execute(insert_person());
    const auto unsure = run({"contacts", "erase", "jane.doe@example.com"});
    CHECK(unsure.exit_code == 1);
    CHECK(has(unsure.err, "nothing was erased"));
    CHECK(run.count("emails") == "2");

    const auto erased = run({"contacts", "erase", "jane.doe@example.com", "--yes", "--json"});
    REQUIRE(erased.exit_code == 0);
    const auto receipt = boost::json::parse(erased.out);
    const std::string id(receipt.at("id").as_string());
    CHECK(receipt.at("erased").at("contacts") == 1);
    CHECK(receipt.at("vendor").at("state") == "waiting");
    CHECK(run.count("emails") == "1");
    CHECK(boost::json::parse(run({"contacts", "erasures", id, "--json"}).out) == receipt);
    CHECK(boost::json::parse(run({"contacts", "erasures", "--json"}).out).as_array().size() == 1);
    const auto text = run({"contacts", "erasures", id}).out;
    CHECK(has(text, "has not confirmed 1 deletion yet"));
    const auto again = run({"contacts", "erase", "jane.doe@example.com", "--yes"});
    CHECK(again.exit_code == 0);
    CHECK(has(again.err, "the vendor has not confirmed an earlier erasure of this address"));
    CHECK(has(again.out, id));
    CHECK(run({"contacts", "erasures", "x"}).exit_code == 64);
    CHECK(run({"contacts", "erasures", person_id}).exit_code != 0);
    const auto records = audited(run);
    CHECK(has(records, id));
    CHECK_FALSE(has(records, "jane"));
}

TEST_CASE("an operand that is more than an address is not erased in name only") {
    contacts_admin run;
    run.execute(insert_person());
    for (const std::string operand :
         {"Jane <jane.doe@example.com>", "jane.doe@example.com ", " jane.doe@example.com", "mailto:jane.doe@example.com",
          "\u200bjane.doe@example.com", "jane.doe@example.com\u00a0", "jane.doe@example.com.", "'jane.doe@example.com'",
          "jane.doe@example.com,jane.doe@example.co", "jane.doe@", "jane.doe", ""}) {
        CAPTURE(operand);
        const auto refused = run({"contacts", "erase", operand, "--yes"});
        CHECK(refused.exit_code == 65);
        CHECK(refused.out.empty());
        CHECK(has(refused.err, "write only the address"));
        CHECK(has(refused.err, "nothing was erased"));
        CHECK_FALSE(has(refused.err, "jane.doe"));
    }
    CHECK(run.count("emails") == "2");
    CHECK(run({"contacts", "erasures", "--json"}).out == "[]\n");

    const auto unknown = run({"contacts", "erase", "nobody@example.com", "--yes", "--json"});
    CHECK(unknown.exit_code == 0);
    CHECK(has(unknown.err, "no contact has this address"));
    CHECK(boost::json::parse(unknown.out).at("erased").at("contacts") == 0);
    CHECK_FALSE(has(run({"contacts", "erase", "jane.doe@example.com", "--yes"}).err, "no contact has this address"));
}

TEST_CASE("a contact is erased by the text that is stored as its address") {
    contacts_admin run;
    run.execute("insert into emails (email_id, primary_email, update_timestamp) values ('" + contact_id(1) +
                "', 'Jane <jane@example.com>', now())");
    const auto erased = run({"contacts", "erase", "jane <jane@example.com>", "--yes", "--json"});
    CHECK(erased.exit_code == 0);
    CHECK(boost::json::parse(erased.out).at("erased").at("contacts") == 1);
    CHECK(run.count("emails") == "0");
}

TEST_CASE("an operator confirms an erasure that the sync has given up, with an audit record") {
    contacts_admin run;
    run.execute(insert_person());
    const auto erased = run({"contacts", "erase", "jane.doe@example.com", "--yes", "--json"});
    REQUIRE(erased.exit_code == 0);
    const std::string id(boost::json::parse(erased.out).at("id").as_string());
    CHECK(run({"contacts", "erasures", "--confirm"}).exit_code == 64);
    const auto working = run({"contacts", "erasures", id, "--confirm", "--yes"});
    CHECK(working.exit_code == 65);
    CHECK(has(working.err, "The sync still works on this erasure"));

    run.execute("update ctms_sync_queue set state = 'parked'");
    const auto before = run.count("ctms_audit_log");
    CHECK(has(run({"contacts", "erasures", id}).out, "the sync has given up"));
    CHECK(run.count("ctms_audit_log") == before); // looking is not recorded
    const auto unsure = run({"contacts", "erasures", id, "--confirm"});
    CHECK(unsure.exit_code == 1);
    CHECK(has(unsure.err, "nothing was confirmed"));
    const auto confirmed = run({"contacts", "erasures", id, "--confirm", "--yes", "--json"});
    CHECK(confirmed.exit_code == 0);
    CHECK(boost::json::parse(confirmed.out).at("vendor").at("state") == "confirmed");
    CHECK(run({"contacts", "erasures", "--json"}).out == "[]\n");
    CHECK(run.count("ctms_sync_queue") == "0");
    CHECK(run.select("select details ->> 'receipt' || ' ' || (details ->> 'confirmed') from ctms_audit_log"
                     " where command = 'contacts erasures' and exit_code = 0") == id + " 1");
    const auto again = run({"contacts", "erasures", id, "--confirm", "--yes"});
    CHECK(again.exit_code == 0);
    CHECK(has(again.err, "nothing of this erasure waits"));
}

TEST_CASE("a hold refuses all commands that delete, and is listed and ended") {
    contacts_admin run;
    run.execute(insert_person());
    CHECK(run({"contacts", "hold", "jane.doe@example.com"}).exit_code == 64);
    CHECK(run({"contacts", "hold", "nobody@example.com", "--reason", "x"}).exit_code == 67);
    const auto held = run({"contacts", "hold", "JANE.doe@example.com", "--reason", "case 2026-17"});
    CHECK(held.exit_code == 0);
    CHECK(held.out == "Held 1 contact.\n");
    const auto list = run({"contacts", "holds"}).out;
    CHECK(has(list, person_id));
    CHECK(has(list, "case 2026-17"));
    CHECK(boost::json::parse(run({"contacts", "holds", "--json"}).out).at(0).at("reason") == "case 2026-17");

    for (const std::vector<std::string>& command : {std::vector<std::string>{"contacts", "erase", "jane.doe@example.com", "--yes"},
                                                    {"contacts", "delete", "jane.doe@example.com", "--yes"},
                                                    {"contacts", "delete", person_id, "--yes"}}) {
        const auto refused = run(command);
        CHECK(refused.exit_code != 0);
        CHECK(has(refused.err, "A legal hold exists for this contact"));
    }
    const auto bulk =
        run({"contacts", "delete-bulk", run.file("list.txt", "jane.doe@example.com\njane.doe@example.co\n"), "--yes", "--json"});
    CHECK(bulk.exit_code == 1);
    CHECK(has(bulk.err, "1 contact was not deleted because of a legal hold"));
    CHECK(boost::json::parse(bulk.out).at("held") == 1);
    CHECK(boost::json::parse(bulk.out).at("deleted") == 1);
    CHECK(has(run.content("list.txt.report.ndjson"), R"("outcome":"held")"));
    CHECK(run.select("select primary_email from emails") == person_address);

    CHECK(run({"contacts", "unhold", person_id}).out == "Ended the hold of 1 contact.\n");
    CHECK(run({"contacts", "unhold", person_id}).exit_code == 67);
    CHECK(run({"contacts", "delete", "jane.doe@example.com", "--yes"}).exit_code == 0);
    const auto records = audited(run);
    CHECK(has(records, "contacts hold 0"));
    CHECK(has(records, "contacts unhold 0"));
    CHECK_FALSE(has(records, "jane"));
    CHECK_FALSE(has(records, "2026-17"));
    CHECK(run.select(std::string("select string_agg(command, ', ' order by id) from ctms_audit_log where details ->> 'email_ids' = '") +
                     person_id + "'") == "contacts hold, contacts unhold");
}

TEST_CASE("an address is kept out until it is unsuppressed") {
    contacts_admin run;
    run.execute(insert_person());
    const auto keyless = run({"contacts", "erase", "jane.doe@example.com", "--suppress", "--yes"});
    CHECK(keyless.exit_code == 78);
    CHECK(has(keyless.err, "CTMS_SUPPRESSION_KEYS is not set"));
    CHECK(run.count("emails") == "2");
    REQUIRE(with_key(run, {"contacts", "erase", "jane.doe@example.com", "--suppress", "--yes"}).exit_code == 0);

    const auto import = [&](const std::string& name) {
        return std::vector<std::string>{"contacts", "import", run.file(name, R"({"email":{"primary_email":"jane.doe@example.com"}})")};
    };
    const auto refused = with_key(run, import("refused.ndjson"));
    CHECK(refused.exit_code == 65);
    CHECK(has(refused.err + refused.out + run.content("refused.ndjson.rejects.ndjson"), "This address was erased and is kept out"));
    const auto without_key = run(import("keyless.ndjson"));
    CHECK(without_key.exit_code == 78);
    CHECK(has(without_key.err, "CTMS_SUPPRESSION_KEYS"));

    const auto counted = with_key(run, {"contacts", "suppressed", "--json"});
    CHECK(counted.exit_code == 0);
    CHECK(boost::json::parse(counted.out).at(0).at("addresses") == 1);
    CHECK(run({"contacts", "suppressed"}).exit_code == 78);
    CHECK(with_key(run, {"contacts", "unsuppress", "nobody@example.com"}).exit_code == 67);
    CHECK(with_key(run, {"contacts", "unsuppress", "Jane.Doe@example.com"}).out == "The address can be stored again.\n");
    CHECK(with_key(run, import("again.ndjson")).exit_code == 0);
    CHECK_FALSE(has(audited(run), "jane"));
}
