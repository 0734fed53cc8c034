// SPDX-License-Identifier: MPL-2.0
#include "api_document.hpp"

#include <ctms/base/utf8.hpp>
#include <web/openapi/document.hpp>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace ctms::test {
namespace {

namespace bj = boost::json;

/// Answers of these statuses may come from any call: what `default` describes.
constexpr std::array any_call{400, 404, 405, 408, 412, 413, 414, 417, 431, 500, 501, 505};

/// Turns a schema of OpenAPI 3.0 into one of JSON Schema: `nullable` becomes an alternative. An object may have no other members than its
/// properties, so that none is left out of the document.
bj::value to_json_schema(const bj::value& schema) {
    if (const auto* list = schema.if_array()) {
        bj::array out;
        for (const auto& one : *list) out.push_back(to_json_schema(one));
        return out;
    }
    const auto* object = schema.if_object();
    if (object == nullptr) return schema;
    bj::object out;
    for (const auto& [name, value] : *object) {
        if (name != "nullable" && name != "example") out[name] = to_json_schema(value);
    }
    const auto* properties = object->if_contains("properties");
    if (properties != nullptr && properties->is_object() && !object->contains("additionalProperties")) out["additionalProperties"] = false;
    const auto* nullable = object->if_contains("nullable");
    if (nullable == nullptr || !nullable->is_bool() || !nullable->as_bool()) return out;
    return bj::object{{"anyOf", bj::array{bj::object{{"type", "null"}}, out}}};
}

bool fits(std::string_view path, std::string_view pattern) {
    while (!pattern.empty()) {
        if (pattern.front() == '{') {
            const auto end = std::min(path.find('/'), path.size());
            if (end == 0) return false;
            path.remove_prefix(end);
            pattern.remove_prefix(pattern.find('}') + 1);
        } else {
            if (path.empty() || path.front() != pattern.front()) return false;
            path.remove_prefix(1);
            pattern.remove_prefix(1);
        }
    }
    return path.empty();
}

class api_document {
public:
    api_document() : document_(bj::parse(web::openapi::document(web::all_routes(), web::openapi::shown_calls()))) {
        schemas_ = to_json_schema(document_.at("components").at("schemas"));
    }

    /// Returns what is wrong with an answer; "" if nothing is.
    std::string contradiction(std::string_view method, std::string_view target, const http_answer& answer) {
        const auto* operation = find(method, target.substr(0, target.find('?')));
        if (operation == nullptr) return {}; // a path that the document does not show, or a method that the path does not have
        const auto& all = operation->at("responses").as_object();
        const auto status = std::to_string(answer.status);
        const bool listed = all.contains(status);
        if (!listed && std::find(any_call.begin(), any_call.end(), answer.status) == any_call.end()) return "the status is not described";
        const auto& described = all.at(listed ? status : "default").as_object();
        if (method == "HEAD") return {};
        const auto* content = described.if_contains("content");
        if (content == nullptr) return answer.body.empty() ? "" : "a body is not described";
        const auto type = answer.header("content-type");
        const auto media = type.substr(0, type.find(';'));
        const auto* as = content->as_object().if_contains(media);
        if (as == nullptr) return "the media type " + media + " is not described";
        return (media == "application/json" || media == "application/problem+json") && !answer.has_header("content-encoding")
                   ? body_problem(as->at("schema"), answer.body)
                   : std::string();
    }

private:
    const bj::object* find(std::string_view method, std::string_view path) const {
        const bj::object* found = nullptr;
        for (const auto& [pattern, item] : document_.at("paths").as_object()) {
            if (!fits(path, std::string_view(pattern.data(), pattern.size()))) continue;
            const auto* operation = item.as_object().if_contains(ascii_lower(method));
            if (operation == nullptr && method == "HEAD") operation = item.as_object().if_contains("get");
            if (operation != nullptr) found = &operation->as_object();
        }
        return found;
    }

    std::string body_problem(const bj::value& schema, const std::string& body) {
        boost::system::error_code ec;
        const auto value = bj::parse(body, ec);
        if (ec) return "the body is not JSON";
        valijson::ValidationResults problems;
        valijson::Validator validator;
        const valijson::adapters::BoostJsonAdapter target(value);
        if (validator.validate(*compiled(schema), target, &problems)) return {};
        std::string out = "the body does not fit the schema:";
        valijson::ValidationResults::Error one;
        while (problems.popError(one)) out += fmt::format(" {}: {};", fmt::join(one.context, ""), one.description);
        return out;
    }

    const valijson::Schema* compiled(const bj::value& schema) {
        auto& known = compiled_[bj::serialize(schema)];
        if (known != nullptr) return known.get();
        auto root = to_json_schema(schema).as_object();
        root["components"] = bj::object{{"schemas", schemas_}};
        known = std::make_unique<valijson::Schema>();
        const bj::value whole(root);
        valijson::SchemaParser parser;
        parser.populateSchema(valijson::adapters::BoostJsonAdapter(whole), *known);
        return known.get();
    }

    bj::value document_;
    bj::value schemas_;
    std::map<std::string, std::unique_ptr<valijson::Schema>> compiled_;
};

std::mutex guard;
std::set<std::uint16_t>& ports() {
    static std::set<std::uint16_t> all;
    return all;
}

} // namespace

void check_answers_of(std::uint16_t port) {
    const std::lock_guard lock(guard);
    ports().insert(port);
}

void leave_answers_of(std::uint16_t port) {
    const std::lock_guard lock(guard);
    ports().erase(port);
}

void check_answer(std::uint16_t port, std::string_view method, std::string_view target, const http_answer& answer) {
    const std::lock_guard lock(guard);
    if (ports().count(port) == 0) return;
    static api_document document;
    const auto problem = document.contradiction(method, target, answer);
    if (problem.empty()) return;
    throw std::runtime_error(fmt::format("The answer {} to {} {} differs from the API's document: {}\n{}", answer.status, method, target,
                                         problem, answer.body.substr(0, 2000)));
}

} // namespace ctms::test
