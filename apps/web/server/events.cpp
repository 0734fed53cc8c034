// SPDX-License-Identifier: MPL-2.0
#include "events.hpp"

#include <algorithm>
#include <functional>

namespace ctms::web {

namespace asio = boost::asio;
using std::chrono::steady_clock;

event_writer::event_writer(stream_target target, exchange& one)
    : target_(target), one_(one), source_(*one.answer.events), until_ready_(target.to.get_executor()) {}

void event_writer::check(steady_clock::time_point now) {
    if (!is_waiting_) return source_.must_end() ? hurry() : void();
    constexpr std::chrono::seconds between_looks{1};
    const bool looks = now >= looks_at_;
    if (looks) looks_at_ = now + between_looks;
    if (source_.is_ready() || (looks && target_.to.peer_has_closed())) wake();
}

void event_writer::stop() {
    hurry();
    wake();
}

void event_writer::hurry() {
    if (is_hurried_) return;
    is_hurried_ = true;
    target_.write_time = std::min(target_.write_time, target_.shared.bounds.drain_idle_time);
    target_.to.expire_after(target_.write_time);
}

asio::awaitable<void> event_writer::wait() {
    target_.to.expire_never(); // no operation is pending on the connection meanwhile
    target_.memory.release();
    is_waiting_ = true;
    until_ready_.expires_at(steady_clock::time_point::max());
    boost::system::error_code ignored;
    co_await until_ready_.async_wait(http::into(ignored));
    is_waiting_ = false;
}

/// Sends the next piece, and does what must come before the one after it. Returns nullopt if there will be another one.
asio::awaitable<std::optional<written>> event_writer::send_next(bool chunked) {
    std::string piece;
    const auto state = source_.take(piece);
    if (!target_.memory.grow_to(piece.capacity())) {
        target_.shared.metrics.request_rejected("memory");
        one_.facts.error = "too many responses are waiting to be read";
        co_return written::unmade;
    }
    if (co_await write_piece(target_, piece, chunked)) co_return written::refused;
    if (!piece.empty()) target_.shared.dispatch.exchanges().note_use(one_);
    std::string().swap(piece);
    switch (state) {
    case event_source::state::more: break;
    case event_source::state::ended: co_return written::whole;
    case event_source::state::waiting: co_await wait(); break;
    case event_source::state::work:
        target_.to.expire_never();
        if (!co_await target_.shared.dispatch.run_on_lane(target_.to.get_executor(), one_, work_)) co_return written::unmade;
    }
    // A client that has ended its side of the connection counts as gone, because it cannot be told from one that has crashed.
    if (!target_.to.is_open() || target_.to.peer_has_closed()) co_return written::refused;
    co_return std::nullopt;
}

asio::awaitable<bool> event_writer::run(const http::response_head& head) {
    constexpr int most_unsent = 64 * 1024; // in the system, which would otherwise keep megabytes for a client that does not read
    target_.to.keep_at_most(most_unsent);
    target_.to.give_up_without_answer_after(target_.shared.bounds.write_time);
    if (target_.shared.draining) stop();
    const bool chunked = head.is_chunked();
    std::optional<written> how;
    if (co_await write_head(target_, head)) how = written::refused;
    while (!how) how = co_await send_next(chunked);
    co_return co_await end_stream(target_, one_, chunked, *how);
}

} // namespace ctms::web
