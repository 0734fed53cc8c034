// SPDX-License-Identifier: MPL-2.0
// What the API's document says about each call in addition to the route table: texts, parameters, bodies, responses.
// Every route has a row here or is listed as hidden; a unit test compares both tables. Plain data.
#pragma once

#include <web/server/route.hpp>

#include <span>
#include <string_view>
#include <vector>

namespace ctms::web::openapi {

struct parameter {
    std::string_view place; ///< "path", "query" or "header"
    std::string_view name;
    bool required;
    std::string_view description;
    std::string_view schema;       ///< a JSON schema
    std::string_view example = {}; ///< an example value that works as it is
};

struct answer_header {
    std::string_view name;
    std::string_view description;
    std::string_view schema = R"({"type":"string"})";
};

struct answer {
    int status; ///< 0: every status that the call does not list
    std::string_view description;
    std::string_view schema; ///< the name of a schema, followed by "[]" for a list of it; or a JSON schema; or ""
    std::string_view media = "application/json";
    std::span<const std::string_view> also_as{}; ///< other media types that the answer may have
    std::span<const answer_header> headers{};
    std::string_view also_schema = R"({"type":"string"})"; ///< of these: a JSON schema
};

struct call_text {
    std::string_view method;
    std::string_view path; ///< the route's template
    std::string_view tag;
    std::string_view summary;
    std::string_view description; ///< Markdown
    std::span<const answer> answers;
    std::span<const parameter> parameters{};
    bool takes_ids = false;          ///< the nine ids are query parameters too
    std::string_view body{};         ///< as `answer::schema`
    std::string_view body_example{}; ///< JSON that is valid for the call as it is
    std::string_view body_media = "application/json";
    std::span<const std::string_view> body_also_as{}; ///< other media types that the body may have, each a text
    std::string_view own_scheme{};                    ///< the security scheme of a call that checks the token itself
};

struct security_scheme {
    std::string_view name;
    std::string_view text; ///< JSON
};

struct hidden_call {
    std::string_view method;
    std::string_view path;
};

struct tag_text {
    std::string_view name;
    std::string_view description;
};

/// The calls that the document shows. The document lists them in the order of the route table.
[[nodiscard]] std::span<const call_text> shown_calls() noexcept;

/// The answers that follow from the route: those of every call, and those of calls that need a token, take a body or write. A call that
/// lists a status itself says more about it.
[[nodiscard]] std::vector<answer> answers_of(const route& one);

/// The schemes that calls name in `own_scheme`, and the one for access tokens, as JSON.
[[nodiscard]] std::span<const security_scheme> security_schemes() noexcept;

/// Routes that the document leaves out: pages for people.
[[nodiscard]] std::span<const hidden_call> hidden_calls() noexcept;

[[nodiscard]] std::span<const tag_text> tags() noexcept;

} // namespace ctms::web::openapi
