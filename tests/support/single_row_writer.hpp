// SPDX-License-Identifier: MPL-2.0
// A program that writes as the Python service does, in small transactions without a pause, and measures how long the longest of them took.
// The destructor stops it.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

namespace ctms::test {

class single_row_writer {
public:
    /// Writes to the contact with the address "<number>@example.com".
    explicit single_row_writer(const persistence::database_options& options, int number = 3)
        : thread_([this, options, number](const std::stop_token& stop) { write(options, number, stop); }) {}

    /// Stops, and returns the longest time that a transaction took.
    std::chrono::milliseconds stop() {
        thread_.request_stop();
        if (thread_.joinable()) thread_.join();
        return std::chrono::duration_cast<std::chrono::milliseconds>(longest_);
    }

private:
    using clock = std::chrono::steady_clock;

    void write(const persistence::database_options& options, int number, const std::stop_token& stop) {
        const auto contact = "where primary_email = '" + std::to_string(number) + "@example.com'";
        persistence::connection link(options);
        while (!stop.stop_requested()) {
            const auto began = clock::now();
            link.begin();
            link.execute("select * from emails " + contact);
            link.execute("update emails set first_name = 'new', update_timestamp = now() " + contact);
            link.execute("insert into newsletters (email_id, name, update_timestamp) select email_id, 'hubs', now() from emails " +
                         contact + " on conflict (email_id, name) do update set subscribed = not newsletters.subscribed");
            link.execute("insert into pending_acoustic (email_id, retry, update_timestamp) select email_id, 0, now() from emails " +
                         contact);
            link.commit();
            longest_ = std::max(longest_, clock::now() - began);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    clock::duration longest_{};
    std::jthread thread_;
};

} // namespace ctms::test
