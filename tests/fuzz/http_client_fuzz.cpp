// SPDX-License-Identifier: MPL-2.0
// How the outbound HTTP client parses answers, from a loopback server in this process. Input: a letter (h: the request is HEAD;
// k: the server keeps the connection for a second request and closes it after the second answer; others: it closes the connection),
// then what the server sends (pieces.hpp).
#include "fuzz_target.hpp"
#include "pieces.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/net/http_client.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <thread>

namespace {

using namespace ctms;
using fuzz::require;

constexpr std::size_t longest_body = 64 * 1024;
constexpr std::size_t most_bytes = 256 * 1024;

/// A file descriptor that is closed at the end.
class descriptor {
public:
    explicit descriptor(int number) : number_(number) {}
    ~descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    [[nodiscard]] int get() const { return number_; }

private:
    int number_;
};

/// Accepts connections one after another. On each it waits for the head of a request and then sends the same pieces.
class raw_answerer {
public:
    raw_answerer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* where = reinterpret_cast<sockaddr*>(&address);
        require(::bind(listener_.get(), where, size) == 0 && ::listen(listener_.get(), 16) == 0, "a free port is available");
        ::getsockname(listener_.get(), where, &size);
        port_ = ::ntohs(address.sin_port);
        worker_ = std::thread([this] { work(); });
    }
    ~raw_answerer() {
        stop();
        worker_.join();
    }
    raw_answerer(const raw_answerer&) = delete;
    raw_answerer& operator=(const raw_answerer&) = delete;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/base"; }

    void send_from_now_on(std::vector<std::string> pieces, int answers) {
        const std::lock_guard lock(mutex_);
        pieces_ = std::move(pieces);
        answers_ = answers;
    }

private:
    void stop() { ::shutdown(listener_.get(), SHUT_RDWR); }

    void work() {
        while (true) {
            const descriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (peer.get() < 0) return;
            wait_at_most(peer.get(), std::chrono::milliseconds(1000)); // no peer may block this thread
            const int on = 1;
            ::setsockopt(peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            answer(peer.get());
        }
    }

    void answer(int peer) {
        std::vector<std::string> pieces;
        int answers = 0;
        {
            const std::lock_guard lock(mutex_);
            pieces = pieces_;
            answers = answers_;
        }
        for (; answers > 0 && read_head(peer); --answers) {
            for (const auto& piece : pieces) {
                if (!send_all(peer, piece)) return;
            }
            wait_at_most(peer, std::chrono::milliseconds(20)); // a client with an incomplete answer sends no second request
        }
        wait_at_most(peer, std::chrono::milliseconds(1000));
        ::shutdown(peer, SHUT_WR);
        std::array<char, 4096> rest{};
        while (::recv(peer, rest.data(), rest.size(), 0) > 0) {
        }
    }

    static void wait_at_most(int peer, std::chrono::milliseconds time) {
        const timeval limit{time.count() / 1000, time.count() % 1000 * 1000};
        ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    static bool read_head(int peer) {
        std::string head;
        std::array<char, 4096> part{};
        while (head.find("\r\n\r\n") == std::string::npos) {
            const auto count = ::recv(peer, part.data(), part.size(), 0);
            if (count <= 0) return false;
            head.append(part.data(), static_cast<std::size_t>(count));
        }
        return true;
    }

    static bool send_all(int peer, std::string_view text) {
        while (!text.empty()) {
            const auto count = ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
            if (count <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }

    descriptor listener_;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::vector<std::string> pieces_;
    int answers_ = 1;
    std::thread worker_;
};

void check_answer(const net::http_response& answer) {
    require(answer.status >= 100 && answer.status <= 999, "a status has three digits");
    require(answer.status / 100 != 1, "an interim answer is not returned");
    require(answer.body.size() <= longest_body, "a body is not longer than allowed");
    std::size_t head = 0;
    for (const auto& [name, value] : answer.headers) {
        require(name == ascii_lower(name) && !name.empty(), "header names are in lower case");
        require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a header value is one line");
        require(answer.header(name).data() != nullptr, "a received header is found");
        head += name.size() + value.size();
    }
    require(head <= 200 * 1024, "the size of the headers is limited");
}

void check_failure(const error& failure) {
    constexpr std::array<std::string_view, 8> words{
        "cannot resolve the host name", "cannot connect", "timed out",       "the connection was cut off",
        "certificate verify failed",    "TLS failed",     "answer too long", "the answer is not valid HTTP"};
    require(failure.code == errc::unavailable, "a failure is reported as unavailable");
    const auto known = [&](std::string_view word) { return failure.detail.starts_with(word); };
    require(std::any_of(words.begin(), words.end(), known), "a failure has one of the documented messages");
}

} // namespace

CTMS_FUZZ_TARGET(http_client) {
    static raw_answerer server;
    const char letter = ctms::fuzz::take_byte(input);
    const int calls = letter == 'k' ? 2 : 1;
    server.send_from_now_on(ctms::fuzz::to_pieces(input, most_bytes), calls);
    net::http_options options;
    options.timeout = std::chrono::seconds(3);
    constexpr std::chrono::seconds late_on_a_busy_machine{12};
    options.longest_body = longest_body;
    net::http_client client(server.url(), options);
    for (int call = 0; call < calls; ++call) {
        const auto begin = std::chrono::steady_clock::now();
        const auto outcome = client.send({.method = letter == 'h' ? "HEAD" : "GET", .target = "/path"});
        require(std::chrono::steady_clock::now() - begin < options.timeout + late_on_a_busy_machine, "a call ends at its deadline");
        outcome ? check_answer(*outcome) : check_failure(outcome.error());
    }
}
