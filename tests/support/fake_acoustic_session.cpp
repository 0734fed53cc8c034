// SPDX-License-Identifier: MPL-2.0
#include "fake_acoustic_session.hpp"

#include <web/server/form.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <sstream>
#include <stdexcept>
#include <type_traits>

namespace ctms::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using request = http::request<http::string_body>;

constexpr std::chrono::seconds longest_idle{60};
constexpr std::size_t longest_body = 16 << 20;

auto into(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

vendor_answer plain(int status, std::string text) { return {status, "text/plain", std::move(text)}; }

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

http::response<http::string_body> to_message(const vendor_answer& answer, bool keep_alive) {
    http::response<http::string_body> out(static_cast<http::status>(answer.status), 11, answer.body);
    out.set(http::field::content_type, answer.type);
    out.content_length(answer.body.size());
    out.keep_alive(keep_alive);
    return out;
}

/// The bytes to send: the whole answer, or its head and half of the body.
std::string serialized(const http::response<http::string_body>& message, bool whole) {
    std::ostringstream out;
    out << message;
    auto text = std::move(out).str();
    if (!whole) text.resize(text.size() - (message.body().size() + 1) / 2);
    return text;
}

/// Stream: beast::tcp_stream, or a TLS stream over it.
template <class Stream>
class session final : public fake_acoustic_session {
public:
    template <class... Arguments>
    explicit session(const session_environment& shared, Arguments&&... arguments)
        : stream_(std::forward<Arguments>(arguments)...), timer_(stream_.get_executor()), shared_(shared) {
        constexpr std::size_t chunk = 64 * 1024; // Beast reads as much as fits in the buffer
        buffer_.reserve(chunk);
    }

    void cut() override {
        cut_ = true;
        timer_.cancel();
        lowest().close();
    }

    asio::awaitable<void> run() {
        bool on = true;
        if constexpr (is_tls) on = co_await shake_hands();
        while (on) on = co_await serve();
        lowest().close();
    }

private:
    static constexpr bool is_tls = !std::is_same_v<Stream, beast::tcp_stream>;

    beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

    asio::awaitable<bool> shake_hands() {
        error_code ec;
        lowest().expires_after(longest_idle);
        co_await stream_.async_handshake(asio::ssl::stream_base::server, into(ec));
        co_return !ec;
    }

    /// Reads a request and answers it. False when the connection has ended.
    asio::awaitable<bool> serve() {
        http::request_parser<http::string_body> parser;
        parser.body_limit(longest_body);
        error_code ec;
        lowest().expires_after(longest_idle);
        co_await http::async_read(stream_, buffer_, parser, into(ec));
        if (ec) co_return false;
        const auto asked = parser.release();
        std::chrono::milliseconds sleep{0};
        const auto answer = co_await answer_to(asked, sleep);
        if (cut_) co_return false;
        const bool on = co_await send(answer, asked.keep_alive());
        if (sleep.count() > 0) shared_.sleep(sleep);
        co_return on;
    }

    asio::awaitable<vendor_answer> answer_to(const request& asked, std::chrono::milliseconds& sleep) {
        const auto target = view(asked.target());
        if (asked.method() == http::verb::get && target == "/state") co_return as_state(false);
        if (asked.method() == http::verb::get && target == "/state?full=1") co_return as_state(true);
        if (asked.method() != http::verb::post) co_return plain(404, "There is no such page\n");
        if (target == "/control") co_return control(asked.body(), sleep);
        if (target != "/oauth/token" && target != "/XMLAPI") co_return plain(404, "There is no such page\n");
        if (web::media_type(view(asked[http::field::content_type])) != "application/x-www-form-urlencoded")
            co_return plain(415, "A form is required\n");
        if (target == "/XMLAPI") co_return co_await make_call(asked);
        auto out = shared_.vendor.give_token(asked.body());
        co_await wait(out.wait);
        co_return out;
    }

    vendor_answer as_state(bool full) { return {200, "application/json", shared_.vendor.state(full)}; }

    vendor_answer control(const std::string& form, std::chrono::milliseconds& sleep) {
        try {
            sleep = shared_.vendor.control(form);
            return plain(200, "OK\n");
        } catch (const std::invalid_argument& problem) {
            return plain(400, problem.what() + std::string("\n"));
        }
    }

    asio::awaitable<vendor_answer> make_call(const request& asked) {
        const auto call = shared_.vendor.begin(view(asked[http::field::authorization]), asked.body());
        if (call->refused) co_return *call->refused;
        co_await wait(shared_.vendor.latency());
        if (cut_) co_return vendor_answer{};
        auto out = shared_.vendor.take_effect(*call);
        co_await wait(out.wait);
        call->end();
        co_return out;
    }

    asio::awaitable<void> wait(std::chrono::milliseconds time) {
        if (time.count() == 0) co_return;
        error_code ignored;
        timer_.expires_after(time);
        co_await timer_.async_wait(into(ignored));
    }

    asio::awaitable<bool> send(const vendor_answer& answer, bool keep_alive) {
        error_code ec;
        lowest().expires_after(longest_idle);
        const bool whole = answer.sent == delivery::whole;
        if (!whole && answer.sent != delivery::part) {
            lowest().socket().set_option(asio::socket_base::linger(true, 0), ec); // makes close() send a reset
            co_return false;
        }
        // Not with Beast's write operation: it is compiled for each kind of stream, which takes seconds.
        const auto text = serialized(to_message(answer, keep_alive), whole);
        co_await asio::async_write(stream_, asio::buffer(text), into(ec));
        co_return whole && !ec && keep_alive;
    }

    Stream stream_;
    asio::steady_timer timer_;
    beast::flat_buffer buffer_;
    session_environment shared_;
    bool cut_ = false;
};

template <class Stream, class... Arguments>
std::shared_ptr<fake_acoustic_session> start(const session_environment& shared, std::function<void()> ended, beast::tcp_stream stream,
                                             Arguments&... arguments) {
    const auto executor = stream.get_executor();
    const auto out = std::make_shared<session<Stream>>(shared, std::move(stream), arguments...);
    asio::co_spawn(executor, out->run(), [out, ended = std::move(ended)](const std::exception_ptr&) { ended(); });
    return out;
}

} // namespace

std::shared_ptr<fake_acoustic_session> start_session(asio::ip::tcp::socket socket, const session_environment& shared,
                                                     std::function<void()> ended) {
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    beast::tcp_stream stream(std::move(socket));
    if (shared.tls == nullptr) return start<beast::tcp_stream>(shared, std::move(ended), std::move(stream));
    return start<asio::ssl::stream<beast::tcp_stream>>(shared, std::move(ended), std::move(stream), *shared.tls);
}

} // namespace ctms::test
