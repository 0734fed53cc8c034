// SPDX-License-Identifier: MPL-2.0
// Follows the feed of changes for as long as a program wants, page by page: a range. Calls block. Not thread safe: one thread uses it, and
// any thread may request the stop.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/change.hpp>
#include <ctms/service/changes.hpp>

#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <stop_token>

namespace ctms::service {

/// What to follow, and for how long.
struct CTMS_API follow_options {
    std::optional<model::change_cursor> after{}; ///< nullopt: from the beginning, with all contacts that exist
    int limit = 500;                             ///< changes on a page, 1 to 1000
    bool with_contacts = false;                  ///< also the contacts
    bool until_end = false;                      ///< true: the range ends when nothing follows; false: it waits for more
    std::chrono::milliseconds pause{500};        ///< between two reads while nothing follows
    std::stop_token stop{};                      ///< ends the range and each wait
};

/// Reads the feed from a place on, and waits for what comes. A program handles each page and stores `next` of the page together with what
/// it did, in one transaction of its own; if it ends at any moment and begins again after the stored place, it misses nothing, and it may
/// get a change twice.
///
///     service::change_follower follower(changes, {.after = place});
///     for (const auto& page : follower) store(page.items, page.next);
///     if (follower.failure()) ...
class CTMS_API change_follower {
public:
    /// `feed` must outlive it.
    change_follower(changes& feed, follow_options options);

    /// Returns the next page, at the latest after `wait`: then it is empty if nothing has come. A page without items can also have a new
    /// place, or be the first one without `more`. errc::not_found if the place is not known any more: begin again with another follower
    /// without a place, and when a page has no `more`, remove what did not come. errc::unavailable if the database does not answer: call it
    /// again after a pause. errc::interrupted if the stop was requested. The place stays the same after a failure.
    [[nodiscard]] result<model::change_page> next(std::chrono::milliseconds wait);

    /// Returns the place after the last page; nullopt before the first one if it began without a place.
    [[nodiscard]] const std::optional<model::change_cursor>& place() const noexcept { return query_.after; }

    /// Iterates over pages that have items, a new place, or reach the end of the feed. Reading a page is the effect of begin() and of ++.
    class CTMS_API iterator {
    public:
        using value_type = model::change_page;  ///< what the range consists of
        using difference_type = std::ptrdiff_t; ///< required of iterators

        iterator() = default;                                                                     ///< At the end.
        explicit iterator(change_follower& of) : of_(&of) { ++*this; }                            ///< At the next page of `of`.
        [[nodiscard]] const model::change_page& operator*() const noexcept { return of_->page_; } ///< Returns the page.
        iterator& operator++();                                                                   ///< Reads the next page; waits for it.
        void operator++(int) { ++*this; }                                                         ///< Reads the next page; waits for it.
        /// Returns true when the stop was requested, when there is a failure, or at the end of the feed if the range ends there.
        [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return of_ == nullptr; }

    private:
        change_follower* of_ = nullptr;
    };
    /// Reads the next page, and goes on where the last loop has ended.
    [[nodiscard]] iterator begin() {
        is_at_end_ = false;
        return iterator(*this);
    }
    /// The end of every loop.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// Returns why the last loop ended, as described for next(); nullopt if the stop was requested or the end of the feed was reached.
    [[nodiscard]] const std::optional<error>& failure() const noexcept { return failure_; }

private:
    bool advance();
    void sleep(std::chrono::milliseconds time) const;

    changes& feed_;
    follow_options options_;
    model::changes_query query_;
    model::change_page page_; ///< of the loop
    bool is_at_end_ = false;  ///< the last page had no more
    std::optional<error> failure_;
};

} // namespace ctms::service
