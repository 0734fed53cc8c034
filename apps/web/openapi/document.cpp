// SPDX-License-Identifier: MPL-2.0
#include "document.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/base/version.hpp>
#include <ctms/json/schema.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace ctms::web::openapi {
namespace {

constexpr std::string_view token_scheme = "OAuth2ClientCredentials";

constexpr std::string_view about =
    "The people whom Mozilla may email: one contact for each address, with newsletters, waitlists and account data.\n\n"
    "Secured calls require an access token of an API client. `POST /token` issues one for the client's id and "
    "secret; send it in the header `Authorization: Bearer ...`. Without a valid token, the response is 401. "
    "Wrong credentials are answered with 400, and too many attempts from one address with 429 and `Retry-After`. A token becomes invalid "
    "when the "
    "client's secret is replaced.\n\n"
    "A client may have limits. Requests beyond them are answered with 429 and `Retry-After`, and the answers to such a client have the "
    "fields `RateLimit-Policy` and `RateLimit`, which say how much is left.\n\n"
    "Errors are `{\"detail\": \"...\"}`. Invalid input is answered with 422 and a list of all broken rules.";

void append_reference(std::string& out, std::string_view schema) {
    object_writer writer(out);
    writer.add("$ref", "#/components/schemas/" + std::string(schema));
    writer.close();
}

/// Appends a schema that is given as JSON, or a reference to a named schema, or an array of a named schema ("name[]").
void append_schema(std::string& out, std::string_view schema) {
    if (schema.starts_with('{')) {
        out += schema;
    } else if (schema.ends_with("[]")) {
        object_writer writer(out);
        writer.add("type", "array");
        append_reference(writer.key("items"), schema.substr(0, schema.size() - 2));
        writer.close();
    } else {
        append_reference(out, schema);
    }
}

void append_parameter(std::string& out, const parameter& one) {
    object_writer writer(out);
    writer.add("name", one.name);
    writer.add("in", one.place);
    writer.add("required", one.required);
    writer.add("description", one.description);
    writer.add_raw("schema", one.schema);
    if (!one.example.empty()) writer.add("example", one.example);
    writer.close();
}

void add_parameters(object_writer& operation, const call_text& text) {
    std::vector<parameter> all(text.parameters.begin(), text.parameters.end());
    const auto ids = text.takes_ids ? json::identity_fields() : std::vector<json::field_schema>();
    for (const auto& id : ids) all.push_back({"query", id.name, false, id.description, id.text});
    if (!all.empty()) append_json_array(operation.key("parameters"), all, append_parameter);
}

void add_content(object_writer& content, std::string_view media, std::string_view schema) {
    object_writer one(content.key(media));
    append_schema(one.key("schema"), schema);
    one.close();
}

void add_body(object_writer& operation, const call_text& text) {
    if (text.body.empty()) return;
    object_writer body(operation.key("requestBody"));
    body.add("required", true);
    object_writer content(body.key("content"));
    object_writer media(content.key(text.body_media));
    append_schema(media.key("schema"), text.body);
    if (!text.body_example.empty()) media.add_raw("example", text.body_example);
    media.close();
    for (const auto other : text.body_also_as) add_content(content, other, R"({"type":"string"})");
    content.close();
    body.close();
}

void append_answer(std::string& out, const answer& one, bool has_body) {
    object_writer writer(out);
    writer.add("description", one.description);
    if (!one.headers.empty()) {
        object_writer headers(writer.key("headers"));
        for (const auto& each : one.headers) {
            object_writer header(headers.key(each.name));
            header.add("description", each.description);
            header.add_raw("schema", each.schema);
            header.close();
        }
        headers.close();
    }
    if (has_body && !one.schema.empty()) {
        object_writer content(writer.key("content"));
        add_content(content, one.media, one.schema);
        for (const auto other : one.also_as) add_content(content, other, one.also_schema);
        const bool is_error = one.status == 0 || one.status >= 400;
        if (is_error && one.media == "application/json") add_content(content, "application/problem+json", "Problem");
        content.close();
    }
    writer.close();
}

/// The answers of a call by status, those that the call describes itself before those that follow from its route.
void add_answers(object_writer& operation, const route& one, const call_text& text) {
    std::map<int, answer> all;
    for (const auto& each : text.answers) all.emplace(each.status, each);
    for (const auto& each : answers_of(one)) all.emplace(each.status, each);
    object_writer answers(operation.key("responses"));
    for (const auto& [status, each] : all) {
        if (status != 0) append_answer(answers.key(std::to_string(status)), each, one.method != "HEAD");
    }
    append_answer(answers.key("default"), all.at(0), one.method != "HEAD");
    answers.close();
}

/// The operation id, made from the method and the words of the path: "get_ctms_email_id".
std::string operation_id(const route& one) {
    auto out = ascii_lower(one.method);
    for (const char c : one.path) {
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (is_word) {
            out += c;
        } else if (out.back() != '_') {
            out += '_';
        }
    }
    while (out.back() == '_') out.pop_back();
    return out;
}

void append_operation(std::string& out, const route& one, const call_text& text) {
    object_writer operation(out);
    append_json_array(operation.key("tags"), std::array{text.tag}, append_json_string);
    operation.add("summary", text.summary);
    operation.add("description", text.description);
    operation.add("operationId", std::string_view(operation_id(one)));
    add_parameters(operation, text);
    add_body(operation, text);
    add_answers(operation, one, text);
    const auto scheme = one.needs_token() ? token_scheme : text.own_scheme;
    if (!scheme.empty()) operation.add_raw("security", "[{\"" + std::string(scheme) + "\":[]}]");
    operation.close();
}

/// Appends all paths in the order of their first route, each with all of its methods.
void append_paths(std::string& out, std::span<const route> routes, std::span<const call_text> texts) {
    object_writer paths(out);
    std::vector<std::string_view> done;
    for (const auto& first : routes) {
        if (find_text(first, texts) == nullptr || std::find(done.begin(), done.end(), first.path) != done.end()) continue;
        done.push_back(first.path);
        object_writer methods(paths.key(first.path));
        for (const auto& one : routes) {
            const auto* text = one.path == first.path ? find_text(one, texts) : nullptr;
            if (text != nullptr) append_operation(methods.key(ascii_lower(one.method)), one, *text);
        }
        methods.close();
    }
    paths.close();
}

void append_components(std::string& out) {
    object_writer components(out);
    object_writer schemas(components.key("schemas"));
    for (const auto& one : json::schemas()) schemas.add_raw(one.name, one.text);
    schemas.close();
    object_writer security(components.key("securitySchemes"));
    for (const auto& one : security_schemes()) security.add_raw(one.name, one.text);
    security.close();
    components.close();
}

} // namespace

const call_text* find_text(const route& one, std::span<const call_text> texts) noexcept {
    const auto found =
        std::find_if(texts.begin(), texts.end(), [&](const call_text& text) { return text.method == one.method && text.path == one.path; });
    return found == texts.end() ? nullptr : &*found;
}

std::string document(std::span<const route> routes, std::span<const call_text> texts) {
    std::string out;
    object_writer writer(out);
    writer.add("openapi", "3.0.3");
    object_writer info(writer.key("info"));
    info.add("title", "ConTact Management System (CTMS)");
    info.add("description", about);
    info.add("version", version());
    info.add_raw("contact", R"({"name":"The team that runs this service"})");
    info.add_raw("license", R"({"name":"MPL-2.0","url":"https://www.mozilla.org/MPL/2.0/"})");
    info.close();
    writer.add_raw("servers", R"([{"url":"/","description":"This service"}])");
    append_json_array(writer.key("tags"), tags(), [](std::string& to, const tag_text& tag) {
        object_writer one(to);
        one.add("name", tag.name);
        one.add("description", tag.description);
        one.close();
    });
    writer.add_raw("security", "[]"); // a call that needs a token says so
    append_paths(writer.key("paths"), routes, texts);
    append_components(writer.key("components"));
    writer.close();
    return out;
}

} // namespace ctms::web::openapi
