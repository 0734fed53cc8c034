// SPDX-License-Identifier: MPL-2.0
#include "google_key_answer.hpp"

#include <utility>

namespace ctms::auth {

key_source fetch_keys_from(const std::string& url) {
    net::http_options options;
    options.timeout = std::chrono::seconds{5};
    options.most_idle = 1;
    options.longest_body = longest_key_document;
    // Shared, because a std::function is copied.
    return [client = std::make_shared<net::http_client>(url, std::move(options))] {
        net::http_request request;
        request.headers = {{"Accept", "application/json"}};
        return key_document_from(client->send(request));
    };
}

} // namespace ctms::auth
