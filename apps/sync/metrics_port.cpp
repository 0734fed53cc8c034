// SPDX-License-Identifier: MPL-2.0
#include "metrics_port.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <thread>

namespace ctms::sync_app {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr std::chrono::seconds time_to_read{5};
constexpr int most_readers = 16;
constexpr std::uint64_t longest_body = 64 * 1024; // that is read, though none is wanted

auto into(error_code& failed) { return asio::redirect_error(asio::use_awaitable, failed); }

http::response<http::string_body> answer_to(const http::request<http::string_body>& request, const std::function<std::string()>& expose) {
    http::response<http::string_body> out{http::status::ok, 11};
    out.keep_alive(false);
    const bool is_read = request.method() == http::verb::get || request.method() == http::verb::head;
    const auto path = std::string_view(request.target()).substr(0, request.target().find('?'));
    if (path != "/metrics") {
        out.result(http::status::not_found);
    } else if (!is_read) {
        out.result(http::status::method_not_allowed);
        out.set(http::field::allow, "GET, HEAD");
    } else {
        out.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
        if (request.method() == http::verb::get) out.body() = expose();
    }
    out.prepare_payload();
    return out;
}

asio::awaitable<void> serve(tcp::socket socket, const std::function<std::string()>& expose) {
    beast::tcp_stream stream(std::move(socket));
    stream.expires_after(time_to_read);
    beast::flat_buffer buffer;
    http::request_parser<http::string_body> parser;
    parser.body_limit(longest_body);
    error_code failed;
    co_await http::async_read(stream, buffer, parser, into(failed));
    if (failed) co_return;
    const auto answer = answer_to(parser.get(), expose);
    co_await http::async_write(stream, answer, into(failed));
    stream.socket().shutdown(tcp::socket::shutdown_send, failed);
}

/// Counts the readers that are being served.
class reader_count {
public:
    explicit reader_count(int& count) : count_(count) { ++count_; }
    ~reader_count() { --count_; }
    reader_count(const reader_count&) = delete;
    reader_count& operator=(const reader_count&) = delete;

private:
    int& count_;
};

asio::awaitable<void> serve_counted(tcp::socket socket, const std::function<std::string()>& expose, int& readers) {
    const reader_count counted(readers);
    if (readers <= most_readers) co_await serve(std::move(socket), expose);
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, const std::function<std::string()>& expose, int& readers) {
    const auto executor = co_await asio::this_coro::executor;
    for (;;) {
        error_code failed;
        auto socket = co_await acceptor.async_accept(into(failed));
        if (failed == asio::error::operation_aborted) co_return;
        if (!failed) {
            asio::co_spawn(executor, serve_counted(std::move(socket), expose, readers), asio::detached);
        } else { // no descriptors are left, perhaps
            asio::steady_timer pause(executor, std::chrono::milliseconds(100));
            co_await pause.async_wait(into(failed));
        }
    }
}

} // namespace

class metrics_port::impl {
public:
    impl(const tcp::endpoint& where, std::function<std::string()> expose) : expose_(std::move(expose)), acceptor_(context_, where) {
        asio::co_spawn(context_, listen(acceptor_, expose_, readers_), asio::detached);
        thread_ = std::thread([this] { context_.run(); });
    }
    ~impl() {
        context_.stop();
        thread_.join();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    std::function<std::string()> expose_;
    int readers_ = 0;
    asio::io_context context_{1};
    tcp::acceptor acceptor_;
    std::thread thread_;
};

result<std::unique_ptr<metrics_port>> metrics_port::open(const std::string& host, std::uint16_t port, std::function<std::string()> expose) {
    try {
        const tcp::endpoint where(asio::ip::make_address(host), port);
        return std::unique_ptr<metrics_port>(new metrics_port(std::make_unique<impl>(where, std::move(expose))));
    } catch (const boost::system::system_error& problem) {
        return error{errc::unavailable, fmt::format("Cannot listen on {}:{} for metrics", host, port), problem.code().message(), {}, {}};
    }
}

metrics_port::metrics_port(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
metrics_port::~metrics_port() = default;
std::uint16_t metrics_port::port() const { return impl_->port(); }

} // namespace ctms::sync_app
