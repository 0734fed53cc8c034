// SPDX-License-Identifier: MPL-2.0
#include "target.hpp"

#include "peer.hpp"

#include <auth/secrets.hpp>
#include <ctms/auth/access_token.hpp>
#include <persistence/clients/client_repository.hpp>
#include <support/becomes_true.hpp>
#include <support/http_client.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto signing_key = "the key that signs the tokens of the tests of attacks";
constexpr auto contact_id = "93db83d4-4119-4e0c-af87-a713786fa81d";

void add_clients(const persistence::database_options& options) {
    persistence::database db(options);
    persistence::client_repository clients(db);
    model::api_client one;
    one.email = "team@example.com";
    one.hashed_secret = auth::hash_secret(target::secret);
    one.client_id = target::client;
    if (!clients.create(one)) throw std::runtime_error("cannot store a client");
    one.client_id = target::reader;
    one.roles = std::set{model::role::read};
    if (!clients.create(one)) throw std::runtime_error("cannot store a client");
}

std::vector<std::string> variables_of(const test_database& database, const std::vector<std::string>& more) {
    std::vector<std::string> out{"CTMS_DB_URL=" + database.url(), std::string("CTMS_SECRET_KEY=") + signing_key};
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

/// A value from /proc/PID/status, in KiB.
std::size_t status_kib(pid_t process, std::string_view name) {
    std::ifstream file(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name)) return std::stoul(line.substr(name.size()));
    }
    return 0;
}

} // namespace

target::target(const std::vector<std::string>& variables) {
    add_clients(database_.options());
    server_ = std::make_unique<server_process>(CTMS_WEB, variables_of(database_, variables));
    const auto body = fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"bystander@example.com"}}}})", contact_id);
    peer first(port());
    if (!first.send(request("POST", "/ctms", body)) || first.receive().status != 201) throw std::runtime_error("cannot store a contact");
}

std::string target::bearer(const std::string& client_id) {
    const auto expires = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 1h;
    return "Bearer " + auth::token_signer(signing_key, true).sign("api_client:" + client_id, expires);
}

std::string target::request(std::string_view method, std::string_view path, std::string_view json) {
    return request_text(method, path, {{"Authorization", bearer()}, {"Content-Type", "application/json"}}, json);
}

std::string target::contact() { return contact_id; }

std::size_t target::rss_mib() const { return status_kib(server_->id(), "VmRSS:") / 1024; }
std::size_t target::peak_rss_mib() const { return status_kib(server_->id(), "VmHWM:") / 1024; }
std::size_t target::address_space() const { return status_kib(server_->id(), "VmSize:") * 1024; }

std::size_t target::descriptors() const {
    const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", server_->id()));
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t target::log_bytes() const { return std::filesystem::file_size(fmt::format("/proc/{}/fd/2", server_->id())); }

std::chrono::milliseconds target::cpu_time() const {
    std::ifstream file(fmt::format("/proc/{}/stat", server_->id()));
    std::string text;
    std::getline(file, text);
    std::istringstream after_name(text.substr(text.rfind(')') + 2));
    constexpr int fields_before_utime = 11;
    std::string skipped;
    for (int i = 0; i < fields_before_utime; ++i) after_name >> skipped;
    long user = 0;
    long system = 0;
    after_name >> user >> system;
    return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

void target::limit(int resource, std::size_t value) const {
    const rlimit wanted{value, value};
    if (::prlimit(server_->id(), static_cast<__rlimit_resource>(resource), &wanted, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "prlimit");
}

bystander::bystander(std::uint16_t port, std::string from) : port_(port), from_(std::move(from)), thread_([this] { run(); }) {}

bystander::~bystander() { stopped_ = true; }

bool bystander::gets(int count, std::chrono::milliseconds limit) const {
    return becomes_true([this, wanted = answered_ + count] { return answered_ >= wanted; }, limit);
}

bystander::report bystander::stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
    std::sort(times_.begin(), times_.end());
    if (!times_.empty()) {
        report_.p99 = times_[times_.size() * 99 / 100];
        report_.worst = times_.back();
    }
    return report_;
}

void bystander::note(steady_clock::time_point sent, int status, const std::string& problem, const char* what) {
    times_.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - sent));
    if (status == 200) {
        ++report_.answered;
        ++answered_;
    } else {
        report_.failures.push_back(fmt::format("{}: {} {} after {} ms", what, status, problem, times_.back().count()));
    }
}

void bystander::run() {
    constexpr auto pause = 5ms;
    const auto path = std::string("/ctms/") + contact_id;
    const auto read = target::request("GET", path);
    const auto write = target::request("PATCH", path, R"({"email":{"first_name":"A"}})");
    const auto heartbeat = request_text("GET", "/__lbheartbeat__", {{"Connection", "close"}});
    std::unique_ptr<peer> kept;
    const auto ask = [](peer& connection, const std::string& text) {
        (void)connection.send(text); // the answer may already be there even if the server no longer reads
        return connection.receive(20s * slowness);
    };
    const auto ask_kept = [&](const std::string& text) {
        const bool is_fresh = kept == nullptr;
        try {
            if (is_fresh) kept = std::make_unique<peer>(port_, from_);
            return ask(*kept, text);
        } catch (const std::runtime_error&) {
            // A server may close a connection between two requests at any time, so the client retries once (RFC 9112, 9.3.1).
            const bool was_closed = kept != nullptr && !kept->is_open();
            kept.reset();
            if (is_fresh || !was_closed) throw;
            ++report_.again;
            kept = std::make_unique<peer>(port_, from_);
            return ask(*kept, text);
        }
    };
    for (int turn = 0; !stopped_; ++turn) {
        const auto sent = steady_clock::now();
        const auto* what = turn % 2 == 1 ? "GET /__lbheartbeat__" : turn % 4 == 0 ? "GET /ctms" : "PATCH /ctms";
        try {
            if (turn % 2 == 1) {
                peer fresh(port_, from_);
                const auto answer = ask(fresh, heartbeat);
                note(sent, answer.status, answer.body, what);
            } else {
                const auto answer = ask_kept(turn % 4 == 0 ? read : write);
                if (!answer.keep_alive) kept.reset();
                note(sent, answer.status, answer.body, what);
            }
        } catch (const std::runtime_error& problem) { // includes std::system_error
            kept.reset();
            note(sent, 0, problem.what(), what);
        }
        std::this_thread::sleep_for(pause);
    }
}

void check_all_served(const bystander::report& served) {
    for (std::size_t i = 0; i < std::min<std::size_t>(served.failures.size(), 3); ++i) MESSAGE("not served: ", served.failures[i]);
    CHECK(served.failures.size() == 0);
}

void check_held(target& server, bystander& others, const expectation& expected) {
    CHECK(server.is_alive());
    CHECK(others.gets(20));
    const auto served = others.stop();
    check_all_served(served);
    CHECK(served.p99 <= expected.p99 * slowness);
    const auto show_end = [&](int code) {
        const auto log = server.process().log();
        MESSAGE("the server ended with ", code, ": ", log.substr(log.size() - std::min<std::size_t>(log.size(), 2000)));
    };
    if (!server.is_alive()) return show_end(server.process().wait(0ms));
    const auto fits = [&] { return sanitized || server.rss_mib() <= expected.rss_after_mib; };
    CHECK(becomes_true(fits, 10s));
    const auto peak = server.peak_rss_mib();
    const auto after = server.rss_mib();
    MESSAGE("bystander: ", served.answered, " answers, ", served.again, " sent again, p99 ", served.p99.count(), " ms, worst ",
            served.worst.count(), " ms; RSS: peak ", peak, " MiB, after ", after, " MiB; log: ", server.log_bytes() / 1024, " KiB");
    if (!sanitized) {
        CHECK(peak <= expected.peak_rss_mib);
        CHECK(after <= expected.rss_after_mib);
    }
    const auto sent = steady_clock::now();
    server.process().signal(SIGTERM);
    const int code = server.process().wait(expected.stops_within * slowness + 30s);
    CHECK(steady_clock::now() - sent <= expected.stops_within * slowness);
    CHECK(code == 0);
    if (code != 0) show_end(code);
}

void survives(const std::function<void(target&)>& attack, const expectation& expected, const std::vector<std::string>& variables) {
    target server(variables);
    bystander others(server.port());
    REQUIRE(others.gets(4));
    attack(server);
    check_held(server, others, expected);
}

} // namespace ctms::test
