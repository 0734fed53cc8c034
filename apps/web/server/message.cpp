// SPDX-License-Identifier: MPL-2.0
#include "message.hpp"

#include <ctms/base/utf8.hpp>
#include <support/list_items.hpp>

#include <algorithm>

namespace ctms::web {

std::string_view request::header(std::string_view lower_case_name) const noexcept {
    const auto found = std::find_if(headers.rbegin(), headers.rend(), [&](const auto& header) { return header.first == lower_case_name; });
    return found == headers.rend() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::string_view> request::bearer_token() const noexcept {
    const auto value = header("authorization");
    const auto blank = value.find(' ');
    if (!ascii_iequal(value.substr(0, blank), "bearer")) return std::nullopt;
    return blank == std::string_view::npos ? std::string_view() : value.substr(blank + 1);
}

void add_vary(response& answer, std::string_view field) {
    for (auto& [name, value] : answer.headers) {
        if (!ascii_iequal(name, "vary")) continue;
        for (std::string_view rest = value; !rest.empty();) {
            if (ascii_iequal(support::next_item(rest, ','), field)) return;
        }
        return void(value.append(", ").append(field));
    }
    answer.headers.emplace_back("Vary", field);
}

} // namespace ctms::web
