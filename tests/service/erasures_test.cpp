// SPDX-License-Identifier: MPL-2.0
// The right to erasure: what is erased, receipts, legal holds and suppressed addresses.
#include <support/becomes_true.hpp>
#include <support/person.hpp>
#include <support/pubsub_messages.hpp>
#include <support/queue_database.hpp>
#include <support/stripe_objects.hpp>

#include <ctms/auth/keyed_hashes.hpp>
#include <ctms/json/stripe_json.hpp>
#include <ctms/service/contact_import.hpp>
#include <ctms/service/contact_lists.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/person_export.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <ctms/service/stripe_parking.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/contacts/personal_data.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/suppression.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
using model::vendor_erasure;
namespace objects = test::stripe_objects;

namespace {

const std::string key = "the key of the tests, with 32 bytes";
const std::string other_key = "another key of the tests, 32 bytes";

persistence::database_options with_keys(persistence::database_options options, const std::vector<std::string>& keys,
                                        bool opts_out = false) {
    options.suppression = {auth::keyed_hashes(keys), opts_out};
    return options;
}

struct erasure_database : test::queue_database {
    erasure_database() {
        link.execute(test::insert_person());
        drain();
    }
    service::erasures erasures{pool};
    service::contacts contacts{pool};

    std::int64_t count(const std::string& from) { return link.execute("select count(*) from " + from).integer(0, 0); }

    /// Confirms every deletion that is due, as the sync does.
    void confirm() {
        const auto worker = uuid::random();
        for (const auto& one : claim(worker)) CHECK(complete(worker, one, std::nullopt));
    }
};

const std::string waiting_for_locks = "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";

/// Deletes the person as another program does.
const std::string delete_person =
    fmt::format("delete from fxa where email_id = '{0}'; delete from amo where email_id = '{0}'; delete from mofo where email_id = '{0}';"
                "delete from newsletters where email_id = '{0}'; delete from waitlists where email_id = '{0}';"
                "delete from emails where email_id = '{0}'",
                test::person_id);

model::contact_input contact_of(const std::string& address) {
    model::contact_input out;
    out.email.primary_email = address;
    return out;
}

/// The same with a key: an erased address is kept out.
struct suppressing_database : erasure_database {
    explicit suppressing_database(bool opts_out = false) : keyed(with_keys(db.options(), {key}, opts_out)) {
        CHECK(service::erasures(keyed).erase("jane.doe@example.com", true).value().receipt.suppressed);
    }
    persistence::database keyed;
    service::contacts guarded{keyed};
};

} // namespace

TEST_CASE("an erasure removes everything that is held about a person, and nothing of others") {
    erasure_database db;
    const auto done = db.erasures.erase("jane.doe@EXAMPLE.com", false, "id_privacy").value();
    CHECK(done.is_new);
    CHECK(done.receipt.contacts == 1);
    CHECK(done.receipt.stripe_objects == 6);
    CHECK(done.receipt.parked_objects == 1);
    CHECK_FALSE(done.receipt.suppressed);
    CHECK(done.receipt.vendor == vendor_erasure::waiting);
    for (const auto& source : persistence::personal_sources()) {
        CAPTURE(source.table);
        const auto table = std::string(source.table);
        const auto text = db.value(fmt::format("select coalesce(string_agg(t::text, ' '), '') from {} t", table));
        const bool keeps_the_id = table == "ctms_changes" || table == "ctms_erasure_contacts" || table == "ctms_sync_queue";
        CHECK((text.find(test::person_id) != std::string::npos) == keeps_the_id);
        CHECK((text.find(test::person_address) != std::string::npos) == (table == "ctms_sync_queue"));
        for (const std::string id : {"Jane,", "account_7,", "cus_7,", "sub_7,", "in_7,", "il_7,", "wait_7,", "\"cus_7\"", "jane.account"})
            CHECK(text.find(id) == std::string::npos);
    }
    CHECK(db.count("stripe_customer") == 1);
    CHECK(db.count("stripe_subscription_item") == 1);
    CHECK(db.count("stripe_invoice_line_item") == 1);
    CHECK(db.count("ctms_stripe_lines") == 1);
    CHECK(db.count("ctms_stripe_parked") == 1);
    CHECK(db.count("ctms_sync_skipped") == 1);
    CHECK(db.count("ctms_history") == 1);
    CHECK(db.count("ctms_kept_answers where request is null and body = ''") == 1); // that the key was used stays known
    CHECK(db.count("ctms_kept_answers where body = 'jane.doe@example.co'") == 1);
    CHECK(db.value("select deleted || ' ' || client from ctms_changes where deleted") == "true id_privacy");
}

TEST_CASE("an erasure also empties the answer to the deletion of the contact") {
    erasure_database db;
    REQUIRE(db.contacts.remove(test::person_address).has_value());
    db.link.execute(fmt::format("insert into ctms_kept_answers (digest, client_id, request, size, status, entity_tag, location, body,"
                                " email_ids) values ('removed', 'id_shop', 'request', 500, 200, '', '', '{}', array['{}'::uuid])",
                                test::person_address, test::person_id));
    REQUIRE(db.erasures.erase(test::person_address, false).has_value());
    CHECK(db.value("select request is null and body = '' and email_ids = '{}' from ctms_kept_answers where digest = 'removed'") == "t");
}

TEST_CASE("where the history is kept, it says only who erased the contact") {
    erasure_database db;
    auto options = db.db.options();
    options.keeps_history = true;
    persistence::database recording(options);
    REQUIRE(service::erasures(recording).erase(test::person_address, false, {"id_privacy", "request 1"}).has_value());
    CHECK(db.value(fmt::format("select string_agg(what || ' ' || client || ' ' || request_id || ' ' || changes, ',') from ctms_history"
                               " where email_id = '{}'",
                               test::person_id)) == "deleted id_privacy request 1 []");
    CHECK(db.count("ctms_history") == 2);
}

TEST_CASE("a parked message that names the person in its data is erased, and no other") {
    erasure_database db;
    service::stripe_parking parking(db.pool);
    for (const std::string customer : {"cus_7", "cus_78"}) {
        model::stripe::parked_object message;
        message.object = "message";
        message.reason = "test";
        message.payload = test::envelope_of(fmt::format(R"({{"invoice:in_x":{{"object":"invoice","customer":"{}"}}}})", customer));
        REQUIRE(parking.park({message}).has_value());
    }
    CHECK(db.erasures.erase(test::person_address, false).value().receipt.parked_objects == 2);
    CHECK(db.count("ctms_stripe_parked where object = 'message'") == 1);
}

TEST_CASE("a parked object that has only the address is erased, also if no contact has it") {
    erasure_database db;
    service::stripe_parking parking(db.pool);
    for (const std::string address : {"NOBODY@example.com", "nobody@example.co"}) {
        model::stripe::parked_object one;
        one.object = "customer:" + address;
        one.reason = "test";
        one.payload = fmt::format(R"({{"object":"customer","email":"{}"}})", address);
        REQUIRE(parking.park({one}).has_value());
    }
    const auto receipt = db.erasures.erase("nobody@example.com", false).value().receipt;
    CHECK(receipt.contacts == 0);
    CHECK(receipt.parked_objects == 1);
    CHECK(db.count("ctms_stripe_parked where object like 'customer:%'") == 1);
}

TEST_CASE("empty ids and texts that are no addresses name nobody: parked objects of others stay") {
    erasure_database db;
    const auto words = [&](const std::string& account, const std::string& address) {
        db.link.execute(
            fmt::format("update fxa set fxa_id = '{1}', primary_email = '{2}' where email_id = '{0}'", test::person_id, account, address));
    };
    SUBCASE("empty") { words("", ""); }
    SUBCASE("ordinary") { words("account_7", "subscription"); }
    service::stripe_parking parking(db.pool);
    model::stripe::parked_object other;
    other.object = "subscription:sub_other";
    other.reason = "test";
    other.payload = R"({"object":"subscription","description":""})";
    REQUIRE(parking.park({other}).has_value());
    REQUIRE(db.erasures.erase(test::person_address, false).has_value());
    CHECK(db.count("ctms_stripe_parked where object = 'subscription:sub_other'") == 1);
}

TEST_CASE("an account that is an ordinary word names only the person's own customer, for an erasure and for an export") {
    erasure_database db;
    db.link.execute(fmt::format("update fxa set fxa_id = 'subscription' where email_id = '{}'", test::person_id));
    service::stripe_parking parking(db.pool);
    for (const auto& [name, payload] :
         {std::pair{"customer:cus_new", R"({"object":"customer","id":"cus_new","description":"subscription"})"},
          std::pair{"subscription:sub_other", R"({"object":"subscription","customer":"cus_other"})"}}) {
        model::stripe::parked_object one;
        one.object = name;
        one.reason = "test";
        one.payload = payload;
        REQUIRE(parking.park({one}).has_value());
    }
    std::string exported;
    auto pages = service::person_exports(db.pool).begin(uuid::parse(test::person_id).value(), service::export_form::json, {}).value();
    while (pages.next(exported).value()) {
    }
    CHECK(exported.find("customer:cus_new") != std::string::npos);
    CHECK(exported.find("sub_other") == std::string::npos);
    CHECK(db.erasures.erase(test::person_address, false).value().receipt.parked_objects == 1);
    CHECK(db.count("ctms_stripe_parked where object = 'subscription:sub_other'") == 1);
    CHECK(db.count("ctms_stripe_parked where object = 'customer:cus_new'") == 0);
}

TEST_CASE("an erasure searches parked objects before it locks anything, and again what changes until it has its locks") {
    erasure_database db;
    service::stripe_parking parking(db.pool);
    const auto park = [&](const std::string& invoice, const std::string& customer) {
        model::stripe::parked_object one;
        one.object = "invoice:" + invoice;
        one.reason = "test";
        one.payload = fmt::format(R"({{"object":"invoice","id":"{}","customer":"{}"}})", invoice, customer);
        REQUIRE(parking.park({one}).has_value());
    };
    park("in_8", "cus_8");
    persistence::connection holder(db.db.options());
    holder.begin();
    holder.execute(fmt::format("select from emails where email_id = '{}' for update", test::person_id));
    std::int64_t erased = 0;
    std::jthread erasing([&] { erased = db.erasures.erase(test::person_address, false).value().receipt.parked_objects; });
    REQUIRE(test::becomes_true([&] { return db.count(waiting_for_locks) > 0; })); // it has searched, and waits for its first lock
    std::string left;
    SUBCASE("another object is parked") {
        park("in_7", "cus_7");
        left = "invoice:in_8,subscription:sub_x77";
    }
    SUBCASE("the person has another account with another customer") {
        park("in_9", "cus_8");
        holder.execute("insert into stripe_customer (stripe_id, stripe_created, deleted, update_timestamp, fxa_id)"
                       " values ('cus_8', now(), false, now(), 'account_8')");
        holder.execute(fmt::format("update fxa set fxa_id = 'account_8' where email_id = '{}'", test::person_id));
        left = "subscription:sub_x7,subscription:sub_x77";
    }
    holder.commit();
    erasing.join();
    CHECK(erased == 2);
    CHECK(db.value("select string_agg(object, ',' order by object) from ctms_stripe_parked") == left);
}

TEST_CASE("an erasure finds an object that was parked under a lower id than another, and became visible later") {
    erasure_database db;
    const auto park = [](persistence::connection& link, const std::string& invoice, const std::string& customer) {
        link.execute(fmt::format("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values ('invoice:{0}', 'test',"
                                 " convert_to('{{\"customer\":\"{1}\"}}', 'UTF8'), '{0}')",
                                 invoice, customer));
    };
    persistence::connection parking(db.db.options());
    parking.begin();
    park(parking, "in_early", "cus_7");
    park(db.link, "in_late", "cus_8");
    persistence::connection holder(db.db.options());
    holder.begin();
    holder.execute(fmt::format("select from emails where email_id = '{}' for update", test::person_id));
    std::int64_t erased = 0;
    std::jthread erasing([&] { erased = db.erasures.erase(test::person_address, false).value().receipt.parked_objects; });
    REQUIRE(test::becomes_true([&] { return db.count(waiting_for_locks) > 0; })); // it has searched
    parking.commit();
    holder.commit();
    erasing.join();
    CHECK(erased == 2);
    CHECK(db.count("ctms_stripe_parked where object = 'invoice:in_early'") == 0);
    CHECK(db.count("ctms_stripe_parked where object = 'invoice:in_late'") == 1);
}

TEST_CASE("an export shows the parked objects that an erasure removes, however they spell an address") {
    erasure_database db;
    service::stripe_parking parking(db.pool);
    int number = 0;
    for (const std::string address : {"JANE.DOE@EXAMPLE.COM", R"(jane.doe\u0040example.com)", "jane.doe@example.org"}) {
        model::stripe::parked_object one;
        one.object = fmt::format("customer:cus_{}", ++number);
        one.reason = "test";
        one.payload = fmt::format(R"({{"object":"customer","id":"cus_x","email":"{}"}})", address);
        REQUIRE(parking.park({one}).has_value());
    }
    for (int i = 0; i < 50; ++i) { // of others: more than one page
        model::stripe::parked_object other;
        other.object = fmt::format("customer:cus_other{}", i);
        other.reason = "test";
        other.payload = R"({"object":"customer","id":"cus_other"})";
        REQUIRE(parking.park({other}).has_value());
    }
    std::string exported;
    auto pages = service::person_exports(db.pool).begin(uuid::parse(test::person_id).value(), service::export_form::json, {}).value();
    while (pages.next(exported).value()) {
    }
    CHECK(exported.find("customer:cus_1\"") != std::string::npos);
    CHECK(exported.find("customer:cus_2\"") != std::string::npos);
    CHECK(exported.find("customer:cus_3") == std::string::npos);
    CHECK(exported.find("cus_other") == std::string::npos);
    CHECK(service::person_exports(db.pool).begin(uuid::random(), service::export_form::json, {}).error().code == errc::not_found);
    CHECK(db.erasures.erase(test::person_address, false).value().receipt.parked_objects == 3);
    CHECK(db.count("ctms_stripe_parked where object in ('customer:cus_1', 'customer:cus_2')") == 0);
}

TEST_CASE("a receipt tells when the vendor has confirmed") {
    erasure_database db;
    const auto id = db.erasures.erase(test::person_address, false).value().receipt.id;
    CHECK(db.erasures.pending().value().size() == 1);
    const auto waiting = db.erasures.get(id).value();
    CHECK(waiting.vendor == vendor_erasure::waiting);
    CHECK(waiting.waiting == 1);
    CHECK_FALSE(waiting.confirmed_at.has_value());
    db.confirm();
    const auto confirmed = db.erasures.get(id).value();
    CHECK(confirmed.vendor == vendor_erasure::confirmed);
    CHECK(confirmed.waiting == 0);
    CHECK(confirmed.contacts == 1);
    CHECK(confirmed.confirmed_at.has_value());
    CHECK(db.erasures.pending().value().empty());
    CHECK(db.count("ctms_erasure_contacts") == 0);
    CHECK(db.erasures.get(uuid::random()).error().code == errc::not_found);
}

TEST_CASE("a receipt says that the sync has given up or was told to forget a deletion") {
    erasure_database db;
    const auto id = db.erasures.erase(test::person_address, false).value().receipt.id;
    db.link.execute("update ctms_sync_queue set state = 'parked'");
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::stopped);
    db.link.execute("update ctms_sync_queue set state = 'pending'");
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::waiting);
    db.link.execute("delete from ctms_sync_queue");
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::stopped);
}

TEST_CASE("an operator confirms a stopped erasure in place of the vendor, and no other") {
    erasure_database db;
    const auto id = db.erasures.erase(test::person_address, false).value().receipt.id;
    CHECK(db.erasures.confirm(uuid::random()).error().code == errc::not_found);
    const auto refused = db.erasures.confirm(id);
    CHECK(refused.error().code == errc::conflict);
    CHECK(refused.error().message.find("The sync still works on this erasure") == 0);
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::waiting);

    db.link.execute(fmt::format("insert into ctms_vendor_state (email_id) values ('{}')", test::person_id));
    SUBCASE("given up") { db.link.execute("update ctms_sync_queue set state = 'parked'"); }
    SUBCASE("completed by a sync that does not know receipts") { db.link.execute("delete from ctms_sync_queue"); }
    CHECK(db.erasures.confirm(id).value() == 1);
    const auto receipt = db.erasures.get(id).value();
    CHECK(receipt.vendor == vendor_erasure::confirmed);
    CHECK(receipt.waiting == 0);
    CHECK(receipt.confirmed_at.has_value());
    CHECK(db.erasures.pending().value().empty());
    CHECK(db.rows_of("ctms_sync_queue") + db.rows_of("ctms_vendor_state") == 0); // nothing of the person is left
    CHECK(db.erasures.confirm(id).value() == 0);
}

TEST_CASE("a deletion that is made pending again meanwhile is not confirmed by hand") {
    erasure_database db;
    const auto id = db.erasures.erase(test::person_address, false).value().receipt.id;
    db.link.execute("update ctms_sync_queue set state = 'parked'");
    persistence::connection retrying(db.db.options());
    retrying.begin();
    retrying.execute("update ctms_sync_queue set state = 'pending', retry = 0");
    std::jthread confirming([&] {
        const auto refused = db.erasures.confirm(id);
        CHECK_FALSE(refused.has_value());
        if (!refused) CHECK(refused.error().code == errc::conflict);
    });
    REQUIRE(test::becomes_true([&] { return db.count(waiting_for_locks) > 0; }));
    retrying.commit();
    confirming.join();
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::waiting);
    db.confirm();
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::confirmed);
}

TEST_CASE("a contact that exists again is not confirmed by hand, and its place in the queue stays") {
    erasure_database db;
    const auto id = db.erasures.erase(test::person_address, false).value().receipt.id;
    auto again = contact_of(test::person_address);
    again.email.email_id = uuid::parse(test::person_id).value();
    REQUIRE(db.contacts.create(again).has_value());
    db.link.execute("update ctms_sync_queue set state = 'parked'");
    const auto refused = db.erasures.confirm(id);
    CHECK(refused.error().code == errc::conflict);
    CHECK(refused.error().message.find("exists again") != std::string::npos);
    CHECK(db.erasures.get(id).value().waiting == 1);
    CHECK(db.rows_of("ctms_sync_queue") == 1);
}

TEST_CASE("asking again before the vendor has confirmed gives the same receipt, and afterwards one that says that nothing was held") {
    erasure_database db;
    const auto first = db.erasures.erase(test::person_address, false).value();
    const auto again = db.erasures.erase("JANE.DOE@example.com", false).value();
    CHECK_FALSE(again.is_new);
    CHECK(again.receipt == first.receipt);
    db.confirm();
    const auto later = db.erasures.erase(test::person_address, false).value();
    CHECK(later.is_new);
    CHECK(later.receipt.contacts == 0);
    CHECK(later.receipt.vendor == vendor_erasure::nothing);
    const auto unknown = db.erasures.erase("nobody@example.com", false).value();
    CHECK(unknown.is_new);
    CHECK(unknown.receipt.contacts + unknown.receipt.stripe_objects + unknown.receipt.parked_objects == 0);
}

TEST_CASE("a contact that was deleted before, by whomever, is part of the erasure until the vendor has confirmed") {
    erasure_database db;
    SUBCASE("by the API") { REQUIRE(db.contacts.remove(test::person_address).has_value()); }
    SUBCASE("by another program") { db.link.execute(delete_person); }
    const auto done = db.erasures.erase(test::person_address, false).value();
    CHECK(done.is_new);
    CHECK(done.receipt.contacts == 1);
    CHECK(done.receipt.vendor == vendor_erasure::waiting);
    db.drain();
    db.confirm();
    CHECK(db.erasures.get(done.receipt.id).value().vendor == vendor_erasure::confirmed);
}

TEST_CASE("an object of Stripe that looked for the contact before its erasure does not undo the deletion at the vendor") {
    erasure_database db;
    const auto receipt = [&] {
        // Holds the row of the queue until Stripe's object waits for it.
        persistence::connection holder(db.db.options());
        db.link.execute(fmt::format("insert into ctms_sync_queue (email_id) values ('{}')", test::person_id));
        holder.begin();
        holder.execute(fmt::format("select from ctms_sync_queue where email_id = '{}' for update", test::person_id));
        std::jthread ingesting([&] {
            persistence::database other(db.db.options());
            const auto object = json::read_stripe_object(boost::json::serialize(objects::customer("cus_7", "account_7"))).value();
            CHECK(service::stripe_ingest(other).ingest(object).has_value());
        });
        REQUIRE(test::becomes_true([&] { return db.count(waiting_for_locks) > 0; }));
        holder.execute(fmt::format("update ctms_sync_queue set operation = 'delete', primary_email = '{1}', version = version + 1"
                                   " where email_id = '{0}'; {2}",
                                   test::person_id, test::person_address, delete_person));
        holder.commit();
        ingesting.join();
        return db.erasures.erase(test::person_address, false).value().receipt;
    }();
    CHECK(db.value("select operation || ' ' || primary_email from ctms_sync_queue") == "delete Jane.Doe@Example.com");
    CHECK(receipt.waiting == 1);
    db.confirm();
    CHECK(db.erasures.get(receipt.id).value().vendor == vendor_erasure::confirmed);
}

TEST_CASE("a contact that is missing when it is sent confirms no erasure: the vendor was not told to delete it") {
    erasure_database db;
    const auto id = db.erasures.erase(test::person_address, false).value().receipt.id;
    db.link.execute("update ctms_sync_queue set operation = 'upsert', primary_email = null");
    db.confirm();
    CHECK(db.rows_of("ctms_sync_queue") == 0);
    CHECK(db.erasures.get(id).value().vendor == vendor_erasure::stopped);
}

TEST_CASE("an erasure happens completely or not at all") {
    erasure_database db;
    // Receipts cannot be stored, which is the last step.
    db.link.execute("alter table ctms_erasures add constraint none check (false) not valid");
    const auto all = [&] {
        std::string out;
        for (const auto& source : persistence::personal_sources())
            out += db.value(fmt::format("select coalesce(string_agg(t::text, ' ' order by t::text), '') from {} t", source.table)) + '\n';
        return out;
    };
    const auto before = all();
    CHECK(db.erasures.erase(test::person_address, false).error().code == errc::unavailable);
    CHECK(all() == before);
}

TEST_CASE("many requests for one address at the same time erase once, without deadlocks") {
    erasure_database db;
    std::vector<std::jthread> threads;
    std::atomic<int> contacts = 0;
    for (int number = 0; number < 8; ++number) {
        threads.emplace_back([&] {
            const auto done = db.erasures.erase(test::person_address, false);
            REQUIRE(done.has_value());
            if (done->is_new) contacts += static_cast<int>(done->receipt.contacts);
        });
    }
    threads.clear();
    CHECK(contacts == 1);
    CHECK(db.count("ctms_erasures where waiting > 0") == 1);
}

TEST_CASE("receipts are forgotten when they are old and confirmed") {
    erasure_database db;
    const auto old = db.erasures.erase("nobody@example.com", false).value().receipt.id;
    const auto waiting = db.erasures.erase(test::person_address, false).value().receipt.id;
    db.link.execute(fmt::format("update ctms_erasures set requested_at = now() - interval '{} days'", service::erasures::kept.count() + 1));
    const auto young = db.erasures.erase("nobody@example.com", false).value().receipt.id;
    CHECK(db.erasures.forget().value() == 1);
    CHECK(db.erasures.get(old).error().code == errc::not_found);
    CHECK(db.erasures.get(waiting).has_value());
    CHECK(db.erasures.get(young).has_value());
}

TEST_CASE("texts that cannot be addresses are refused") {
    erasure_database db;
    for (const auto& text : {std::string(), std::string("customer"), std::string("\xFF@example.com"), std::string("a\0@example.com", 14),
                             std::string(2'000, '@')}) {
        const auto refused = db.erasures.erase(text, false);
        CHECK(refused.error().code == errc::invalid);
        CHECK(refused.error().message == "primary_email: not an address");
    }
}

TEST_CASE("a legal hold refuses every way to delete or erase a contact, until it ends") {
    erasure_database db;
    const auto id = uuid::parse(test::person_id).value();
    REQUIRE(db.erasures.hold(std::vector{id}, "case 17", "operator").value() == 1);
    const std::string says = "A legal hold exists for this contact: it can be neither deleted nor erased";
    const auto is_refused = [&](const auto& outcome) {
        CHECK(outcome.error().code == errc::conflict);
        CHECK(outcome.error().message == says);
        CHECK(outcome.error().message.find("case 17") == std::string::npos);
    };
    is_refused(db.erasures.erase(test::person_address, false));
    is_refused(db.contacts.remove(test::person_address));
    is_refused(db.contacts.remove(id));
    service::contact_lists lists(db.pool);
    const auto listed = lists.remove(std::vector<std::string>{"jane.doe@example.co", "jane.doe@example.com", "nobody@example.com"}).value();
    CHECK(listed[0] == model::bulk_outcome{.changed = 1});
    CHECK(listed[1] == model::bulk_outcome{.held = 1});
    CHECK(listed[2] == model::bulk_outcome{});
    db.insert_contacts(1, 1); // with no rows in other tables, so that no foreign key refuses its deletion
    REQUIRE(db.erasures.hold(std::vector{db.contact(1)}, "case 18", "operator").value() == 1);
    CHECK_THROWS_WITH(db.link.execute(fmt::format("delete from emails where email_id = '{}'", db.id(1))),
                      doctest::Contains("a legal hold forbids to delete this contact"));
    CHECK_THROWS_WITH(db.link.execute("truncate emails cascade"), doctest::Contains("a legal hold forbids to delete this contact"));
    CHECK(db.count("emails") == 2);
    CHECK(db.count("newsletters") == 1);
    CHECK(db.count("stripe_customer where fxa_id = 'account_7'") == 1);

    CHECK(db.erasures.unhold(std::vector{id}).value() == 1);
    CHECK(db.erasures.unhold(std::vector{id}).value() == 0);
    CHECK(db.erasures.erase(test::person_address, false).value().receipt.contacts == 1);
}

TEST_CASE("holds are listed with their reasons, and a later reason replaces the first") {
    erasure_database db;
    db.insert_contacts(1, 3);
    CHECK(db.erasures.holds().value().empty());
    REQUIRE(db.erasures.hold(std::vector{db.contact(2), db.contact(1), db.contact(9)}, "first", "ann").value() == 2);
    const auto first = db.erasures.holds().value();
    REQUIRE(db.erasures.hold(std::vector{db.contact(2)}, "second", "bob").value() == 1);
    const auto all = db.erasures.holds().value();
    REQUIRE(all.size() == 2);
    CHECK(all[0] == model::legal_hold{db.contact(1), "first", "ann", first[0].held_at});
    CHECK(all[1] == model::legal_hold{db.contact(2), "second", "bob", first[1].held_at});
    CHECK(db.erasures.holds(db.contact(1)).value().size() == 1);
    for (const auto& reason : {std::string(), std::string("\xFF"), std::string(1'001, 'x')})
        CHECK(db.erasures.hold(std::vector{db.contact(1)}, reason, "ann").error().code == errc::malformed);
}

TEST_CASE("a deletion that waits while a hold is set is refused") {
    erasure_database db;
    persistence::connection holder(db.db.options());
    holder.begin();
    holder.execute(fmt::format("select from emails where email_id = '{}' for key share", test::person_id));
    std::jthread deleting([&] { CHECK(db.contacts.remove(test::person_address).error().code == errc::conflict); });
    REQUIRE(test::becomes_true([&] { return db.count(waiting_for_locks) > 0; }));
    holder.execute(fmt::format("insert into ctms_holds values ('{}', 'case 17', 'operator')", test::person_id));
    holder.commit();
    deleting.join();
    CHECK(db.count(fmt::format("emails where email_id = '{}'", test::person_id)) == 1);
}

TEST_CASE("suppression needs a key") {
    erasure_database db;
    const auto refused = db.erasures.erase(test::person_address, true);
    CHECK(refused.error().code == errc::misconfigured);
    CHECK(refused.error().detail.find("CTMS_SUPPRESSION_KEYS") != std::string::npos);
    CHECK(db.count(fmt::format("emails where email_id = '{}'", test::person_id)) == 1);
    CHECK(db.erasures.unsuppress(test::person_address).error().code == errc::misconfigured);
    CHECK(db.erasures.check_keys().has_value());
}

TEST_CASE("a suppressed address is refused in every way of writing it") {
    suppressing_database db;
    db.confirm();
    const std::string says = "This address was erased and is kept out: it cannot be stored again";
    const auto is_refused = [&](const auto& outcome) {
        CHECK(outcome.error().code == errc::invalid);
        CHECK(outcome.error().message == says);
    };
    for (const std::string address : {"Jane.Doe@Example.com", "jane.doe@example.com", "JANE.DOE@EXAMPLE.COM"}) {
        CAPTURE(address);
        is_refused(db.guarded.create(contact_of(address)));
        auto whole = contact_of(address);
        whole.email.email_id = uuid::random();
        is_refused(db.guarded.replace(whole.email.email_id, whole));
        const auto other = db.guarded.create(contact_of("other@example.com")).value().contact.email.email_id;
        model::contact_patch patch;
        patch.email.set(&model::email::primary_email, address);
        is_refused(db.guarded.patch(other, patch));
        CHECK(db.guarded.get(other).value().email.primary_email == "other@example.com");
        REQUIRE(db.guarded.remove(other).has_value());

        service::contact_import importer(db.keyed, {});
        const auto verdicts = importer
                                  .run(std::vector<std::string>{fmt::format(R"({{"email":{{"primary_email":"{}"}}}})", address),
                                                                R"({"email":{"primary_email":"imported@example.com"}})"})
                                  .value();
        CHECK(verdicts[0].what == service::import_outcome::rejected);
        CHECK(verdicts[0].reason.find(says) != std::string::npos);
        CHECK(verdicts[1].what != service::import_outcome::rejected);
    }
    CHECK(db.guarded.create(contact_of("jane.doe2@example.com")).has_value());
    CHECK(db.count("emails where lower(primary_email) = 'jane.doe@example.com'") == 0);
}

TEST_CASE("patches that share a statement with one to a suppressed address are made") {
    suppressing_database db;
    db.insert_contacts(1, 3);
    std::vector<json::checked<model::contact_patch>> patches;
    for (const std::string address : {"new1@example.com", "jane.doe@example.com", "new3@example.com"}) {
        model::contact_patch patch;
        patch.email.set(&model::email::primary_email, address);
        patches.push_back(json::check(patch).value());
    }
    std::vector<service::patch_request> requests;
    for (int number = 1; number <= 3; ++number) requests.push_back({db.contact(number), &patches[static_cast<std::size_t>(number) - 1]});
    const auto outcomes = db.guarded.patch(requests);
    CHECK(outcomes[0].value().email.primary_email == "new1@example.com");
    CHECK(outcomes[1].error().code == errc::invalid);
    CHECK(outcomes[2].value().email.primary_email == "new3@example.com");
    CHECK(db.guarded.get(db.contact(2)).value().email.primary_email == "2@example.com");
}

TEST_CASE("with CTMS_SUPPRESSION_OPTS_OUT, a change that fails undoes no other one that shares its statements") {
    suppressing_database db(true);
    db.insert_contacts(1, 3);
    db.link.execute(fmt::format("update emails set primary_email = 'jane.doe@example.com' where email_id = '{}'", db.id(3)));
    const auto change = [&](int number, const std::function<result<persistence::contact_change>(model::contact)>& how) {
        return persistence::contact_to_change{db.contact(number),
                                              [how](const std::optional<model::contact>& stored) { return how(*stored); }};
    };
    const std::vector<persistence::contact_to_change> changes{
        change(1,
               [](model::contact after) -> result<persistence::contact_change> { // as with If-Match
                   if (after.email.first_name == "new") return conflict_of({"it was written twice"});
                   after.email.first_name = "new";
                   return persistence::contact_change{std::move(after)};
               }),
        change(2, [](model::contact after) -> result<persistence::contact_change> {
            after.email.primary_email = "jane.doe@example.com";
            return persistence::contact_change{std::move(after)};
        })};
    const auto outcomes = persistence::contact_repository(db.keyed).change(changes);
    REQUIRE(outcomes[0].has_value());
    CHECK(outcomes[0]->email.first_name == "new");
    CHECK(outcomes[1].error().code == errc::conflict);
}

TEST_CASE("with CTMS_SUPPRESSION_OPTS_OUT, a suppressed address is stored opted out, and stays so") {
    suppressing_database db(true);
    db.confirm();
    const auto created = db.guarded.create(contact_of("jane.doe@example.com")).value().contact;
    const auto id = created.email.email_id;
    CHECK(created.email.has_opted_out_of_email);
    CHECK(db.guarded.get(id).value().email.has_opted_out_of_email);
    CHECK(db.guarded.documents(std::vector{id}).front().value().json.find(R"("has_opted_out_of_email":true)") != std::string::npos);
    model::contact_patch patch;
    patch.email.set(&model::email::has_opted_out_of_email, false);
    CHECK(db.guarded.patch(id, patch).value().email.has_opted_out_of_email);
    CHECK(db.guarded.get(id).value().email.has_opted_out_of_email);

    const auto other = db.guarded.create(contact_of("other@example.com")).value().contact.email.email_id;
    REQUIRE(db.guarded.remove(id).has_value());
    model::contact_patch moved;
    moved.email.set(&model::email::primary_email, "jane.doe@example.com");
    CHECK(db.guarded.patch(other, moved).value().email.has_opted_out_of_email);
    REQUIRE(db.guarded.remove(other).has_value());

    service::contact_import importer(db.keyed, {});
    const auto imported = importer.run(std::vector<std::string>{R"({"email":{"primary_email":"jane.doe@example.com"}})",
                                                                R"({"email":{"primary_email":"imported@example.com"}})"});
    CHECK(imported.value()[0].what == service::import_outcome::created);
    CHECK(db.value("select has_opted_out_of_email from emails where primary_email = 'jane.doe@example.com'") == "t");
    CHECK(db.value("select coalesce(has_opted_out_of_email, false) from emails where primary_email = 'imported@example.com'") == "f");
}

TEST_CASE("an address that is not ASCII is recognised in any case and Unicode form") {
    erasure_database db;
    persistence::database keyed(with_keys(db.db.options(), {key}));
    REQUIRE(service::erasures(keyed).erase("J\u00fcrgen@example.com", true).has_value());
    service::contacts guarded(keyed);
    for (const std::string address : {"j\u00fcrgen@example.com", "J\u00dcRGEN@example.com", "ju\u0308rgen@example.com"}) {
        CAPTURE(address);
        CHECK(guarded.create(contact_of(address)).error().code == errc::invalid);
    }
    CHECK(guarded.create(contact_of("jurgen@example.com")).has_value());
}

TEST_CASE("Stripe objects of an erased person are skipped, and stored where the contact is opted out instead") {
    for (const bool opts_out : {false, true}) {
        CAPTURE(opts_out);
        suppressing_database db(opts_out);
        service::stripe_ingest ingest(db.keyed);
        const auto action = [&](const boost::json::object& object) {
            return ingest.ingest(json::read_stripe_object(boost::json::serialize(object)).value()).value().actions.begin()->first;
        };
        const std::string expected = opts_out ? "created" : "skipped";
        auto by_address = objects::customer("cus_new", "account_new");
        by_address["email"] = "jane.doe@example.com";
        CHECK(action(by_address) == expected);
        CHECK(action(objects::customer("cus_7", "account_other")) == expected);
        CHECK(action(objects::customer("cus_9", "account_7")) == expected);
        CHECK(action(objects::subscription({objects::item("si_9", objects::price(), "sub_9")}, "sub_9", "cus_7")) == expected);
        auto invoice = objects::invoice();
        invoice["customer"] = "cus_7";
        CHECK(action(invoice) == expected);
        CHECK(action(objects::customer("cus_1", "fxa_1")) == "created");
    }
}

TEST_CASE("an object of Stripe that arrives during the erasure of its customer is kept out") {
    erasure_database db;
    persistence::database keyed(with_keys(db.db.options(), {key}));
    auto invoice = objects::invoice();
    invoice["customer"] = "cus_7";
    boost::json::object object;
    SUBCASE("customer") { object = objects::customer("cus_7", "account_7"); }
    SUBCASE("subscription") { object = objects::subscription({objects::item("si_9", objects::price(), "sub_9")}, "sub_9", "cus_7"); }
    SUBCASE("invoice") { object = invoice; }
    persistence::connection erasing(db.db.options());
    erasing.begin();
    erasing.execute("select pg_advisory_xact_lock(hashtextextended('customer:cus_7', 0))");
    std::jthread ingesting([&] {
        const auto done = service::stripe_ingest(keyed).ingest(json::read_stripe_object(boost::json::serialize(object)).value());
        REQUIRE(done.has_value());
        CHECK(done->actions.begin()->first == "skipped");
    });
    REQUIRE(test::becomes_true([&] { return db.count(waiting_for_locks) > 0; }));
    const auto hash =
        persistence::hashes_of(keyed.connections().options().suppression, persistence::suppressed_kind::customer, "cus_7").front();
    erasing.execute(
        fmt::format("insert into ctms_suppressed (hash, address_hash, key_id) values (decode('{0}', 'hex'), 'a', 'key')", hash));
    erasing.commit();
}

TEST_CASE("a suppressed address is counted by key, and can be stored again when that is lifted") {
    suppressing_database db;
    service::erasures with_key(db.keyed);
    const auto counts = with_key.suppressed().value();
    REQUIRE(counts.size() == 1);
    CHECK(counts.front().count == 1);
    CHECK(counts.front().is_known);
    CHECK(with_key.check_keys().has_value());
    CHECK_FALSE(with_key.unsuppress("nobody@example.com").value());
    CHECK(with_key.unsuppress("JANE.doe@example.com").value());
    CHECK_FALSE(with_key.unsuppress("JANE.doe@example.com").value());
    CHECK(db.count("ctms_suppressed") == 0);
    CHECK(db.guarded.create(contact_of("jane.doe@example.com")).has_value());
}

TEST_CASE("an earlier key still recognises what it suppressed, and a missing one is noticed") {
    suppressing_database db;
    persistence::database rotated(with_keys(db.db.options(), {other_key, key}));
    CHECK(service::contacts(rotated).create(contact_of("jane.doe@example.com")).error().code == errc::invalid);
    REQUIRE(service::erasures(rotated).erase("second@example.com", true).has_value());
    CHECK(service::erasures(rotated).suppressed().value().size() == 2);
    CHECK(service::erasures(rotated).check_keys().has_value());

    persistence::database without_old(with_keys(db.db.options(), {other_key}));
    const auto missing = service::erasures(without_old).check_keys();
    CHECK(missing.error().code == errc::misconfigured);
    CHECK(missing.error().message.find("CTMS_SUPPRESSION_KEYS") != std::string::npos);
    CHECK(db.erasures.check_keys().error().code == errc::misconfigured);
    CHECK(service::erasures(rotated).unsuppress("jane.doe@example.com").value());
}

TEST_CASE("the database has neither a suppressed address nor anything that tells it without the key") {
    suppressing_database db;
    db.confirm();
    const auto hashes = db.value("select string_agg(encode(hash, 'hex'), ' ') from ctms_suppressed");
    for (const std::string text : {"jane.doe@example.com", "address:jane.doe@example.com"})
        CHECK(hashes.find(db.value(fmt::format("select encode(sha256('{}'), 'hex')", text))) == std::string::npos);
    CHECK(db.count("ctms_suppressed") == 3); // the address, the account and the customer
}
