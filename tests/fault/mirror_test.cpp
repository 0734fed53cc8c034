// SPDX-License-Identifier: MPL-2.0
// The example that mirrors contacts into SQLite is killed at any moment beside writers, and misses nothing.
#include <ctms/json/contact_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/inbox_drain.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/child_process.hpp>
#include <support/test_database.hpp>
#include <support/transaction_writer.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sqlite3.h>

#include <atomic>
#include <csignal>
#include <map>
#include <random>
#include <thread>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

using contacts_by_id = std::map<std::string, std::string>;

/// What the mirror has: the contacts as JSON.
contacts_by_id mirrored(const std::string& path) {
    contacts_by_id out;
    sqlite3* file = nullptr;
    REQUIRE(sqlite3_open_v2(path.c_str(), &file, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
    const auto add = [](void* to, int, char** values, char**) {
        (*static_cast<contacts_by_id*>(to))[values[0]] = values[1];
        return 0;
    };
    CHECK(sqlite3_exec(file, "select email_id, contact from contacts", add, &out, nullptr) == SQLITE_OK);
    sqlite3_close(file);
    return out;
}

/// What the database has.
contacts_by_id stored(persistence::database& db, persistence::connection& link) {
    contacts_by_id out;
    service::contacts contacts(db);
    const auto ids = link.execute("select email_id::text from emails");
    for (std::size_t row = 0; row < ids.size(); ++row) {
        const auto found = contacts.get(uuid::parse(ids.text(row, 0)).value());
        REQUIRE(found.has_value());
        json::write_contact(out[std::string(ids.text(row, 0))], *found, false);
    }
    return out;
}

/// Writes with the library, as the API does, until it is stopped: creates, changes and deletes contacts.
void write_with_library(persistence::database& db, const std::atomic<bool>& stopped, int writer) {
    service::contacts contacts(db);
    std::vector<uuid> ids;
    for (int round = 0; !stopped; ++round) {
        model::contact_input fresh;
        fresh.email.primary_email = fmt::format("{}-{}@example.com", writer, round);
        fresh.newsletters.emplace_back().name = "news";
        ids.push_back(contacts.create(fresh).value().contact.email.email_id);
        model::contact_patch change;
        change.email.set(&model::email::first_name, std::to_string(round));
        CHECK(contacts.patch(ids[static_cast<std::size_t>(round / 2)], change).has_value());
        if (round % 3 != 2) continue;
        CHECK(contacts.remove(fmt::format("{}-{}@example.com", writer, round)).has_value());
        ids.pop_back();
    }
}

} // namespace

TEST_CASE("a mirror that is killed at any moment beside writers has every contact in the end") {
    const test_database database;
    const temporary_directory folder;
    const auto path = (folder.path() / "mirror.db").string();
    persistence::database db(database.options());
    persistence::connection link(database.options());
    persistence::database drained(database.options());
    const service::inbox_drain drain(drained, {.deletions = 24h, .parked = 24h}, 100ms);
    std::mt19937 random(20261129); // NOLINT(cert-msc51-cpp): the same moments in each run
    const auto mirror = [&](std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{database.url(), path};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return std::make_unique<child_process>(CTMS_MIRROR, environment{}, arguments);
    };
    std::atomic<bool> stopped = false;
    {
        std::vector<std::jthread> writers;
        for (int writer = 0; writer < 2; ++writer) writers.emplace_back([&, writer] { write_with_library(db, stopped, writer); });
        const transaction_writer other_program(database.options(), 30ms);
        for (int round = 0; round < 25; ++round) {
            const auto copy = mirror();
            std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<int>(1, 600)(random)));
            copy->signal(SIGKILL);
            CHECK(copy->wait() == 128 + SIGKILL);
            // The place is not known any more, as after a restore: the mirror must begin again, and remove what is gone.
            if (round == 12) link.execute("update ctms_changes_state set epoch = gen_random_uuid()");
        }
        stopped = true;
    }
    CHECK(becomes_true(
        [&] {
            const auto copy = mirror({"once"});
            CHECK(copy->wait(60s) == 0);
            return mirrored(path) == stored(db, link);
        },
        60s));
    CHECK(mirrored(path).size() > 20);
}

} // namespace ctms::test
