// SPDX-License-Identifier: MPL-2.0
// The sync inside a test: a database, the stand-in for the vendor, and workers with waits that suit a test. Contacts go by
// numbers. Its members may be used from several threads but for `link`, `options`, workers and what counts `totals`.
#pragma once

#include <support/fake_acoustic.hpp>
#include <support/test_database.hpp>
#include <support/web_fixture.hpp>

#include <persistence/postgres/connection.hpp>

#include <ctms/acoustic/client.hpp>
#include <ctms/persistence/contact_repository.hpp>
#include <ctms/persistence/product_repository.hpp>
#include <ctms/persistence/stripe_repository.hpp>
#include <ctms/persistence/sync_queue_repository.hpp>
#include <ctms/service/sync.hpp>

#include <boost/json/object.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {

/// A worker, with a client of its own.
struct sync_worker {
    sync_worker(persistence::database& db, mozlog::logger& log, const acoustic::client_options& vendor, const service::sync_options& how)
        : client(vendor), sync(db, client, log, how) {}

    acoustic::client client;
    service::sync sync;
};

class sync_fixture {
public:
    using milliseconds = std::chrono::milliseconds;

    sync_fixture();

    static std::string id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }
    static uuid contact(int number) { return uuid::parse(id(number)).value(); }

    /// Stores contacts `first` to `last`, each with these newsletters; the writes queue them.
    void add(int first, int last, const std::vector<std::string>& newsletters = {"app-dev", "common-voice"});
    /// Changes a contact.
    void change(int number, const std::function<void(model::contact&)>& how);
    /// Gives it another first name.
    void write(int number, const std::string& name);
    /// Deletes it.
    void remove(int number);
    /// Has it pay for these products from now on, and for no other.
    void pay(int number, const std::vector<std::string>& products);
    /// Queues them as they are.
    void request(int first, int last);

    /// A worker with `options` as they are now.
    [[nodiscard]] std::unique_ptr<sync_worker> make_worker();
    /// The worker of the calls below; made at the first.
    service::sync& sync();
    /// One cycle, which must not fail.
    service::cycle_report cycle();
    /// Cycles until nothing waits, parked contacts left out; false when that takes longer. Cycles that fail are passed over.
    bool run_until_idle(milliseconds limit = std::chrono::seconds(20));
    /// A cycle on a thread of its own; returns when the vendor has so many more calls under way or done.
    [[nodiscard]] std::jthread begin_cycle(int calls = 1, const std::stop_token& stop = {});
    /// Has the vendor know us: token and connection are there.
    void warm_up();

    /// How the vendor's tables differ from what our contacts should be there, "" for not at all.
    [[nodiscard]] std::string difference(const std::set<int>& but_for = {});
    /// True when the vendor has a row of the contact in any table.
    [[nodiscard]] bool vendor_knows(int number) const;
    [[nodiscard]] std::string vendor_name(int number) const;
    [[nodiscard]] int calls(const std::string& method) const;
    /// Calls of the XML API.
    [[nodiscard]] int calls() const;
    /// Makes the vendor fail.
    void fault(fake_fault::kind what, const std::string& method, const std::string& holds, int number = 0, int times = -1,
               const std::string& text = {});

    /// The first cell of an answer, "" when there are no rows.
    std::string value(const std::string& sql);
    /// "" when the contact is not queued, or operation, retry, state, and whether it is claimed.
    std::string row(int number);
    [[nodiscard]] std::int64_t parked() { return queue.count().value().parked; }
    [[nodiscard]] std::int64_t waiting() { return queue.count().value().backlog; }
    /// The log's lines of contacts so far.
    [[nodiscard]] std::vector<boost::json::object> log_lines();
    [[nodiscard]] std::string log_text();

    test_database db;
    persistence::database pool{db.options()};
    persistence::sync_queue_repository queue{pool};
    persistence::connection link{db.options()};
    fake_acoustic vendor;
    service::sync_options options;
    milliseconds call_timeout{3000};
    service::cycle_report totals; ///< of all cycles of cycle() and run_until_idle()

private:
    void note(const service::cycle_report& report);

    persistence::contact_repository contacts_{pool};
    persistence::product_repository products_{pool};
    persistence::stripe_repository stripe_{pool};
    std::shared_ptr<captured_log> captured_ = std::make_shared<captured_log>();
    mozlog::logger log_;
    std::unique_ptr<sync_worker> worker_;
};

/// Runs something at the end of a block, whatever ends it.
class at_end {
public:
    explicit at_end(std::function<void()> what) : what_(std::move(what)) {}
    ~at_end() { what_(); }
    at_end(const at_end&) = delete;
    at_end& operator=(const at_end&) = delete;

private:
    std::function<void()> what_;
};

} // namespace ctms::test
