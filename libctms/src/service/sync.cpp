// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/sync.hpp>

#include "sync_lease.hpp"
#include "sync_pipeline.hpp"
#include "sync_recorder.hpp"
#include "sync_rows.hpp"
#include "sync_source.hpp"
#include "sync_vendor.hpp"

#include <persistence/sync/bulk_job_repository.hpp>
#include <persistence/sync/queue_priority.hpp>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

namespace ctms::service {
namespace {

using clock = std::chrono::steady_clock;

/// Keeps times within the bound beyond which a stored time counts as wrong.
sync_options bounded(sync_options options) {
    options.lease = std::min(options.lease, persistence::longest_ahead);
    options.longest_wait = std::min<std::chrono::milliseconds>(options.longest_wait, persistence::longest_ahead / 2); // jitter adds to it
    return options;
}

} // namespace

class sync::impl {
public:
    using cycle_ended = std::function<void(const cycle_report&)>;

    impl(persistence::database& db, acoustic::client& vendor, mozlog::logger& log, sync_options options)
        : options_(bounded(std::move(options))),
          queue_(db),
          slots_(db, options_.connections),
          jobs_(db),
          source_(db, queue_, worker_, options_.lease, options_.skip_unchanged),
          vendor_(vendor, options_.first_pause, options_.longest_pause),
          recorder_(queue_, source_, vendor_, log, worker_, options_) {}

    result<cycle_report> run(const std::stop_token& stop, std::optional<int> most_contacts, const cycle_ended& ended);
    result<cycle_report> discard_batch();
    result<int> print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print);

    [[nodiscard]] result<cycle_report> begin_report();
    result<bool> any_due() { return queue_.any_due(below()); }
    [[nodiscard]] int batch_limit() const { return options_.batch_limit; }
    [[nodiscard]] auto next_probe() const { return vendor_.next_probe(); }
    [[nodiscard]] clock::time_point last_progress() const noexcept { return std::max(progress_.load(), vendor_.last_call()); }

private:
    /// The priority below which contacts are sent by calls. A probe takes any contact: while the vendor is down, no bulk job begins.
    [[nodiscard]] int below() const {
        const bool leaves_bulk = options_.leaves_bulk && !vendor_.is_down() && options_.leaves_bulk();
        return leaves_bulk ? static_cast<int>(persistence::queue_priority::bulk) : persistence::any_priority;
    }
    [[nodiscard]] result<int> take_slot(const std::stop_token& stop);
    [[nodiscard]] result<void> give_back();
    [[nodiscard]] result<void> note_vendor();

    const sync_options options_;
    const uuid worker_ = uuid::random();
    persistence::sync_queue_repository queue_;
    persistence::vendor_slots slots_;
    persistence::bulk_job_repository jobs_;
    sync_source source_;
    sync_vendor vendor_;
    sync_recorder recorder_;
    std::optional<clock::time_point> noted_probe_; ///< as note_vendor() stored it
    std::atomic<clock::time_point> progress_ = clock::now();
};

result<cycle_report> sync::impl::begin_report() {
    progress_ = clock::now();
    constexpr int most_batches = 10;
    constexpr int most_doubts = 5'000;
    if (const auto brought = queue_.bring_times_back(); !brought) return brought.error();
    if (const auto brought = slots_.bring_times_back(); !brought) return brought.error();
    if (const auto drained = queue_.drain_inbox(most_batches); !drained) return drained.error();
    // Here, because a job that was given up may leave doubts after the last process that makes jobs.
    if (const auto ended = jobs_.end_doubts(most_doubts); !ended) return ended.error();
    const auto counts = queue_.count();
    if (!counts) return counts.error();
    cycle_report out;
    out.sync_backlog = counts->backlog;
    out.retry_backlog = counts->retry_backlog;
    out.parked = counts->parked;
    return out;
}

result<cycle_report> sync::impl::run(const std::stop_token& stop, std::optional<int> most_contacts, const cycle_ended& ended) {
    const auto began = clock::now();
    if (const auto ready = source_.give_back(); !ready) return ready.error();
    auto report = begin_report();
    if (!report) return report;
    const auto probe = vendor_.next_probe();
    report->vendor_down = probe.has_value();
    if (probe && clock::now() < *probe) return report;
    const auto due = queue_.any_due(below());
    if (!due) return due.error();
    if (!*due) return report;
    const auto claimed_at = sync_lease::clock::now();
    const auto slots = take_slot(stop);
    if (!slots) return slots.error();
    report->no_slot = *slots == 0;
    if (report->no_slot) return report;
    pipeline_bounds bounds{options_.connections, options_.batch_limit, most_contacts,
                           probe.has_value(),    options_.gather,      [this] { return below(); }};
    if (probe) bounds.most_contacts = bounds.connections = 1;
    auto sent = [&] {
        sync_lease lease(queue_, slots_, worker_, *slots, options_.lease, claimed_at);
        const sync_pipeline::parts parts{source_, vendor_, recorder_, slots_, lease, worker_, options_.lease};
        const auto count = [&]() -> result<cycle_report> {
            if (const auto noted = note_vendor(); !noted) return noted.error();
            return begin_report();
        };
        return sync_pipeline(parts, bounds, *report, count, ended).run(stop);
    }();
    if (const auto released = give_back(); !released) return released.error();
    if (!sent) return sent;
    sent->vendor_down = vendor_.is_down();
    if (probe && sent->total > 0) sent->full = !sent->vendor_down; // the vendor is back
    if (most_contacts) sent->took = clock::now() - began;
    return sent;
}

result<void> sync::impl::give_back() {
    if (auto released = source_.give_back(); !released) return released;
    if (auto released = slots_.give_back(worker_); !released) return released;
    return note_vendor();
}

result<void> sync::impl::note_vendor() {
    const auto probe = vendor_.next_probe();
    const auto error = vendor_.take_error();
    if (probe == noted_probe_ && !error) return {};
    const auto left = probe ? std::optional(std::chrono::duration_cast<std::chrono::milliseconds>(*probe - clock::now())) : std::nullopt;
    if (auto noted = queue_.note_circuit(left, error); !noted) return noted;
    noted_probe_ = probe;
    return {};
}

// Says that this worker waits, so that one that has many slots gives some back.
result<int> sync::impl::take_slot(const std::stop_token& stop) {
    const auto longest = std::min<std::chrono::milliseconds>(std::chrono::seconds(1), std::chrono::milliseconds(options_.lease) / 6);
    const auto until = clock::now() + longest;
    constexpr std::chrono::milliseconds longest_pause{100};
    for (std::chrono::milliseconds pause{5};; pause = std::min(pause * 2, longest_pause)) {
        auto taken = slots_.take(worker_, 1, options_.lease);
        if (!taken || *taken > 0 || stop.stop_requested() || clock::now() > until) return taken;
        if (const auto said = slots_.wait_for(worker_); !said) return said.error();
        std::this_thread::sleep_for(pause);
    }
}

result<cycle_report> sync::impl::discard_batch() {
    constexpr int least = 1000; // deleting is fast
    const int limit = std::max(options_.batch_limit, least);
    auto report = begin_report();
    if (!report) return report;
    const auto began = clock::now();
    const auto gone = queue_.discard(limit);
    if (!gone) return gone.error();
    report->total = report->skipped = static_cast<int>(*gone);
    report->full = report->total == limit;
    report->took = clock::now() - began;
    return report;
}

result<int> sync::impl::print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print) {
    const auto items = source_.peek(options_.batch_limit);
    if (!items) return items.error();
    sync_rows gathered(acoustic::most_rows);
    for (const auto& item : *items) {
        if (item->queued.is_deletion) {
            print(acoustic::remove_recipient_xml(tables.main_table_id, item->queued.primary_email, item->queued.email_id.to_string()));
        } else if (item->contact && !item->main_unchanged) {
            print(acoustic::add_recipient_xml(tables.main_table_id, item->rows.main));
        }
        gathered.add(*item);
    }
    while (const auto call = gathered.take_any()) {
        const auto& id = call->target == acoustic::table::newsletter ? tables.newsletter_table_id : tables.product_table_id;
        const auto rows = call->rows();
        print(call->deletes ? acoustic::delete_rows_xml(id, call->target, rows) : acoustic::insert_rows_xml(id, rows));
    }
    return static_cast<int>(items->size());
}

sync::sync(persistence::database& db, acoustic::client& vendor, mozlog::logger& log, sync_options options)
    : impl_(std::make_unique<impl>(db, vendor, log, std::move(options))) {}
sync::~sync() = default;

result<cycle_report> sync::run_cycle(const std::stop_token& stop) { return impl_->run(stop, impl_->batch_limit(), {}); }
result<cycle_report> sync::run_while_due(const std::stop_token& stop, const std::function<void(const cycle_report&)>& ended) {
    return impl_->run(stop, std::nullopt, ended);
}
result<cycle_report> sync::look() { return impl_->begin_report(); }
result<cycle_report> sync::discard_batch() { return impl_->discard_batch(); }
result<bool> sync::any_due() { return impl_->any_due(); }
std::optional<clock::time_point> sync::next_probe() const { return impl_->next_probe(); }
clock::time_point sync::last_progress() const noexcept { return impl_->last_progress(); }
result<int> sync::print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print) {
    return impl_->print_calls(tables, print);
}

} // namespace ctms::service
