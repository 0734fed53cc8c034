// SPDX-License-Identifier: MPL-2.0
// Threads of the library when memory or threads run out: none of them may end the process.
#include <support/allocation_limit.hpp>
#include <support/no_database.hpp>

#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/health.hpp>
#include <service/sync_lease.hpp>

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <new>
#include <string>
#include <thread>

using namespace ctms;
using namespace std::chrono_literals;
using ctms::test::allocation_limit;

namespace {

/// A database that refuses connections.
persistence::database_options nowhere() {
    auto out = test::no_database();
    out.connect_timeout = 2s;
    return out;
}

/// Blocks in write until it is released, and keeps what is written.
class gated_sink final : public mozlog::sink {
public:
    gated_sink(std::shared_future<void> gate, std::string& out) : gate_(std::move(gate)), out_(out) {}
    std::size_t write(std::string_view lines) override {
        gate_.wait();
        out_ += lines;
        return 0;
    }

private:
    std::shared_future<void> gate_;
    std::string& out_;
};

} // namespace

TEST_CASE("a heartbeat without memory reports that the database is down") {
    persistence::database db(nowhere());
    service::health health(db);
    service::health_report report;
    report.database_up = true;
    {
        const allocation_limit none(0);
        report = health.check(std::chrono::steady_clock::now() + 10s);
    }
    CHECK_FALSE(report.database_up);
    CHECK_FALSE(health.check(std::chrono::steady_clock::now() + 10s).database_up); // its thread still works
}

TEST_CASE("a heartbeat uses a probe that was running when it was asked for") {
    // A server that accepts connections and never answers: a probe takes two seconds.
    const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof place;
    REQUIRE(::bind(silent, reinterpret_cast<sockaddr*>(&place), size) == 0);
    REQUIRE(::listen(silent, 8) == 0);
    REQUIRE(::getsockname(silent, reinterpret_cast<sockaddr*>(&place), &size) == 0);
    auto options = nowhere();
    options.url = "postgresql://127.0.0.1:" + std::to_string(ntohs(place.sin_port)) + "/none";
    persistence::database db(options);
    service::health health(db);
    const auto began = std::chrono::steady_clock::now();
    const auto first = health.check(began + 30s);
    CHECK(first.database_time > 1s);
    const auto during = health.check(began + first.database_time / 2, began); // no time for a probe of its own
    CHECK(during.database_time == first.database_time);
    const auto later = health.check(std::chrono::steady_clock::now(), began);
    CHECK(later.database_time < 1s);
    ::close(silent);
}

TEST_CASE("a lease that cannot be renewed without memory runs out") {
    persistence::database db(nowhere());
    persistence::sync_queue_repository queue(db);
    persistence::vendor_slots slots(db, 1);
    const service::sync_lease lease(queue, slots, uuid::random(), 1, 1s, service::sync_lease::clock::now());
    CHECK(lease.holds());
    {
        const allocation_limit none(0);
        std::this_thread::sleep_for(1200ms); // longer than the lease; a renewal is tried after a third of it
    }
    CHECK_FALSE(lease.holds());
}

TEST_CASE("the log survives a lack of memory and reports the lost lines later") {
    std::promise<void> gate;
    std::string written;
    {
        mozlog::options options;
        options.queue_bytes = 2'000;
        mozlog::logger log(options, std::make_unique<gated_sink>(gate.get_future().share(), written));
        for (int i = 0; i < 100; ++i) log.log(mozlog::severity::info, "test", std::string(100, 'x'));
        std::this_thread::sleep_for(50ms); // the writer is waiting in the sink
        for (int i = 0; i < 100; ++i) log.log(mozlog::severity::info, "test", std::string(100, 'x'));
        CHECK(log.dropped() > 0);
        {
            const allocation_limit none(0);
            gate.set_value();
            std::this_thread::sleep_for(100ms);
        }
        CHECK(log.flush(5s));
        log.log(mozlog::severity::info, "test", "after");
    }
    CHECK(written.find("log lines dropped") != std::string::npos);
    CHECK(written.find("after") != std::string::npos);
}
