// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/config/settings.hpp>
#include <ctms/json/updates_json.hpp>
#include <ctms/service/contacts.hpp>
#include <web/server/answers.hpp>

namespace ctms::web::routes {

response get_updates(call& now, const services& all) {
    const auto query = json::read_updates_query([&](std::string_view name) { return now.query.find(name); }, ctms::now());
    if (!query) return failed(now, query.error());
    auto page = all.contacts.updates_page(*query, all.settings.server_prefix);
    return page ? json_response(200, std::move(*page)) : failed(now, page.error());
}

} // namespace ctms::web::routes
