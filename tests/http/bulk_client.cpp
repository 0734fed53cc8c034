// SPDX-License-Identifier: MPL-2.0
#include "bulk_client.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>
#include <fmt/core.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

namespace ctms::test {
namespace {

namespace http = boost::beast::http;
using clock_type = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{60};

bool wait_for(int socket, short events, clock_type::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_type::now()).count();
    pollfd one{socket, events, 0};
    return ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
}

} // namespace

class bulk_client::impl {
public:
    explicit impl(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(port);
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) throw std::runtime_error("cannot connect");
        parser_.eager(true);
        parser_.body_limit(boost::none);
    }
    ~impl() { ::close(socket_); }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    std::size_t send(std::string_view bytes, std::chrono::milliseconds wait) {
        std::size_t taken = 0;
        while (taken < bytes.size()) {
            if (!wait_for(socket_, POLLOUT, clock_type::now() + wait)) break;
            const auto count = ::send(socket_, bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count < 0 && errno == EAGAIN) continue;
            if (count < 0) break;
            taken += static_cast<std::size_t>(count);
        }
        return taken;
    }

    /// Reads until `enough()` or the end of the response. False if `until` passes first.
    template <class Enough>
    bool read(clock_type::time_point until, const Enough& enough) {
        while (!enough() && !parser_.is_done()) {
            if (!wait_for(socket_, POLLIN, until)) return false;
            std::array<char, 64 * 1024> chunk{};
            const auto count = ::recv(socket_, chunk.data(), chunk.size(), 0);
            if (count <= 0) throw std::runtime_error("the connection broke inside the response");
            received_.append(chunk.data(), static_cast<std::size_t>(count));
            parse();
        }
        return true;
    }

    void parse() {
        boost::system::error_code ec;
        while (!received_.empty() && !ec && !parser_.is_done()) {
            const auto used = parser_.put(boost::asio::buffer(received_), ec);
            received_.erase(0, used);
        }
        if (ec && ec != http::error::need_more) throw std::runtime_error("not HTTP: " + ec.message());
        text_ += parser_.get().body();
        parser_.get().body().clear();
    }

    [[nodiscard]] bool has_line() const { return text_.find('\n') != std::string::npos; }

    std::string take_line() {
        const auto end = text_.find('\n');
        auto out = text_.substr(0, end);
        text_.erase(0, end + 1);
        return out;
    }

    bool ends(clock_type::time_point until) {
        for (;;) {
            if (!wait_for(socket_, POLLIN, until)) return false;
            std::array<char, 4096> chunk{};
            if (::recv(socket_, chunk.data(), chunk.size(), 0) <= 0) return true;
        }
    }

    int status() {
        if (!read(clock_type::now() + patience, [&] { return parser_.is_header_done(); })) throw std::runtime_error("no response in time");
        return static_cast<int>(parser_.get().result_int());
    }

private:
    int socket_;
    http::response_parser<http::string_body> parser_;
    std::string received_;
    std::string text_;
};

bulk_client::bulk_client(std::uint16_t port, const header_list& headers, std::string_view target) : impl_(std::make_unique<impl>(port)) {
    auto all = headers;
    all.emplace_back("Content-Type", "application/x-ndjson");
    all.emplace_back("Transfer-Encoding", "chunked");
    if (!send_raw(request_text("POST", target, all))) throw std::runtime_error("the server does not read");
}
bulk_client::~bulk_client() = default;

bool bulk_client::send_raw(std::string_view bytes) { return impl_->send(bytes, patience) == bytes.size(); }
bool bulk_client::send(std::string_view bytes) { return send_raw(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes)); }
std::size_t bulk_client::send_while_taken(std::string_view bytes, std::chrono::milliseconds wait) { return impl_->send(bytes, wait); }

std::optional<boost::json::object> bulk_client::next() {
    if (!has_line(patience)) {
        if (impl_->read(clock_type::now(), [] { return false; })) return std::nullopt;
        throw std::runtime_error("no result in time");
    }
    return boost::json::parse(impl_->take_line()).as_object();
}

std::vector<boost::json::object> bulk_client::rest() {
    std::vector<boost::json::object> out;
    while (auto line = next()) out.push_back(std::move(*line));
    return out;
}

bool bulk_client::has_line(std::chrono::milliseconds limit) {
    return impl_->read(clock_type::now() + limit, [&] { return impl_->has_line(); }) && impl_->has_line();
}

int bulk_client::status() { return impl_->status(); }
bool bulk_client::ends_within(std::chrono::milliseconds limit) { return impl_->ends(clock_type::now() + limit); }

} // namespace ctms::test
