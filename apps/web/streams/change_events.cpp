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
constexpr std::size_t enough = std::size_t{16} * 1024; // of one piece, for which no memory is counted

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

} // namespace

change_events::change_events(service::changes& feed, support::prometheus_metrics& metrics, const std::atomic<bool>& draining,
                             const model::changes_query& query, std::shared_ptr<subscription> place)
    : feed_(feed),
      metrics_(metrics),
      draining_(draining),
      query_(query),
      place_(std::move(place)),
      page_(10, 500, std::size_t{128} * 1024) {}

result<void> change_events::begin() {
    made_.append(retry).append("\n");
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

/// Takes some 64 KiB of whole events, so that a slow reader's token is checked in between.
void change_events::take_made(std::string& piece) {
    constexpr std::size_t usual = std::size_t{64} * 1024;
    constexpr std::string_view end_of_event = "\n\n";
    auto end = made_.size();
    if (end - taken_ > usual) {
        auto border = made_.rfind(end_of_event, taken_ + usual);
        if (border == std::string::npos || border < taken_) border = made_.find(end_of_event, taken_ + usual);
        if (border != std::string::npos) end = border + end_of_event.size();
    }
    piece.assign(made_, taken_, end - taken_);
    taken_ = end;
    if (taken_ < made_.size()) return;
    std::string().swap(made_);
    taken_ = 0;
    events_ += made_events_;
    metrics_.events_sent(std::exchange(made_events_, 0));
}

/// Appends events that the hub has published. Returns false if there are none.
bool change_events::take_published(std::string& piece) {
    while (piece.size() < enough) {
        if (!batch_ || in_batch_ == batch_->events.size()) {
            batch_ = place_->next();
            in_batch_ = 0;
            if (!batch_) break;
        }
        const auto& event = batch_->events[in_batch_++];
        if (!is_before(*query_.after, event.cursor)) continue; // read by this stream itself before it joined
        piece += query_.with_contacts ? event.text_with_contact : event.text;
        query_.after = event.cursor;
        ++events_;
        metrics_.event_sent(std::chrono::duration<double>(ctms::now() - event.when).count());
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
        if (read.error().code == errc::not_found) ended_ = end_reason::cursor_gone;
    } catch (const std::exception&) { // not enough memory: the page is read again, with less
        made_.clear();
        made_events_ = 0;
        page_.halve();
    }
    reads_at_ = steady_clock::now() + before_retry;
}

/// Reads what follows. At the end of the feed, joins the hub.
result<void> change_events::read_page() {
    query_.limit = page_.items();
    const auto page = feed_.read(query_);
    if (!page) return page.error();
    const auto before = made_.size();
    for (const auto& item : page->items) append_event(made_, item, query_.with_contacts);
    page_.learn(page->items.size(), made_.size() - before);
    made_events_ += page->items.size();
    // The place at the end of the list of contacts is not that of its last item. A client that knows it need not begin with the list again.
    const bool is_elsewhere = page->items.empty() ? query_.after != page->next : page->items.back().cursor != page->next;
    if (is_elsewhere) made_.append("id: ").append(json::write_cursor(page->next)).append("\n\n");
    query_.after = page->next;
    if (!page->more && place_ && !place_->join(page->next)) reads_at_ = steady_clock::now() + before_retry;
    return {};
}

} // namespace ctms::web::streams
