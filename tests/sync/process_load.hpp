// SPDX-License-Identifier: MPL-2.0
// Threads that create, change and delete contacts continuously while a test disturbs the sync. They retry what the
// database refuses meanwhile.
#pragma once

#include <persistence/contacts/contact_repository.hpp>

#include <atomic>
#include <stop_token>
#include <thread>
#include <vector>

namespace ctms::test {

class contact_writers {
public:
    /// `pause`: between two writes of a thread. Each thread writes its own few dozen contacts over and over.
    contact_writers(const persistence::database_options& database, int threads, std::chrono::milliseconds pause);
    ~contact_writers() { stop(); }
    contact_writers(const contact_writers&) = delete;
    contact_writers& operator=(const contact_writers&) = delete;

    /// Returns when all threads have ended.
    void stop() { threads_.clear(); }
    [[nodiscard]] int writes() const { return writes_; }
    [[nodiscard]] int deletions() const { return deletions_; }

private:
    void run(int thread, const std::stop_token& stop, std::chrono::milliseconds pause);
    void write(int number, unsigned choice);

    persistence::database db_;
    persistence::contact_repository contacts_{db_};
    std::atomic<int> writes_ = 0;
    std::atomic<int> deletions_ = 0;
    std::vector<std::jthread> threads_;
};

} // namespace ctms::test
