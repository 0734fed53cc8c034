// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/json/updates_json.hpp>
#include <ctms/service/contacts.hpp>
#include <support/config/settings.hpp>
#include <web/server/accept.hpp>
#include <web/server/answers.hpp>
#include <web/server/page_size.hpp>

#include <algorithm>
#include <utility>

namespace ctms::web::routes {
namespace {

/// Makes the contacts of a time range as lines of JSON, one page at a time. Usable as a body_source.
class updates_lines {
public:
    /// `most`: the maximum number of lines; nullopt: no limit.
    updates_lines(service::contacts& contacts, const model::updates_query& query, std::optional<int> most)
        : contacts_(&contacts), query_(query), left_(most) {
        query_.limit = bounded(page_.items());
    }

    result<bool> operator()(std::string& piece) {
        if (query_.limit < 1) return false;
        const auto before = piece.size();
        const auto next = contacts_->append_updates(piece, query_);
        if (!next) return next.error();
        const auto made = std::count(piece.begin() + static_cast<std::ptrdiff_t>(before), piece.end(), '\n');
        if (left_) *left_ -= static_cast<int>(made);
        query_.after = *next;
        page_.learn(static_cast<std::size_t>(made), piece.size() - before);
        query_.limit = *next ? bounded(page_.items()) : 0;
        return query_.limit > 0;
    }

private:
    [[nodiscard]] int bounded(int wanted) const { return left_ ? std::min(wanted, *left_) : wanted; }

    service::contacts* contacts_;
    model::updates_query query_;
    std::optional<int> left_;
    page_size page_{100, 500, usual_piece};
};

response lines(call& now, const model::updates_query& query, const services& all) {
    // The default page size does not limit a stream; only a limit that the client sends does.
    const bool is_limited = !now.query.find("limit").value_or("").empty();
    updates_lines source(all.contacts, query, is_limited ? std::optional(query.limit) : std::nullopt);
    auto out = lines_response(source, [&](const error& failure) { return failed(now, failure); });
    if (out.status == 200) out.headers.emplace_back("X-Updates-End", json::to_iso(query.end.value()));
    return out;
}

} // namespace

response get_updates(call& now, const services& all) {
    auto query = json::read_updates_query([&](std::string_view name) { return now.query.find(name); });
    if (!query) return failed(now, query.error());
    if (const auto set = all.contacts.set_end(*query); !set) return failed(now, set.error());
    if (prefers(now.http, "application/x-ndjson", "application/json")) return lines(now, *query, all);
    auto page = all.contacts.updates_page(*query, all.settings.server_prefix);
    return page ? json_response(200, std::move(*page)) : failed(now, page.error());
}

} // namespace ctms::web::routes
