// SPDX-License-Identifier: MPL-2.0
// What the API's document says about each call in addition to the route table: texts, parameters, bodies, responses.
// Every route has a row here or is listed as hidden; a unit test compares both tables. Plain data.
#pragma once

#include <span>
#include <string_view>

namespace ctms::web::openapi {

struct parameter {
    std::string_view place; ///< "path", "query" or "header"
    std::string_view name;
    bool required;
    std::string_view description;
    std::string_view schema;       ///< a JSON schema
    std::string_view example = {}; ///< an example value that works as it is
};

struct answer {
    int status;
    std::string_view description;
    std::string_view schema; ///< the name of a schema, followed by "[]" for a list of it; or a JSON schema; or ""
    std::string_view media = "application/json";
};

struct call_text {
    std::string_view method;
    std::string_view path; ///< the route's template
    std::string_view tag;
    std::string_view summary;
    std::string_view description; ///< Markdown
    std::span<const answer> answers;
    std::span<const parameter> parameters{};
    bool takes_ids = false;           ///< the nine ids are query parameters too
    std::string_view body{};          ///< the name of the body's schema
    std::string_view body_example{};  ///< JSON that is valid for the call as it is
    bool checks_token_itself = false; ///< shown as secured although the route table does not require a token
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

/// Routes that the document leaves out: pages for people, and routes that the security scheme already describes.
[[nodiscard]] std::span<const hidden_call> hidden_calls() noexcept;

[[nodiscard]] std::span<const tag_text> tags() noexcept;

} // namespace ctms::web::openapi
