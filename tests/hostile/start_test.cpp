// SPDX-License-Identifier: MPL-2.0
// Startup: signals that arrive before the programs are ready, and system limits that are too low.
#include "peer.hpp"
#include "target.hpp"

#include <support/becomes_true.hpp>
#include <support/child_process.hpp>
#include <support/http_client.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto key = "a signing key of the tests that is long enough";

/// A named pipe from which a program reads a setting. Until something is written, the program is still starting.
class setting_pipe {
public:
    setting_pipe() {
        std::filesystem::remove(path_);
        REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
    }
    ~setting_pipe() {
        if (write_end_ >= 0) ::close(write_end_);
        std::filesystem::remove(path_);
    }
    setting_pipe(const setting_pipe&) = delete;
    setting_pipe& operator=(const setting_pipe&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    /// True when the program has opened the pipe.
    [[nodiscard]] bool is_read() {
        return becomes_true([this] { return (write_end_ = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0; });
    }

private:
    std::string path_ = (std::filesystem::temp_directory_path() / fmt::format("ctms-setting-{}", ::getpid())).string();
    int write_end_ = -1;
};

/// The soft limit of open file descriptors.
std::size_t descriptor_limit(pid_t process) {
    rlimit out{};
    REQUIRE(::prlimit(process, RLIMIT_NOFILE, nullptr, &out) == 0);
    return out.rlim_cur;
}

/// ctms-web with its own database, started by a shell that sets descriptor limits.
struct limited_server {
    explicit limited_server(const std::string& ulimits)
        : process("/bin/sh",
                  {{"CTMS_DB_URL", database.url()}, {"CTMS_SECRET_KEY", key}, {"HOST", "127.0.0.1"}, {"PORT", "0"}, {"CTMS_OPS_PORT", "0"}},
                  {"-c", ulimits + " && exec " CTMS_WEB}) {
        REQUIRE(process.logs("Listening"));
        const auto where = process.fields_of("Listening").front();
        port = where.at("port").to_number<std::uint16_t>();
        ops_port = where.at("ops_port").to_number<std::uint16_t>();
    }

    test_database database;
    child_process process;
    std::uint16_t port = 0;
    std::uint16_t ops_port = 0;
};

constexpr auto too_few = "The limit of open descriptors is too low for all connections";

} // namespace

TEST_CASE("SIGHUP does not end a program that is still reading its settings") {
    for (const auto* program : {CTMS_WEB, CTMS_SYNC}) {
        CAPTURE(program);
        setting_pipe pipe;
        child_process starting(program, {{"CTMS_DB_URL_FILE", pipe.path()}});
        REQUIRE(pipe.is_read());
        starting.signal(SIGHUP);
        CHECK(starting.wait(300ms) == -1);
        starting.signal(SIGTERM); // must still end it
        CHECK(starting.wait(10s) == 128 + SIGTERM);
    }
}

TEST_CASE("the soft limit of descriptors is raised at startup") {
    limited_server server("ulimit -S -n 128");
    rlimit own{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &own) == 0);
    CHECK(descriptor_limit(server.process.id()) == std::min<std::size_t>(own.rlim_max, 65'536));
    CHECK(server.process.fields_of(too_few).empty());
}

TEST_CASE("a low hard limit of descriptors allows fewer connections and leaves enough descriptors for the service") {
    limited_server server("ulimit -n 400");
    CHECK(descriptor_limit(server.process.id()) == 400);
    const auto told = server.process.fields_of(too_few);
    REQUIRE(told.size() == 1);
    CHECK(told.front().at("descriptors") == 400);
    CHECK(told.front().at("connections").to_number<int>() < 300);
    CHECK(told.front().at("descriptors_needed").to_number<int>() > 1'100);
    // As many connections as can be held open, each idle after a request, so that they make room for another address.
    const auto request = request_text("GET", "/__lbheartbeat__");
    auto held = open_peers(server.port, 500, loopback_addresses(20, 11));
    for (auto& one : held) (void)one.offer(request);
    auto held_ops = open_peers(server.ops_port, 150, loopback_addresses(20, 12));
    for (auto& one : held_ops) (void)one.offer(request);
    for (const auto port : {server.ops_port, server.port}) {
        CHECK(becomes_true([&] { // as soon as one of the others has its response
            peer probe(port, "127.0.0.93");
            if (!probe.send(request_text("GET", "/__heartbeat__"))) return false; // queries the database on its own connection
            return probe.receive(10s * slowness).status == 200;
        }));
    }
    held.clear();
    held_ops.clear();
    server.process.signal(SIGTERM);
    CHECK(server.process.wait(10s * slowness) == 0);
}
