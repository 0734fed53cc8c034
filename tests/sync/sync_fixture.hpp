// SPDX-License-Identifier: MPL-2.0
// The sync inside a test: a database, the fake vendor, and workers with short waits. Contacts are identified by numbers.
// Its members may be used from several threads, except `link`, `options`, the workers and whatever changes `totals`.
#pragma once

#include <support/becomes_true.hpp>
#include <support/captured_log.hpp>
#include <support/fake_acoustic.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <ctms/acoustic/client.hpp>
#include <ctms/service/sync.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/stripe/product_repository.hpp>
#include <persistence/stripe/stripe_repository.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

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

/// What a client needs to call the fake vendor with its usual options.
[[nodiscard]] acoustic::client_options client_options_for(const fake_acoustic& vendor);

/// A worker with its own client.
struct sync_worker {
    sync_worker(persistence::database& db, mozlog::logger& log, const acoustic::client_options& vendor, const service::sync_options& how)
        : client(vendor), sync(db, client, log, how) {}

    acoustic::client client;
    service::sync sync;
};

class sync_fixture {
public:
    using milliseconds = std::chrono::milliseconds;

    explicit sync_fixture(fake_acoustic_options vendor_options = {});

    static std::string id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }
    static uuid contact(int number) { return uuid::parse(id(number)).value(); }

    /// Stores contacts `first` to `last`, each with these newsletters. The writes queue them.
    void add(int first, int last, const std::vector<std::string>& newsletters = {"app-dev", "common-voice"});
    /// Changes a contact.
    void change(int number, const std::function<void(model::contact&)>& how);
    /// Changes the first name of a contact.
    void write(int number, const std::string& name);
    /// Deletes a contact.
    void remove(int number);
    /// Makes the contact pay for exactly these products from now on.
    void pay(int number, const std::vector<std::string>& products);
    /// Queues these contacts without changing them.
    void request(int first, int last);

    /// Makes a worker with the current `options`.
    [[nodiscard]] std::unique_ptr<sync_worker> make_worker();
    /// The worker of the functions below, made on first use.
    service::sync& sync();
    /// Ends that worker, so that the next one has the current `options`.
    void restart() { worker_.reset(); }
    /// Runs one cycle, which must succeed.
    service::cycle_report cycle();
    /// Runs cycles until no contact waits, not counting parked ones. False when time runs out. Ignores cycles that fail.
    bool run_until_idle(milliseconds limit = std::chrono::seconds(60));
    /// Starts a cycle on a thread. Returns when the vendor has received this many more calls.
    [[nodiscard]] std::jthread begin_cycle(int calls = 1, const std::stop_token& stop = {});
    /// Makes a first call, so that the token and a connection exist.
    void warm_up();

    /// How the vendor's tables differ from what they should contain; "" if they do not.
    [[nodiscard]] std::string difference(const std::set<int>& but_for = {});
    /// True when any of the vendor's tables has a row of the contact.
    [[nodiscard]] bool vendor_knows(int number) const;
    [[nodiscard]] std::string vendor_name(int number) const;
    [[nodiscard]] int calls(const std::string& method) const;
    /// The number of XML API calls.
    [[nodiscard]] int calls() const;
    /// Injects a fault at the vendor.
    void fault(fake_fault::kind what, const std::string& method, const std::string& holds, int number = 0, int times = -1,
               const std::string& text = {});

    /// The first cell of the result; "" when there are no rows.
    std::string value(const std::string& sql);
    /// "" if the contact is not queued, else: operation, retry, state, and whether it is claimed.
    std::string row(int number);
    [[nodiscard]] std::int64_t parked() { return queue.count().value().parked; }
    [[nodiscard]] std::int64_t waiting() { return queue.count().value().backlog; }
    /// The log lines about contacts so far.
    [[nodiscard]] std::vector<boost::json::object> log_lines();
    [[nodiscard]] std::string log_text();
    [[nodiscard]] mozlog::logger& log() { return log_; }

    test_database db;
    persistence::database pool{db.options()};
    persistence::sync_queue_repository queue{pool};
    persistence::connection link{db.options()};
    fake_acoustic vendor;
    service::sync_options options;
    milliseconds call_timeout{3000};
    service::cycle_report totals; ///< of all cycles run by cycle() and run_until_idle()

private:
    void note(const service::cycle_report& report);

    persistence::contact_repository contacts_{pool};
    persistence::product_repository products_{pool};
    persistence::stripe_repository stripe_{pool};
    std::shared_ptr<captured_log> captured_ = std::make_shared<captured_log>();
    mozlog::logger log_;
    std::unique_ptr<sync_worker> worker_;
};

/// Runs a function at the end of a block, however the block ends.
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
