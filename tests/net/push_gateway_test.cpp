// SPDX-License-Identifier: MPL-2.0
#include <sync/push_gateway.hpp>

#include "support/becomes_true.hpp"
#include "support/raw_server.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using ctms::sync_app::push_gateway;
using ctms::test::answer_text;
using ctms::test::raw_connection;
using ctms::test::raw_server;

namespace {

/// What the gateway reported as failures, which it does on a thread of its own.
class reported_failures {
public:
    [[nodiscard]] std::function<void(std::string_view)> collector() {
        return [this](std::string_view reason) {
            const std::lock_guard lock(mutex_);
            reasons_.emplace_back(reason);
        };
    }
    [[nodiscard]] bool reach(std::size_t count) {
        return test::becomes_true([&] { return all().size() >= count; });
    }
    [[nodiscard]] std::vector<std::string> all() {
        const std::lock_guard lock(mutex_);
        return reasons_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> reasons_;
};

} // namespace

TEST_CASE("a push replaces the metrics of the job") {
    std::string got;
    raw_server server([&got](raw_connection& peer) {
        got = peer.read_request();
        peer.send(answer_text("", {}, "202 Accepted"));
    });
    reported_failures failures;
    {
        push_gateway gateway(
            server.url() + "/prefix/", [] { return "# TYPE a counter\na 1\n"; }, failures.collector());
        gateway.push_soon();
    }
    REQUIRE(server.wait_closed(1));
    CHECK(failures.all().empty());
    CHECK(got.starts_with("PUT /prefix/metrics/job/prometheus-pushgateway HTTP/1.1\r\n"));
    CHECK(got.find("\r\nContent-Type: text/plain; version=0.0.4\r\n") != std::string::npos);
    CHECK(got.ends_with("\r\n\r\n# TYPE a counter\na 1\n"));
}

TEST_CASE("a gateway that refuses or is unreachable is reported") {
    auto server = std::make_unique<raw_server>([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(answer_text("no", "Connection: close\r\n", "500 Internal Server Error"));
    });
    reported_failures failures;
    push_gateway gateway(
        server->url(), [] { return "a 1\n"; }, failures.collector());
    gateway.push_soon();
    REQUIRE(failures.reach(1));
    CHECK(failures.all().front() == "the push gateway answered 500");
    server.reset();
    gateway.push_soon();
    CHECK(failures.reach(2));
}

TEST_CASE("a push gateway needs an HTTP URL") {
    CHECK_THROWS_AS(push_gateway(
                        "pushgateway:9091", [] { return std::string(); }, [](std::string_view) {}),
                    std::invalid_argument);
}
