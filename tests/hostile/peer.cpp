// SPDX-License-Identifier: MPL-2.0
#include "peer.hpp"

#include <ctms/base/utf8.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace ctms::test {
namespace {

namespace http = boost::beast::http;
using std::chrono::steady_clock;

sockaddr_in address_of(const std::string& text, std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    if (::inet_pton(AF_INET, text.c_str(), &out.sin_addr) != 1) throw std::runtime_error("not an address: " + text);
    return out;
}

const sockaddr* generic(const sockaddr_in& where) {
    return reinterpret_cast<const sockaddr*>(&where); // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast): required by the API
}

/// Leaves the choice of the port to connect(), so that many connections from one address do not use up the ports of bind().
void use_address(int socket, const std::string& from) {
    const int yes = 1;
    const auto source = address_of(from, 0);
    ::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (::bind(socket, generic(source), sizeof source) != 0) throw std::system_error(errno, std::generic_category(), "bind " + from);
}

bool is_temporary(int problem) { return problem == EINTR || problem == EAGAIN; }

} // namespace

peer::peer(std::uint16_t port, const std::string& from) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0) throw std::system_error(errno, std::generic_category(), "socket");
    try {
        use_address(socket_, from);
        const auto where = address_of("127.0.0.1", port);
        if (::connect(socket_, generic(where), sizeof where) != 0) throw std::system_error(errno, std::generic_category(), "connect");
    } catch (...) {
        close();
        throw;
    }
}

peer::peer(peer&& other) noexcept : socket_(std::exchange(other.socket_, -1)), ended_(other.ended_), buffer_(std::move(other.buffer_)) {}

peer& peer::operator=(peer&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(ended_, other.ended_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

bool peer::waits(short events, steady_clock::time_point until) const {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
        pollfd one{socket_, events, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

std::size_t peer::offer(std::string_view bytes) {
    if (!is_open()) return 0;
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    ended_ = !is_temporary(errno);
    return 0;
}

bool peer::send(std::string_view bytes, std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    while (!bytes.empty()) {
        if (!is_open() || !waits(POLLOUT, until)) return false;
        bytes.remove_prefix(offer(bytes));
    }
    return is_open();
}

/// Appends the bytes that arrive first to the buffer. False at the end of the connection or when `until` passes.
bool peer::read_some(steady_clock::time_point until) {
    std::array<char, 64 * 1024> part{};
    while (socket_ >= 0 && waits(POLLIN, until)) {
        const auto count = ::recv(socket_, part.data(), part.size(), MSG_DONTWAIT);
        if (count < 0 && is_temporary(errno)) continue;
        ended_ = count <= 0;
        if (count > 0) buffer_.append(part.data(), static_cast<std::size_t>(count));
        return count > 0;
    }
    return false;
}

std::string peer::read(std::chrono::milliseconds limit) {
    if (buffer_.empty()) (void)read_some(steady_clock::now() + limit);
    return std::exchange(buffer_, {});
}

bool peer::has_input(std::chrono::nanoseconds limit) const { return !is_open() || waits(POLLIN, steady_clock::now() + limit); }

bool peer::ends_within(std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    do buffer_.clear();
    while (read_some(until));
    return !is_open();
}

http_answer peer::receive(std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    parser.eager(true);
    while (!parser.is_done()) {
        boost::system::error_code ec;
        const auto used = buffer_.empty() ? 0 : parser.put(boost::asio::buffer(buffer_), ec);
        buffer_.erase(0, used);
        if (ec && ec != http::error::need_more) throw std::runtime_error("the answer is not HTTP: " + ec.message());
        if (parser.is_done() || (used > 0 && !ec)) continue;
        if (!read_some(until)) throw std::runtime_error(ended_ ? "the connection ended without an answer" : "no answer in time");
    }
    http_answer out;
    out.status = static_cast<int>(parser.get().result_int());
    out.body = parser.get().body();
    out.keep_alive = parser.get().keep_alive();
    for (const auto& field : parser.get())
        out.headers.emplace_back(ascii_lower(std::string_view(field.name_string().data(), field.name_string().size())),
                                 std::string(field.value().data(), field.value().size()));
    return out;
}

void peer::finish_sending() const { ::shutdown(socket_, SHUT_WR); }

void peer::reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

void peer::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
}

std::vector<peer> open_peers(std::uint16_t port, std::size_t count, const std::vector<std::string>& from) {
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    std::vector<peer> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) out.emplace_back(port, from[i % from.size()]);
    return out;
}

std::vector<std::string> loopback_addresses(std::size_t count, int third) {
    constexpr std::size_t first = 2;
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back("127.0." + std::to_string(third) + "." + std::to_string(first + i));
    return out;
}

std::size_t flood(peer& from, std::string_view piece, std::size_t most, std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    std::size_t sent = 0;
    while (sent < most && steady_clock::now() < until &&
           from.send(piece, std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now())))
        sent += piece.size();
    return sent;
}

std::size_t still_open(std::vector<peer>& peers, std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    return static_cast<std::size_t>(std::count_if(peers.begin(), peers.end(), [&](peer& one) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
        return !one.ends_within(std::max(left, std::chrono::milliseconds(0)));
    }));
}

} // namespace ctms::test
