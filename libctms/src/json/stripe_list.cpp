// SPDX-License-Identifier: MPL-2.0
#include "stripe_reader.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/json/stripe_json.hpp>

#include <fmt/core.h>

#include <limits>

namespace ctms::json {
namespace {

// Deeper than a request by the list and its wrapper, and of any length: an export is a file that the operator chose to read.
constexpr limits of_an_export{limits{}.depth + 2, std::numeric_limits<std::size_t>::max()};

error not_recognized(std::string detail) { return malformed("Request JSON is not recognized.", std::move(detail)); }

std::string_view text_of(const node& value) { return value.type == kind::string ? value.text : std::string_view(); }

result<any_stripe_object> read_any(const node& value) {
    const auto* name = value.type == kind::object ? value.member("object") : nullptr;
    const auto* id = value.type == kind::object ? value.member("id") : nullptr;
    if (name == nullptr || id == nullptr) return not_recognized("not an object with `object` and `id`");
    if (name->type == kind::string && !is_stored_kind(name->text)) return unknown_kind{std::string(name->text), std::string(text_of(*id))};
    auto object = read_stripe_node(value);
    if (!object) return object.error();
    return any_stripe_object(std::move(*object));
}

/// The array of objects, if the text is a list; nullptr otherwise.
const node* list_in(const node& root) {
    if (root.type == kind::array) return &root;
    const auto* name = root.type == kind::object ? root.member("object") : nullptr;
    if (name == nullptr || text_of(*name) != "list") return nullptr;
    const auto* data = root.member("data");
    return data != nullptr && data->type == kind::array ? data : nullptr;
}

} // namespace

result<bool> read_stripe_objects(std::string_view text, const stripe_object_visitor& visit) {
    if (!is_valid_utf8(text)) return not_recognized("not UTF-8");
    const auto outcome = document::parse(text, of_an_export);
    if (const auto* problem = std::get_if<syntax_error>(&outcome))
        return not_recognized(fmt::format("not JSON: {}, line {}, column {}", problem->message, problem->line, problem->column));
    const auto& root = std::get<document>(outcome).root();
    const auto* list = list_in(root);
    if (list == nullptr) {
        visit(std::nullopt, read_any(root));
        return false;
    }
    std::size_t index = 0;
    for (const auto* each = list->first; each != nullptr && visit(index, read_any(*each)); each = each->next) ++index;
    const auto* more = root.type == kind::object ? root.member("has_more") : nullptr;
    return more != nullptr && more->type == kind::boolean && more->truth;
}

} // namespace ctms::json
