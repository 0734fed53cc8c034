// SPDX-License-Identifier: MPL-2.0
#include "change_hub.hpp"

#include <ctms/json/changes_json.hpp>
#include <ctms/service/changes.hpp>
#include <ctms/service/tokens.hpp>
#include <support/prometheus_metrics.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <new>
#include <tuple>

namespace ctms::web::streams {
namespace {

using std::chrono::steady_clock;

// What the hub keeps for streams that are behind. Slower ones read the database themselves again.
constexpr std::size_t most_kept_bytes = std::size_t{8} * 1024 * 1024;
constexpr std::size_t most_kept_batches = 1'000;
constexpr std::size_t most_batch_bytes = std::size_t{1024} * 1024; // or one event
constexpr auto log_type = "ctms.web.streams";

end_reason reason_of(errc code) noexcept {
    switch (code) {
    case errc::unauthorized: return end_reason::token_invalid;
    case errc::forbidden: return end_reason::client_disabled;
    case errc::missing_role: return end_reason::role_missing;
    default: return end_reason::none; // a failure here says nothing about the client
    }
}

/// Takes as many items as a batch may have.
batch to_batch(const model::change_cursor& from, const model::change_page& page, bool with_contacts) {
    batch out;
    out.from = from;
    out.has_contacts = with_contacts;
    out.events.reserve(page.items.size());
    for (const auto& item : page.items) {
        if (out.bytes >= most_batch_bytes) break;
        auto& event = out.events.emplace_back();
        event.cursor = item.cursor;
        event.when = item.when;
        append_event(event.text, item, false);
        if (with_contacts) append_event(event.text_with_contact, item, true);
        out.bytes += sizeof(event) + event.text.size() + event.text_with_contact.size();
    }
    return out;
}

} // namespace

std::string_view to_string(end_reason why) noexcept {
    switch (why) {
    case end_reason::none: return "";
    case end_reason::token_invalid: return "token_invalid";
    case end_reason::client_disabled: return "client_disabled";
    case end_reason::role_missing: return "role_missing";
    case end_reason::cursor_gone: return "cursor_gone";
    case end_reason::server_stopping: return "server_stopping";
    }
    return "";
}

void append_event(std::string& out, const model::change& change, bool with_contact) {
    // JSON as we write it has no line ends, which would end the field.
    out.append("id: ").append(json::write_cursor(change.cursor)).append("\ndata: ");
    json::write_change(out, change, with_contact);
    out += "\n\n";
}

bool is_before(const model::change_cursor& a, const model::change_cursor& b) noexcept {
    return std::tie(a.xid, a.email_id) < std::tie(b.xid, b.email_id);
}

subscription::~subscription() {
    if (!is_counted_) return;
    const std::lock_guard lock(hub_.mutex_);
    hub_.leave(*this);
    hub_.open_.erase(this);
    if (with_contacts_) --hub_.with_contacts_;
    const auto mine = hub_.of_client_.find(client_id_);
    if (--mine->second == 0) hub_.of_client_.erase(mine);
    hub_.metrics_.stream_closed();
}

bool subscription::join(const model::change_cursor& at) {
    const std::lock_guard lock(hub_.mutex_);
    auto next = hub_.published_.load();
    if (hub_.end_ && hub_.end_->epoch != at.epoch) return false;
    const bool is_idle = hub_.end_ && hub_.kept_.empty(); // its place may be after the last change, and streams leave out what they have
    if (!hub_.end_ || (is_idle && is_before(at, *hub_.end_))) {
        hub_.end_ = at;
    } else if (is_before(at, *hub_.end_)) {
        // The last batch that begins at or before the place of the stream: what was before that place is left out by the stream.
        const auto begins_after = [&](const auto& one) { return is_before(at, one->from); };
        const auto after = std::find_if(hub_.kept_.begin(), hub_.kept_.end(), begins_after);
        if (after == hub_.kept_.begin()) return false;
        next -= static_cast<std::uint64_t>(hub_.kept_.end() - after) + 1;
    }
    next_ = next;
    is_joined_ = true;
    ++hub_.joined_;
    return true;
}

std::chrono::milliseconds subscription::longest_silence() const noexcept { return hub_.options_.longest_silence; }

bool subscription::has_next() const noexcept { return is_joined_ && hub_.published_ > next_; }

std::shared_ptr<const batch> subscription::current() {
    if (!has_next()) return nullptr;
    const std::lock_guard lock(hub_.mutex_);
    const auto behind = hub_.published_ - next_;
    if (behind <= hub_.kept_.size()) {
        auto found = *(hub_.kept_.end() - static_cast<std::ptrdiff_t>(behind));
        if (found->has_contacts || !with_contacts_) return found;
    }
    hub_.leave(*this);
    return nullptr;
}

change_hub::change_hub(service::changes& feed, service::tokens& tokens, support::prometheus_metrics& metrics, mozlog::logger& log,
                       const options& wanted)
    : feed_(feed),
      tokens_(tokens),
      metrics_(metrics),
      log_(log),
      options_(wanted),
      page_(100, 500, std::size_t{512} * 1024),
      worker_([this](const std::stop_token& stop) { work(stop); }) {}

result<std::shared_ptr<subscription>> change_hub::open(const std::string& client_id, std::string_view token, bool with_contacts) {
    // Before the lock, which its destructor needs.
    std::shared_ptr<subscription> out(new subscription(*this, client_id, token, with_contacts));
    const std::lock_guard lock(mutex_);
    if (open_.size() >= options_.most) {
        return unavailable("Too many event streams are open, try again later");
    }
    const auto mine = of_client_.find(client_id);
    if (mine != of_client_.end() && mine->second >= options_.most_of_client) {
        return too_many("Too many event streams of this client are open, close some or try again later");
    }
    open_.emplace(out.get(), out);
    try {
        ++of_client_[client_id];
    } catch (const std::bad_alloc&) {
        open_.erase(out.get());
        throw;
    }
    if (with_contacts) ++with_contacts_;
    out->is_counted_ = true;
    metrics_.stream_opened();
    opened_.notify_one();
    return out;
}

/// Ends the membership of a stream. Call it with the mutex.
void change_hub::leave(subscription& one) {
    if (!one.is_joined_) return;
    one.is_joined_ = false;
    if (--joined_ > 0) return;
    end_.reset();
    kept_.clear();
    kept_bytes_ = 0;
}

void change_hub::work(const std::stop_token& stop) {
    auto checks_at = steady_clock::now();
    while (!stop.stop_requested()) {
        bool more = false;
        try {
            if (steady_clock::now() >= checks_at) {
                const bool checked_all = check_tokens(stop);
                checks_at = steady_clock::now() + (checked_all ? options_.between_checks : std::chrono::milliseconds(0));
            }
            more = read_feed();
            end_round();
        } catch (const std::exception&) { // out of memory: tries again after the pause, with less
            metrics_.stream_failed("memory");
            page_.halve();
        }
        std::unique_lock lock(mutex_);
        if (!more) opened_.wait_for(lock, stop, options_.pause, [] { return false; });
        opened_.wait(lock, stop, [this] { return !open_.empty(); });
    }
}

/// Ends the streams whose tokens are not valid any more. A check may wait for the database, so that a round ends after a while, for events
/// to be read; the next one goes on with the next stream. Returns whether all were checked.
bool change_hub::check_tokens(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds longest_round{200};
    std::vector<std::shared_ptr<subscription>> all; // checked without the mutex, because that may read the database
    {
        const std::lock_guard lock(mutex_);
        all.reserve(open_.size()); // if it threw in the loop, `held` could be the last owner, whose destructor needs the mutex
        for (const auto& [_, one] : open_) {
            if (auto held = one.lock()) all.push_back(std::move(held));
        }
    }
    const auto until = steady_clock::now() + longest_round;
    for (std::size_t done = 0; done < all.size(); ++done) {
        if (stop.stop_requested() || steady_clock::now() > until) return false;
        auto& one = *all[next_check_++ % all.size()];
        // What tokens_ has cached may be older than what let in a stream that is younger than the cache.
        if (one.ended_ != end_reason::none || steady_clock::now() < one.opened_ + options_.between_checks) continue;
        const auto found = tokens_.authenticate(one.token_, model::role::updates);
        if (found.verdict) continue;
        one.ended_ = reason_of(found.verdict.error().code);
        if (one.ended_ == end_reason::none) note_failure("token", found.verdict.error());
    }
    return true;
}

/// Counts a failure, and logs it if it is the first one of an outage. `what` is one of support::stream_failures.
void change_hub::note_failure(std::string_view what, const error& failure) {
    metrics_.stream_failed(what);
    has_failed_ = true;
    if (is_outage_) return;
    mozlog::fields members;
    members.add("what", what).add("error", failure.detail.empty() ? failure.message : failure.detail);
    log_.log(mozlog::severity::error, log_type, members, "The database failed: event streams wait, and go on when it answers");
    is_outage_ = true;
}

/// Logs the end of an outage.
void change_hub::end_round() {
    if (is_outage_ && has_read_ && !has_failed_) {
        is_outage_ = false;
        log_.log(mozlog::severity::info, log_type, "Event streams go on");
    }
    has_read_ = has_failed_ = false;
}

/// Reads and publishes what follows. Returns whether more follows at once.
bool change_hub::read_feed() {
    model::changes_query query;
    query.limit = page_.items();
    {
        const std::lock_guard lock(mutex_);
        if (!end_) return false;
        query.after = *end_;
        query.with_contacts = with_contacts_ > 0;
    }
    const auto page = feed_.read(query);
    has_read_ = page || page.error().code == errc::not_found;
    if (page) {
        if (page->items.empty()) return page->more;
        return publish(*query.after, *page, query.with_contacts) != page->next || page->more;
    }
    if (page.error().code == errc::not_found) {
        const std::lock_guard lock(mutex_);
        for (const auto& [one, _] : open_) {
            if (one->is_joined_) one->ended_ = end_reason::cursor_gone;
        }
    } else {
        note_failure("feed", page.error());
    }
    return false;
}

/// Returns the place after what was published.
model::change_cursor change_hub::publish(const model::change_cursor& from, const model::change_page& page, bool with_contacts) {
    const auto fresh = std::make_shared<const batch>(to_batch(from, page, with_contacts));
    page_.learn(fresh->events.size(), fresh->bytes);
    auto next = fresh->events.size() == page.items.size() ? page.next : fresh->events.back().cursor;
    const std::lock_guard lock(mutex_);
    if (end_ != from) return next; // meanwhile all streams have left, and others may have begun elsewhere
    kept_.push_back(fresh);
    kept_bytes_ += fresh->bytes;
    while (kept_.size() > 1 && (kept_bytes_ > most_kept_bytes || kept_.size() > most_kept_batches)) {
        kept_bytes_ -= kept_.front()->bytes;
        kept_.pop_front();
    }
    end_ = next;
    ++published_;
    return next;
}

} // namespace ctms::web::streams
