// SPDX-License-Identifier: MPL-2.0
#include <ctms/json/erasure_json.hpp>

#include "contact_parts.hpp"

#include <ctms/base/json_text.hpp>

namespace ctms::json {
namespace {

constexpr fields::rules address_rule{.max = 255, .min = 1, .required = true};

} // namespace

result<erasure_order> read_erasure(const body& sent) {
    error_list errors("body");
    const auto* object = body_object(sent, errors);
    if (object == nullptr) return std::move(errors).take();
    erasure_order out;
    if (const auto* address = object->member("primary_email")) {
        const auto here = errors.at("primary_email");
        read_value(*address, address_rule, out.primary_email, errors);
    } else {
        const auto here = errors.at("primary_email");
        add_missing(errors);
    }
    if (const auto* suppress = object->member("suppress")) {
        const auto here = errors.at("suppress");
        read_value(*suppress, {}, out.suppress, errors);
    }
    for (const auto* member = object->first; member != nullptr; member = member->next) {
        if (member->key == "primary_email" || member->key == "suppress") continue;
        const auto here = errors.at(member->key);
        errors.add("extra fields not permitted", "value_error.extra");
    }
    if (!errors.empty()) return std::move(errors).take();
    return out;
}

void write_erasure(std::string& out, const model::erasure& receipt) {
    object_writer writer(out);
    writer.add("id", std::string_view(receipt.id.to_string()));
    writer.add("requested_at", std::string_view(to_iso(receipt.requested_at)));
    object_writer erased(writer.key("erased"));
    erased.add("contacts", receipt.contacts);
    erased.add("stripe_objects", receipt.stripe_objects);
    erased.add("parked_objects", receipt.parked_objects);
    erased.close();
    writer.add("suppressed", receipt.suppressed);
    object_writer vendor(writer.key("vendor"));
    vendor.add("state", to_string(receipt.vendor));
    vendor.add("waiting", receipt.waiting);
    vendor.add_optional("confirmed_at", receipt.confirmed_at ? std::optional(to_iso(*receipt.confirmed_at)) : std::nullopt);
    vendor.close();
    writer.close();
}

} // namespace ctms::json
