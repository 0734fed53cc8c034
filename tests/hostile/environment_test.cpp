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
#include <fstream>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1024 * 1024;
constexpr std::array stray_signals{SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};

/// The settings with which ctms-web serves and ctms-sync works, with a vendor that cannot be reached.
environment working_settings(const test_database& database) {
    return {{"CTMS_DB_URL", database.url()},
            {"CTMS_SECRET_KEY", "a signing key of the tests that is long enough"},
            {"HOST", "127.0.0.1"},
            {"PORT", "0"},
            {"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "true"},
            {"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "true"},
            {"CTMS_ACOUSTIC_CLIENT_ID", "a"},
            {"CTMS_ACOUSTIC_CLIENT_SECRET", "b"},
            {"CTMS_ACOUSTIC_REFRESH_TOKEN", "c"},
            {"CTMS_ACOUSTIC_MAIN_TABLE_ID", "1"},
            {"CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID", "2"},
            {"CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID", "3"},
            {"CTMS_ACOUSTIC_BASE_URL", "http://127.0.0.1:9"},
            {"CTMS_BACKGROUND_METRICS_PORT", "0"}};
}

/// Runs a shell command, in which `exec` starts a program, to its end.
int exit_code_of(const std::string& command, const environment& variables = {}) {
    child_process program("/bin/sh", variables, {"-c", command});
    return program.wait(20s * slowness);
}

/// What a file descriptor of a process refers to; "" if it is closed.
std::string descriptor_of(pid_t process, int number) {
    std::error_code closed;
    return std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", process, number), closed).string();
}

/// The number of sockets that the process has open.
std::ptrdiff_t sockets_of(pid_t process) {
    std::ptrdiff_t out = 0;
    for (int i = 0; i < 64; ++i) out += descriptor_of(process, i).starts_with("socket:") ? 1 : 0;
    return out;
}

/// Whether a process handles a signal, or its main thread blocks it to wait for it: it can then be stopped by it (proc(5)).
bool handles(pid_t process, int number) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(status, line);) {
        if (!line.starts_with("SigBlk:") && !line.starts_with("SigCgt:")) continue;
        if ((std::stoull(line.substr(7), nullptr, 16) >> (number - 1) & 1U) != 0) return true;
    }
    return false;
}

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
[[maybe_unused]] int heartbeat(std::uint16_t port) {
    try {
        peer one(port, "127.0.0.95");
        return one.send(request_text("GET", "/__heartbeat__")) ? one.receive().status : 0;
    } catch (const std::runtime_error&) {
        return 0;
    }
}

} // namespace

TEST_CASE("a standard stream that is closed at the start is never used for another file") {
    const test_database database;
    for (const std::string program : {CTMS_WEB, CTMS_SYNC}) {
        for (const std::string closed : {"2>&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
            CAPTURE(program);
            CAPTURE(closed);
            child_process running("/bin/sh", working_settings(database), {"-c", fmt::format("exec {} {}", program, closed)});
            CHECK(becomes_true([&] { return sockets_of(running.id()) >= 2; })); // it listens, and has connected to the database
            CHECK(becomes_true([&] { return handles(running.id(), SIGTERM); }));
            for (const int number : {0, 1, 2}) {
                CAPTURE(number);
                const auto file = descriptor_of(running.id(), number);
                CHECK(file.find("socket") == std::string::npos);
                CHECK(file != "");
                if (number == 2) CHECK(file == "/dev/null");
            }
            running.signal(SIGTERM);
            CHECK(running.wait(10s * slowness) == 0);
        }
    }
}

TEST_CASE("an error message that cannot be written does not change the exit code") {
    for (const std::string where : {"2>/dev/full", "2>&-", ">&- 2>&-"}) {
        CAPTURE(where);
        CHECK(exit_code_of(fmt::format("exec {} {}", CTMS_WEB, where)) == 78); // no settings
        CHECK(exit_code_of(fmt::format("exec {} {}", CTMS_SYNC, where)) == 78);
        CHECK(exit_code_of(fmt::format("exec {} --wrong {}", CTMS_WEB, where)) == 64);
        CHECK(exit_code_of(fmt::format("exec {} --wrong {}", CTMS_SYNC, where)) == 64);
        CHECK(exit_code_of(fmt::format("exec {} --check-health {}", CTMS_SYNC, where)) == 1);
        CHECK(exit_code_of(fmt::format("exec {} {}", CTMS_WEB, where),
                           {{"CTMS_DB_URL", "postgresql://127.0.0.1:1/x"}, {"CTMS_SECRET_KEY", std::string(40, 'x')}}) == 69);
    }
}

TEST_CASE("output that cannot be written is an error") {
    for (const std::string program : {CTMS_WEB, CTMS_SYNC}) {
        for (const std::string option : {"--help", "--version", "--print-config", "--check-config"}) {
            for (const std::string where : {">/dev/full", ">&-"}) {
                CAPTURE(program);
                CAPTURE(option);
                CAPTURE(where);
                child_process run("/bin/sh", {{"CTMS_DATA_DIR", "/nonexistent"}, {"CTMS_ACOUSTIC_SYNC_PAUSED", "true"}},
                                  {"-c", fmt::format("exec {} {} {}", program, option, where)});
                CHECK(run.wait(20s * slowness) == 74);
                CHECK(run.log().find("standard output cannot be written") != std::string::npos);
            }
        }
    }
}

TEST_CASE("stray signals do not end a server, and SIGQUIT stops it like SIGTERM") {
    target server;
    for (const int number : stray_signals) {
        CAPTURE(number);
        server.process().signal(number);
        CHECK(server.process().wait(100ms) == -1);
    }
    bystander others(server.port());
    CHECK(others.gets(20));
    check_all_served(others.stop());
    // A request in progress is finished before the server ends.
    peer busy(server.port());
    const std::string body = R"({"email":{"primary_email":"late@example.com"}})";
    const auto request = target::request("POST", "/ctms", body);
    REQUIRE(busy.send(request.substr(0, request.size() - 5)));
    std::this_thread::sleep_for(50ms); // so that the server has begun to read it
    server.process().signal(SIGQUIT);
    CHECK(server.process().wait(300ms) == -1);
    CHECK(busy.send(request.substr(request.size() - 5)));
    CHECK(busy.receive().status == 201);
    CHECK(server.process().wait(10s * slowness) == 0);
    CHECK(server.process().log().find("\"Stopped\"") != std::string::npos);
}

TEST_CASE("stray signals do not end the sync, and SIGQUIT stops it like SIGTERM") {
    const test_database database;
    child_process program(CTMS_SYNC, working_settings(database));
    REQUIRE(program.logs("sync_service cycle complete"));
    for (const int number : stray_signals) {
        CAPTURE(number);
        program.signal(number);
        CHECK(program.wait(100ms) == -1);
    }
    program.signal(SIGQUIT);
    CHECK(program.wait(10s * slowness) == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they reserve terabytes of address space
TEST_CASE("heartbeats at the memory limit do not end the server") {
    for (const std::size_t spare : {2UL, 6UL, 12UL}) {
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
#endif
