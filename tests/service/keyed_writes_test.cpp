// SPDX-License-Identifier: MPL-2.0
// Preconditions and keys as C++ callers use them, and the limits of what is kept.
#include <ctms/service/keyed_writes.hpp>

#include <support/becomes_true.hpp>
#include <support/queue_database.hpp>

#include <ctms/json/contact_json.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/erasures.hpp>
#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <string>
#include <thread>
#include <vector>

using namespace ctms;
using service::key_use;

namespace {

model::contact_patch named(const std::string& name) {
    model::contact_patch out;
    out.email.set(&model::email::first_name, name);
    return out;
}

/// An answer of this size.
service::answer_to<model::contact> answer_of(std::size_t size) {
    return [size](const result<model::contact>& contact) {
        return model::kept_answer{.status = contact ? 200 : 404,
                                  .body = std::string(size, 'x'),
                                  .email_ids = contact ? std::vector{contact->email.email_id} : std::vector<uuid>()};
    };
}

struct keyed {
    test::queue_database db;
    service::keyed_writes writes{db.pool};
    json::checked<model::contact_patch> patch = json::check(named("A")).value();

    keyed() { db.insert_contacts(1, 2); }
    service::keyed_outcome write(const std::string& client, const std::string& key, std::size_t size = 100) {
        return writes.patch({client, key, "request"}, db.contact(1), patch, {}, answer_of(size)).value();
    }
};

} // namespace

TEST_CASE("a write with a tag is made only if the contact still has it") {
    test::queue_database db;
    db.insert_contacts(1, 1);
    service::contacts contacts(db.pool);
    const auto tag = service::contact_tag(contacts.get(db.contact(1)).value());
    CHECK(tag.size() == 22);
    const service::precondition only_if{.match = service::tag_set{.tags = {tag}}};
    const auto written = contacts.patch(db.contact(1), named("A"), "", only_if);
    REQUIRE(written.has_value());
    const auto refused = contacts.patch(db.contact(1), named("B"), "", only_if);
    REQUIRE_FALSE(refused.has_value());
    CHECK(service::unmet_precondition(refused.error()) == service::contact_tag(*written));
    CHECK(contacts.get(db.contact(1))->email.first_name == "A");
    const auto address = written->email.primary_email;
    CHECK(service::unmet_precondition(contacts.remove(address, "", only_if).error()) == service::contact_tag(*written));
    CHECK(contacts.remove(address, "", {.match = service::tag_set{.any = true}}).has_value());
    CHECK_FALSE(service::unmet_precondition(contacts.remove(address, "", only_if).error()).has_value()); // not found
}

TEST_CASE("a write with a key is made once, and queued and noted like others") {
    keyed one;
    CHECK(one.write("id_a", "k").use == key_use::first);
    const auto version = one.db.row(1);
    const auto again = one.write("id_a", "k");
    CHECK(again.use == key_use::again);
    CHECK(again.answer.status == 200);
    CHECK(again.answer.body == std::string(100, 'x'));
    CHECK(one.db.row(1) == version);
    CHECK(one.write("id_b", "k").use == key_use::first); // another client has keys of its own
    const auto other = one.writes.patch({"id_a", "k", "another request"}, one.db.contact(1), one.patch, {}, answer_of(1));
    CHECK(other->use == key_use::other_request);
}

TEST_CASE("an answer of 500 or more undoes its write and is not kept") {
    keyed one;
    const auto failing = [](const result<model::contact>&) { return model::kept_answer{.status = 500}; };
    const auto failed = one.writes.patch({"id_a", "k", "request"}, one.db.contact(1), one.patch, {}, failing);
    CHECK(failed->answer.status == 500);
    CHECK(service::contacts(one.db.pool).get(one.db.contact(1))->email.first_name != "A");
    CHECK(one.write("id_a", "k").use == key_use::first);
}

TEST_CASE("a contact that existed cannot be deleted before the answer about it is kept") {
    keyed one;
    const auto stored = service::contacts(one.db.pool).get(one.db.contact(1)).value();
    model::contact_input same;
    same.email = stored.email;
    const auto input = json::check(same, json::purpose::create).value();
    one.db.link.execute("set lock_timeout = '100ms'");
    bool was_held = false;
    const auto answer = [&](const result<service::created_contact>& created) {
        CHECK(created.value().existed);
        try {
            one.db.link.execute("delete from emails");
        } catch (const persistence::sql_error& failure) {
            was_held = failure.sqlstate() == "55P03";
        }
        return model::kept_answer{.status = 200, .body = "text", .email_ids = {created->contact.email.email_id}};
    };
    const auto create = [&] { return one.writes.create({"id_a", "k", "request"}, input, answer).value().use; };
    CHECK(create() == key_use::first);
    CHECK(was_held);
    CHECK(create() == key_use::again);
    one.db.link.execute("delete from emails");
    CHECK(create() == key_use::erased);
}

TEST_CASE("the oldest answers of a client with too many are forgotten, and those of others stay") {
    keyed one;
    constexpr std::size_t size = 1500; // and 500 for the row
    for (int number = 0; number < 30; ++number) one.write("id_a", fmt::format("k{}", number), size);
    for (int number = 0; number < 5; ++number) one.write("id_b", fmt::format("k{}", number), size);
    CHECK(one.writes.forget({.bytes_of_client = 100'000}).value() == 0);
    const auto forgotten = one.writes.forget({.bytes_of_client = 40'000}).value(); // 60,000 are kept: 20,000 and a tenth go
    CHECK(forgotten == 12);
    CHECK(one.write("id_a", "k11").use == key_use::first);
    CHECK(one.write("id_a", "k12").use == key_use::again);
    CHECK(one.write("id_b", "k0").use == key_use::again);
    CHECK(one.writes.forget({.bytes = 20'000}).value() > 10);
    CHECK(one.write("id_a", "k29").use == key_use::again);
    CHECK(one.writes.forget({.age = std::chrono::seconds(0)}).value() > 0);
    CHECK(one.write("id_b", "k4").use == key_use::first);
}

TEST_CASE("a deletion of many contacts by SQL erases the answers about each of them, and no others") {
    keyed one; // contacts 1 and 2
    constexpr int last = 2'000;
    one.db.insert_contacts(3, last);
    one.db.link.execute("insert into ctms_kept_answers (digest, client_id, request, size, status, entity_tag, location, body, email_ids)"
                        " select uuid_send(email_id), 'id_a', 'r', 1000, 200, '', '', 'text', array[email_id] from emails");
    one.db.link.execute("insert into ctms_kept_answers (digest, client_id, request, size, status, entity_tag, location, body, email_ids)"
                        " select 'both', 'id_a', 'r', 1000, 200, '', '', 'text', array_agg(email_id) from emails"
                        " where primary_email in ('1@example.com', '3@example.com')");
    one.db.link.execute("delete from emails where primary_email not in ('1@example.com', '2@example.com')"); // 3 is gone
    CHECK(one.db.rows_of("ctms_kept_answers where body = 'text' and request = 'r'") == 2);
    CHECK(one.db.rows_of("ctms_kept_answers where body = '' and request is null and email_ids = '{}'") == last - 2 + 1);
}

namespace {

/// Two contacts, each with an answer of its own. The first contact has the lower key, or the higher one.
struct two_answers : keyed {
    explicit two_answers(bool first_is_lower) {
        db.link.execute(fmt::format("insert into ctms_kept_answers (digest, client_id, request, size, status, entity_tag, location, body,"
                                    " email_ids) select int4send(case when (primary_email = '1@example.com') = {} then 1 else 2 end),"
                                    " 'id_a', 'r', 1000, 200, '', '', 'text', array[email_id] from emails order by primary_email",
                                    first_is_lower));
    }
    /// Deletes both while another transaction holds the lower key. It must not hold the higher one meanwhile: another deletion that has the
    /// lower key would wait for that.
    template <class Delete>
    void check_order(const Delete& delete_both) {
        persistence::connection holder(db.db.options());
        holder.begin();
        holder.execute("select from ctms_kept_answers where digest = int4send(1) for update");
        std::jthread deleting(delete_both);
        REQUIRE(test::becomes_true(
            [&] { return db.rows_of("pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()") == 1; }));
        CHECK(holder.execute("select from ctms_kept_answers where digest = int4send(2) for update skip locked").size() == 1);
        holder.rollback();
        deleting.join();
        CHECK(db.rows_of("ctms_kept_answers where body = '' and request is null") == 2);
    }
};

} // namespace

TEST_CASE("deletions lock the answers that they share in the order of their keys, so that they cannot deadlock") {
    for (const bool first_is_lower : {true, false}) {
        CAPTURE(first_is_lower);
        two_answers by_statement(first_is_lower);
        by_statement.check_order([&] {
            persistence::connection(by_statement.db.db.options())
                .execute("delete from emails where primary_email in ('1@example.com', '2@example.com')");
        });
        two_answers by_erasure(first_is_lower);
        by_erasure.db.link.execute("update emails set primary_email = case primary_email when '1@example.com' then 'jane@example.com'"
                                   " else 'Jane@example.com' end");
        by_erasure.check_order(
            [&] { CHECK(service::erasures(by_erasure.db.pool).erase("jane@example.com", false).value().receipt.contacts == 2); });
    }
}

TEST_CASE("a part of many answers is forgotten at once, without those that another transaction has locked") {
    keyed one;
    one.db.link.execute("insert into ctms_kept_answers (digest, client_id, created_at, size, status, entity_tag, location, body, email_ids)"
                        " select int4send(n), 'id_a', now() - interval '2 days' + n * interval '1 second', 1000, 200, '', '', '', '{}'"
                        " from generate_series(1, 6000) n");
    const auto kept = [&] { return static_cast<std::size_t>(one.db.rows_of("ctms_kept_answers")); };
    const auto most = service::keyed_writes::most_forgotten;
    {
        persistence::connection holder(one.db.db.options());
        holder.begin();
        holder.execute("select from ctms_kept_answers where digest = int4send(1) for update");
        CHECK(one.writes.forget({.age = std::chrono::hours(72), .bytes = 0}).value() == most); // the oldest, except the locked one
        CHECK(kept() == 1000);
        CHECK(one.writes.forget({}).value() == 999);
        holder.rollback();
    }
    CHECK(one.writes.forget({}).value() == 1);
}
