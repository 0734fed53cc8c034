// SPDX-License-Identifier: MPL-2.0
#include "http_client.hpp"

#include "api_document.hpp"

#include <ctms/base/utf8.hpp>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace ctms::test {
namespace {

namespace http = boost::beast::http;
using clock_type = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{30};

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// Waits for an event. False when `until` passes first.
bool wait_for(int socket, short events, clock_type::time_point until) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_type::now()).count();
        pollfd one{socket, events, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) throw_errno("poll");
    }
}

} // namespace

std::string http_answer::header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
        if (name == lower_case_name) return value;
    }
    return {};
}

bool http_answer::has_header(std::string_view lower_case_name) const {
    for (const auto& one : headers) {
        if (one.first == lower_case_name) return true;
    }
    return false;
}

std::string request_text(std::string_view method, std::string_view target, const header_list& headers, std::string_view body) {
    auto out = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
    for (const auto& [name, value] : headers) out += name + ": " + value + "\r\n";
    if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out + "\r\n" + std::string(body);
}

class http_connection::impl {
public:
    explicit impl(std::uint16_t port) : port_(port), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (socket_ < 0) throw_errno("socket");
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(port);
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
            const int problem = errno;
            ::close(socket_);
            throw std::system_error(problem, std::generic_category(), "connect");
        }
    }
    ~impl() { ::close(socket_); }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            if (!wait_for(socket_, POLLOUT, clock_type::now() + patience)) throw std::runtime_error("the server does not read");
            const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    http_answer receive(bool to_head) {
        http::response_parser<http::string_body> parser;
        parser.eager(true);
        parser.skip(to_head);
        parser.body_limit(boost::none);
        const auto until = clock_type::now() + patience;
        while (!parser.is_done()) {
            boost::system::error_code ec;
            const auto used = buffer_.empty() ? 0 : parser.put(boost::asio::buffer(buffer_), ec);
            buffer_.erase(0, used);
            if (ec && ec != http::error::need_more) throw std::runtime_error("the answer is not HTTP: " + ec.message());
            if (parser.is_done() || (used > 0 && !ec)) continue;
            if (read_more(until)) continue;
            if (!parser.got_some()) throw std::runtime_error("the connection ended without an answer"); // put_eof would invent an answer
            if (was_reset_) throw std::runtime_error("the connection was reset");
            parser.put_eof(ec);
            if (ec && ec != http::error::need_more) throw std::runtime_error("the connection ended inside an answer: " + ec.message());
        }
        return to_answer(parser.get());
    }

    /// Reads what has arrived. False at the end of the connection.
    bool read_more(clock_type::time_point until) {
        std::array<char, 16 * 1024> chunk{};
        if (!wait_for(socket_, POLLIN, until)) throw std::runtime_error("no answer in time");
        const auto count = ::recv(socket_, chunk.data(), chunk.size(), 0);
        was_reset_ = count < 0;
        if (count <= 0) return false;
        buffer_.append(chunk.data(), static_cast<std::size_t>(count));
        return true;
    }

    bool ends_within(std::chrono::milliseconds limit) {
        const auto until = clock_type::now() + limit;
        if (!buffer_.empty() || !wait_for(socket_, POLLIN, until)) return false;
        return !read_more(until);
    }

    bool has_input(std::chrono::milliseconds limit) { return !buffer_.empty() || wait_for(socket_, POLLIN, clock_type::now() + limit); }

    [[nodiscard]] std::uint16_t port() const { return port_; }

    void finish_sending() { ::shutdown(socket_, SHUT_WR); }

private:
    static http_answer to_answer(const http::response<http::string_body>& message) {
        http_answer out;
        out.status = static_cast<int>(message.result_int());
        out.body = message.body();
        out.keep_alive = message.keep_alive();
        for (const auto& field : message) {
            out.headers.emplace_back(ascii_lower(std::string_view(field.name_string().data(), field.name_string().size())),
                                     std::string(field.value().data(), field.value().size()));
        }
        return out;
    }

    std::uint16_t port_;
    int socket_;
    std::string buffer_;
    bool was_reset_ = false;
};

http_connection::http_connection(std::uint16_t port) : impl_(std::make_unique<impl>(port)) {}
http_connection::~http_connection() = default;

bool http_connection::send(std::string_view bytes) { return impl_->send(bytes); }
http_answer http_connection::receive(bool to_head) { return impl_->receive(to_head); }
bool http_connection::ends_within(std::chrono::milliseconds limit) { return impl_->ends_within(limit); }
bool http_connection::has_input(std::chrono::milliseconds limit) { return impl_->has_input(limit); }
void http_connection::finish_sending() { impl_->finish_sending(); }

http_answer http_connection::ask(std::string_view method, std::string_view target, const header_list& headers, std::string_view body) {
    if (!send(request_text(method, target, headers, body))) throw std::runtime_error("the server closed the connection");
    auto answer = receive(method == "HEAD");
    check_answer(impl_->port(), method, target, answer);
    return answer;
}

http_answer ask(std::uint16_t port, std::string_view method, std::string_view target, const header_list& headers, std::string_view body) {
    return http_connection(port).ask(method, target, headers, body);
}

} // namespace ctms::test
