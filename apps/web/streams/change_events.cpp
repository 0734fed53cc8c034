// SPDX-License-Identifier: MPL-2.0
#include "change_events.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/changes_json.hpp>
#include <ctms/service/changes.hpp>
#include <support/prometheus_metrics.hpp>

#include <exception>
#include <utility>

namespace ctms::web::streams {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds before_retry{500};
constexpr std::size_t enough = std::size_t{16} * 1024;       // of one piece, for which no memory is counted
constexpr std::size_t most_of_page = std::size_t{64} * 1024; // or one event

// How long a client should wait before it connects again, in milliseconds.
constexpr std::string_view retry = "retry: 2000\n";
constexpr std::string_view heartbeat = ":\n\n";

/// What the last event says.
std::string_view advice(end_reason why) noexcept {
    switch (why) {
    case end_reason::none: break;
    case end_reason::token_invalid: return "The token has expired or was revoked. Get a new one and go on after the last id";
    case end_reason::client_disabled: return "API Client has been disabled";
    case end_reason::role_missing: return "The client does not have the role 'updates' any more";
    case end_reason::cursor_gone:
        return "The place in the feed is not known any more: begin again without \"after\", and then remove contacts that were not "
               "delivered";
    case end_reason::server_stopping: return "The server stops. Connect again and go on after the last id";
    }
    return "";
}

void append_id(std::string& out, const model::change_cursor& place) { out.append("id: ").append(json::write_cursor(place)).append("\n"); }

} // namespace

change_events::change_events(service::changes& feed, support::prometheus_metrics& metrics, const std::atomic<bool>& draining,
                             const model::changes_query& query, std::shared_ptr<subscription> place)
    : feed_(feed), metrics_(metrics), draining_(draining), query_(query), place_(std::move(place)), page_(10, 500, most_of_page * 3 / 4) {}

result<void> change_events::begin() {
    made_ += retry;
    // By the HTML Standard, a client begins each stream with an empty last id, and takes it over at the first blank line. Without this id,
    // a client that is cut off before the first event would begin again with all contacts, and never hear of deletions.
    if (query_.after) append_id(made_, *query_.after);
    made_ += "\n";
    return read_page();
}

end_reason change_events::why_end() const noexcept {
    if (ended_ != end_reason::none) return ended_;
    if (const auto why = place_->ended(); why != end_reason::none) return why;
    return draining_ ? end_reason::server_stopping : end_reason::none;
}

bool change_events::is_ready() const noexcept {
    const auto now = steady_clock::now();
    return now >= beats_at_ || why_end() != end_reason::none || (place_->is_joined() ? place_->has_next() : now >= reads_at_);
}

bool change_events::must_end() const noexcept { return draining_ || place_->ended() != end_reason::none; }

event_source::state change_events::take(std::string& piece) {
    ended_ = why_end();
    if (ended_ != end_reason::none) {
        end(piece);
        return state::ended;
    }
    const auto now = steady_clock::now();
    if (!made_.empty()) {
        take_made(piece);
    } else if (!take_published(piece) && !place_->is_joined() && now >= reads_at_) {
        return state::work;
    }
    if (piece.empty() && now >= beats_at_) piece = heartbeat;
    if (piece.empty()) return state::waiting;
    beats_at_ = now + place_->longest_silence();
    return state::more;
}

/// Takes the whole page, so that its memory counts as that of the piece while the client reads it.
void change_events::take_made(std::string& piece) {
    piece.swap(made_);
    piece.shrink_to_fit();
    events_ += made_events_;
    metrics_.events_sent(std::exchange(made_events_, 0));
}

/// Appends events that the hub has published. Returns false if there are none.
bool change_events::take_published(std::string& piece) {
    while (piece.size() < enough) {
        const auto batch = place_->current();
        if (!batch) {
            if (!place_->is_joined()) in_batch_ = 0; // too slow for the hub: reads on itself after the last event
            break;
        }
        for (; in_batch_ < batch->events.size() && piece.size() < enough; ++in_batch_) {
            const auto& event = batch->events[in_batch_];
            if (!is_before(*query_.after, event.cursor)) continue; // read by this stream itself before it joined
            piece += query_.with_contacts ? event.text_with_contact : event.text;
            query_.after = event.cursor;
            ++events_;
            metrics_.event_sent(std::chrono::duration<double>(ctms::now() - event.when).count());
        }
        if (in_batch_ < batch->events.size()) break;
        place_->pass();
        in_batch_ = 0;
    }
    return !piece.empty();
}

void change_events::end(std::string& piece) {
    if (ended_ == end_reason::server_stopping) piece += retry;
    piece += "event: end\ndata: ";
    object_writer writer(piece);
    writer.add("reason", to_string(ended_));
    writer.add("detail", advice(ended_));
    writer.close();
    piece += "\n\n";
}

void change_events::work() {
    try {
        const auto read = read_page();
        if (read) return;
        if (read.error().code == errc::not_found) {
            ended_ = end_reason::cursor_gone;
        } else {
            metrics_.stream_failed("page");
        }
    } catch (const std::exception&) { // not enough memory: reads on after what was made, in smaller pages
        metrics_.stream_failed("memory");
        page_.halve();
    }
    reads_at_ = steady_clock::now() + before_retry;
}

/// Reads what follows, as much as one piece may hold. At the end of the feed, joins the hub.
result<void> change_events::read_page() {
    query_.limit = page_.items();
    const auto page = feed_.read(query_);
    if (!page) return page.error();
    std::size_t bytes = 0;
    std::string event;
    for (const auto& item : page->items) {
        event.clear();
        append_event(event, item, query_.with_contacts);
        if (bytes > 0 && bytes + event.size() > most_of_page) {
            page_.learn(made_events_, bytes);
            return {}; // the rest is read again
        }
        made_ += event;
        bytes += event.size();
        query_.after = item.cursor;
        ++made_events_;
    }
    page_.learn(page->items.size(), bytes);
    // The place at the end of the list of contacts is not that of its last item. A client that knows it need not begin with the list again.
    if (query_.after != page->next) {
        append_id(made_, page->next);
        made_ += "\n";
    }
    query_.after = page->next;
    if (!page->more && place_ && !place_->join(page->next)) reads_at_ = steady_clock::now() + before_retry;
    return {};
}

} // namespace ctms::web::streams
