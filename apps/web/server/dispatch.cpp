// SPDX-License-Identifier: MPL-2.0
#include "dispatch.hpp"

#include "answers.hpp"

#include <support/http/memory.hpp>
#include <support/prometheus_metrics.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>

namespace ctms::web {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

/// Calls `start` with a function and suspends the coroutine until that function is called, from any thread. `start` returns false
/// if no work was started and the function will not be called. The awaitable yields what `start` returned.
template <class Start>
asio::awaitable<bool> suspend(asio::any_io_executor sockets, Start start) {
    bool accepted = true;
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [&](auto resume) {
            // The guard keeps the I/O thread running while this job is all that it waits for.
            const auto go_on = [work = asio::make_work_guard(sockets),
                                shared_resume = std::make_shared<decltype(resume)>(std::move(resume))] { std::move (*shared_resume)(); };
            try {
                accepted = start(go_on);
            } catch (const std::bad_alloc&) {
                accepted = false;
            }
            if (!accepted) asio::post(sockets, go_on);
        },
        asio::use_awaitable);
    co_return accepted;
}

/// Resumes, on the I/O thread, the coroutine that waits for a job.
template <class Resume>
void hand_back(const asio::any_io_executor& sockets, const Resume& resume) noexcept {
    retry_without_memory([&] { asio::post(sockets, resume); });
}

/// Whether there is enough memory to process a body, since parsing copies it. Small bodies fit into the reserve.
bool has_memory_to_run(const exchange& one) noexcept {
    constexpr std::size_t copies = 8;
    const auto size = one.http.body.size();
    return size <= http::memory_share::free_bytes || http::has_memory_for(copies * size + http::reserved_memory);
}

} // namespace

asio::awaitable<void> dispatcher::execute(asio::any_io_executor sockets, exchange& one) {
    if (one.matched->where == lane::immediate) {
        exchange* const only = &one;
        exchanges_.execute({&only, 1});
        co_return;
    }
    one.waits_since = steady_clock::now();
    const bool accepted = co_await suspend(sockets, [&](std::function<void()> resume) { return submit(sockets, one, std::move(resume)); });
    if (!accepted) {
        metrics_.request_rejected("busy");
        one.answer = busy_response();
    }
    while (one.answer.next) co_await go_on(sockets, one);
}

/// Runs the next step of an exchange on the lane that the step names.
asio::awaitable<void> dispatcher::go_on(asio::any_io_executor sockets, exchange& one) {
    auto outcome = queued::taken;
    const auto begin = [&](std::function<void()> resume) {
        outcome = submit_next(sockets, one, std::move(resume));
        return outcome == queued::taken;
    };
    if (co_await suspend(sockets, begin)) co_return;
    metrics_.request_rejected("busy");
    one.answer = outcome == queued::owner_full ? too_many_waiting_response() : busy_response();
}

queued dispatcher::submit_next(const asio::any_io_executor& sockets, exchange& one, std::function<void()> resume) {
    const auto where = one.answer.next->where;
    const auto owner = one.answer.next->owner;
    const auto job = [this, sockets, &one, where, resume = std::move(resume)](bool is_late) {
        const auto began = steady_clock::now();
        is_late ? set_busy(one) : run_next(one);
        const bool is_refused = one.answer.status != 200;
        hand_back(sockets, resume); // `one` may be gone from here on
        if (where == lane::password && is_refused && !draining_) lanes::rest_after(steady_clock::now() - began);
    };
    if (where == lane::password) {
        const auto verify = [this, job](bool waited) { job(waited && draining_); };
        return threads_.submit_in_turn(owner, verify, !draining_);
    }
    return threads_.submit(where, one.client, [job] { job(false); }) ? queued::taken : queued::full;
}

/// Runs on a thread of the step's lane.
void dispatcher::run_next(exchange& one) const noexcept {
    try {
        const bool too_late = abandoned_ || one.waits_since < steady_clock::now() - bounds_.waiting_time;
        if (too_late) return set_busy(one);
        exchanges_.go_on(one);
    } catch (const std::exception&) {
        set_busy(one);
    }
}

/// Submits an exchange to its lane. Returns false if too many are waiting there.
bool dispatcher::submit(const asio::any_io_executor& sockets, exchange& one, std::function<void()> resume) {
    auto& group = groups_[one.matched];
    if (!group.run) group.run = [this, sockets](std::vector<waiting_exchange> waiting) { run(sockets, std::move(waiting)); };
    return threads_.submit(one.matched->where, one.client, group, {&one, std::move(resume)}, one.matched->run.is_alone(one.http));
}

/// Runs on a thread of the lane. No exchange may end that thread.
void dispatcher::run(const asio::any_io_executor& sockets, std::vector<waiting_exchange> waiting) const noexcept {
    // Resumes all of them in one call, because each call wakes the I/O thread.
    const auto resume = [&](std::vector<waiting_exchange>& some) {
        if (some.empty()) return;
        const auto all = retry_without_memory([&] { return std::make_shared<const std::vector<waiting_exchange>>(std::move(some)); });
        hand_back(sockets, [all] {
            for (const auto& each : *all) each.resume();
        });
    };
    const auto resume_early = [&](std::span<exchange* const> answered) noexcept {
        auto some = retry_without_memory([&] {
            std::vector<waiting_exchange> out;
            out.reserve(waiting.size());
            return out;
        });
        const auto first = std::stable_partition(waiting.begin(), waiting.end(), [&](const auto& each) {
            return std::find(answered.begin(), answered.end(), each.one) == answered.end();
        });
        some.assign(std::make_move_iterator(first), std::make_move_iterator(waiting.end()));
        waiting.erase(first, waiting.end());
        resume(some);
    };
    try {
        std::vector<exchange*> in_time;
        const auto oldest = steady_clock::now() - bounds_.waiting_time;
        for (const auto& each : waiting) {
            const bool too_late = abandoned_ || each.one->waits_since < oldest;
            too_late || !has_memory_to_run(*each.one) ? set_busy(*each.one) : in_time.push_back(each.one);
        }
        if (!in_time.empty()) exchanges_.execute(in_time, resume_early);
    } catch (const std::exception&) {
        for (const auto& each : waiting) set_busy(*each.one);
    }
    resume(waiting);
}

/// Waits before the next try to give a job to a full lane. Returns false if it is too late for that; `one.facts.error` then says why.
asio::awaitable<bool> dispatcher::wait_for_lane(asio::any_io_executor sockets, exchange& one, steady_clock::time_point until) {
    constexpr std::chrono::milliseconds pause{50};
    if (abandoned_ || steady_clock::now() > until) {
        metrics_.request_rejected("busy");
        one.facts.error = "too many requests are waiting";
        co_return false;
    }
    asio::steady_timer timer(sockets, pause);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return true;
}

asio::awaitable<bool> dispatcher::run_on_lane(asio::any_io_executor sockets, exchange& one, const std::function<void()>& work) {
    const auto until = steady_clock::now() + bounds_.waiting_time;
    const auto begin = [&](std::function<void()> resume) {
        return threads_.submit(one.matched->where, one.client, [&, resume = std::move(resume)] {
            if (!abandoned_) work();
            hand_back(sockets, resume);
        });
    };
    while (!co_await suspend(sockets, begin)) {
        if (!co_await wait_for_lane(sockets, one, until)) co_return false;
    }
    co_return true;
}

bool dispatcher::submit(const piece_ahead& ahead) {
    const auto& one = *ahead.made->one;
    return pieces_.submit(ahead.job,
                          [&](std::function<void()> job) { return threads_.submit(one.matched->where, one.client, std::move(job)); });
}

piece_ahead dispatcher::begin_piece(const asio::any_io_executor& sockets, std::shared_ptr<exchange> one, std::string buffer) {
    buffer.clear();
    auto made = std::make_shared<piece_ahead::contents>(std::move(one), std::move(buffer));
    const auto work = [this, made] {
        if (abandoned_ || !made->is_wanted) return;
        try {
            made->more = exchanges_.next_piece(*made->one, made->text);
        } catch (const std::exception&) { // not even enough memory to store the reason
        }
    };
    piece_ahead ahead{made, std::make_shared<detached_job>(sockets, work)};
    submit(ahead);
    return ahead;
}

asio::awaitable<void> dispatcher::end_piece(asio::any_io_executor sockets, piece_ahead ahead) {
    const auto until = steady_clock::now() + bounds_.waiting_time;
    while (!ahead.job->is_taken() && ahead.made->is_wanted && !submit(ahead)) {
        if (!co_await wait_for_lane(sockets, *ahead.made->one, until)) co_return;
    }
    co_await ahead.job->end();
}

} // namespace ctms::web
