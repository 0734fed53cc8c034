// SPDX-License-Identifier: MPL-2.0
#include "pool.hpp"

#include <ctms/persistence/database.hpp>

#include <algorithm>
#include <string_view>

namespace ctms::persistence {

database::database(database_options options, metrics::recorder& recorder)
    : recorder_(recorder), pool_(std::make_unique<pool>(std::move(options))) {}

database::~database() = default;

result<void> database::ping() {
    static const statement select_one{"ping", "select 1"};
    return run(*this, [](connection& link) { link.query(select_one, {}); });
}

pool_state database::state() const { return pool_->state(); }

namespace {

bool holds_secret(std::string_view key) { return key == "password" || key == "sslpassword"; }

// user:password@host:port,... -> user@host:port,...
std::string authority_for_display(std::string_view authority) {
    const auto at = authority.rfind('@');
    if (at == std::string_view::npos) return std::string(authority);
    const auto user = authority.substr(0, at);
    return std::string(user.substr(0, user.find(':'))).append(authority.substr(at));
}

std::string query_for_display(std::string_view query) {
    std::string shown;
    while (!query.empty()) {
        const auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        if (holds_secret(pair.substr(0, pair.find('=')))) continue;
        shown.append(shown.empty() ? "?" : "&").append(pair);
    }
    return shown;
}

std::string uri_for_display(std::string_view url, std::size_t authority) {
    const auto question = std::min(url.size(), url.find('?'));
    const auto path = std::min(question, url.find('/', authority));
    std::string shown(url.substr(0, authority));
    shown += authority_for_display(url.substr(authority, path - authority));
    shown += url.substr(path, question - path);
    return shown + query_for_display(url.substr(std::min(url.size(), question + 1)));
}

// Returns where a value in a string like "key=value key='va\'lue'" ends.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    const bool quoted = at < text.size() && text[at] == '\'';
    for (auto i = quoted ? at + 1 : at; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (quoted ? text[i] == '\'' : text[i] == ' ') {
            return quoted ? i + 1 : i;
        }
    }
    return text.size();
}

std::string pairs_for_display(std::string_view text) {
    std::string shown;
    constexpr std::string_view blanks = " \t\n";
    while (true) {
        text.remove_prefix(std::min(text.size(), text.find_first_not_of(blanks)));
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) return shown.append(shown.empty() || text.empty() ? "" : " ").append(text);
        const auto key = text.substr(0, text.find_first_of(" \t\n="));
        const auto value = std::min(text.size(), text.find_first_not_of(blanks, equals + 1));
        const auto end = end_of_value(text, value);
        if (!holds_secret(key)) shown.append(shown.empty() ? "" : " ").append(key).append("=").append(text.substr(value, end - value));
        text.remove_prefix(end);
    }
}

} // namespace

std::string url_for_display(const std::string& url) {
    if (const auto scheme = url.find("://"); scheme != std::string::npos) return uri_for_display(url, scheme + 3);
    return pairs_for_display(url);
}

} // namespace ctms::persistence
