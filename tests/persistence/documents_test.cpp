// SPDX-License-Identifier: MPL-2.0
// The documents of contacts are never stale, whoever writes, and in whatever order transactions end.
#include <support/becomes_true.hpp>
#include <support/queue_database.hpp>

#include <ctms/json/contact_json.hpp>
#include <json/contact_document.hpp>
#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_documents.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/postgres/pool.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ctms::test {
namespace {

using namespace persistence;
using namespace std::chrono_literals;

struct documents_database : queue_database {
    contact_repository contacts{pool};
    connection other{db.options()}; ///< of another program

    model::contact sample(int number) {
        model::contact out;
        out.email.email_id = contact(number);
        out.email.primary_email = fmt::format("{}@example.com", number);
        out.email.first_name = "0";
        out.newsletters.push_back({.name = "b", .source = "0"});
        out.newsletters.push_back({.name = "a"});
        out.waitlists.push_back({.name = "relay", .source = "0", .fields = R"({"geo":"de"})"});
        return out;
    }
    void create(int number) { REQUIRE(contacts.create(sample(number)).has_value()); }

    /// What a reader gets by id; "" if there is no such contact.
    std::string read(int number) {
        const auto id = contact(number);
        const auto found = contacts.documents(std::span(&id, 1)).value();
        return found.empty() ? std::string() : found.front().json;
    }
    /// What the tables have.
    std::string truth(int number) {
        const auto found = contacts.find(contact(number));
        return found ? json::write_document(*found) : std::string();
    }
    /// Whether a document counts, so that a read does not need the tables.
    bool has_document(int number) {
        return value(fmt::format("select exists (select from ctms_documents d join emails e using (email_id) where d.version = e.xmin"
                                 " and d.format = {} and d.email_id = '{}' and not exists (select from ctms_inbox i"
                                 " where i.email_id = d.email_id))",
                                 json::document_format(), id(number))) == "t";
    }
    result<model::contact> patch(int number, const std::function<void(model::contact&)>& change) {
        return contacts.change(contact(number), [&](const auto& stored) -> result<contact_change> {
            if (!stored) return not_found("");
            contact_change out{*stored};
            change(out.after);
            return out;
        });
    }
    static std::string change_newsletter(int number, std::string_view source) {
        return fmt::format("update newsletters set source = '{}' where email_id = '{}' and name = 'b'", source, id(number));
    }
    /// Reads the contact as a reader does who finds no document, up to the moment before he stores one.
    std::vector<new_document> read_to_store(int number) {
        const statement what{"test_documents", documents_sql("select email_id, xmin as version from emails where email_id = $1::uuid")};
        const auto held = pool.connections().acquire();
        const std::vector<parameter> parameters{id(number)};
        return read_documents(*held, what, parameters).to_store;
    }
    void remove_document(int number) { link.execute(fmt::format("delete from ctms_documents where email_id = '{}'", id(number))); }
};

/// A document by its source of the newsletter b.
std::string source_in(const std::string& document) {
    const auto contact = json::read_answered_contact(document);
    if (!contact) return "none";
    for (const auto& one : contact->newsletters) {
        if (one.name == "b") return one.source.value_or("");
    }
    return "gone";
}

} // namespace

TEST_CASE("a write stores the document that the tables give") {
    documents_database db;
    db.create(1);
    CHECK(db.has_document(1));
    CHECK(db.value("select document from ctms_documents") == db.truth(1));
    for (int change = 0; change < 6; ++change) {
        CAPTURE(change);
        const auto written = db.patch(1, [&](model::contact& contact) {
            if (change == 0) contact.amo.emplace().username = R"("timestamp": 0, \ "timestamp\": 0)";
            if (change == 1) contact.amo->username = "u";
            if (change == 2) contact.newsletters.insert(contact.newsletters.begin(), {.name = "z", .lang = "fr"});
            if (change == 3) contact.waitlists.front().fields = R"({ "timestamp": 0, "update_timestamp" : [0] })";
            if (change == 4) contact.fxa.emplace().fxa_id = "f";
            if (change == 5) contact.amo.reset();
        });
        REQUIRE(written.has_value());
        CHECK(db.value("select document from ctms_documents") == db.truth(1));
        CHECK(db.has_document(1));
        CHECK(db.read(1) == db.truth(1));
    }
}

TEST_CASE("changes that share a statement store the document of each contact") {
    documents_database db;
    std::vector<contact_to_change> changes;
    for (const int number : {1, 2, 3}) {
        db.create(number);
        changes.push_back({db.contact(number), [number](const auto& stored) -> result<contact_change> {
                               contact_change out{stored.value()};
                               out.after.email.first_name = fmt::format("name {}", number);
                               return out;
                           }});
    }
    for (const auto& done : db.contacts.change(changes)) REQUIRE(done.has_value());
    for (const int number : {1, 2, 3}) {
        CAPTURE(number);
        CHECK(db.has_document(number));
        CHECK(db.read(number) == db.truth(number));
        CHECK(db.read(number).find(fmt::format("name {}", number)) != std::string::npos);
    }
}

TEST_CASE("times of a write have the same text in a document as in other answers") {
    documents_database db;
    db.create(1);
    for (const auto* time : {"2020-01-02 03:04:05.000006Z", "2020-01-02 03:04:05Z", "0001-01-01 00:00:00Z", "9999-12-31 23:59:59.9Z",
                             "10000-01-01 00:00:00Z"}) {
        CAPTURE(time);
        // The time of the next write is a microsecond after this one, if the clock is behind.
        db.other.execute(fmt::format("update emails set update_timestamp = timestamptz '{}' - interval '1 microsecond',"
                                     " create_timestamp = '{}'",
                                     time, time));
        db.drain();
        REQUIRE(db.patch(1, [](model::contact& contact) { contact.amo.emplace(); }).has_value());
        CHECK(db.read(1) == db.truth(1));
    }
}

TEST_CASE("writes of other programs show at once, and their documents come back after the drain") {
    bool empties_all = false;
    SUBCASE("the contact is deleted at the end") {}
    SUBCASE("all contacts are") { empties_all = true; }
    documents_database db;
    db.create(1);
    const auto in_tables = [&](const std::string& sql) {
        CAPTURE(sql);
        db.other.execute(sql);
        CHECK_FALSE(db.has_document(1));
        CHECK(db.read(1) == db.truth(1));
        CHECK_FALSE(db.has_document(1)); // the inbox has it
        db.drain();
        CHECK_FALSE(db.has_document(1));
        CHECK(db.read(1) == db.truth(1));
        CHECK(db.has_document(1));
        CHECK(db.read(1) == db.truth(1));
    };
    in_tables(documents_database::change_newsletter(1, "1"));
    in_tables("update emails set first_name = 'x'");
    in_tables(fmt::format("insert into amo (email_id, username, update_timestamp) values ('{}', 'u', now())", db.id(1)));
    in_tables("delete from amo");
    in_tables(fmt::format("insert into fxa (email_id, fxa_id, update_timestamp) values ('{}', 'f', now())", db.id(1)));
    in_tables(fmt::format("insert into mofo (email_id, mofo_email_id) values ('{}', 'm')", db.id(1)));
    in_tables("update waitlists set fields = '{ \"geo\": \"fr\" }'");
    in_tables("truncate newsletters");
    in_tables("truncate waitlists, amo, fxa, mofo");
    db.other.execute(empties_all ? "truncate emails cascade" : "delete from newsletters; delete from emails");
    CHECK(db.read(1).empty());
    CHECK(db.rows_of("ctms_documents") == 0);
    db.drain();
    CHECK(db.rows_of("ctms_documents") == 0);
}

TEST_CASE("a write of another program that commits late is not in a document, and then makes it invalid") {
    documents_database db;
    db.create(1);
    db.other.begin();
    db.other.execute(documents_database::change_newsletter(1, "late"));
    CHECK(db.has_document(1));
    REQUIRE(db.patch(1, [](model::contact& contact) { contact.email.first_name = "1"; }).has_value());
    CHECK(db.has_document(1));
    db.other.commit();
    CHECK(source_in(db.read(1)) == "late");
    CHECK(db.read(1) == db.truth(1));
    db.drain();
    CHECK(db.read(1) == db.truth(1));
}

TEST_CASE("a contact that another program changed since it was read gets no document of what was read") {
    for (const std::string before :
         {"", "delete from ctms_documents", "update ctms_documents set format = 0, version = '0', document = ''"}) {
        for (const bool drains : {false, true}) {
            for (const bool writes : {false, true}) {
                CAPTURE(before);
                CAPTURE(drains);
                CAPTURE(writes);
                documents_database db;
                db.create(1);
                if (!before.empty()) db.link.execute(before);
                const auto change = [&] {
                    db.other.execute(documents_database::change_newsletter(1, "new"));
                    if (drains) db.drain();
                };
                if (writes) {
                    bool first = true;
                    REQUIRE(db.patch(1, [&](model::contact& contact) {
                                  contact.email.first_name = "1";
                                  if (std::exchange(first, false)) change();
                              }).has_value());
                } else {
                    db.link.execute("update ctms_documents set format = 0");
                    document_store store(db.pool);
                    const auto made = db.read_to_store(1);
                    REQUIRE(made.size() == 1);
                    change();
                    store.store(made);
                }
                CHECK(source_in(db.read(1)) == "new");
                CHECK(db.read(1) == db.truth(1));
                db.drain();
                CHECK(db.read(1) == db.truth(1));
                CHECK(db.read(1) == db.truth(1));
                CHECK(db.has_document(1));
            }
        }
    }
}

TEST_CASE("a write that waits for a drain sees that the document was replaced") {
    documents_database db;
    db.create(1);
    std::string before;
    SUBCASE("it had a document") {}
    SUBCASE("it had none") { before = "delete from ctms_documents"; }
    if (!before.empty()) db.link.execute(before);
    std::thread writer;
    std::atomic<bool> is_written = false;
    REQUIRE(db.patch(1, [&](model::contact& contact) {
                  contact.email.first_name = "1";
                  if (writer.joinable()) return;
                  // Committed after this read, and drained in a transaction that is still open when the write begins.
                  db.other.execute(documents_database::change_newsletter(1, "new"));
                  db.link.begin();
                  db.link.execute(fmt::format("insert into ctms_changes as known (email_id) values ('{}')"
                                              " on conflict (email_id) do update set xid = excluded.xid; delete from ctms_inbox",
                                              db.id(1)));
                  writer = std::thread([&] {
                      connection watcher(db.db.options());
                      static_cast<void>(becomes_true(
                          [&] {
                              return !watcher
                                          .execute("select from pg_stat_activity where wait_event_type = 'Lock'"
                                                   " and datname = current_database() and query like '%with c as materialized%'")
                                          .empty();
                          },
                          2s));
                      db.link.commit();
                      is_written = true;
                  });
              }).has_value());
    writer.join();
    CHECK(is_written);
    CHECK(source_in(db.read(1)) == "new");
    CHECK(db.read(1) == db.truth(1));
}

TEST_CASE("a document that is stored while its contact is deleted or replaced does not stay") {
    documents_database db;
    db.create(1);
    db.link.execute("update ctms_documents set format = 0");
    document_store store(db.pool);
    const auto made = db.read_to_store(1);
    REQUIRE(made.size() == 1);
    SUBCASE("deleted before") {
        REQUIRE(db.contacts.remove("1@example.com").has_value());
        store.store(made);
        CHECK(db.rows_of("ctms_documents") == 0);
    }
    SUBCASE("deleted, and created again") {
        REQUIRE(db.contacts.remove("1@example.com").has_value());
        REQUIRE(db.contacts.create(db.sample(1)).has_value());
        store.store(made);
        CHECK(db.has_document(1));
        CHECK(db.read(1) == db.truth(1));
    }
    SUBCASE("a deletion that is not committed yet") {
        db.other.begin();
        db.other.execute("delete from newsletters; delete from waitlists; delete from emails");
        store.store(made); // does not wait
        db.other.commit();
        CHECK(db.rows_of("ctms_documents") == 0);
    }
    SUBCASE("a deletion whose statement began before it was stored") {
        db.remove_document(1);
        const auto absent = db.read_to_store(1);
        REQUIRE(absent.size() == 1);
        // The deletion waits for the contact's row, with a snapshot from before the document.
        db.other.begin();
        db.other.execute("select from emails for key share");
        std::thread remover([&] { CHECK(db.contacts.remove("1@example.com").has_value()); });
        CHECK(becomes_true([&] {
            return db.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()") == "1";
        }));
        store.store(absent);
        CHECK(db.rows_of("ctms_documents") == 1);
        db.other.commit();
        remover.join();
        CHECK(db.rows_of("ctms_documents") == 0);
    }
    SUBCASE("opted out by a bulk command") {
        const std::vector<std::string> addresses{"1@example.com"};
        REQUIRE(contact_bulk_repository(db.pool).suppress(addresses).has_value());
        store.store(made);
        CHECK_FALSE(db.has_document(1));
    }
    CHECK(db.read(1) == db.truth(1));
}

TEST_CASE("rows that anyone removes from the inbox take the documents along") {
    documents_database db;
    db.create(1);
    db.other.execute(documents_database::change_newsletter(1, "new"));
    SUBCASE("delete") { db.link.execute("delete from ctms_inbox"); }
    SUBCASE("truncate") { db.link.execute("truncate ctms_inbox"); }
    CHECK(source_in(db.read(1)) == "new");
}

TEST_CASE("documents of old rows are stored, also with escapes that the server's text cannot have") {
    documents_database db;
    for (int number = 1; number <= 3; ++number) db.create(number);
    db.link.execute(fmt::format(R"(update waitlists set fields = '{{"a":"\u0000"}}' where email_id = '{}')", db.id(1)));
    db.link.execute(fmt::format(R"(update waitlists set fields = '{{"a":"\ud800"}}' where email_id = '{}')", db.id(2)));
    db.drain();
    for (int number = 1; number <= 3; ++number) db.remove_document(number);
    CHECK(build_documents(db.pool, uuid{}, 100).value().stored == 3);
    for (int number = 1; number <= 3; ++number) {
        CHECK(db.has_document(number));
        CHECK(db.read(number) == db.truth(number));
    }
}

TEST_CASE("a page of large documents ends early, and the next one goes on after it") {
    documents_database db;
    db.link.execute("insert into emails (email_id, primary_email, unsubscribe_reason, update_timestamp) select gen_random_uuid(),"
                    " n || '@example.com', repeat('x', 3000000), '2020-01-01'::timestamptz + n * interval '1 second'"
                    " from generate_series(1, 14) n");
    db.drain();
    REQUIRE(build_documents(db.pool, uuid{}, 100).value().stored == 14);
    model::updates_query query;
    query.start.when = timestamp(std::chrono::hours(1));
    query.end = model::moment{timestamp(std::chrono::sys_days(std::chrono::year(2021) / 1 / 1)), {}};
    query.limit = 100;
    std::vector<std::size_t> sizes;
    std::size_t found = 0;
    do {
        const auto page = db.contacts.update_documents(query).value();
        for (const auto& one : page.documents)
            CHECK(one.find(fmt::format(R"("primary_email":"{}@example.com")", ++found)) != std::string::npos);
        sizes.push_back(page.documents.size());
        query.after = page.next;
    } while (query.after);
    CHECK(sizes == std::vector<std::size_t>{6, 6, 2});
}

TEST_CASE("documents of another format count as absent") {
    documents_database db;
    db.create(1);
    db.link.execute("update ctms_documents set format = format + 1, document = '{}'");
    CHECK(db.read(1) == db.truth(1));
    CHECK(db.has_document(1));
}

TEST_CASE("a database that cannot be written is read without documents") {
    documents_database db;
    db.create(1);
    db.link.execute("delete from ctms_documents; alter database " + db.db.name() + " set default_transaction_read_only = on");
    auto options = db.db.options();
    database reading(options);
    contact_repository contacts(reading);
    const auto id = db.contact(1);
    for (int n = 0; n < 3; ++n) CHECK(contacts.documents(std::span(&id, 1)).value().front().json == db.truth(1));
    db.link.execute("set default_transaction_read_only = off; alter database " + db.db.name() + " reset default_transaction_read_only");
    CHECK(db.rows_of("ctms_documents") == 0);
}

} // namespace ctms::test
