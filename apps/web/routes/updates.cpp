// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/json/updates_json.hpp>
#include <ctms/service/contacts.hpp>
#include <support/config/settings.hpp>
#include <web/server/accept.hpp>
#include <web/server/answers.hpp>

#include <algorithm>

namespace ctms::web::routes {
namespace {

/// Makes the contacts of a time range as lines of JSON, one page at a time. Usable as a body_source.
class updates_lines {
public:
    /// `most`: the maximum number of lines; nullopt: no limit.
    updates_lines(service::contacts& contacts, const model::updates_query& query, std::optional<int> most)
        : contacts_(&contacts), query_(query), left_(most) {
        query_.limit = bounded(first_page);
    }

    result<bool> operator()(std::string& piece) {
        if (query_.limit < 1) return false;
        const auto before = piece.size();
        const auto next = contacts_->append_updates(piece, query_);
        if (!next) return next.error();
        if (left_) *left_ -= query_.limit;
        query_.after = *next;
        query_.limit = *next ? bounded(page_for(piece.size() - before)) : 0;
        return query_.limit > 0;
    }

private:
    static constexpr int first_page = 100;
    static constexpr int largest_page = 500;

    [[nodiscard]] int bounded(int wanted) const { return left_ ? std::min(wanted, *left_) : wanted; }

    /// How many contacts make a piece of about 512 KiB if they are as large as those of the last page, so that the memory used does
    /// not depend on the size of the stored contacts.
    [[nodiscard]] int page_for(std::size_t last_bytes) const {
        constexpr std::size_t wanted_bytes = 512 * 1024;
        const auto bytes_of_one = std::max<std::size_t>(last_bytes / static_cast<std::size_t>(query_.limit), 1);
        return static_cast<int>(std::clamp<std::size_t>(wanted_bytes / bytes_of_one, 1, largest_page));
    }

    service::contacts* contacts_;
    model::updates_query query_;
    std::optional<int> left_;
};

response lines_response(call& now, const model::updates_query& query, const services& all) {
    // The default page size does not limit a stream; only a limit that the client sends does.
    const bool is_limited = !now.query.find("limit").value_or("").empty();
    updates_lines lines(all.contacts, query, is_limited ? std::optional(query.limit) : std::nullopt);
    response out;
    out.content_type = "application/x-ndjson";
    out.headers.emplace_back("Vary", "Accept");
    out.headers.emplace_back("X-Updates-End", json::to_iso(query.end.value()));
    // Reads the first lines before sending the status, so that a database failure can still be answered with 503.
    const auto more = lines(out.body);
    if (!more) return failed(now, more.error());
    out.rest = lines;
    return out;
}

} // namespace

response get_updates(call& now, const services& all) {
    auto query = json::read_updates_query([&](std::string_view name) { return now.query.find(name); });
    if (!query) return failed(now, query.error());
    if (const auto set = all.contacts.set_end(*query); !set) return failed(now, set.error());
    if (prefers(now.http, "application/x-ndjson", "application/json")) return lines_response(now, *query, all);
    auto page = all.contacts.updates_page(*query, all.settings.server_prefix);
    return page ? json_response(200, std::move(*page)) : failed(now, page.error());
}

} // namespace ctms::web::routes
