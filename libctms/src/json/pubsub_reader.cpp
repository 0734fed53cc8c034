// SPDX-License-Identifier: MPL-2.0
#include <ctms/json/stripe_json.hpp>

#include "base/base64.hpp"
#include "document.hpp"
#include "stripe_reader.hpp"

#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <optional>
#include <utility>
#include <variant>

namespace ctms::json {
namespace {

error not_from_pubsub() { return malformed("Message does not appear to be from pubsub, do not send again."); }

error unknown_payload() { return malformed("Unknown payload type, do not send again."); }

std::optional<document> parse(std::string_view text) {
    if (!is_valid_utf8(text)) return std::nullopt;
    auto outcome = document::parse(text, limits{});
    auto* parsed = std::get_if<document>(&outcome);
    return parsed == nullptr ? std::nullopt : std::optional(std::move(*parsed));
}

/// The content of the envelope; nullopt if the body is not an envelope.
std::optional<std::string> unwrap(std::string_view body) {
    const auto envelope = parse(body);
    if (!envelope || envelope->root().type != kind::object) return std::nullopt;
    const auto* message = envelope->root().member("message");
    if (envelope->root().member("subscription") == nullptr || message == nullptr || message->type != kind::object) return std::nullopt;
    const auto* data = message->member("data");
    if (data == nullptr || data->type != kind::string) return std::nullopt;
    return base64_decode(data->text);
}

bool names_an_object(std::string_view key) {
    const auto colon = key.find(':');
    return colon != std::string_view::npos && colon > 0 && colon + 1 < key.size();
}

bool is_empty(const node& value) { return value.type == kind::null || (value.type == kind::object && value.size == 0); }

bool is_dictionary(const node& payload) {
    for (const auto* each = payload.first; each != nullptr; each = each->next) {
        if (!names_an_object(each->key) || !(each->type == kind::object || is_empty(*each))) return false;
    }
    return true;
}

std::string_view string_member(const node& object, std::string_view name) {
    const auto* found = object.member(name);
    return found != nullptr && found->type == kind::string ? found->text : std::string_view();
}

pubsub_item without_value(pubsub_item::kind what, std::string name) { return {what, std::move(name), error{}}; }

/// `key`: the key of the value in a dictionary, or "payload" if the payload is one object.
pubsub_item read_item(const node& value, std::string_view key) {
    if (is_empty(value)) return without_value(pubsub_item::kind::empty, std::string(key));
    const auto object_kind = string_member(value, "object");
    const auto id = string_member(value, "id");
    auto name = object_kind.empty() || id.empty() ? std::string(key) : fmt::format("{}:{}", object_kind, id);
    if (!object_kind.empty() && !is_stored_kind(object_kind)) return without_value(pubsub_item::kind::unknown_kind, std::move(name));
    auto object = read_stripe_node(value);
    const auto what = object ? pubsub_item::kind::object : pubsub_item::kind::failed;
    pubsub_item out{what, std::move(name), std::move(object)};
    write(out.text, value);
    return out;
}

} // namespace

result<pubsub_payload> read_pubsub_message(std::string_view body) {
    const auto data = unwrap(body);
    const auto payload = data ? parse(*data) : std::nullopt;
    if (!payload) return not_from_pubsub();
    const auto& root = payload->root();
    if (root.type != kind::object) return unknown_payload();
    pubsub_payload out;
    write(out.text, root);
    if (root.member("object") != nullptr && root.member("id") != nullptr) {
        out.items.push_back(read_item(root, "payload"));
        return out;
    }
    if (!is_dictionary(root)) return unknown_payload();
    for (const auto* each = root.first; each != nullptr; each = each->next) {
        if (root.member(each->key) == each) out.items.push_back(read_item(*each, each->key)); // if a key is repeated, the last one counts
    }
    return out;
}

} // namespace ctms::json
