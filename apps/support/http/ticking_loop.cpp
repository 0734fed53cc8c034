// SPDX-License-Identifier: MPL-2.0
#include "ticking_loop.hpp"

#include "memory.hpp"

#include <utility>

namespace ctms::http {

ticking_loop::ticking_loop(std::chrono::milliseconds period, std::function<bool()> tick, std::function<void(const std::exception&)> failed)
    : period_(period), tick_(std::move(tick)), failed_(std::move(failed)) {}

void ticking_loop::run() {
    while (!runs_to_the_end()) {
    }
}

/// Returns false if something threw.
bool ticking_loop::runs_to_the_end() noexcept {
    try {
        if (!is_ticking_) tick();
        context_.run();
        return true;
    } catch (const std::exception& caught) {
        failed_(caught);
        return false;
    }
}

/// A plain handler: an exception of its own would end a coroutine for good.
void ticking_loop::tick() {
    const bool goes_on = tick_();
    set_memory_aside_again();
    if (!goes_on) return;
    timer_.expires_after(period_);
    timer_.async_wait([this](const boost::system::error_code&) {
        is_ticking_ = false;
        tick();
    });
    is_ticking_ = true;
}

} // namespace ctms::http
