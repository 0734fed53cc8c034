// SPDX-License-Identifier: MPL-2.0
#include "preconditions.hpp"

#include "answers.hpp"
#include "compression.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace ctms::web {
namespace {

constexpr std::string_view if_match = "if-match";
constexpr std::string_view if_none_match = "if-none-match";

struct entity_tag {
    std::string opaque; ///< without quotes
    bool is_weak = false;
};

/// The value of If-Match or If-None-Match.
struct tag_list {
    bool any = false;
    std::vector<entity_tag> tags{};
};

bool is_tag_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x21 || (byte >= 0x23 && byte != 0x7F); // etagc
}

std::string_view without_blanks(std::string_view text) {
    constexpr std::string_view blanks = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    while (!text.empty() && blanks.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    return text;
}

/// Removes an entity tag from the front of the text.
std::optional<entity_tag> take_tag(std::string_view& text) {
    entity_tag out;
    out.is_weak = text.starts_with("W/");
    if (out.is_weak) text.remove_prefix(2);
    if (!text.starts_with('"')) return std::nullopt;
    const auto end = text.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    out.opaque = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    const bool is_good = std::all_of(out.opaque.begin(), out.opaque.end(), is_tag_character);
    return is_good ? std::optional(std::move(out)) : std::nullopt;
}

/// The whole value of a header field, whose lines form one list (RFC 9110, 5.3); nullopt if there is none.
std::optional<std::string> joined(const request& http, std::string_view name) {
    std::optional<std::string> out;
    for (const auto& [known, value] : http.headers) {
        if (known != name) continue;
        out ? void(out->append(",").append(value)) : void(out = value);
    }
    return out;
}

result<std::optional<tag_list>> read_list(const request& http, std::string_view name, std::string_view shown) {
    const auto value = joined(http, name);
    if (!value) return std::optional<tag_list>();
    tag_list out;
    auto rest = without_blanks(*value);
    out.any = rest == "*";
    if (out.any) return std::optional(std::move(out));
    auto bad = malformed(fmt::format("{} must be * or a list of entity tags such as \"abc\", with the quotes", shown));
    while (!rest.empty()) {
        if (rest.front() == ',') { // an empty element (RFC 9110, 5.6.1)
            rest = without_blanks(rest.substr(1));
            continue;
        }
        auto tag = take_tag(rest);
        rest = without_blanks(rest);
        if (!tag || (!rest.empty() && rest.front() != ',')) return bad;
        out.tags.push_back(std::move(*tag));
    }
    if (out.tags.empty()) return bad;
    return std::optional(std::move(out));
}

/// The tags of contacts that the list names, whatever the coding of the answers that they came from.
std::optional<service::tag_set> tags_of_contacts(const std::optional<tag_list>& list, bool with_weak) {
    if (!list) return std::nullopt;
    service::tag_set out{.any = list->any};
    for (const auto& [opaque, is_weak] : list->tags) {
        if (is_weak && !with_weak) continue;
        std::string_view tag = opaque;
        if (tag.ends_with(gzip_suffix)) tag.remove_suffix(gzip_suffix.size());
        out.tags.emplace_back(tag);
    }
    return out;
}

bool matches(const tag_list& list, std::string_view tag, bool weakly) {
    return list.any || std::any_of(list.tags.begin(), list.tags.end(),
                                   [&](const entity_tag& one) { return (weakly || !one.is_weak) && one.opaque == tag; });
}

const std::string* tag_header(const response& answer) {
    const auto found = std::find_if(answer.headers.begin(), answer.headers.end(), [](const auto& one) { return one.first == "ETag"; });
    return found == answer.headers.end() ? nullptr : &found->second;
}

bool has_precondition(const request& http) noexcept {
    return std::any_of(http.headers.begin(), http.headers.end(),
                       [](const auto& header) { return header.first == if_match || header.first == if_none_match; });
}

} // namespace

bool guards_against_overwriting(const request& http) noexcept {
    return std::any_of(http.headers.begin(), http.headers.end(), [](const auto& header) {
        return header.first == if_match || (header.first == if_none_match && without_blanks(header.second) == "*");
    });
}

result<service::precondition> read_precondition(const request& http) {
    if (!has_precondition(http)) return service::precondition{};
    const auto match = read_list(http, if_match, "If-Match");
    if (!match) return match.error();
    const auto none_match = read_list(http, if_none_match, "If-None-Match");
    if (!none_match) return none_match.error();
    return service::precondition{tags_of_contacts(*match, false), tags_of_contacts(*none_match, true)};
}

response precondition_failed(std::string_view tag) {
    auto out = detail_response(412, "Precondition Failed");
    if (!tag.empty()) set_entity_tag(out, tag);
    return out;
}

void set_entity_tag(response& answer, std::string_view tag) {
    answer.headers.emplace_back("ETag", fmt::format("\"{}\"", tag));
    add_vary(answer, "Accept-Encoding");
}

void meet_preconditions(const request& http, response& answer) {
    const bool is_read = http.method == "GET" || http.method == "HEAD";
    if (!is_read || answer.status != 200 || !has_precondition(http)) return;
    const auto* header = tag_header(answer);
    if (header == nullptr) return;
    auto tag = header->substr(1, header->size() - 2);
    if (is_compressed_for(http, answer)) tag += gzip_suffix;
    const auto match = read_list(http, if_match, "If-Match");
    const auto none_match = read_list(http, if_none_match, "If-None-Match");
    const auto plain = std::string_view(*header).substr(1, header->size() - 2);
    if (match && *match && !matches(**match, tag, false) && !matches(**match, plain, false)) {
        answer = precondition_failed(std::string(plain));
        return;
    }
    if (!none_match || !*none_match || !matches(**none_match, tag, true)) return;
    answer.status = 304;
    answer.content_type = {};
    answer.body.clear();
    for (auto& [name, value] : answer.headers) {
        if (name == "ETag") value = fmt::format("\"{}\"", tag);
    }
}

} // namespace ctms::web
