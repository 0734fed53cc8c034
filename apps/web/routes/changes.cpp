// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/json/changes_json.hpp>
#include <ctms/service/changes.hpp>
#include <web/server/accept.hpp>
#include <web/server/answers.hpp>

#include <algorithm>

namespace ctms::web::routes {
namespace {

/// Makes the changes as lines of JSON, one page at a time, until nothing follows. Usable as a body_source.
class changes_lines {
public:
    /// `most`: the maximum number of lines; nullopt: no limit.
    changes_lines(service::changes& changes, const model::changes_query& query, std::optional<int> most)
        : changes_(&changes), query_(query), left_(most) {}

    result<bool> operator()(std::string& piece) {
        constexpr int page = 200;
        query_.limit = left_ ? std::min(page, *left_) : page;
        const auto found = changes_->read(query_);
        if (!found) return found.error();
        for (const auto& one : found->items) {
            json::write_change(piece, one, query_.with_contacts);
            piece += '\n';
        }
        query_.after = found->next;
        if (left_) *left_ -= static_cast<int>(found->items.size());
        return found->more && left_ != 0;
    }

private:
    service::changes* changes_;
    model::changes_query query_;
    std::optional<int> left_;
};

/// A place in the feed that is not known any more is 410: the client must begin again.
response refused(call& now, const error& failure) {
    auto out = failed(now, failure);
    if (failure.code == errc::not_found) out.status = 410;
    return out;
}

response lines_response(call& now, const model::changes_query& query, const services& all) {
    // The default page size does not limit a stream; only a limit that the client sends does.
    const bool is_limited = !now.query.find("limit").value_or("").empty();
    changes_lines lines(all.changes, query, is_limited ? std::optional(query.limit) : std::nullopt);
    response out;
    out.content_type = "application/x-ndjson";
    out.headers.emplace_back("Vary", "Accept");
    // Reads the first lines before sending the status, so that a failure can still be answered with its own status.
    const auto more = lines(out.body);
    if (!more) return refused(now, more.error());
    if (*more) out.rest = lines;
    return out;
}

} // namespace

response get_changes(call& now, const services& all) {
    const auto query = json::read_changes_query([&](std::string_view name) { return now.query.find(name); });
    if (!query) return failed(now, query.error());
    if (prefers(now.http, "application/x-ndjson", "application/json")) return lines_response(now, *query, all);
    const auto page = all.changes.read(*query);
    if (!page) return refused(now, page.error());
    std::string body;
    json::write_changes_page(body, *page, query->with_contacts);
    return json_response(200, std::move(body));
}

} // namespace ctms::web::routes
