// SPDX-License-Identifier: MPL-2.0
#include "sync_vendor.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ctms::service {
namespace {

bool is_unavailable(const acoustic::outcome& call) { return call.failed && call.failed->kind == acoustic::failure_kind::unavailable; }

/// Whether it is unclear whose row the vendor refused, as in a failure of the whole call.
bool is_unclear(const acoustic::outcome& call) {
    return call.failed || std::any_of(call.refused.begin(), call.refused.end(), [](const auto& row) { return row.email_id.empty(); });
}

} // namespace

void sync_vendor::note(acoustic::table target, const acoustic::outcome& call) {
    last_call_ = clock::now();
    if (is_unavailable(call)) {
        breaker_.failed(clock::now());
    } else {
        last_answer_.at(static_cast<std::size_t>(target)) = ctms::now();
        breaker_.succeeded();
    }
    if (call.succeeded()) return;
    const auto& why = call.failed ? *call.failed : call.refused.front().why;
    const std::lock_guard lock(mutex_);
    error_ = fmt::format("{}: {}", to_string(target), why.reason);
}

std::optional<std::string> sync_vendor::take_error() {
    const std::lock_guard lock(mutex_);
    return std::exchange(error_, std::nullopt);
}

void sync_vendor::send_main(sync_item& item) {
    item.began = ctms::now();
    item.trace = trace_context::begin();
    const trace_scope scope(&item.trace);
    const auto call = item.queued.is_deletion ? client_.remove_recipient(item.queued.primary_email, item.queued.email_id.to_string())
                                              : client_.add_recipient(item.rows.main);
    item.main.note(call);
    if (call.failed) item.main.fail(*call.failed);
    if (!call.refused.empty()) item.main.fail(call.refused.front().why);
    note(acoustic::table::main, call);
    if (item.main.failed) item.failed_at = ctms::now();
}

acoustic::outcome sync_vendor::call(const row_call& call) {
    const auto rows = call.rows();
    const auto trace = trace_context::begin();
    const trace_scope scope(&trace);
    return call.deletes ? client_.delete_rows(call.target, rows) : client_.insert_rows(call.target, rows);
}

void sync_vendor::send_rows(const row_call& whole, const std::function<bool()>& may_send,
                            const std::function<void(const row_call&, const acoustic::outcome&)>& settle) {
    const std::function<void(const row_call&, const acoustic::outcome&)> isolate = [&](const row_call& part,
                                                                                       const acoustic::outcome& outcome) {
        if (part.groups.size() == 1 || !is_unclear(outcome)) return settle(part, outcome);
        if (!may_send()) {
            // Without an answer, no contact is at fault. Otherwise it is not known whose row was refused, and the contacts count as not
            // sent.
            if (is_unavailable(outcome)) settle(part, outcome);
            return;
        }
        const auto half = part.groups.begin() + static_cast<std::ptrdiff_t>(part.groups.size() / 2);
        const row_call left{part.target, part.deletes, {part.groups.begin(), half}};
        const row_call right{part.target, part.deletes, {half, part.groups.end()}};
        const auto left_outcome = call(left);
        if (!may_send()) { // the right half counts as not sent
            note(part.target, left_outcome);
            return settle(left, left_outcome);
        }
        const auto right_outcome = call(right);
        // One contact may be the reason why one half gets no answer, but if both halves get none, the vendor is down.
        note(part.target, is_unavailable(left_outcome) ? right_outcome : left_outcome);
        isolate(left, left_outcome);
        isolate(right, right_outcome);
    };
    const auto outcome = call(whole);
    note(whole.target, outcome);
    isolate(whole, outcome);
}

bool sync_vendor::answers_others(const sync_item& item) const {
    if (is_down()) return false;
    const auto before = item.queued.last_attempt_at.value_or(item.failed_at);
    const auto since = std::min(before, item.failed_at); // the clock may have been set back since the last attempt
    const std::array tables{&item.main, &item.newsletters, &item.products};
    for (std::size_t i = 0; i < tables.size(); ++i) {
        if (tables[i]->failed && last_answer_.at(i).load() > since) return true;
    }
    return false;
}

} // namespace ctms::service
