// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/sync.hpp>

#include "circuit_breaker.hpp"
#include "in_parallel.hpp"
#include "sync_item.hpp"
#include "sync_lease.hpp"
#include "sync_log.hpp"

#include <persistence/contacts/contact_repository.hpp>
#include <persistence/stripe/product_repository.hpp>
#include <persistence/sync/acoustic_configuration_repository.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace ctms::service {
namespace {

using clock = std::chrono::steady_clock;

std::vector<acoustic::relational_row> rows_of(const row_call& call) {
    std::vector<acoustic::relational_row> out;
    for (const auto& group : call.groups) out.insert(out.end(), group.rows.begin(), group.rows.end());
    return out;
}

bool is_unavailable(const acoustic::outcome& call) { return call.failed && call.failed->kind == acoustic::failure_kind::unavailable; }

/// Whether it is unclear whose row the vendor refused, as in a failure of the whole call.
bool is_unclear(const acoustic::outcome& call) {
    return call.failed || std::any_of(call.refused.begin(), call.refused.end(), [](const auto& row) { return row.email_id.empty(); });
}

} // namespace

class sync::impl {
public:
    impl(persistence::database& db, acoustic::client& vendor, mozlog::logger& log, const sync_options& options)
        : queue_(db),
          slots_(db, options.connections),
          contacts_(db),
          products_(db),
          configuration_(db),
          vendor_(vendor),
          log_(log),
          options_(options),
          breaker_(options.first_pause, options.longest_pause) {}

    result<cycle_report> run_cycle(const std::stop_token& stop);
    result<cycle_report> discard_batch();
    result<int> print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print);

    result<bool> any_due() { return queue_.any_due(); }
    [[nodiscard]] auto next_probe() const { return breaker_.next_probe(); }
    [[nodiscard]] clock::time_point last_progress() const noexcept { return progress_; }

private:
    /// The state of a running cycle, which several threads share.
    struct cycle {
        std::vector<sync_item> items;
        int threads = 1;
        const sync_lease& lease;
        const std::stop_token& stop;
        bool is_probe = false;
        std::mutex mutex{}; ///< guards the members below
        cycle_report& report;
        std::optional<error> database_failure{};
    };

    [[nodiscard]] result<cycle_report> begin_report();
    [[nodiscard]] result<void> give_back_leftovers();
    [[nodiscard]] result<std::vector<sync_item>> load(std::vector<persistence::queued_contact> claimed);
    [[nodiscard]] result<void> send(std::vector<sync_item> items, const std::stop_token& stop, clock::time_point claimed_at,
                                    cycle_report& report);
    [[nodiscard]] result<int> take_slots(int wanted, const std::stop_token& stop);
    [[nodiscard]] bool may_send(cycle& now) const;
    void send_main(cycle& now, sync_item& item);
    [[nodiscard]] result<void> note_doubt(const std::vector<sync_item>& items);
    [[nodiscard]] acoustic::outcome call_vendor(const row_call& call);
    void send_rows(cycle& now, const row_call& call);
    void settle(cycle& now, const row_call& call, const acoustic::outcome& outcome);
    void split(cycle& now, const row_call& call);
    void note_call(acoustic::table target, const acoustic::outcome& call);
    void finish(cycle& now, sync_item& item);
    [[nodiscard]] bool answers_others(const sync_item& item) const;
    [[nodiscard]] persistence::failed_attempt judge(const sync_item& item, const acoustic::failure& why) const;
    void finish_failed(cycle& now, sync_item& item, const acoustic::failure& why);
    void finish_all(cycle& now);

    persistence::sync_queue_repository queue_;
    persistence::vendor_slots slots_;
    persistence::contact_repository contacts_;
    persistence::product_repository products_;
    persistence::acoustic_configuration_repository configuration_;
    acoustic::client& vendor_;
    mozlog::logger& log_;
    const sync_options options_;
    const uuid worker_ = uuid::random();
    circuit_breaker breaker_;
    std::vector<uuid> leftovers_; ///< claimed, but neither finished nor given back yet
    std::atomic<clock::time_point> progress_ = clock::now();
    std::array<std::atomic<timestamp>, 3> last_answer_{}; ///< when the vendor last answered a call, for each table
};

result<cycle_report> sync::impl::begin_report() {
    progress_ = clock::now();
    constexpr int most_batches = 10;
    if (const auto drained = queue_.drain_inbox(most_batches); !drained) return drained.error();
    const auto counts = queue_.count();
    if (!counts) return counts.error();
    cycle_report out;
    out.sync_backlog = counts->backlog;
    out.retry_backlog = counts->retry_backlog;
    out.parked = counts->parked;
    return out;
}

result<void> sync::impl::give_back_leftovers() {
    if (leftovers_.empty()) return {};
    if (auto released = queue_.release(worker_, leftovers_); !released) return released;
    leftovers_.clear();
    return {};
}

result<cycle_report> sync::impl::run_cycle(const std::stop_token& stop) {
    const auto began = clock::now();
    if (const auto ready = give_back_leftovers(); !ready) return ready.error();
    auto report = begin_report();
    if (!report) return report;
    const auto probe = breaker_.next_probe();
    report->vendor_down = probe.has_value();
    if (probe && clock::now() < *probe) return report;
    const int limit = probe ? 1 : options_.batch_limit;
    const auto claimed_at = clock::now();
    auto claimed = queue_.claim(worker_, limit, options_.lease);
    if (!claimed) return claimed.error();
    if (claimed->empty()) return report;
    for (const auto& one : *claimed) leftovers_.push_back(one.email_id);
    report->full = !probe && claimed->size() == static_cast<std::size_t>(limit);
    auto items = load(std::move(*claimed));
    if (!items) return items.error();
    const auto sent = send(std::move(*items), stop, claimed_at, *report);
    if (const auto released = give_back_leftovers(); !released) return released.error();
    if (!sent) return sent.error();
    report->vendor_down = breaker_.is_open();
    report->took = clock::now() - began;
    return report;
}

result<std::vector<sync_item>> sync::impl::load(std::vector<persistence::queued_contact> claimed) {
    std::vector<uuid> ids;
    for (const auto& one : claimed) ids.push_back(one.email_id);
    const auto configuration = configuration_.read();
    if (!configuration) return configuration.error();
    auto found = contacts_.find(ids);
    if (!found) return found.error();
    const auto products = products_.find(ids);
    if (!products) return products.error();
    std::map<uuid, model::contact> by_id;
    for (auto& contact : *found) by_id.emplace(contact.email.email_id, std::move(contact));
    std::vector<sync_item> out;
    for (std::size_t i = 0; i < claimed.size(); ++i) {
        const auto contact = by_id.find(ids[i]);
        auto stored = contact == by_id.end() ? std::nullopt : std::optional(std::move(contact->second));
        out.push_back(make_item(std::move(claimed[i]), std::move(stored), (*products)[i], *configuration, options_.skip_unchanged));
    }
    return out;
}

result<void> sync::impl::send(std::vector<sync_item> items, const std::stop_token& stop, clock::time_point claimed_at,
                              cycle_report& report) {
    const int wanted = static_cast<int>(std::min(items.size(), static_cast<std::size_t>(options_.connections)));
    const auto slots = take_slots(wanted, stop);
    if (!slots) return slots.error();
    report.no_slot = *slots == 0;
    if (report.no_slot) return {};
    if (auto noted = note_doubt(items); !noted) return noted;
    {
        const sync_lease lease(queue_, slots_, worker_, *slots, options_.lease, claimed_at);
        cycle now{std::move(items), *slots, lease, stop, report.vendor_down, {}, report, {}};
        const auto go_on = [&] { return may_send(now); };
        in_parallel(now.threads, now.items.size(), go_on, [&](std::size_t i) { send_main(now, now.items[i]); });
        const auto calls = pack_rows(now.items, acoustic::most_rows);
        in_parallel(now.threads, calls.size(), go_on, [&](std::size_t i) { send_rows(now, calls[i]); });
        finish_all(now);
        if (now.database_failure) return *now.database_failure;
    }
    return slots_.give_back(worker_);
}

// A worker with all slots gives them back between two cycles, but only for some milliseconds; polling less often would miss that.
result<int> sync::impl::take_slots(int wanted, const std::stop_token& stop) {
    constexpr std::chrono::milliseconds look_again{5};
    const auto until =
        clock::now() + std::min<std::chrono::milliseconds>(std::chrono::seconds(1), std::chrono::milliseconds(options_.lease) / 6);
    for (;;) {
        auto taken = slots_.take(worker_, wanted, options_.lease);
        if (!taken || *taken > 0 || stop.stop_requested() || clock::now() > until) return taken;
        std::this_thread::sleep_for(look_again);
    }
}

result<void> sync::impl::note_doubt(const std::vector<sync_item>& items) {
    std::vector<std::pair<uuid, persistence::vendor_state>> states;
    for (const auto& item : items) {
        if (auto state = item.in_doubt()) states.emplace_back(item.queued.email_id, *std::move(state));
    }
    return states.empty() ? result<void>() : queue_.note_states(worker_, states);
}

bool sync::impl::may_send(cycle& now) const {
    if (now.stop.stop_requested() || !now.lease.holds()) return false;
    if (!now.is_probe && breaker_.is_open()) return false;
    const std::lock_guard lock(now.mutex);
    return !now.database_failure;
}

void sync::impl::note_call(acoustic::table target, const acoustic::outcome& call) {
    progress_ = clock::now();
    if (is_unavailable(call)) {
        breaker_.failed(clock::now());
    } else {
        last_answer_.at(static_cast<std::size_t>(target)) = ctms::now();
        breaker_.succeeded();
    }
}

void sync::impl::send_main(cycle& now, sync_item& item) {
    item.began = ctms::now();
    const auto id = item.queued.email_id.to_string();
    if (item.queued.is_deletion) {
        const auto call = vendor_.remove_recipient(item.queued.primary_email, id);
        item.main.note(call);
        if (call.failed) item.main.fail(*call.failed);
        note_call(acoustic::table::main, call);
    } else if (item.contact && !item.main_unchanged) {
        const auto call = vendor_.add_recipient(item.rows.main);
        item.main.note(call);
        if (call.failed) item.main.fail(*call.failed);
        if (!call.refused.empty()) item.main.fail(call.refused.front().why);
        note_call(acoustic::table::main, call);
    }
    if (item.main.failed) item.failed_at = ctms::now();
    // Most contacts are finished here or after the next call. Failures are judged at the end of the cycle, when more is known.
    if (!item.main.failed && !item.has_rows_to_send()) finish(now, item);
}

acoustic::outcome sync::impl::call_vendor(const row_call& call) {
    const auto rows = rows_of(call);
    return call.deletes ? vendor_.delete_rows(call.target, rows) : vendor_.insert_rows(call.target, rows);
}

void sync::impl::send_rows(cycle& now, const row_call& call) {
    const auto outcome = call_vendor(call);
    note_call(call.target, outcome);
    settle(now, call, outcome);
}

void sync::impl::settle(cycle& now, const row_call& call, const acoustic::outcome& outcome) {
    if (call.groups.size() > 1 && is_unclear(outcome) && may_send(now)) return split(now, call);
    const std::lock_guard lock(now.mutex);
    for (const auto& group : call.groups) {
        auto& progress = call.target == acoustic::table::newsletter ? group.item->newsletters : group.item->products;
        progress.note(outcome);
        --group.item->calls_left;
        if (!outcome.succeeded()) group.item->failed_at = ctms::now();
        if (outcome.failed) progress.fail(*outcome.failed);
        for (const auto& refused : outcome.refused) {
            const bool mine = refused.email_id.empty() || refused.email_id == group.item->queued.email_id.to_string();
            if (mine) progress.fail(refused.why);
        }
    }
}

void sync::impl::split(cycle& now, const row_call& call) {
    const auto half = call.groups.begin() + static_cast<std::ptrdiff_t>(call.groups.size() / 2);
    const row_call left{call.target, call.deletes, {call.groups.begin(), half}};
    const row_call right{call.target, call.deletes, {half, call.groups.end()}};
    const auto left_outcome = call_vendor(left);
    if (!may_send(now)) { // the right half counts as not sent
        note_call(call.target, left_outcome);
        return settle(now, left, left_outcome);
    }
    const auto right_outcome = call_vendor(right);
    // One contact may be the reason why one half gets no answer, but if both halves get none, the vendor is down.
    note_call(call.target, is_unavailable(left_outcome) ? right_outcome : left_outcome);
    settle(now, left, left_outcome);
    settle(now, right, right_outcome);
}

void sync::impl::finish_all(cycle& now) {
    const auto go_on = [&] { return std::lock_guard(now.mutex), !now.database_failure; };
    // In parallel, because each contact needs a transaction, and the vendor is not called during this time.
    in_parallel(now.threads, now.items.size(), go_on, [&](std::size_t i) {
        auto& item = now.items[i];
        if (item.finished || item.began == timestamp{}) return;
        if (const auto why = item.failure()) return finish_failed(now, item, *why);
        if (item.calls_left == 0) finish(now, item);
    });
    leftovers_.clear();
    for (const auto& item : now.items) {
        if (!item.finished) leftovers_.push_back(item.queued.email_id);
    }
}

void sync::impl::finish(cycle& now, sync_item& item) {
    const bool is_gone = item.queued.is_deletion || !item.contact;
    const auto done = queue_.complete(worker_, item.queued, is_gone ? std::nullopt : std::optional(item.wanted));
    const std::lock_guard lock(now.mutex);
    if (!done) {
        now.database_failure = done.error();
        return;
    }
    item.finished = true;
    ++now.report.total;
    ++(item.contact || item.queued.is_deletion ? now.report.synced : now.report.skipped);
    if (item.queued.retry == 0) now.report.age_s = std::chrono::duration<double>(ctms::now() - item.queued.first_requested_at).count();
    log_contact(log_, item, std::nullopt);
}

// If the vendor has answered no call for the same table since this contact failed, the vendor is down, and the failure is not
// the contact's fault. Answers that it gives before the contact's next attempt count at that attempt.
bool sync::impl::answers_others(const sync_item& item) const {
    if (breaker_.is_open()) return false;
    const auto since = item.queued.last_attempt_at.value_or(item.failed_at);
    const std::array tables{&item.main, &item.newsletters, &item.products};
    for (std::size_t i = 0; i < tables.size(); ++i) {
        if (tables[i]->failed && last_answer_[i].load() > since) return true;
    }
    return false;
}

persistence::failed_attempt sync::impl::judge(const sync_item& item, const acoustic::failure& why) const {
    using acoustic::failure_kind;
    persistence::failed_attempt out;
    out.reason = why.reason;
    out.limit = options_.retry_limit;
    out.give_up = why.kind == failure_kind::permanent;
    out.counts = why.kind != failure_kind::unavailable || answers_others(item);
    const auto doubled = options_.first_wait * (std::int64_t{1} << std::min(item.queued.retry, 20));
    out.wait = with_jitter(std::min(out.counts ? doubled : options_.longest_pause, options_.longest_wait));
    return out;
}

void sync::impl::finish_failed(cycle& now, sync_item& item, const acoustic::failure& why) {
    const auto partly = item.queued.is_deletion ? std::nullopt : std::optional(item.partly());
    const auto parked = queue_.fail(worker_, item.queued, judge(item, why), partly);
    const std::lock_guard lock(now.mutex);
    if (!parked) {
        now.database_failure = parked.error();
        return;
    }
    item.finished = true;
    ++now.report.total;
    ++(*parked ? now.report.failed : now.report.retried);
    log_contact(log_, item, why);
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
    auto due = queue_.peek(options_.batch_limit);
    if (!due) return due.error();
    auto items = load(std::move(*due));
    if (!items) return items.error();
    for (const auto& item : *items) {
        if (item.queued.is_deletion) {
            print(acoustic::remove_recipient_xml(tables.main_table_id, item.queued.primary_email, item.queued.email_id.to_string()));
        } else if (item.contact && !item.main_unchanged) {
            print(acoustic::add_recipient_xml(tables.main_table_id, item.rows.main));
        }
    }
    for (const auto& call : pack_rows(*items, acoustic::most_rows)) {
        const auto& id = call.target == acoustic::table::newsletter ? tables.newsletter_table_id : tables.product_table_id;
        const auto rows = rows_of(call);
        print(call.deletes ? acoustic::delete_rows_xml(id, call.target, rows) : acoustic::insert_rows_xml(id, rows));
    }
    return static_cast<int>(items->size());
}

sync::sync(persistence::database& db, acoustic::client& vendor, mozlog::logger& log, sync_options options)
    : impl_(std::make_unique<impl>(db, vendor, log, options)) {}
sync::~sync() = default;

result<cycle_report> sync::run_cycle(const std::stop_token& stop) { return impl_->run_cycle(stop); }
result<cycle_report> sync::discard_batch() { return impl_->discard_batch(); }
result<bool> sync::any_due() { return impl_->any_due(); }
std::optional<clock::time_point> sync::next_probe() const { return impl_->next_probe(); }
clock::time_point sync::last_progress() const noexcept { return impl_->last_progress(); }
result<int> sync::print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print) {
    return impl_->print_calls(tables, print);
}

} // namespace ctms::service
