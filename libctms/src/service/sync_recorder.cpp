// SPDX-License-Identifier: MPL-2.0
#include "sync_recorder.hpp"

#include "sync_log.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace ctms::service {

result<void> sync_recorder::record(std::span<sync_item* const> items, cycle_report& report) {
    std::vector<sync_item*> sent;
    std::vector<std::pair<sync_item*, acoustic::failure>> failed;
    for (auto* item : items) {
        if (auto why = item->failure()) {
            failed.emplace_back(item, *std::move(why));
        } else {
            sent.push_back(item);
        }
    }
    if (!sent.empty()) {
        if (auto stored = record_sent(sent, report); !stored) return stored;
    }
    for (const auto& one : failed) {
        if (auto stored = record_failed(*one.first, one.second, report); !stored) return stored;
    }
    return {};
}

result<void> sync_recorder::record_sent(std::span<sync_item* const> items, cycle_report& report) {
    std::vector<persistence::sent_contact> sent;
    for (const auto* item : items) {
        const bool is_gone = item->queued.is_deletion || !item->contact;
        sent.push_back(
            {item->queued.email_id, item->queued.version, is_gone ? std::nullopt : std::optional(item->wanted), item->queued.is_deletion});
    }
    if (const auto done = queue_.complete(worker_, sent); !done) return done.error();
    for (auto* item : items) {
        ++(item->contact || item->queued.is_deletion ? report.synced : report.skipped);
        if (item->queued.retry == 0)
            report.age_s = std::max(0.0, std::chrono::duration<double>(ctms::now() - item->queued.first_requested_at).count());
        finish(*item, std::nullopt, report);
    }
    return {};
}

result<void> sync_recorder::record_failed(sync_item& item, const acoustic::failure& why, cycle_report& report) {
    const auto partly = item.queued.is_deletion ? std::nullopt : std::optional(item.partly());
    const auto parked = queue_.fail(worker_, item.queued, judge(item, why), partly);
    if (!parked) return parked.error();
    ++(*parked ? report.failed : report.retried);
    finish(item, why, report);
    return {};
}

void sync_recorder::finish(sync_item& item, const std::optional<acoustic::failure>& why, cycle_report& report) {
    item.finished = true;
    source_.finished(item.queued.email_id, item.queued.version);
    ++report.total;
    log_contact(log_, item, why);
}

// A failure that is not the contact's fault makes it wait only until the circuit opens: after that, the probes decide when it is its turn.
persistence::failed_attempt sync_recorder::judge(const sync_item& item, const acoustic::failure& why) const {
    using acoustic::failure_kind;
    persistence::failed_attempt out;
    out.reason = why.reason;
    out.limit = options_.retry_limit;
    out.give_up = why.kind == failure_kind::permanent;
    out.counts = why.kind != failure_kind::unavailable || vendor_.answers_others(item);
    if (out.counts) {
        const auto doubled = options_.first_wait * (std::int64_t{1} << std::min(item.queued.retry, 20));
        out.wait = with_jitter(std::min(doubled, options_.longest_wait));
    } else {
        out.wait = vendor_.is_down() ? std::chrono::milliseconds(0) : options_.first_pause;
    }
    return out;
}

} // namespace ctms::service
