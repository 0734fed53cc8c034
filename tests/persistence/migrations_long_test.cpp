// SPDX-License-Identifier: MPL-2.0
// The adoption of a database with many rows that wait for the sync, beside writers and long transactions.
#include <support/reference_database.hpp>
#include <support/single_row_writer.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <list>
#include <string>
#include <thread>
#include <vector>

using namespace ctms;
using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::test_database;

namespace {

/// Transactions of a few seconds, with pauses in which other statements can get their locks.
void write_slowly(const database_options& options, const std::stop_token& stop) {
    connection link(options);
    const auto wait = [&](std::chrono::milliseconds how_long) {
        for (const auto until = std::chrono::steady_clock::now() + how_long; std::chrono::steady_clock::now() < until;) {
            if (stop.stop_requested()) return;
            std::this_thread::sleep_for(10ms);
        }
    };
    while (!stop.stop_requested()) {
        link.begin();
        link.execute("update emails set first_name = 'slow' where primary_email = '4@example.com'");
        link.execute("insert into pending_acoustic (email_id, retry, update_timestamp)"
                     " select email_id, 0, now() from emails where primary_email = '4@example.com'");
        wait(4s);
        link.commit();
        wait(1s);
    }
}

/// Adopts a database of the Python service with 500,000 waiting rows while others write. Returns the longest transaction of a writer.
std::chrono::milliseconds adopt_beside_writers() {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    link.execute("set statement_timeout = 0;"
                 "insert into emails (email_id, primary_email, update_timestamp)"
                 " select md5(n::text)::uuid, n || '@example.com', now() from generate_series(4, 500000) n;"
                 "insert into pending_acoustic (email_id, retry, update_timestamp)"
                 " select md5(n::text)::uuid, 0, now() from generate_series(4, 500000) n");
    link.execute("analyze");
    std::chrono::milliseconds longest{};
    std::vector<std::string> lines;
    {
        std::jthread slow([&](const std::stop_token& stop) { write_slowly(db.options(), stop); });
        std::list<test::single_row_writer> writers;
        for (const int number : {3, 5, 100'000}) writers.emplace_back(db.options(), number);
        const auto done = migrate(db.options(), {.report = [&](const std::string& line) { lines.push_back(line); }});
        for (auto& writer : writers) longest = std::max(longest, writer.stop());
        CHECK(done.has_value());
    }
    bool progress = false;
    for (const auto& line : lines) progress = progress || line.find("has copied") != std::string::npos;
    CHECK(progress);
    CHECK(link.execute("select count(distinct email_id) - (select count(*) from ctms_sync_queue) from pending_acoustic").integer(0, 0) ==
          0);
    CHECK(link.execute("select count(*) from ctms_sync_queue").integer(0, 0) >= 499'999);
    return longest;
}

} // namespace

TEST_CASE("no writer waits for more than 300 ms while 500,000 waiting rows are taken over") {
    std::chrono::milliseconds best = 1h; // on a machine that does other work, one of three must do
    for (int round = 0; round < 3 && best > 300ms; ++round) best = std::min(best, adopt_beside_writers());
    CHECK(best.count() <= 300);
}
