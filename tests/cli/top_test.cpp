// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/http_client.hpp>
#include <support/pseudo_terminal.hpp>
#include <support/raw_server.hpp>
#include <support/server_process.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// A server to watch, with a parked contact.
class watched {
public:
    watched() {
        link_.execute("insert into ctms_sync_queue (email_id, state, retry, last_error) values"
                      " ('00000000-0000-4000-8000-000000000001', 'parked', 6, 'Unknown field \x1b[31m')");
        start();
    }
    void start() { server_ = std::make_unique<server_process>(CTMS_WEB, environment(ctms::persistence::program_account::web)); }
    [[nodiscard]] std::vector<std::string>
    environment(ctms::persistence::program_account who = ctms::persistence::program_account::admin) const {
        return {"CTMS_DB_URL=" + database_.url(who), "CTMS_SECRET_KEY=key of these tests, of 32 bytes or more"};
    }
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", port()); }
    void kill() {
        server_->signal(SIGKILL);
        REQUIRE(server_->wait(10s) == 128 + SIGKILL);
    }
    [[nodiscard]] std::vector<std::string> call(std::vector<std::string> more = {}) const {
        std::vector<std::string> out{"top", "--url", url(), "--interval", "1"};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    [[nodiscard]] std::vector<std::string> words() const {
        auto out = call();
        out.insert(out.begin(), CTMS_ADMIN);
        return out;
    }

private:
    test_database database_;
    ctms::persistence::connection link_{database_.options()};
    std::unique_ptr<server_process> server_;
};

/// Sends requests continuously for as long as it lives.
class load {
public:
    explicit load(std::uint16_t port)
        : thread_([port](const std::stop_token& stop) {
              while (!stop.stop_requested()) (void)ask(port, "GET", "/__lbheartbeat__");
          }) {}

private:
    std::jthread thread_;
};

bool has_controls(const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\n') || c == '\x7f'; });
}

void check_same_settings(const termios& a, const termios& b) {
    CHECK(a.c_lflag == b.c_lflag);
    CHECK(a.c_iflag == b.c_iflag);
    CHECK(a.c_oflag == b.c_oflag);
    CHECK(std::equal(std::begin(a.c_cc), std::end(a.c_cc), std::begin(b.c_cc)));
}

constexpr auto alternate_screen = "\x1b[?1049h";
constexpr auto main_screen = "\x1b[?1049l";

} // namespace

TEST_CASE("--once prints text without control codes, with rates under load") {
    const watched server;
    const load requests(server.port());
    for (const auto& arguments : {server.call({"--once"}), server.call()}) { // without a terminal, both give the same
        outcome once;
        CHECK(becomes_true([&] { // on a busy machine, no request may end between the two readings
            once = run_admin(arguments, server.environment());
            return once.exit_code != 0 || once.out.find("REQUESTS   0.0/s") == std::string::npos;
        }));
        CHECK(once.exit_code == 0);
        CHECK(once.err.empty());
        CHECK_FALSE(has_controls(once.out));
        for (const std::string part : {"SERVER     up", "REQUESTS   ", "LATENCY    p50 ", "POOL       in use ", "DATABASE   up\n",
                                       "parked 1", "GET /__lbheartbeat__ ", "LAST ERRORS", "Unknown field \\x1b[31m"}) {
            CAPTURE(part);
            CHECK(once.out.find(part) != std::string::npos);
        }
        CHECK(once.out.find("SYNC") == std::string::npos);
    }
    boost::json::value json;
    CHECK(becomes_true([&] {
        json = boost::json::parse(run_admin(server.call({"--once", "--json"}), server.environment()).out);
        return json.at("server").at("requests_per_second").to_number<double>() > 0;
    }));
    CHECK(json.at("server").at("up").as_bool());
    CHECK(json.at("server").at("p99_seconds").to_number<double>() > 0);
    CHECK(json.at("server").at("routes").at(0).at("route") == "GET /__lbheartbeat__");
    CHECK(json.at("sync").is_null());
    CHECK(json.at("database").at("parked") == 1);
    CHECK(json.at("database").at("last_errors").at(0).as_string().starts_with("Unknown field"));
}

TEST_CASE("the view continues without the server, and q restores the terminal") {
    watched server;
    pseudo_terminal terminal(server.words(), server.environment());
    const auto before = terminal.settings();
    REQUIRE(terminal.shows("SERVER     up"));
    CHECK(terminal.output().starts_with(alternate_screen));
    CHECK((terminal.settings().c_lflag & static_cast<tcflag_t>(ECHO)) == 0);
    {
        const load requests(server.port());
        CHECK(terminal.shows("GET /__lbheartbeat__", terminal.output().size()));
    }
    server.kill();
    CHECK(terminal.shows("SERVER     down: cannot connect", terminal.output().size()));
    CHECK(terminal.shows("DATABASE   up", terminal.output().size()));
    terminal.type("x"); // an unused key
    CHECK(terminal.shows("q quits", terminal.output().size()));
    terminal.type("q");
    CHECK(terminal.wait() == 0);
    CHECK(terminal.output().ends_with(main_screen));
    CHECK(terminal.output().find("\x1b[?25h") != std::string::npos);
    check_same_settings(terminal.settings(), before);
}

TEST_CASE("signals end the view and restore the terminal") {
    const watched server;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        CAPTURE(number);
        pseudo_terminal terminal(server.words(), server.environment());
        const auto before = terminal.settings();
        REQUIRE(terminal.shows("SERVER     up"));
        terminal.signal(number);
        CHECK(terminal.wait() == 0);
        CHECK(terminal.output().ends_with(main_screen));
        check_same_settings(terminal.settings(), before);
    }
    pseudo_terminal terminal(server.words(), server.environment());
    REQUIRE(terminal.shows("SERVER     up"));
    terminal.type("\x03"); // Ctrl-C
    CHECK(terminal.wait() == 0);
    CHECK(terminal.output().ends_with(main_screen));
}

TEST_CASE("the view adapts to the size of its terminal") {
    const watched server;
    pseudo_terminal terminal(server.words(), server.environment(), 80, 24);
    REQUIRE(terminal.shows("SERVER     up"));
    REQUIRE(terminal.shows("\x1b[J", terminal.output().find("SERVER     up")));
    const auto lines_of = [&](std::size_t from) {
        const auto begin = terminal.output().find("\x1b[H", from);
        const auto page = terminal.output().substr(begin, terminal.output().find("\x1b[J", begin) - begin);
        return std::count(page.begin(), page.end(), '\n') + 1;
    };
    const auto last = terminal.output().rfind("\x1b[H");
    REQUIRE(terminal.shows("\x1b[J", last));
    CHECK(lines_of(last) == 24);
    terminal.resize(40, 10);
    CHECK(becomes_true([&] {
        const auto from = terminal.output().size();
        return terminal.shows("\x1b[H", from) && terminal.shows("\x1b[J", terminal.output().find("\x1b[H", from)) && lines_of(from) == 10;
    }));
    terminal.type("q");
    CHECK(terminal.wait() == 0);
}

TEST_CASE("a server that is down is reported, and wrong calls are usage errors") {
    const watched server;
    const auto down = run_admin({"top", "--once", "--url", "http://127.0.0.1:1", "--sync-url", "http://127.0.0.1:1"}, server.environment());
    CHECK(down.exit_code == 69);
    CHECK(down.out.find("SERVER     down: cannot connect") != std::string::npos);
    CHECK(down.out.find("SYNC       down: cannot connect") != std::string::npos);
    CHECK(down.out.find("DATABASE   up\n") != std::string::npos);
    const auto alone = run_admin(server.call({"--once"}), {"CTMS_DB_URL=postgresql://127.0.0.1:1/x"});
    CHECK(alone.exit_code == 0);
    CHECK(alone.out.find("SERVER     up") != std::string::npos);
    CHECK(alone.out.find("DATABASE   down: ") != std::string::npos);
    // A URL whose server is not CTMS.
    const auto other = run_admin({"top", "--once", "--interval", "1", "--url", server.url() + "/x"}, server.environment());
    CHECK(other.exit_code == 69);
    CHECK(other.out.find("SERVER     down: GET /metrics returns 404") != std::string::npos);
    for (const auto& call : std::vector<std::vector<std::string>>{{"top", "x"},
                                                                  {"top", "--interval", "0"},
                                                                  {"top", "--interval", "x"},
                                                                  {"top", "--url", "nothing"},
                                                                  {"top", "--sync-url", "x:y"}}) {
        const auto wrong = run_admin(call, server.environment());
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.err.find("see ctms-admin top --help") != std::string::npos);
    }
}

TEST_CASE("the sync's own metrics are shown with the state of its circuit breaker") {
    const watched server;
    for (const bool open : {true, false}) {
        CAPTURE(open);
        const auto metrics = fmt::format("ctms_sync_circuit_open {}\nctms_background_acoustic_sync_total 12\n", open ? 1 : 0);
        const raw_server sync([&](raw_connection& peer) {
            for (;;) {
                (void)peer.read_request();
                peer.send(answer_text(metrics, "Content-Type: text/plain; version=0.0.4\r\n"));
            }
        });
        const auto text = run_admin(server.call({"--once", "--sync-url", sync.url()}), server.environment());
        CHECK(text.exit_code == 0);
        CHECK(text.out.find(open ? "SYNC       up  circuit OPEN  " : "SYNC       up  circuit closed  ") != std::string::npos);
        const auto json = run_admin(server.call({"--once", "--json", "--sync-url", sync.url()}), server.environment());
        CHECK(boost::json::parse(json.out).at("sync").at("circuit_open") == open);
        CHECK(sync.accepted() > 0);
    }
}
