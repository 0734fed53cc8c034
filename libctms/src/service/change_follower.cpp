// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/change_follower.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace ctms::service {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

change_follower::change_follower(changes& feed, follow_options options)
    : feed_(feed), options_(std::move(options)), query_{options_.after, options_.limit, options_.with_contacts} {}

result<model::change_page> change_follower::next(milliseconds wait) {
    const auto until = steady_clock::now() + wait;
    for (;;) {
        if (options_.stop.stop_requested()) return interrupted("The stop was requested");
        auto page = feed_.read(query_);
        if (!page) return page;
        const bool is_news = !page->items.empty() || query_.after != page->next || page->more == is_at_end_;
        query_.after = page->next;
        is_at_end_ = !page->more;
        const auto now = steady_clock::now();
        if (is_news || now >= until) return page;
        sleep(std::min(options_.pause, std::chrono::ceil<milliseconds>(until - now)));
    }
}

/// Waits, but not after the stop was requested.
void change_follower::sleep(milliseconds time) const {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, options_.stop, time, [] { return false; });
}

/// Reads the next page of a loop. Returns false at its end.
bool change_follower::advance() {
    constexpr std::chrono::seconds wait{10}; // then it asks again
    failure_.reset();
    for (;;) {
        if (options_.until_end && is_at_end_) return false;
        const auto before = query_.after;
        const bool was_at_end = is_at_end_;
        auto page = next(options_.until_end ? milliseconds(0) : milliseconds(wait));
        if (!page) {
            if (page.error().code != errc::interrupted) failure_ = page.error();
            return false;
        }
        if (page->items.empty() && page->next == before && (page->more || was_at_end)) continue;
        page_ = *std::move(page);
        return true;
    }
}

change_follower::iterator& change_follower::iterator::operator++() {
    if (of_ != nullptr && !of_->advance()) of_ = nullptr;
    return *this;
}

} // namespace ctms::service
