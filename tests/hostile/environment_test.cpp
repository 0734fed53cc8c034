// SPDX-License-Identifier: MPL-2.0
// What the programs are given by whoever starts them: closed or full standard streams, stray signals, too little memory.
#include "peer.hpp"
#include "target.hpp"

#include <support/child_process.hpp>
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>

using namespace ctms::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t mib = 1024 * 1024;

/// Sends requests that take memory, from many addresses, until it is stopped.
class memory_eaters {
public:
    explicit memory_eaters(std::uint16_t port) {
        const auto form = request_text("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}}, pairs());
        const std::array requests{form, request_text("GET", "/metrics"), request_text("GET", "/__heartbeat__"), form,
                                  form.substr(0, form.size() - 5)};
        constexpr int threads = 30;
        for (int i = 0; i < threads; ++i) {
            threads_.emplace_back([this, port, i, request = requests[static_cast<std::size_t>(i) % requests.size()]] {
                while (!stopped_) ask(port, fmt::format("127.0.0.{}", 10 + i), request);
            });
        }
    }
    ~memory_eaters() { stopped_ = true; }
    memory_eaters(const memory_eaters&) = delete;
    memory_eaters& operator=(const memory_eaters&) = delete;

private:
    static std::string pairs() {
        std::string out;
        while (out.size() < mib - 1'000) out += "a=b&";
        return out;
    }
    static void ask(std::uint16_t port, const std::string& from, const std::string& request) {
        try {
            peer one(port, from);
            (void)one.send(request, 1s);
            (void)one.receive(1s);
        } catch (const std::runtime_error&) { // refused or closed, which is fine
        }
    }

    std::atomic<bool> stopped_ = false;
    std::vector<std::jthread> threads_; ///< last, because they use the others
};

/// The status of GET /__heartbeat__, which queries the database; 0 without an answer.
int heartbeat(std::uint16_t port) {
    try {
        peer one(port, "127.0.0.95");
        return one.send(request_text("GET", "/__heartbeat__")) ? one.receive().status : 0;
    } catch (const std::runtime_error&) {
        return 0;
    }
}

} // namespace

TEST_CASE("heartbeats at the memory limit do not end the server") {
    if (sanitized) return; // sanitizers reserve terabytes of address space
    for (const std::size_t spare : {2, 6, 12}) {
        CAPTURE(spare);
        target server;
        server.limit(RLIMIT_AS, server.address_space() + spare * mib);
        {
            const memory_eaters attackers(server.port());
            CHECK(server.process().wait(6s) == -1);
        }
        REQUIRE(server.is_alive());
        bystander others(server.port());
        CHECK(others.gets(20));
        CHECK(becomes_true([&] { return heartbeat(server.port()) == 200; }));
        server.process().signal(SIGTERM);
        CHECK(server.process().wait(10s) == 0);
    }
}
