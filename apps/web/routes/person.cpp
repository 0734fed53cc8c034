// SPDX-License-Identifier: MPL-2.0
#include "path_email_id.hpp"
#include "routes.hpp"

#include <ctms/json/history_json.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/person_export.hpp>
#include <support/config/settings.hpp>
#include <web/server/accept.hpp>
#include <web/server/answers.hpp>

#include <utility>

namespace ctms::web::routes {
namespace {

/// The page has neither scripts nor styles, and needs nothing else.
constexpr std::string_view page_policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

/// Makes an export, piece by piece. Usable as a body_source.
class export_pieces {
public:
    export_pieces(service::person_export source, service::export_form form) : source_(std::move(source)), form_(form) {}

    result<bool> operator()(std::string& piece) {
        const bool is_page = form_ == service::export_form::html;
        if (is_page && std::exchange(is_first_, false)) piece += service::html_begin();
        auto more = source_.next(piece);
        if (more && !*more && is_page) piece += service::html_end();
        return more;
    }

private:
    service::person_export source_;
    service::export_form form_;
    bool is_first_ = true;
};

} // namespace

response get_history(call& now, const services& all) {
    const auto email_id = path_email_id(now);
    if (!email_id) return failed(now, email_id.error());
    const auto query = json::read_history_query([&](std::string_view name) { return now.query.find(name); });
    if (!query) return failed(now, query.error());
    const auto page = all.history.read(*email_id, *query);
    if (!page) return failed(now, page.error());
    std::string body;
    json::write_history_page(body, *email_id, *page, all.settings.history_days);
    return json_response(200, std::move(body));
}

response get_export(call& now, const services& all) {
    const auto email_id = path_email_id(now);
    if (!email_id) return failed(now, email_id.error());
    const bool as_page = prefers(now.http, "text/html", "application/json");
    const auto form = as_page ? service::export_form::html : service::export_form::json;
    auto begun = all.exports.begin(*email_id, form, {now.facts.client_id, now.http.id});
    if (!begun) return failed(now, begun.error());
    response out;
    export_pieces source(*std::move(begun), form);
    const auto more = source(out.body);
    if (!more) return failed(now, more.error());
    if (*more) out.rest = std::move(source);
    if (as_page) out.content_type = "text/html; charset=utf-8";
    out.headers.emplace_back("Vary", "Accept");
    out.headers.emplace_back("Cache-Control", "no-store");
    out.headers.emplace_back("X-Content-Type-Options", "nosniff");
    if (as_page) out.headers.emplace_back("Content-Security-Policy", page_policy);
    return out;
}

} // namespace ctms::web::routes
