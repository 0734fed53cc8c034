// SPDX-License-Identifier: MPL-2.0
#include <support/contacts_admin.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>

using namespace ctms::test;

namespace {

/// Inserts Jane twice, with addresses that differ in case, and Joe, who has an account and a subscription.
void fill(contacts_admin& run) {
    run.execute("insert into emails (email_id, primary_email, create_timestamp, update_timestamp) values"
                " ('" +
                contact_id(1) +
                "', 'jane@example.com', '2024-01-01', '2024-01-02 03:04:05.678901'),"
                " ('" +
                contact_id(2) +
                "', 'Jane@Example.com', '2024-02-01', '2024-02-02'),"
                " ('" +
                contact_id(3) +
                "', 'joe@example.com', '2024-03-01', '2024-03-02');"
                "insert into fxa (email_id, fxa_id, account_deleted, update_timestamp) values ('" +
                contact_id(3) +
                "', 'fxa_3', false, '2024-05-05');"
                "insert into newsletters (email_id, name, subscribed, format, update_timestamp) values ('" +
                contact_id(3) +
                "', 'hubs', true, 'H', now());"
                "insert into waitlists (email_id, name, fields, update_timestamp) values ('" +
                contact_id(3) +
                "', 'vpn', '{\"geo\": \"fr\"}', now());"
                "insert into stripe_customer (stripe_id, stripe_created, deleted, update_timestamp, fxa_id)"
                " values ('cus_3', now(), false, now(), 'fxa_3'), ('cus_other', now(), false, now(), 'fxa_other');"
                "insert into stripe_price (stripe_id, stripe_product_id, stripe_created, active, currency) values ('price_3', 'prod_3', "
                "now(), true, 'usd');"
                "insert into stripe_subscription (stripe_id, stripe_customer_id, stripe_created, cancel_at_period_end, current_period_end,"
                " current_period_start, start_date, status) values ('sub_3', 'cus_3', now(), false, now(), now(), now(), 'active');"
                "insert into stripe_subscription_item (stripe_id, stripe_subscription_id, stripe_price_id, stripe_created)"
                " values ('si_3', 'sub_3', 'price_3', now());"
                "insert into stripe_invoice (stripe_id, stripe_customer_id, stripe_created, currency, total, status)"
                " values ('in_3', 'cus_3', now(), 'usd', 5, 'paid');"
                "insert into ctms_stripe_lines (stripe_id, stripe_invoice_id, stripe_type, amount, currency)"
                " values ('il_3', 'in_3', 'invoiceitem', 5, 'usd'), ('il_other', 'in_other', 'invoiceitem', 5, 'usd');"
                "insert into ctms_stripe_parked (object, reason, payload, payload_hash) values"
                " ('subscription:sub_x', 'test', '{\"customer\":\"cus_3\"}', ''), ('customer:x', 'test', '{\"id\":\"cus_33\"}', '');"
                "insert into ctms_kept_answers (digest, client_id, size, status, entity_tag, location, body, email_ids) values"
                " ('\\x01', 'id_kept', 1, 201, '', '', 'answer 3', array['" +
                contact_id(3) + "'::uuid]), ('\\x02', 'id_other', 1, 201, '', '', 'answer 1', array['" + contact_id(1) +
                "'::uuid]);"
                "insert into ctms_sync_queue (email_id, retry, state, last_error) values ('" +
                contact_id(3) +
                "', 4, 'parked', 'refused');"
                "insert into ctms_vendor_state (email_id, newsletters) values ('" +
                contact_id(3) + "', '{hubs}')");
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a contact is shown by id and by address in any case") {
    contacts_admin run;
    fill(run);
    const auto by_id = run({"contacts", "show", contact_id(3)});
    CHECK(by_id.exit_code == 0);
    for (const std::string part : {"joe@example.com", "fxa_3", "hubs", "vpn", "prod_3", "parked", "sent at"}) {
        CAPTURE(part);
        CHECK(has(by_id.out, part));
    }
    const auto both = run({"contacts", "show", "JANE@example.COM"});
    CHECK(both.exit_code == 0);
    CHECK(has(both.out, contact_id(1)));
    CHECK(has(both.out, contact_id(2)));
    CHECK_FALSE(has(both.out, contact_id(3)));
    CHECK(has(both.out, "2024-01-02T03:04:05.678901+00:00"));
}

TEST_CASE("--json prints contacts in the form of the API, one per line") {
    contacts_admin run;
    fill(run);
    const auto shown = run({"contacts", "show", "--json", "jane@example.com", contact_id(3)});
    CHECK(shown.exit_code == 0);
    CHECK(std::count(shown.out.begin(), shown.out.end(), '\n') == 3);
    const auto joe = boost::json::parse(shown.out.substr(shown.out.rfind('\n', shown.out.size() - 2) + 1));
    CHECK(joe.at("email").at("primary_email") == "joe@example.com");
    CHECK(joe.at("vpn_waitlist").at("geo") == "fr");
    CHECK(joe.at("amo").at("user") == false);
}

TEST_CASE("unknown contacts are reported without their addresses and the others are shown") {
    contacts_admin run;
    fill(run);
    const auto shown = run({"contacts", "show", "nobody@example.com", contact_id(1), contact_id(9)});
    CHECK(shown.exit_code == 67);
    CHECK(has(shown.out, "jane@example.com"));
    CHECK(has(shown.err, "argument 1 is not a known contact"));
    CHECK(has(shown.err, "argument 3 is not a known contact"));
    CHECK_FALSE(has(shown.err, "nobody"));
    CHECK(run({"contacts", "show"}).exit_code == 64);
    CHECK(run({"contacts", "export", "nobody@example.com"}).exit_code == 67);
    CHECK(run({"contacts", "delete", "--yes", "nobody@example.com"}).exit_code == 67);
}

TEST_CASE("an export contains everything stored about a person and nothing about others") {
    contacts_admin run;
    fill(run);
    const auto exported = run({"contacts", "export", "JOE@example.com"});
    REQUIRE(exported.exit_code == 0);
    const auto document = boost::json::parse(exported.out);
    REQUIRE(document.at("contacts").as_array().size() == 1);
    const auto& joe = document.at("contacts").at(0);
    CHECK(joe.at("email").at("update_timestamp") == "2024-03-02T00:00:00+00:00");
    CHECK(joe.at("fxa").at("update_timestamp") == "2024-05-05T00:00:00+00:00");
    CHECK(joe.at("newsletters").at(0).at("create_timestamp").is_string());
    CHECK(joe.at("products").at(0).at("product_id") == "prod_3");
    CHECK(joe.at("stripe_customers").at(0).at("stripe_id") == "cus_3");
    CHECK(joe.at("stripe_subscription_items").at(0).at("stripe_id") == "si_3");
    CHECK(joe.at("stripe_invoices").at(0).at("stripe_id") == "in_3");
    CHECK(joe.at("stripe_lines_without_price").at(0).at("stripe_id") == "il_3");
    CHECK(joe.at("stripe_parked").as_array().size() == 1);
    CHECK(joe.at("kept_answers").as_array().size() == 1);
    CHECK(joe.at("kept_answers").at(0).at("body") == "answer 3");
    CHECK(joe.at("stripe_parked").at(0).at("payload") == R"({"customer":"cus_3"})");
    CHECK(joe.at("sync_queue").at(0).at("last_error") == "refused");
    CHECK(joe.at("vendor_state").at(0).at("newsletters").at(0) == "hubs");
    CHECK_FALSE(has(exported.out, "cus_other"));
    CHECK_FALSE(has(exported.out, "jane"));
    const auto both = run({"contacts", "export", "jane@example.com"});
    CHECK(boost::json::parse(both.out).at("contacts").as_array().size() == 2);
}

TEST_CASE("--all also exports contacts whose account has the address, and each of them is recorded") {
    contacts_admin run;
    fill(run);
    run.execute("update fxa set primary_email = 'Jane@example.com'");
    const auto exported = run({"contacts", "export", "jane@example.com", "--all"});
    REQUIRE(exported.exit_code == 0);
    CHECK(boost::json::parse(exported.out).at("contacts").as_array().size() == 3);
    CHECK(run.select("select string_agg(details->>'email_ids', ',' order by id) from ctms_audit_log") ==
          contact_id(1) + "," + contact_id(2) + "," + contact_id(3));
    // They were there before the command ended.
    CHECK(run.select("select string_agg(coalesce(details->>'email_ids', 'the command'), ',' order by began_at, id) from ctms_audit_log")
              .starts_with("the command," + contact_id(1)));
    const auto again = boost::json::parse(run({"contacts", "export", contact_id(3)}).out);
    const auto& audit = again.at("contacts").at(0).at("audit").as_array();
    REQUIRE(audit.size() == 1);
    CHECK(audit.at(0).at("command") == "contacts export");
}

TEST_CASE("an export as a page is a file that only its owner can read, and its texts are escaped") {
    contacts_admin run;
    fill(run);
    run.execute("update emails set first_name = '<script>alert(1)</script>&\"' || chr(39) where email_id = '" + contact_id(3) + "'");
    CHECK(run({"contacts", "export", contact_id(3), "--html", run.path("joe.html")}).exit_code == 0);
    const auto page = run.content("joe.html");
    CHECK(page.starts_with("<!DOCTYPE html>"));
    CHECK(page.ends_with("</html>\n"));
    CHECK(has(page, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"));
    CHECK_FALSE(has(page, "<script"));
    for (const std::string part : {"joe@example.com", "cus_3", "prod_3", "hubs", "The customer at Stripe", "Nothing is held here."}) {
        CAPTURE(part);
        CHECK(has(page, part));
    }
    CHECK((std::filesystem::status(run.path("joe.html")).permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    CHECK(run({"contacts", "export", "nobody@example.com", "--html", run.path("nobody.html")}).exit_code == 67);
    CHECK_FALSE(std::filesystem::exists(run.path("nobody.html")));
}

TEST_CASE("an export of many rows has each of them once") {
    contacts_admin run;
    fill(run);
    run.execute("insert into ctms_history (email_id, what, changes) select '" + contact_id(3) +
                "', 'updated', json_build_array(json_build_object('field', n || repeat('x', 3000))) from generate_series(1, 1200) n");
    const auto document = boost::json::parse(run({"contacts", "export", contact_id(3)}).out);
    const auto& history = document.at("contacts").at(0).at("history").as_array();
    REQUIRE(history.size() == 1200);
    std::set<std::int64_t> ids;
    for (const auto& row : history) ids.insert(row.at("id").to_number<std::int64_t>());
    CHECK(ids.size() == 1200);
}

TEST_CASE("a contact that was deleted can be exported by its id") {
    contacts_admin run;
    fill(run);
    CHECK(run({"contacts", "delete", "--yes", contact_id(3)}).exit_code == 0);
    const auto document = boost::json::parse(run({"contacts", "export", contact_id(3)}).out);
    const auto& joe = document.at("contacts").at(0);
    CHECK(joe.at("email").is_null());
    CHECK(joe.at("changes").at(0).at("deleted") == true);
}

TEST_CASE("the history of a contact is shown by address and by id, and says whether it is recorded") {
    contacts_admin run;
    fill(run);
    const auto nothing = run({"contacts", "history", "joe@example.com"});
    CHECK(nothing.exit_code == 0);
    CHECK(has(nothing.err, "CTMS_HISTORY_DAYS"));
    CHECK(run({"contacts", "history", "nobody@example.com"}).exit_code == 67);
    const auto suppressed =
        run_admin({"suppress", "--yes", run.file("list.txt", "joe@example.com\n")}, {"CTMS_DB_URL=" + run.url(), "CTMS_HISTORY_DAYS=30"});
    CHECK(suppressed.exit_code == 0);
    for (const auto& named : {std::string("joe@example.com"), contact_id(3)}) {
        CAPTURE(named);
        const auto shown = run({"contacts", "history", named});
        CHECK(shown.exit_code == 0);
        CHECK(has(shown.out, "ctms-admin suppress"));
        CHECK(has(shown.out, "email.has_opted_out_of_email: no -> yes"));
        CHECK_FALSE(has(shown.out, "example.com"));
    }
    const auto line = boost::json::parse(run({"contacts", "history", contact_id(3), "--json"}).out);
    CHECK(line.at("change") == "updated");
}

TEST_CASE("a deletion asks first and deletes only what was named") {
    contacts_admin run;
    fill(run);
    const auto asked = run({"contacts", "delete", "jane@example.com"});
    CHECK(asked.exit_code == 1);
    CHECK(has(asked.err, "use --yes"));
    const auto tried = run({"contacts", "delete", "jane@example.com", "--dry-run"});
    CHECK(tried.exit_code == 0);
    CHECK(has(tried.out, "Would delete 2 contacts."));
    CHECK(run.count("emails") == "3");

    const auto one = run({"contacts", "delete", contact_id(2), "--yes"});
    CHECK(one.exit_code == 0);
    CHECK(has(one.out, "Deleted 1 contact."));
    CHECK(run.select("select primary_email from emails order by 1") == "jane@example.com,joe@example.com");
    CHECK(run.select("select concat(operation, ' ', primary_email) from ctms_sync_queue where email_id = '" + contact_id(2) + "'") ==
          "delete Jane@Example.com");
    const auto joe = run({"contacts", "delete", "Joe@example.com", "--yes", "--json"});
    CHECK(joe.out == "{\"deleted\":1,\"dry_run\":false}\n");
    for (const std::string table : {"fxa", "newsletters", "waitlists"}) CHECK(run.count(table) == "0");
    CHECK(run.select("select details::text from ctms_audit_log where command = 'contacts delete' order by id desc limit 1")
              .find("example.com") == std::string::npos);
}

TEST_CASE("addresses that differ only in case are found") {
    contacts_admin run;
    fill(run);
    const auto listed = run({"contacts", "duplicates"});
    CHECK(listed.exit_code == 0);
    CHECK(listed.out.find(contact_id(1)) < listed.out.find(contact_id(2)));
    CHECK_FALSE(has(listed.out, contact_id(3)));
    CHECK(has(listed.out, "1 address, 2 contacts"));
    const auto found = boost::json::parse(run({"contacts", "duplicates", "--json"}).out);
    CHECK(found.at("address") == "jane@example.com");
    CHECK(found.at("contacts").at(1).at("primary_email") == "Jane@Example.com");
    CHECK(found.at("contacts").at(0).at("create_timestamp") == "2024-01-01T00:00:00+00:00");
}
