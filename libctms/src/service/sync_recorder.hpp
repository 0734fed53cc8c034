// SPDX-License-Identifier: MPL-2.0
// Stores the outcomes of contacts in the queue, counts them, and writes their log lines. Thread safe. Private to this layer.
#pragma once

#include "sync_source.hpp"
#include "sync_vendor.hpp"

#include <ctms/mozlog/logger.hpp>
#include <ctms/service/sync.hpp>

#include <span>

namespace ctms::service {

class sync_recorder {
public:
    /// All arguments must outlive it.
    sync_recorder(persistence::sync_queue_repository& queue, sync_source& source, const sync_vendor& vendor, mozlog::logger& log,
                  const uuid& worker, const sync_options& options)
        : queue_(queue), source_(source), vendor_(vendor), log_(log), worker_(worker), options_(options) {}

    /// Stores the outcomes: one statement for all contacts that were sent, and one for each failure. Adds to the counts of `report`.
    /// Returns an error if the database fails; then the outcomes that are not counted are not stored.
    [[nodiscard]] result<void> record(std::span<sync_item* const> items, cycle_report& report);

private:
    [[nodiscard]] result<void> record_sent(std::span<sync_item* const> items, cycle_report& report);
    [[nodiscard]] result<void> record_failed(sync_item& item, const acoustic::failure& why, cycle_report& report);
    [[nodiscard]] persistence::failed_attempt judge(const sync_item& item, const acoustic::failure& why) const;
    void finish(sync_item& item, const std::optional<acoustic::failure>& why, cycle_report& report);

    persistence::sync_queue_repository& queue_;
    sync_source& source_;
    const sync_vendor& vendor_;
    mozlog::logger& log_;
    const uuid worker_;
    const sync_options& options_;
};

} // namespace ctms::service
