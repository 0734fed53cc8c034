// SPDX-License-Identifier: MPL-2.0
#include <support/contacts_admin.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <algorithm>

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
    CHECK(joe.at("stripe_subscriptions").at(0).at("items").at(0).at("stripe_id") == "si_3");
    CHECK(joe.at("stripe_invoices").at(0).at("stripe_id") == "in_3");
    CHECK(joe.at("stripe_invoices").at(0).at("line_items_without_price").at(0).at("stripe_id") == "il_3");
    CHECK(joe.at("stripe_parked").as_array().size() == 1);
    CHECK(joe.at("kept_answers").as_array().size() == 1);
    CHECK(joe.at("kept_answers").at(0).at("body") == "answer 3");
    CHECK(joe.at("stripe_parked").at(0).at("payload") == R"({"customer":"cus_3"})");
    CHECK(joe.at("sync_queue").at("last_error") == "refused");
    CHECK(joe.at("vendor_state").at("newsletters").at(0) == "hubs");
    CHECK_FALSE(has(exported.out, "cus_other"));
    CHECK_FALSE(has(exported.out, "jane"));
    const auto both = run({"contacts", "export", "jane@example.com"});
    CHECK(boost::json::parse(both.out).at("contacts").as_array().size() == 2);
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
