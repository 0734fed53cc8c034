// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/sync_admin.hpp>

#include "address_step.hpp"

#include <persistence/sync/sync_queue_repository.hpp>

namespace ctms::service {
namespace {

using persistence::sync_queue_repository;

constexpr int contacts_of_a_step = 10'000;

/// No newsletter or waitlist has a name that the database cannot store.
result<void> check(const model::resync_selection& which) {
    if (which.what == model::resync_selection::kind::all || is_storable(which.name)) return {};
    return invalid("name: the text has a NUL character or is not UTF-8");
}

/// Repeats `next`, which does one step, until it has looked at everything.
template <class Step>
resync_report in_steps(const std::function<bool(const resync_progress&)>& go_on, Step next) {
    resync_report out;
    for (;;) {
        const auto step = next();
        if (!step) return out.failure = step.error(), out;
        out.done.looked_at += step->looked_at;
        out.done.chosen += step->chosen;
        out.done.queued += step->queued;
        const bool is_last = step->looked_at < static_cast<std::size_t>(contacts_of_a_step);
        const bool wanted = !go_on || go_on(out.done);
        if (is_last) return out;
        if (!wanted) return out.stopped = true, out;
    }
}

} // namespace

result<model::queue_status> sync_admin::status() { return sync_queue_repository(db_).status(); }

result<std::vector<model::parked_contact>> sync_admin::parked(int limit) { return sync_queue_repository(db_).parked(limit); }

result<std::size_t> sync_admin::retry_parked(std::span<const uuid> email_ids) { return sync_queue_repository(db_).retry_parked(email_ids); }

result<std::size_t> sync_admin::retry_all_parked() { return sync_queue_repository(db_).retry_all_parked(); }

result<std::size_t> sync_admin::forget_parked(std::span<const uuid> email_ids) {
    return sync_queue_repository(db_).forget_parked(email_ids);
}

result<std::size_t> sync_admin::forget_all_parked() { return sync_queue_repository(db_).forget_all_parked(); }

result<std::size_t> sync_admin::count(const model::resync_selection& which) {
    if (const auto good = check(which); !good) return good.error();
    return sync_queue_repository(db_).count_selected(which);
}

result<std::vector<std::string>> sync_admin::known_names(model::resync_selection::kind what) {
    return sync_queue_repository(db_).known_names(what);
}

result<std::size_t> sync_admin::count_skipped() { return sync_queue_repository(db_).count_skipped(); }

resync_report sync_admin::resync(const model::resync_selection& which, const std::function<bool(const resync_progress&)>& go_on) {
    if (const auto good = check(which); !good) return {{}, false, good.error()};
    sync_queue_repository queue(db_);
    std::optional<uuid> after;
    return in_steps(go_on, [&] {
        auto step = queue.request_resync(which, after, contacts_of_a_step);
        if (step) after = step->last;
        return step;
    });
}

resync_report sync_admin::resync_skipped(const std::function<bool(const resync_progress&)>& go_on) {
    sync_queue_repository queue(db_);
    return in_steps(go_on, [&] { return queue.request_skipped(contacts_of_a_step); });
}

result<std::vector<model::bulk_outcome>> sync_admin::resync_addresses(std::span<const std::string> addresses, bool dry_run) {
    sync_queue_repository queue(db_);
    return in_address_steps(addresses, address_step,
                            [&](std::span<const std::string> part) { return dry_run ? queue.look_up(part) : queue.request_resync(part); });
}

} // namespace ctms::service
