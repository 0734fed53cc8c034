// SPDX-License-Identifier: MPL-2.0
#include "body.hpp"

#include "echo.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

namespace ctms::json {
namespace {

/// The error in the form that the Python service uses: the position in loc, the parser's message in ctx.
error to_error(const syntax_error& problem, std::string_view text) {
    std::string context;
    object_writer writer(context);
    writer.add("msg", problem.message);
    writer.add("doc", echo_around(text, problem.byte)); // the Python service returns the whole text
    writer.add("pos", static_cast<std::int64_t>(problem.position));
    writer.add("lineno", static_cast<std::int64_t>(problem.line));
    writer.add("colno", static_cast<std::int64_t>(problem.column));
    writer.close();
    field_error broken{{std::string("body"), problem.position},
                       fmt::format("{}: line {} column {} (char {})", problem.message, problem.line, problem.column, problem.position),
                       "value_error.jsondecode",
                       std::move(context)};
    return invalid_fields({std::move(broken)});
}

} // namespace

body::body(std::unique_ptr<content> parsed) : content_(std::move(parsed)) {}
body::body(body&&) noexcept = default;
body& body::operator=(body&&) noexcept = default;
body::~body() = default;

result<body> body::parse(std::string_view text) {
    if (!is_valid_utf8(text)) return malformed("There was an error parsing the body");
    auto outcome = document::parse(text, limits{});
    if (auto* problem = std::get_if<syntax_error>(&outcome)) return to_error(*problem, text);
    auto parsed = std::make_unique<content>();
    parsed->owner = std::make_shared<const document>(std::move(std::get<document>(outcome)));
    parsed->root = &parsed->owner->root();
    return body(std::move(parsed));
}

body body::missing() {
    auto nothing = std::make_unique<content>();
    nothing->missing = true;
    return body(std::move(nothing));
}

body body::not_json() { return body(std::make_unique<content>()); }

std::optional<std::vector<body>> body::items() const {
    if (content_->root == nullptr || content_->root->type != kind::array) return std::nullopt;
    std::vector<body> out;
    out.reserve(content_->root->size);
    for (const auto* item = content_->root->first; item != nullptr; item = item->next) {
        auto part = std::make_unique<content>();
        part->owner = content_->owner;
        part->root = item;
        out.push_back(body(std::move(part)));
    }
    return out;
}

std::string body::to_json() const {
    std::string out;
    if (content_->root != nullptr) write(out, *content_->root);
    return out;
}

} // namespace ctms::json
