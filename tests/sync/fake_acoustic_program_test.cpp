// SPDX-License-Identifier: MPL-2.0
// The program fake-acoustic, and the fake vendor over TLS.
#include <ctms/net/http_client.hpp>
#include <support/fake_acoustic.hpp>
#include <support/vendor_calls.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// Runs fake-acoustic and reads its output. The destructor kills it if it still runs.
class program {
public:
    explicit program(std::vector<std::string> arguments) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
        output_ = ends[0];
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        arguments.insert(arguments.begin(), CTMS_FAKE_ACOUSTIC);
        std::vector<char*> words;
        for (auto& one : arguments) words.push_back(one.data());
        words.push_back(nullptr);
        const int problem = posix_spawn(&child_, CTMS_FAKE_ACOUSTIC, &actions, nullptr, words.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        if (problem != 0) throw std::runtime_error("cannot run " CTMS_FAKE_ACOUSTIC);
    }
    ~program() {
        if (child_ != 0) {
            signal(SIGKILL);
            (void)wait();
        }
        ::close(output_);
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    /// The next line of its output, without the newline.
    std::string line() {
        for (;;) {
            const auto end = text_.find('\n');
            if (end != std::string::npos) {
                auto out = text_.substr(0, end);
                text_.erase(0, end + 1);
                return out;
            }
            if (!read_more()) throw std::runtime_error("the output ended without a complete line");
        }
    }

    void signal(int number) const { ::kill(child_, number); }

    /// Its exit code; -1 if a signal ended it or it did not end in time.
    int wait() {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        int status = 0;
        while (::waitpid(child_, &status, WNOHANG) != child_) {
            if (std::chrono::steady_clock::now() > deadline) return -1;
            std::this_thread::sleep_for(1ms);
        }
        child_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    bool read_more() {
        pollfd one{output_, POLLIN, 0};
        if (::poll(&one, 1, 10'000) <= 0) return false;
        std::array<char, 4096> part{};
        const auto count = ::read(output_, part.data(), part.size());
        if (count > 0) text_.append(part.data(), std::size_t(count));
        return count > 0;
    }

    pid_t child_ = 0;
    int output_ = -1;
    std::string text_;
};

std::uint16_t listening_port(program& running) {
    constexpr std::string_view beginning = "Listening on http://127.0.0.1:";
    const auto line = running.line();
    REQUIRE(line.starts_with(beginning));
    return std::uint16_t(std::stoi(line.substr(beginning.size())));
}

boost::json::object state(std::uint16_t port, const char* query = "") {
    return boost::json::parse(ask(port, "GET", std::string("/state") + query).body).as_object();
}

/// Sends GET /state over TLS, trusting the certificate in `ca_file`.
ctms::net::http_outcome ask_state_over_tls(const std::string& host, const fake_acoustic& vendor, const std::string& ca_file) {
    ctms::net::http_client client("https://" + host + ":" + std::to_string(vendor.port()), {.ca_file = ca_file});
    return client.send({.target = "/state"});
}

} // namespace

TEST_CASE("fake-acoustic prints its URL, serves, logs without addresses and ends on a signal") {
    int signal = SIGTERM;
    SUBCASE("SIGTERM") {}
    SUBCASE("SIGINT") { signal = SIGINT; }
    program running({"--port", "0", "--log", "--fault", "status=500,times=1"});
    const auto port = listening_port(running);
    vendor_caller caller(port);
    CHECK(caller.call(add_recipient("id-1", "secret@example.com")).status == 500);
    CHECK(running.line().ends_with("Z AddRecipient main rows=1 id-1 injected status 500"));
    CHECK(caller.call(add_recipient("id-1", "secret@example.com")).status == 200);
    CHECK(running.line().ends_with("Z AddRecipient main rows=1 id-1 success"));
    CHECK(state(port).at("contacts") == 1);
    CHECK(state(port).at("calls").at("AddRecipient") == 2);
    CHECK_FALSE(state(port).contains("contact_rows"));
    CHECK(state(port, "?full=1").at("contact_rows").at(0).at("email") == "secret@example.com");
    running.signal(signal);
    CHECK(running.wait() == 0);
}

TEST_CASE("fake-acoustic can be controlled while it runs") {
    program running({"--port", "0"});
    const auto port = listening_port(running);
    vendor_caller caller(port);
    const auto steer = [&](std::string_view orders) { return ask(port, "POST", "/control", {}, orders).status; };
    CHECK(steer("fault=status%3D500%2Cmethod%3DAddRecipient&fault=status%3D502") == 200);
    CHECK(caller.call(add_recipient("1", "a@b")).status == 500);
    CHECK(caller.call(remove_recipient("1")).status == 502);
    CHECK(steer("clear_faults=1") == 200);
    CHECK(caller.call(add_recipient("1", "a@b")).status == 200);
    CHECK(steer("forget_tokens=1") == 200);
    CHECK(caller.call(add_recipient("1", "a@b")).status == 401);
    CHECK(steer("fault=nonsense") == 400);
    CHECK(steer("nonsense=1") == 400);
    CHECK(steer("down=0.3") == 200);
    CHECK(caller.connection().ends_within(5s));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    for (bool up = false; !up && std::chrono::steady_clock::now() < deadline;) {
        try {
            up = state(port).at("contacts") == 1;
        } catch (const std::exception&) {
            std::this_thread::sleep_for(5ms);
        }
    }
    CHECK(state(port).at("contacts") == 1);
}

TEST_CASE("fake-acoustic prints help and refuses unknown options and faults") {
    program help({"--help"});
    CHECK(help.line() == "Usage: fake-acoustic [OPTION]...");
    CHECK(help.wait() == 0);
    CHECK(program({"--nonsense"}).wait() == 64);
    CHECK(program({"--fault", "nonsense"}).wait() == 64);
}

TEST_CASE("fake-acoustic serves TLS with a certificate for its names") {
    fake_acoustic_options options;
    options.tls = true;
    const fake_acoustic vendor(options);
    for (const std::string host : {"127.0.0.1", "localhost"}) {
        CAPTURE(host);
        const auto answer = ask_state_over_tls(host, vendor, vendor.ca_file());
        REQUIRE(answer.has_value());
        CHECK(answer->status == 200);
        CHECK_FALSE(ask_state_over_tls(host, vendor, "").has_value());
    }
}
