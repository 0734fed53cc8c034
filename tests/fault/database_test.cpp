// SPDX-License-Identifier: MPL-2.0
// The server loses its database, which then comes back.
#include <support/web_fixture.hpp>

#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <fstream>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

pid_t postmaster_of(const std::filesystem::path& directory) {
    std::ifstream file(directory / "postgres" / "postmaster.pid");
    pid_t pid = 0;
    file >> pid;
    return pid;
}

/// Runs ctms-web in this process, on its own cluster, which can be stopped and started.
struct server_on_own_cluster {
    explicit server_on_own_cluster(const std::filesystem::path& where) : directory(where) {
        start_database();
        persistence::database_options options;
        options.url = cluster->url();
        REQUIRE(persistence::migrate(options).has_value());
        settings.db_url = cluster->url();
        settings.secret_key = "key";
        settings.host = "127.0.0.1";
        settings.port = 0;
        program = std::make_unique<web::program>(settings, log);
        port = program->listen().value();
        thread = std::jthread([this] { program->run(); });
    }
    ~server_on_own_cluster() { program->stop(); }

    void start_database() {
        auto started = persistence::embedded_postgres::start(directory);
        REQUIRE(started.has_value());
        cluster.emplace(std::move(*started));
    }
    /// Ends the database server with a signal and waits until its process is gone.
    void end_database(int signal) {
        const auto pid = postmaster_of(directory);
        REQUIRE(pid > 1);
        ::kill(pid, signal);
        REQUIRE(becomes_true([&] { return ::kill(pid, 0) != 0; }));
        cluster.reset();
    }
    int status_of(std::string_view target) const { return ask(port, "GET", target).status; }

    std::filesystem::path directory;
    std::optional<persistence::embedded_postgres> cluster;
    config::settings settings;
    std::shared_ptr<captured_log> captured = std::make_shared<captured_log>();
    mozlog::logger log{{}, mozlog::make_descriptor_sink(2)};
    std::unique_ptr<web::program> program;
    std::uint16_t port = 0;
    std::jthread thread;
};

/// Ends the database with `signal` and restarts it: the server must answer 503 quickly and serve again within two seconds.
void check_return(int signal) {
    const temporary_directory place;
    server_on_own_cluster server(place.path() / "data");
    REQUIRE(server.status_of("/acoustic_configuration") == 200);
    auto best_return = clock::duration::max(); // other work on the machine may delay some rounds, but not all
    auto best_answer = clock::duration::max();
    for (int round = 0; round < 3; ++round) {
        server.end_database(signal);
        for (int i = 0; i < 5; ++i) {
            const auto asked = clock::now();
            const auto answer = ask(server.port, "GET", "/acoustic_configuration");
            CHECK(answer.status == 503);
            CHECK(answer.has_header("retry-after"));
            best_answer = std::min(best_answer, clock::now() - asked);
        }
        CHECK(server.status_of("/__heartbeat__") == 503);
        CHECK(server.status_of("/__lbheartbeat__") == 200);
        server.start_database();
        const auto back = clock::now();
        CHECK(becomes_true([&] { return server.status_of("/acoustic_configuration") == 200; }));
        CHECK(becomes_true([&] { return server.status_of("/__heartbeat__") == 200; }));
        best_return = std::min(best_return, clock::now() - back);
        MESSAGE("service returned after " << std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - back).count() << " ms");
    }
    CHECK(best_answer < 1s);
    CHECK(best_return < 2s);
}

} // namespace

TEST_CASE("when the database is stopped and restarted, the server answers 503 and serves again within 2 seconds") { check_return(SIGINT); }

TEST_CASE("when the database is killed and restarted, the server answers 503 and serves again within 2 seconds") { check_return(SIGQUIT); }

} // namespace ctms::test
