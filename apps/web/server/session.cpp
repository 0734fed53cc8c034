// SPDX-License-Identifier: MPL-2.0
#include "session.hpp"

#include "answers.hpp"
#include "stream.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/base/uuid.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace ctms::web {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

auto into(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// Ids that clients may choose: short, and of characters that are safe in a header and a log.
bool is_good_request_id(std::string_view id) {
    constexpr std::size_t longest = 128;
    return !id.empty() && id.size() <= longest && std::all_of(id.begin(), id.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '+' || c == '=';
    });
}

std::string new_request_id() {
    auto id = uuid::random().to_string();
    std::erase(id, '-');
    return id;
}

/// A target as path and query; "http://host/path?query", which servers must take too (RFC 9112, 3.2.2), without its beginning.
std::string origin_form(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!ascii_iequal(target.substr(0, scheme.size()), scheme)) continue;
        const auto path = target.find_first_of("/?", scheme.size());
        const auto rest = path == std::string_view::npos ? std::string_view() : target.substr(path);
        return (rest.starts_with('/') ? "" : "/") + std::string(rest);
    }
    return std::string(target);
}

std::string http_date() { return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))); }

/// Beast reads bodies of other transfer encodings to the end of the connection, which a proxy in front may see otherwise:
/// chunked alone is taken (RFC 9112, 6.1).
bool has_clear_length(const http::request<http::string_body>& message) {
    if (message.count(http::field::transfer_encoding) == 0) return true;
    return message.count(http::field::transfer_encoding) == 1 && message.version() == 11 &&
           ascii_iequal(std::string_view(message[http::field::transfer_encoding]), "chunked");
}

template <class Message>
void set_headers(Message& message, const exchange& one, bool keep_alive) {
    const auto& answer = one.answer;
    message.set(http::field::date, http_date());
    if (!answer.content_type.empty()) message.set(http::field::content_type, answer.content_type);
    for (const auto& [name, value] : answer.headers) message.set(name, value);
    message.set("X-Request-Id", one.http.id);
    if (answer.status == 503) message.set(http::field::retry_after, "1");
    message.content_length(answer.body.size());
    message.keep_alive(keep_alive);
}

} // namespace

void deadline::arm(std::chrono::milliseconds time) {
    passed_ = false;
    timer_.expires_after(time); // cancels the wait before
    timer_.async_wait([this](const error_code& ec) {
        if (ec || timer_.expiry() > std::chrono::steady_clock::now()) return;
        passed_ = true;
        error_code ignored;
        socket_.cancel(ignored);
    });
}

void deadline::disarm() { timer_.cancel(); }

session::session(asio::ip::tcp::socket socket, const session_environment& shared)
    : socket_(std::move(socket)), shared_(shared), deadline_(socket_) {
    error_code ec;
    const auto peer = socket_.remote_endpoint(ec);
    peer_address_ = ec ? "unknown" : peer.address().to_string();
    peer_port_ = peer.port();
    socket_.set_option(asio::ip::tcp::no_delay(true), ec);
}

void session::drain() {
    if (idle_) deadline_.arm(shared_.bounds.drain_idle_time);
}

void session::cut_off() {
    error_code ignored;
    socket_.close(ignored);
}

asio::awaitable<void> session::run() {
    const auto self = shared_from_this(); // until the last pending operation is over
    while (co_await wait_for_bytes()) {
        parser read;
        if (!co_await read_request(read) || !co_await serve(read)) break;
    }
    deadline_.disarm();
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
}

asio::awaitable<void> session::turn_away() {
    const auto self = shared_from_this();
    co_await refuse(503, "connections");
    cut_off();
}

/// Waits for the first bytes of a request. False when the connection ends or was idle for too long.
asio::awaitable<bool> session::wait_for_bytes() {
    constexpr std::size_t chunk = 4096;
    received_ = std::chrono::steady_clock::now();
    if (buffer_.size() > 0) co_return true; // pipelined
    idle_ = true;
    deadline_.arm(shared_.draining ? shared_.bounds.drain_idle_time : shared_.bounds.idle_time);
    error_code ec;
    const auto count = co_await socket_.async_read_some(buffer_.prepare(chunk), into(ec));
    idle_ = false;
    received_ = std::chrono::steady_clock::now();
    if (ec) co_return false;
    buffer_.commit(count);
    co_return true;
}

/// Reads one whole request. False when it cannot be served; it is refused then.
asio::awaitable<bool> session::read_request(parser& into_parser) {
    into_parser.header_limit(static_cast<std::uint32_t>(shared_.bounds.header_bytes));
    into_parser.body_limit(shared_.bounds.body_bytes);
    error_code ec;
    deadline_.arm(shared_.bounds.header_time);
    co_await http::async_read_header(socket_, buffer_, into_parser, into(ec));
    if (!ec && !has_clear_length(into_parser.get())) ec = http::error::bad_transfer_encoding;
    if (!ec && !into_parser.is_done()) {
        deadline_.arm(shared_.bounds.body_time);
        if (ascii_iequal(std::string_view(into_parser.get()[http::field::expect]), "100-continue")) {
            constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            co_await asio::async_write(socket_, asio::buffer(go_on), into(ec));
        }
        if (!ec) co_await http::async_read(socket_, buffer_, into_parser, into(ec));
    }
    deadline_.disarm();
    if (ec) co_await refuse_unreadable(ec);
    co_return !ec;
}

/// Answers what cannot be read, as far as an answer makes sense.
asio::awaitable<void> session::refuse_unreadable(const error_code& why) {
    if (deadline_.passed()) co_return co_await refuse(408, "timeout");
    if (why == http::error::header_limit) co_return co_await refuse(431, "header_too_large");
    if (why == http::error::body_limit) co_return co_await refuse(413, "body_too_large");
    // The category of parse errors; all others are the connection's own end.
    const error_code parse_error = http::error::bad_method;
    const bool unreadable =
        why.category() == parse_error.category() && why != http::error::end_of_stream && why != http::error::partial_message;
    if (unreadable) co_await refuse(400, "malformed");
}

/// Writes an answer to a request that was not understood, and notes it. The connection is closed behind it.
asio::awaitable<void> session::refuse(int status, std::string_view reason) {
    shared_.metrics.request_rejected(reason);
    exchange one;
    one.http.id = new_request_id();
    mozlog::fields members;
    members.add("client_host", peer_address_).add("rid", one.http.id).add("status_code", status);
    shared_.log.log(mozlog::severity::info, "ctms.web", members, fmt::format("{}:{} refused: {}", peer_address_, peer_port_, reason));
    const auto text = http::obsolete_reason(static_cast<http::status>(status));
    one.answer = detail_response(status, std::string_view(text.data(), text.size()));
    co_await write(one, false);
    // What the client still sends is read for a moment: closing before would reset the connection and lose the answer.
    error_code ec;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
    constexpr std::chrono::milliseconds linger{500};
    constexpr int most_reads = 256;
    deadline_.arm(linger);
    for (int reads = 0; !ec && reads < most_reads; ++reads) {
        buffer_.clear();
        co_await socket_.async_read_some(buffer_.prepare(16 * 1024), into(ec));
    }
}

exchange session::to_exchange(parser& read) {
    auto& message = read.get();
    exchange one;
    auto& to = one.http;
    to.method = std::string(message.method_string());
    to.target = origin_form(std::string_view(message.target().data(), message.target().size()));
    const auto question = std::min(to.target.find('?'), to.target.size());
    to.path = percent_decode(std::string_view(to.target).substr(0, question), false);
    if (question < to.target.size()) to.query = to.target.substr(question + 1);
    for (const auto& field : message) {
        to.headers.emplace_back(ascii_lower(std::string_view(field.name_string().data(), field.name_string().size())),
                                std::string(field.value().data(), field.value().size()));
    }
    to.body = std::move(message.body());
    to.peer_address = peer_address_;
    to.peer_port = peer_port_;
    const auto id = to.header("x-request-id");
    to.id = is_good_request_id(id) ? std::string(id) : new_request_id();
    to.received = received_;
    return one;
}

/// Has one request answered. False when the connection ends with it.
asio::awaitable<bool> session::serve(parser& read) {
    const bool wants_keep_alive = read.get().keep_alive();
    const bool takes_chunks = read.get().version() >= 11;
    auto one = to_exchange(read);
    shared_.exchanges.begin(one);
    if (one.matched != nullptr) co_await execute(one);
    if (one.answer.rest) co_return co_await write_pieces(one, wants_keep_alive && takes_chunks && !shared_.draining, takes_chunks);
    shared_.exchanges.finish(one);
    const bool keep_alive = wants_keep_alive && !one.answer.close && !shared_.draining;
    co_return co_await write(one, keep_alive) && keep_alive;
}

/// Runs the handler where its route says.
asio::awaitable<void> session::execute(exchange& one) {
    if (one.matched->where == lane::immediate) {
        shared_.exchanges.execute(one);
        co_return;
    }
    bool accepted = true;
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [&](auto resume) {
            // The guard keeps the sockets' thread running while all it waits for is this job.
            const auto go_on = [work = asio::make_work_guard(socket_.get_executor()),
                                shared_resume = std::make_shared<decltype(resume)>(std::move(resume))] { std::move (*shared_resume)(); };
            accepted = submit(one, go_on);
            if (!accepted) asio::post(socket_.get_executor(), go_on);
        },
        asio::use_awaitable);
    if (!accepted) {
        shared_.metrics.request_rejected("busy");
        one.answer = busy_response();
    }
    while (one.answer.next) co_await go_on(one);
}

/// Runs the next step of an exchange on the lane that it names.
asio::awaitable<void> session::go_on(exchange& one) {
    auto outcome = queued::taken;
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [&](auto resume) {
            const auto sockets = socket_.get_executor();
            const auto resume_here = [work = asio::make_work_guard(sockets),
                                      shared_resume = std::make_shared<decltype(resume)>(std::move(resume))] {
                asio::post(work.get_executor(), [shared_resume] { std::move (*shared_resume)(); });
            };
            const auto where = one.answer.next->where;
            const auto owner = one.answer.next->owner;
            const auto job = [shared = shared_, &one, resume_here, where] {
                const auto began = std::chrono::steady_clock::now();
                const bool too_late = began - one.http.received > shared.bounds.waiting_time;
                too_late ? void(one.answer = busy_response()) : shared.exchanges.go_on(one);
                const bool is_refused = one.answer.status != 200;
                resume_here(); // `one` may be gone from here on
                if (where == lane::password && is_refused && !shared.draining) lanes::rest_after(std::chrono::steady_clock::now() - began);
            };
            if (where == lane::password) {
                outcome = shared_.threads.submit_in_turn(owner, job);
            } else {
                outcome = shared_.threads.submit(where, job) ? queued::taken : queued::full;
            }
            if (outcome != queued::taken) resume_here();
        },
        asio::use_awaitable);
    if (outcome == queued::taken) co_return;
    shared_.metrics.request_rejected("busy");
    one.answer = outcome == queued::owner_full ? too_many_response() : busy_response();
}

/// Hands an exchange to its lane. False when too many wait there.
bool session::submit(exchange& one, std::function<void()> resume) {
    const auto run = [shared = shared_, sockets = socket_.get_executor()](std::vector<waiting_exchange> waiting) {
        std::vector<exchange*> in_time;
        for (const auto& each : waiting) {
            const bool too_late = std::chrono::steady_clock::now() - each.one->http.received > shared.bounds.waiting_time;
            too_late ? void(each.one->answer = busy_response()) : in_time.push_back(each.one);
        }
        if (!in_time.empty()) shared.exchanges.execute(in_time);
        // All at once: each call wakes the sockets' thread.
        asio::post(sockets, [waiting = std::move(waiting)] {
            for (const auto& each : waiting) each.resume();
        });
    };
    const auto where = one.matched->where;
    waiting_exchange self{&one, std::move(resume)};
    if (one.matched->run_many == nullptr) return shared_.threads.submit(where, [run, self = std::move(self)] { run({self}); });
    auto& together = shared_.together[one.matched];
    if (!together) together = std::make_shared<gathering<waiting_exchange>>();
    return shared_.threads.submit(where, together, std::move(self), run);
}

/// Writes an answer while it is made, and notes it then. False when the connection ends with it.
asio::awaitable<bool> session::write_pieces(exchange& one, bool keep_alive, bool chunked) {
    stream_head head(static_cast<http::status>(one.answer.status), 11);
    set_headers(head, one, keep_alive);
    head.content_length(boost::none);
    head.chunked(chunked);
    const bool whole = co_await write_stream({socket_, deadline_, shared_}, head, one);
    shared_.exchanges.finish(one);
    co_return whole&& keep_alive && !shared_.draining;
}

/// Writes the answer; to HEAD without its body. False when the client does not take it in time.
asio::awaitable<bool> session::write(exchange& one, bool keep_alive) {
    constexpr unsigned http_1_1 = 11;
    error_code ec;
    deadline_.arm(shared_.bounds.write_time);
    const auto status = static_cast<http::status>(one.answer.status);
    if (one.http.method == "HEAD") {
        http::response<http::empty_body> message(status, http_1_1);
        set_headers(message, one, keep_alive);
        co_await http::async_write(socket_, message, into(ec));
    } else {
        http::response<http::string_body> message(status, http_1_1);
        set_headers(message, one, keep_alive);
        message.body() = std::move(one.answer.body);
        co_await http::async_write(socket_, message, into(ec));
    }
    deadline_.disarm();
    co_return !ec;
}

} // namespace ctms::web
