// SPDX-License-Identifier: MPL-2.0
// Several changes of contacts in one call: each has the result that it would have alone.
#include <support/becomes_true.hpp>
#include <support/test_database.hpp>

#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

namespace {

uuid id(int number) { return *uuid::parse(fmt::format("00000000-0000-4000-8000-{:012}", number)); }

/// Appends to the first name, so that a lost change is noticed.
contact_to_change append(int number, const std::string& text) {
    return {id(number), [text](const std::optional<model::contact>& stored) -> result<contact_change> {
                if (!stored) return not_found("none");
                contact_change out{*stored};
                out.after.email.first_name = out.after.email.first_name.value_or("") + text;
                return out;
            }};
}

contact_to_change readdress(int number, const std::string& address) {
    return {id(number), [address](const std::optional<model::contact>& stored) -> result<contact_change> {
                contact_change out{*stored};
                out.after.email.primary_email = address;
                return out;
            }};
}

/// The outcomes of changes, in the order in which they became known.
struct noted_outcomes {
    std::mutex mutex;
    std::vector<std::pair<std::size_t, bool>> known; ///< the index of the change, and whether it was made

    changes_done note() {
        return [this](std::span<change_outcome> some) {
            const std::lock_guard lock(mutex);
            for (const auto& one : some) known.emplace_back(one.index, one.contact.has_value());
        };
    }
    std::size_t count() {
        const std::lock_guard lock(mutex);
        return known.size();
    }
};

/// A connection with an open transaction that holds locks until release().
class lock_holder {
public:
    lock_holder(const database_options& options, const std::string& sql) : link_(options) {
        link_.begin();
        link_.execute(sql);
    }
    connection& link() { return link_; }
    void release() { link_.commit(); }

private:
    connection link_;
};

struct fixture {
    test_database db;
    database_options options = [this] {
        auto out = db.options();
        out.lock_timeout = std::chrono::seconds(3); // one test waits for this timeout; on a busy machine the others must not reach it
        return out;
    }();
    database pool{options};
    contact_repository contacts{pool};

    fixture() {
        for (int number = 1; number <= 4; ++number) {
            model::contact contact;
            contact.email.email_id = id(number);
            contact.email.primary_email = fmt::format("{}@example.com", number);
            contact.newsletters.resize(2);
            contact.newsletters[0].name = "app-dev";
            contact.newsletters[1].name = "hubs";
            contact.mofo =
                model::mofo{.mofo_email_id = fmt::format("mofo-{}", number), .mofo_contact_id = std::nullopt, .mofo_relevant = true};
            REQUIRE(contacts.create(contact).has_value());
        }
        connection(db.options()).execute("truncate ctms_sync_queue");
    }

    std::string name(int number) { return contacts.find(id(number)).value().email.first_name.value_or(""); }
    std::string value(const std::string& sql) { return std::string(connection(db.options()).execute(sql).text(0, 0)); }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "the contacts of one call are returned as stored, and each is queued for the sync") {
    const std::vector<contact_to_change> several{append(1, "a"), append(2, "b"), append(3, "c")};
    const auto done = contacts.change(several);
    REQUIRE(done.size() == 3);
    int number = 0;
    for (const auto& changed : done) {
        REQUIRE(changed.has_value());
        CHECK(changed->email.email_id == id(++number));
        CHECK(changed->email == contacts.find(id(number)).value().email); // including the timestamps
    }
    CHECK(value("select string_agg(email_id::text || operation || version, ',' order by email_id) from ctms_sync_queue") ==
          fmt::format("{}upsert1,{}upsert1,{}upsert1", id(1).to_string(), id(2).to_string(), id(3).to_string()));
}

TEST_CASE_FIXTURE(fixture, "groups and lists of several contacts are written, kept or deleted, each by its own change") {
    const auto change = [](int number, auto edit) {
        return contact_to_change{id(number), [edit](const auto& stored) -> result<contact_change> {
                                     contact_change out{*stored};
                                     edit(out.after);
                                     return out;
                                 }};
    };
    const std::vector<contact_to_change> several{
        change(1,
               [](model::contact& contact) {
                   contact.mofo.reset();
                   contact.fxa = model::fxa{.fxa_id = "account",
                                            .primary_email = std::nullopt,
                                            .created_date = std::nullopt,
                                            .lang = "de",
                                            .first_service = std::nullopt,
                                            .account_deleted = false};
                   contact.newsletters.pop_back();
               }),
        change(2,
               [](model::contact& contact) {
                   contact.amo = model::amo{};
                   contact.amo->username = R"(a "quoted" name \ with é)";
                   contact.newsletters[1].lang = "fr";
                   contact.waitlists = {{"vpn", "https://www.example.com/", R"({"geo":"de","n":1.50})", true}};
               }),
        change(3, [](model::contact& contact) { contact.newsletters.clear(); })};
    for (const auto& done : contacts.change(several)) REQUIRE(done.has_value());
    const auto first = contacts.find(id(1)).value();
    CHECK(!first.mofo);
    CHECK(first.fxa->lang == "de");
    CHECK(first.newsletters.size() == 1);
    const auto second = contacts.find(id(2)).value();
    CHECK(second.mofo->mofo_email_id == "mofo-2");
    CHECK(second.amo->username == R"(a "quoted" name \ with é)");
    CHECK(second.newsletters.at(1).lang == "fr");
    CHECK(second.waitlists.at(0).fields == R"({"geo":"de","n":1.50})");
    CHECK(contacts.find(id(3)).value().newsletters.empty());
    CHECK(contacts.find(id(4)).value().newsletters.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "two changes of the same contact are made one after the other") {
    const std::vector<contact_to_change> several{append(1, "a"), append(2, "x"), append(1, "b"), append(1, "c")};
    const auto done = contacts.change(several);
    CHECK(done[0]->email.first_name == "a");
    CHECK(done[2]->email.first_name == "ab");
    CHECK(done[3]->email.first_name == "abc");
    CHECK(name(1) == "abc");
    CHECK(name(2) == "x");
}

TEST_CASE_FIXTURE(fixture, "a change that fails does not fail the others") {
    const std::vector<contact_to_change> several{append(1, "a"), readdress(2, "3@example.com"), append(9, "nobody"), append(4, "d")};
    const auto done = contacts.change(several);
    CHECK(done[0].has_value());
    REQUIRE(!done[1].has_value());
    CHECK(done[1].error().code == errc::conflict);
    CHECK(done[1].error().conflicts == std::vector<std::string>{"primary_email"});
    REQUIRE(!done[2].has_value());
    CHECK(done[2].error().code == errc::not_found);
    CHECK(done[3].has_value());
    CHECK(name(1) == "a");
    CHECK(name(4) == "d");
    CHECK(contacts.find(id(2)).value().email.primary_email == "2@example.com");
    CHECK(value("select count(*) from ctms_sync_queue") == "2");
}

TEST_CASE_FIXTURE(fixture, "a locked contact does not delay the others") {
    connection holder(db.options());
    holder.begin();
    holder.execute(fmt::format("select 1 from emails where email_id = '{}' for update", id(2).to_string()));
    const std::vector<contact_to_change> several{append(1, "a"), append(2, "b"), append(3, "c")};
    const auto done = contacts.change(several);
    CHECK(done[0].has_value());
    REQUIRE(!done[1].has_value());
    CHECK(done[1].error().code == errc::unavailable);
    CHECK(done[2].has_value());
    holder.rollback();
    CHECK(contacts.change(several)[1].has_value());
    CHECK(name(2) == "b");
}

TEST_CASE_FIXTURE(fixture, "the outcome of a free contact is known while another contact is locked") {
    for (const std::string table : {"emails", "ctms_sync_queue"}) {
        CAPTURE(table);
        for (int number = 1; number <= 3; ++number) CHECK(contacts.change(id(number), append(number, "").compute).has_value()); // queued
        lock_holder holder(db.options(), fmt::format("select 1 from {} where email_id = '{}' for update", table, id(2).to_string()));
        noted_outcomes noted;
        const std::vector<contact_to_change> several{append(1, "a"), append(2, "b"), append(3, "c"), append(2, "c")};
        std::thread changing([&] { contacts.change(several, noted.note()); });
        CHECK(test::becomes_true([&] { return noted.count() >= 2; }));
        holder.release();
        changing.join();
        CHECK(noted.known == std::vector<std::pair<std::size_t, bool>>{{0, true}, {2, true}, {1, true}, {3, true}});
    }
    CHECK(name(2) == "bcbc");
}

TEST_CASE_FIXTURE(fixture, "several changes wait together for locks, and no longer than one would") {
    std::vector<contact_to_change> several;
    for (int number = 1; number <= 4; ++number) {
        for (const auto* text : {"a", "b", "c", "d"}) several.push_back(append(number, text));
    }
    options.lock_timeout = std::chrono::seconds(1);
    database impatient(options);
    for (const std::string lock : {"lock table emails in share mode", "lock table emails in access exclusive mode",
                                   "lock table ctms_sync_queue in share mode", "select 1 from emails for update"}) {
        CAPTURE(lock);
        lock_holder holder(db.options(), lock);
        const auto begun = std::chrono::steady_clock::now();
        for (const auto& done : contact_repository(impatient).change(several)) {
            REQUIRE(!done.has_value());
            CHECK(done.error().code == errc::unavailable);
        }
        const auto took = std::chrono::steady_clock::now() - begun;
        CHECK(took > options.lock_timeout - std::chrono::milliseconds(100));
        CHECK(took < 4 * options.lock_timeout); // one after the other would take 16 times as long
        holder.release();
    }
}

TEST_CASE_FIXTURE(fixture, "a value that another transaction is inserting delays only the contact that wants it") {
    lock_holder holder(db.options(), "insert into emails (email_id, primary_email, update_timestamp)"
                                     " values (gen_random_uuid(), 'new@example.com', now())");
    noted_outcomes noted;
    const std::vector<contact_to_change> several{append(1, "a"), readdress(2, "new@example.com"), append(3, "c")};
    std::thread changing([&] { contacts.change(several, noted.note()); });
    CHECK(test::becomes_true([&] { return noted.count() == 2; }));
    holder.release();
    changing.join();
    CHECK(noted.known == std::vector<std::pair<std::size_t, bool>>{{0, true}, {2, true}, {1, false}});
}

TEST_CASE_FIXTURE(fixture, "the time of a contact never goes back") {
    const auto time_of = [&](int number) { return contacts.find(id(number)).value().email.update_timestamp.value(); };
    lock_holder holder(db.options(), fmt::format("select 1 from emails where email_id = '{}' for update", id(1).to_string()));
    std::optional<result<model::contact>> done;
    std::thread changing([&] { done = contacts.change(id(1), append(1, "a").compute); });
    CHECK(test::becomes_true([&] { return value("select count(*) from pg_locks where not granted") == "1"; }));
    holder.link().execute("update emails set update_timestamp = clock_timestamp()");
    holder.release();
    const auto before = time_of(2);
    changing.join();
    REQUIRE(done->has_value());
    CHECK((*done)->email.update_timestamp > before);
    CHECK(time_of(1) == (*done)->email.update_timestamp);

    // A clock that was set back.
    connection(db.options()).execute("update emails set update_timestamp = now() + interval '1 day'");
    const auto stored = time_of(1);
    const std::vector<contact_to_change> several{append(1, "b"), append(2, "b")};
    for (const auto& one : contacts.change(several)) {
        REQUIRE(one.has_value());
        CHECK(one->email.update_timestamp == stored + std::chrono::microseconds(1));
    }
    CHECK(contacts.change(id(3), append(3, "b").compute)->email.update_timestamp == stored + std::chrono::microseconds(1));
    const std::vector<std::string> addresses{"4@example.com"};
    CHECK(contact_bulk_repository(pool).suppress(addresses)->front().changed == 1);
    CHECK(time_of(4) == stored + std::chrono::microseconds(1));
}

TEST_CASE_FIXTURE(fixture, "the groups and lists that a change writes have its time") {
    for (const std::string lang : {"fr", "it"}) { // first inserts rows, then updates them
        const auto done = contacts.change(id(1), [&](const auto& stored) -> result<contact_change> {
            contact_change out{*stored, true, true, true};
            out.after.email.first_name = "one";
            out.after.amo = model::amo{};
            out.after.amo->username = lang;
            out.after.fxa = model::fxa{.fxa_id = "account",
                                       .primary_email = std::nullopt,
                                       .created_date = std::nullopt,
                                       .lang = lang,
                                       .first_service = std::nullopt,
                                       .account_deleted = false};
            out.after.newsletters.resize(3);
            out.after.newsletters[2].name = "new";
            for (auto& newsletter : out.after.newsletters) newsletter.lang = lang;
            out.after.waitlists = {{"vpn", "https://www.example.com/" + lang, "{}", true}};
            return out;
        });
        REQUIRE(done.has_value());
        const auto stored = contacts.find(id(1)).value();
        CHECK(stored.amo->update_timestamp == stored.email.update_timestamp);
        CHECK(value("select count(*) from emails join (select email_id, update_timestamp from amo union all select email_id, "
                    "update_timestamp from fxa union all select email_id, update_timestamp from newsletters union all select email_id, "
                    "update_timestamp from waitlists) written using (email_id, update_timestamp) where first_name = 'one'") == "6");
    }
}

TEST_CASE_FIXTURE(fixture, "concurrent changes of the same contacts are never lost") {
    constexpr int rounds = 40;
    std::vector<std::jthread> threads;
    std::atomic<int> failures = 0;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int round = 0; round < rounds; ++round) {
                std::vector<contact_to_change> several;
                for (int i = 0; i < 4; ++i) several.push_back(append(1 + (thread + round + i) % 4, "."));
                for (const auto& done : contacts.change(several)) failures += done ? 0 : 1;
            }
        });
    }
    threads.clear();
    CHECK(failures == 0);
    for (int number = 1; number <= 4; ++number) CHECK(name(number).size() == 4 * rounds);
}
