// SPDX-License-Identifier: MPL-2.0
// A program that adds and deletes contacts with SQL, in transactions that stay open for a while, some of which are rolled back. The
// destructor stops it.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace ctms::test {

class transaction_writer {
public:
    /// `open`: how long each transaction stays open after its writes.
    transaction_writer(const persistence::database_options& options, std::chrono::milliseconds open)
        : thread_([this, options, open](const std::stop_token& stop) { write(options, open, stop); }) {}

    /// How many transactions have ended.
    [[nodiscard]] int transactions() const { return transactions_; }

private:
    void write(const persistence::database_options& options, std::chrono::milliseconds open, const std::stop_token& stop) {
        persistence::connection link(options);
        for (int round = 0; !stop.stop_requested(); ++round) {
            link.begin();
            link.execute(fmt::format("insert into emails (email_id, primary_email, update_timestamp) values (gen_random_uuid(), "
                                     "'sql-{0}', now()); delete from emails where primary_email = 'sql-{1}'",
                                     round, round - 3));
            std::this_thread::sleep_for(open);
            round % 4 == 3 ? link.rollback() : link.commit();
            ++transactions_;
        }
    }

    std::atomic<int> transactions_ = 0;
    std::jthread thread_; ///< last, because it uses the other member
};

} // namespace ctms::test
