// SPDX-License-Identifier: MPL-2.0
#include "line_stream.hpp"

#include "answers.hpp"
#include "line_exchange.hpp"

#include <boost/beast/http/status.hpp>

#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ctms::web {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr http::refusal no_memory{503, "memory"};

/// How an exchange stands.
struct standing {
    bool is_lost = false;      ///< the client is gone
    bool is_complete = false;  ///< the body has been read to its end
    int status = 0;            ///< why the exchange ends early; 0: it does not
    std::string text{};        ///< the same, for the client
    std::string_view reason{}; ///< the same, for the log

    [[nodiscard]] bool goes_on() const { return !is_lost && status == 0; }
    void end(int early, std::string why, std::string_view name) {
        status = early;
        text = std::move(why);
        reason = name;
    }
    void end(const error& why, std::string_view name) { end(to_status(why.code), why.message, name); }
};

void end_as_refused(const stream_target& target, standing& now, const http::refusal& refused) {
    target.shared.metrics.request_rejected(refused.reason);
    const auto text = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(refused.status));
    now.end(refused.status, std::string(text.data(), text.size()), refused.reason);
}

/// Whether there is enough memory to work on the lines that were read, since parsing copies them. A few lines fit into the reserve.
bool has_memory_to_work(const line_exchange& lines) noexcept {
    constexpr std::size_t copies = 8;
    const auto size = lines.bytes();
    return size <= http::memory_share::free_bytes || http::has_memory_for(copies * size + http::reserved_memory);
}

/// Reads parts of the body until there is a line to work on or the body is complete.
asio::awaitable<void> read_lines(const stream_target& target, const body_source_of_client& body, line_exchange& lines, standing& now) {
    constexpr std::size_t enough = std::size_t{512} * 1024;
    std::string part;
    const auto until = steady_clock::now() + body.line_time;
    while (now.goes_on() && !now.is_complete && !lines.has_work()) {
        if (target.shared.draining) {
            now.end(service_unavailable(), "stop");
            break;
        }
        target.to.expire_at(until);
        body.is_waiting = true;
        const auto read = co_await body.from.read_part(part, enough, target.memory);
        body.is_waiting = false;
        if (const auto* refused = std::get_if<http::refusal>(&read)) {
            end_as_refused(target, now, *refused);
        } else if (const auto* more = std::get_if<bool>(&read)) {
            now.is_complete = !*more;
            lines.put(part);
            if (now.is_complete) lines.finish();
            if (!target.memory.grow_to(lines.bytes() + part.capacity())) end_as_refused(target, now, no_memory);
        } else if (!target.to.expired()) {
            now.is_lost = true;
        } else if (target.shared.draining) {
            now.end(service_unavailable(), "stop");
        } else {
            constexpr int too_slow = 408;
            now.end(too_slow, "No complete line arrived in time", "timeout");
        }
    }
}

/// Has the lines done that were read.
asio::awaitable<void> do_lines(const stream_target& target, exchange& one, std::string& piece, standing& now) {
    if (!has_memory_to_work(*one.answer.lines)) {
        end_as_refused(target, now, no_memory);
        co_return;
    }
    result<void> done = service_unavailable();
    const std::function<void()> work = [&] {
        try {
            done = target.shared.dispatch.exchanges().work_on_lines(one, piece);
        } catch (const std::exception&) { // not even enough memory to store the reason
        }
    };
    target.to.expire_never(); // no operation is pending on the connection meanwhile
    (void)co_await target.shared.dispatch.run_on_lane(target.to.get_executor(), one, work);
    if (!done) {
        piece.resize(piece.rfind('\n') + 1); // the last line may be incomplete
        now.end(done.error(), is_failure_here(done.error().code) ? "server" : "token");
    } else if (!target.memory.grow_to(one.answer.lines->bytes() + piece.capacity())) {
        end_as_refused(target, now, no_memory);
    }
}

} // namespace

asio::awaitable<bool> exchange_lines(stream_target target, body_source_of_client body, const http::response_head& head, exchange& one) {
    const bool chunked = head.is_chunked();
    auto& lines = *one.answer.lines;
    standing now;
    target.to.expire_after(target.write_time);
    now.is_lost = !co_await body.from.accept_parts();
    if (!now.is_lost) now.is_lost = static_cast<bool>(co_await write_head(target, head));
    std::string piece;
    while (now.goes_on()) {
        co_await read_lines(target, body, lines, now);
        if (!now.goes_on() || !lines.has_work()) break;
        piece.clear();
        co_await do_lines(target, one, piece, now);
        now.is_lost = static_cast<bool>(co_await write_piece(target, piece, chunked));
    }
    if (now.status != 0 && !now.is_lost) {
        piece.clear();
        lines.end(now.status, now.text, piece);
        now.is_lost = static_cast<bool>(co_await write_piece(target, piece, chunked));
    }
    const bool whole = co_await end_stream(target, one, chunked, now.is_lost ? written::refused : written::whole);
    if (whole && now.status != 0) one.facts.cut = now.reason;
    co_return whole&& now.is_complete&& now.status == 0;
}

} // namespace ctms::web
