// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/json/changes_json.hpp>
#include <ctms/service/changes.hpp>
#include <support/prometheus_metrics.hpp>
#include <web/server/accept.hpp>
#include <web/server/answers.hpp>
#include <web/server/page_size.hpp>
#include <web/streams/change_events.hpp>
#include <web/streams/change_hub.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace ctms::web::routes {
namespace {

/// Makes the changes as lines of JSON, one page at a time, until nothing follows. Usable as a body_source.
class changes_lines {
public:
    /// `most`: the maximum number of lines; nullopt: no limit.
    changes_lines(service::changes& changes, const model::changes_query& query, std::optional<int> most)
        : changes_(&changes), query_(query), left_(most) {}

    result<bool> operator()(std::string& piece) {
        query_.limit = left_ ? std::min(page_.items(), *left_) : page_.items();
        const auto found = changes_->read(query_);
        if (!found) return found.error();
        const auto before = piece.size();
        for (const auto& one : found->items) {
            json::write_change(piece, one, query_.with_contacts);
            piece += '\n';
        }
        page_.learn(found->items.size(), piece.size() - before);
        query_.after = found->next;
        if (left_) *left_ -= static_cast<int>(found->items.size());
        return found->more && left_ != 0;
    }

private:
    service::changes* changes_;
    model::changes_query query_;
    std::optional<int> left_;
    page_size page_{100, 500, usual_piece};
};

/// A place in the feed that is not known any more is 410: the client must begin again.
response refused(call& now, const error& failure) {
    auto out = failed(now, failure);
    if (failure.code == errc::not_found) out.status = 410;
    return out;
}

response lines(call& now, const model::changes_query& query, const services& all) {
    // The default page size does not limit a stream; only a limit that the client sends does.
    const bool is_limited = !now.query.find("limit").value_or("").empty();
    changes_lines source(all.changes, query, is_limited ? std::optional(query.limit) : std::nullopt);
    return lines_response(std::move(source), [&](const error& failure) { return refused(now, failure); });
}

/// The place to go on from: a client that connects again sends the id of its last event, while its URL stays as it was.
result<void> set_place(const request& http, model::changes_query& query) {
    const auto last = http.header("last-event-id");
    if (last.empty()) return {};
    query.after = json::read_change_cursor(last);
    if (query.after) return {};
    return invalid_fields({{{"header", "Last-Event-ID"}, "Last-Event-ID is not a cursor of this call", "value_error", {}}});
}

response event_stream(call& now, model::changes_query query, const services& all) {
    if (const auto set = set_place(now.http, query); !set) return failed(now, set.error());
    if (all.draining) return busy_response();
    std::shared_ptr<streams::subscription> place;
    if (now.http.method != "HEAD") {
        auto taken = all.change_streams.open(now.facts.client_id, now.http.bearer_token().value_or(""), query.with_contacts);
        if (!taken) {
            all.metrics.request_rejected("streams");
            return to_response(taken.error());
        }
        place = *std::move(taken);
    }
    auto source = std::make_shared<streams::change_events>(all.changes, all.metrics, all.draining, query, std::move(place));
    if (const auto begun = source->begin(); !begun) return refused(now, begun.error());
    response out;
    out.content_type = "text/event-stream";
    out.headers.emplace_back("Cache-Control", "no-store");
    out.headers.emplace_back("Vary", "Accept");
    out.headers.emplace_back("X-Accel-Buffering", "no"); // nginx would collect events otherwise
    out.events = std::move(source);
    return out;
}

constexpr std::string_view json_type = "application/json";
constexpr std::string_view lines_type = "application/x-ndjson";
constexpr std::string_view events_type = "text/event-stream";

} // namespace

response get_changes(call& now, const services& all) {
    const auto query = json::read_changes_query([&](std::string_view name) { return now.query.find(name); });
    if (!query) return failed(now, query.error());
    if (prefers(now.http, events_type, json_type) && prefers(now.http, events_type, lines_type)) return event_stream(now, *query, all);
    if (prefers(now.http, lines_type, json_type)) return lines(now, *query, all);
    const auto page = all.changes.read(*query);
    if (!page) return refused(now, page.error());
    std::string body;
    json::write_changes_page(body, *page, query->with_contacts);
    auto out = json_response(200, std::move(body));
    out.headers.emplace_back("Vary", "Accept");
    return out;
}

} // namespace ctms::web::routes
