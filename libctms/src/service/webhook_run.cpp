// SPDX-License-Identifier: MPL-2.0
#include "webhook_run.hpp"

#include "circuit_breaker.hpp"

#include <auth/webhook_signature.hpp>
#include <webhook/messages.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ctms::service {
namespace {

using namespace std::chrono_literals;
using model::webhook_state;

constexpr auto log_type = "ctms.webhooks";
// New secrets and other changes by operators take effect after this time.
constexpr std::chrono::seconds longest_run = 10s;
// The specification recommends messages of less than 20 KB. A change needs about 250 bytes, a contact usually less than 2 KB.
constexpr int most_changes = 50;
constexpr int most_contacts = 10;

/// `created` and `updated` are sent together, because which of them a change is depends on the place of the reader: a contact that was
/// created and then changed is an update for a reader who has passed the creation, although it has not seen it.
bool is_wanted(const model::webhook& hook, model::change_kind what) {
    using enum model::change_kind;
    if (what == deleted) return hook.events.contains(deleted);
    return hook.events.contains(created) || hook.events.contains(updated);
}

bool is_of_another_time(const model::change_cursor& place, const persistence::feed_end& end) {
    return place.epoch != end.last.epoch || place.xid >= end.next_xid;
}

} // namespace

bool has_news(const model::webhook& hook, const persistence::feed_end& end) {
    return !hook.lost.empty() || hook.cluster != end.cluster || is_of_another_time(hook.after, end) ||
           persistence::is_before(hook.after, end.last);
}

void webhook_run::deliver(const uuid& id, const std::stop_token& stop) {
    const auto now = clock::now();
    lease_ends_ = now + lease_;
    run_ends_ = now + longest_run; // from here on, because the secrets are read now
    auto claimed = repository_.claim(id, holder_, lease_);
    if (!claimed || !*claimed) return; // another process was faster, or the database failed: the next look tries again
    claimed_ = **std::move(claimed);
    const auto end = persistence::change_feed(db_).end();
    if (end && end->cluster != claimed_.webhook.cluster)
        return park("the database is a copy of another one, which may still deliver: retry the webhook if this one is to deliver");
    try {
        webhook::sender to(claimed_.webhook, options_.timeout);
        if (!end || send_all(to, stop)) (void)repository_.release(id, holder_);
    } catch (const std::invalid_argument& wrong) { // a URL that somebody stored by other means
        park(wrong.what());
    }
}

bool webhook_run::send_all(webhook::sender& to, const std::stop_token& stop) {
    while (!stop.stop_requested() && may_send()) {
        if (const auto ended = send_next(to)) return *ended;
    }
    return true;
}

bool webhook_run::may_send() const {
    const auto now = clock::now();
    return now < run_ends_ && now + options_.timeout < lease_ends_;
}

std::optional<bool> webhook_run::send_next(webhook::sender& to) {
    const auto& hook = claimed_.webhook;
    if (!hook.lost.empty()) return send(to, webhook::lost_message(hook.lost, hook.lost_at.value_or(hook.created_at)), hook.after, 0);
    const int limit = hook.with_contacts ? most_contacts : most_changes;
    auto page = changes(db_, false).read({hook.after, limit, hook.with_contacts});
    if (!page) return page.error().code == errc::not_found ? give_up_place() : true;
    if (page->items.empty()) return true;
    std::erase_if(page->items, [&](const model::change& one) { return !is_wanted(hook, one.what); });
    if (page->items.empty()) return move_on(page->next, false);
    if (!may_send()) { // reading took long
        if (has_moved_) return true;
        const auto wait = options_.waits.empty() ? std::chrono::milliseconds{} : options_.waits.front();
        record({"reading the changes took too long: the database is slow", webhook_state::enabled, wait});
        return false;
    }
    return send(to, webhook::changes_message(page->items, hook.with_contacts), page->next, page->items.size());
}

std::optional<bool> webhook_run::send(webhook::sender& to, const std::string& body, const model::change_cursor& next, std::size_t changes) {
    const auto& hook = claimed_.webhook;
    const auto begun = clock::now();
    trace_ = trace_context::begin();
    const trace_scope scope(&trace_);
    const auto done = to.send(auth::webhook_message_id(hook.id.to_string(), body), body, claimed_.secrets);
    const std::chrono::duration<double> took = clock::now() - begun;
    if (options_.on_attempt) options_.on_attempt({hook.name, webhook::to_string(done.what), took.count(), changes});
    if (done.what == webhook::outcome_kind::delivered) return move_on(next, true);
    fail(done);
    return false;
}

std::optional<bool> webhook_run::move_on(const model::change_cursor& next, bool sent) {
    auto& hook = claimed_.webhook;
    const auto begun = clock::now();
    const auto moved = repository_.move_on(hook.id, holder_, next, sent, lease_);
    if (!moved) return true; // it is sent again
    if (sent && hook.failures > 0) {
        mozlog::fields members;
        members.add("webhook", hook.name).add("failures", hook.failures);
        log_.log(mozlog::severity::info, log_type, members, "A webhook delivers again");
    }
    if (!*moved) return true;
    has_moved_ = true;
    lease_ends_ = begun + lease_;
    hook.after = next;
    if (sent) {
        hook.failures = 0;
        hook.lost.clear();
    }
    return std::nullopt;
}

std::optional<bool> webhook_run::give_up_place() {
    const auto& hook = claimed_.webhook;
    const auto end = persistence::change_feed(db_).end();
    if (!end) return true;
    const auto* why = is_of_another_time(hook.after, *end) ? "the database was restored, or a standby took over"
                                                           : "deletions after the last delivered change are not known any more";
    (void)repository_.note_lost(hook.id, holder_, end->last, why, lease_);
    mozlog::fields members;
    members.add("webhook", hook.name).add("reason", why);
    log_.log(mozlog::severity::error, log_type, members, "A webhook cannot follow the changes: its receiver is told to compare everything");
    return true; // the next look sends the message
}

void webhook_run::fail(const webhook::outcome& what) {
    constexpr int gone = 410;
    const auto failures = static_cast<std::size_t>(claimed_.webhook.failures);
    persistence::webhook_failure failure{what.text};
    if (what.status == gone) {
        failure.next = webhook_state::disabled;
    } else if (failures >= options_.waits.size()) {
        failure.next = webhook_state::parked;
    } else {
        failure.wait = std::max<std::chrono::milliseconds>(with_jitter(options_.waits[failures]), what.retry_after.value_or(0s));
    }
    record(failure);
}

void webhook_run::park(const std::string& why) { record({why, webhook_state::parked}); }

void webhook_run::record(const persistence::webhook_failure& failure) {
    const auto& hook = claimed_.webhook;
    const auto recorded = repository_.fail(hook, holder_, failure);
    if (recorded && !*recorded) return; // an operator has retried the webhook meanwhile, or another process has it
    mozlog::fields members;
    members.add("webhook", hook.name).add("error", failure.what).add("failures", hook.failures + 1);
    if (!trace_.trace_id.empty()) members.add("trace_id", trace_.trace_id);
    if (failure.next == webhook_state::enabled) {
        members.add_seconds("retry_in_s", std::chrono::duration<double>(failure.wait).count());
        return log_.log(mozlog::severity::warning, log_type, members, "A webhook could not be delivered");
    }
    log_.log(mozlog::severity::error, log_type, members,
             failure.next == webhook_state::parked ? "A webhook is parked" : "A webhook is disabled, because its receiver is gone");
}

} // namespace ctms::service
