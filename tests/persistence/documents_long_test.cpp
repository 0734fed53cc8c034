// SPDX-License-Identifier: MPL-2.0
// Readers beside writers of all kinds: no read shows less than what was acknowledged before it began, and no document is left that differs
// from the tables.
#include <support/queue_database.hpp>

#include <ctms/json/contact_json.hpp>
#include <json/contact_document.hpp>
#include <model/stored_rows.hpp>
#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_documents.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/postgres/pool.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ctms::test {
namespace {

using namespace persistence;
using namespace std::chrono_literals;

// The contacts with these numbers belong to one writer each; those before are shared.
constexpr int imported = 7;
constexpr int erased = 8;
constexpr int contact_count = 8;
constexpr int shared_count = 6;

/// Where a writer keeps its count: each has a place of its own.
enum class place : std::uint8_t { by_us, in_emails, in_newsletters, in_waitlists, in_amo, in_fxa, count_of_places };
constexpr auto place_count = static_cast<std::size_t>(place::count_of_places);

using counts = std::array<long, place_count>;

long number_in(std::string_view text) { return std::strtol(std::string(text).c_str(), nullptr, 10); }

/// What a reader sees where there is nothing: a row that was deleted is not older than anything.
constexpr long gone = std::numeric_limits<long>::max();

counts counts_in(const std::string& document) {
    const auto contact = json::read_answered_contact(document);
    REQUIRE(contact.has_value());
    counts out{};
    out.at(0) = number_in(contact->email.first_name.value_or("0"));
    out.at(1) = number_in(contact->email.last_name.value_or("0"));
    for (const auto& one : contact->newsletters) {
        if (one.name == "b") out.at(2) = number_in(one.source.value_or("0"));
    }
    for (const auto& one : contact->waitlists) out.at(3) = number_in(one.source.value_or("0"));
    out.at(4) = contact->amo ? number_in(contact->amo->username.value_or("0")) : gone;
    out.at(5) = contact->fxa ? number_in(contact->fxa->fxa_id.value_or("0")) : gone;
    return out;
}

/// Ends its threads when it goes.
class crowd {
public:
    void add(std::function<void()> step) {
        threads_.emplace_back([step = std::move(step)](const std::stop_token& stop) {
            while (!stop.stop_requested()) step();
        });
    }

private:
    std::vector<std::jthread> threads_;
};

struct race : queue_database {
    contact_repository contacts{pool};
    std::array<std::array<std::atomic<long>, place_count>, contact_count> known{}; ///< acknowledged
    std::atomic<int> reads = 0;
    std::atomic<int> stale_reads = 0;
    std::atomic<int> failures = 0;

    race() {
        for (int n = 0; n < contact_count; ++n) {
            model::contact one;
            one.email.email_id = contact(n + 1);
            one.email.primary_email = address(n + 1);
            one.newsletters.push_back({.name = "b", .source = "0"});
            one.waitlists.push_back({.name = "w", .source = "0"});
            REQUIRE(contacts.create(one).has_value());
        }
    }
    static std::string address(int number) { return fmt::format("{}@example.com", number); }
    /// A contact as an import stores it.
    static model::stored_rows rows_with(int number, long value) {
        const auto id = race::id(number);
        return {contact(number),
                address(number),
                fmt::format(R"({{"email_id":"{}","primary_email":"{}","first_name":"{}"}})", id, address(number), value),
                "",
                "",
                "",
                fmt::format(R"({{"email_id":"{}","name":"b","source":"{}"}})", id, value),
                ""};
    }
    void acknowledge(int number, place where, long value) {
        auto& last = known.at(static_cast<std::size_t>(number)).at(static_cast<std::size_t>(where));
        for (long before = last; before < value && !last.compare_exchange_weak(before, value);) {
        }
    }
    [[nodiscard]] counts acknowledged(int number) const {
        counts out{};
        for (std::size_t i = 0; i < out.size(); ++i) out.at(i) = known.at(static_cast<std::size_t>(number)).at(i);
        return out;
    }
    void check(const counts& before, std::string_view document) {
        ++reads;
        const auto seen = counts_in(std::string(document));
        for (std::size_t i = 0; i < seen.size(); ++i) {
            if (seen.at(i) < before.at(i)) ++stale_reads;
        }
    }
    void check(int n, const counts& before, const std::vector<model::contact_document>& found) {
        if (!found.empty()) return check(before, found.front().json);
        n + 1 == erased ? ++reads : ++failures;
    }

    /// All contacts at once, as requests that wait together.
    void write_by_us(std::atomic<long>& next) {
        const long value = ++next;
        std::vector<contact_to_change> all;
        for (int n = 0; n < shared_count; ++n) {
            all.push_back({contact(n + 1), [value](const auto& stored) -> result<contact_change> {
                               contact_change out{stored.value()};
                               out.after.email.first_name =
                                   std::to_string(std::max(value, number_in(stored->email.first_name.value_or("0"))));
                               return out;
                           }});
        }
        contacts.change(all, [&](std::span<change_outcome> some) {
            for (const auto& one : some) {
                if (one.contact) acknowledge(static_cast<int>(one.index), place::by_us, value);
            }
        });
    }
    /// A new state of all rows of the contact, as an import that replaces contacts.
    void import(std::atomic<long>& next) {
        const long value = ++next;
        contact_bulk_repository bulk(pool);
        std::vector<model::stored_rows> rows{rows_with(imported, value)};
        const auto version = bulk.find_versions(std::vector{rows.front().email_id});
        if (!version) return void(++failures);
        rows.front().version = version->at(rows.front().email_id);
        const auto done = bulk.replace(rows, {});
        if (!done) return void(++failures);
        if (done->empty()) return; // somebody wrote the contact meanwhile
        acknowledge(imported - 1, place::by_us, value);
        acknowledge(imported - 1, place::in_newsletters, value);
    }
    /// Deletes the contact as DELETE /ctms or as a bulk command does, and creates it again.
    void erase_and_create(std::atomic<long>& next) {
        const long value = ++next;
        const std::vector<std::string> addresses{address(erased)};
        if (value % 2 == 0) {
            static_cast<void>(contacts.remove(addresses.front()));
        } else {
            static_cast<void>(contact_bulk_repository(pool).remove(addresses));
        }
        acknowledge(erased - 1, place::by_us, value);
        std::this_thread::sleep_for(2ms);
        const long again = ++next;
        const std::vector<model::stored_rows> rows{rows_with(erased, again)};
        if (contact_bulk_repository(pool).create(rows, {})) acknowledge(erased - 1, place::by_us, again);
    }
    void read_by_id(std::mt19937& random) {
        const int n = static_cast<int>(random() % contact_count);
        const auto before = acknowledged(n);
        const auto id = contact(n + 1);
        const auto found = contacts.documents(std::span(&id, 1));
        found ? check(n, before, *found) : void(++failures);
    }
    void read_by_addresses() {
        std::vector<model::identity_query> queries(contact_count);
        std::vector<counts> before;
        for (int n = 0; n < contact_count; ++n) {
            queries[static_cast<std::size_t>(n)].primary_email = fmt::format("{}@EXAMPLE.com", n + 1);
            before.push_back(acknowledged(n));
        }
        const auto found = contacts.documents(queries);
        for (std::size_t n = 0; n < found.size(); ++n) {
            if (!found[n]) return void(++failures);
            check(static_cast<int>(n), before.at(n), *found[n]);
        }
    }
    void read_updates() {
        std::vector<counts> before;
        for (int n = 0; n < contact_count; ++n) before.push_back(acknowledged(n));
        model::updates_query query;
        query.start.when = timestamp{};
        query.end = model::moment{timestamp(std::chrono::hours(24 * 365 * 200)), std::chrono::minutes{0}};
        query.limit = 100;
        const auto page = contacts.update_documents(query);
        if (!page) return void(++failures);
        for (const auto document : page->documents) {
            const auto contact = json::read_answered_contact(document);
            REQUIRE(contact.has_value());
            check(before.at(static_cast<std::size_t>(number(contact->email.email_id) - 1)), document);
        }
    }
};

} // namespace

TEST_CASE("no read shows less than what was acknowledged before it, whoever writes") {
    constexpr int rounds = 20;
    race all;
    std::atomic<long> next = 0;
    std::atomic<long> of_others = 0;
    std::atomic<long> of_imports = 0;
    std::atomic<long> of_erasures = 0;
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        {
            crowd busy;
            for (int n = 0; n < 2; ++n) busy.add([&] { all.write_by_us(next); });
            // Another program, in transactions that stay open for a while.
            const auto foreign = [&](place where, std::string_view sql) {
                busy.add([&all, &of_others, where, sql = std::string(sql), link = std::make_shared<connection>(all.db.options()),
                          random = std::mt19937(std::random_device{}())]() mutable {
                    const int n = static_cast<int>(random() % shared_count);
                    try {
                        link->begin();
                        // One writer of each place, so that its numbers grow.
                        const long value = ++of_others;
                        link->execute(fmt::format(fmt::runtime(sql), fmt::arg("value", value), fmt::arg("id", race::id(n + 1))));
                        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 8));
                        if (random() % 8 == 0) return link->rollback();
                        link->commit();
                        all.acknowledge(n, where, value);
                    } catch (const sql_error&) {
                        link->rollback();
                    }
                });
            };
            foreign(place::in_emails, "update emails set last_name = '{value}' where email_id = '{id}'");
            foreign(place::in_newsletters, "update newsletters set source = '{value}' where email_id = '{id}'");
            foreign(place::in_waitlists, "delete from waitlists where email_id = '{id}'; insert into waitlists (email_id, name, source,"
                                         " update_timestamp) values ('{id}', 'w', '{value}', now())");
            foreign(place::in_amo, "delete from amo where email_id = '{id}'; insert into amo (email_id, username, update_timestamp)"
                                   " select '{id}', '{value}', now() where {value} % 2 = 0");
            foreign(place::in_fxa, "delete from fxa where email_id = '{id}'; insert into fxa (email_id, fxa_id, update_timestamp)"
                                   " select '{id}', '{value}', now() where {value} % 2 = 0");
            busy.add([&] { all.import(of_imports); });
            busy.add([&] { all.erase_and_create(of_erasures); });
            busy.add([&] { static_cast<void>(all.queue.drain_inbox(1)); });
            busy.add([&all, n = 0]() mutable {
                const std::vector<std::string> address{fmt::format("{}@example.com", ++n % shared_count + 1)};
                static_cast<void>(contact_bulk_repository(all.pool).suppress(address));
                std::this_thread::sleep_for(5ms);
            });
            for (int n = 0; n < 2; ++n)
                busy.add([&all, random = std::mt19937(std::random_device{}())]() mutable { all.read_by_id(random); });
            busy.add([&] { all.read_by_addresses(); });
            busy.add([&] { all.read_updates(); });
            std::this_thread::sleep_for(500ms);
        }
        CHECK(all.stale_reads == 0);
        const auto verified = verify_documents(all.pool, uuid{}, 100, false);
        REQUIRE(verified.has_value());
        CHECK(verified->contacts >= contact_count - 1);
        CHECK(verified->stale.empty());
        CHECK(verified->left_behind.empty());
        all.drain();
        for (int n = 0; n < contact_count; ++n) {
            const auto id = all.contact(n + 1);
            const auto truth = all.contacts.find(id);
            const auto read = all.contacts.documents(std::span(&id, 1)).value();
            CHECK((read.empty() ? "" : read.front().json) == (truth ? json::write_document(*truth) : ""));
        }
    }
    CHECK(all.failures == 0);
    MESSAGE(fmt::format("{} reads, {} writes by us, {} of others, {} imports, {} deletions", all.reads.load(), next.load(),
                        of_others.load(), of_imports.load(), of_erasures.load() / 2));
    CHECK(all.reads > 1'000);
    CHECK(next > 20);
    CHECK(of_imports > 20);
    CHECK(of_erasures > 20);
}

} // namespace ctms::test
