// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/person_export.hpp>

#include "person_page.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/service/audit_log.hpp>
#include <json/document.hpp>
#include <persistence/contacts/contact_dump_repository.hpp>
#include <persistence/contacts/person_repository.hpp>
#include <persistence/stripe/product_repository.hpp>

#include <algorithm>
#include <span>
#include <utility>
#include <variant>

namespace ctms::service {
namespace {

using persistence::personal_source;
using persistence::shown_as;

constexpr std::string_view meaning_of_products = "What the person pays for, from the objects of Stripe";

void append_product(std::string& out, const model::product& product) {
    const auto iso = [](const std::optional<timestamp>& when) { return when ? std::optional(to_iso(*when)) : std::nullopt; };
    object_writer writer(out);
    writer.add("payment_service", std::string_view(product.payment_service));
    writer.add("product_id", std::string_view(product.product_id));
    writer.add("price_id", std::string_view(product.price_id));
    writer.add("currency", std::string_view(product.currency));
    writer.add_optional("amount", product.amount);
    writer.add_optional("interval", product.interval);
    writer.add_optional("interval_count", product.interval_count);
    writer.add("status", std::string_view(product.status));
    writer.add("segment", std::string_view(model::segment_of(product).name));
    writer.add("created", std::string_view(to_iso(product.created)));
    writer.add("start", std::string_view(to_iso(product.start)));
    writer.add("current_period_start", std::string_view(to_iso(product.current_period_start)));
    writer.add("current_period_end", std::string_view(to_iso(product.current_period_end)));
    writer.add_optional("canceled_at", iso(product.canceled_at));
    writer.add("cancel_at_period_end", product.cancel_at_period_end);
    writer.add_optional("ended_at", iso(product.ended_at));
    writer.add("sub_count", product.sub_count);
    writer.close();
}

/// The sources that an export shows as rows, in their order.
const std::vector<const personal_source*>& row_sources() {
    static const auto all = [] {
        std::vector<const personal_source*> out;
        for (const auto& one : persistence::personal_sources()) {
            if (one.shown == shown_as::rows) out.push_back(&one);
        }
        out.push_back(&persistence::told_receivers());
        return out;
    }();
    return all;
}

/// The line of a dump without its braces; the parts of a contact that does not exist are null.
std::string members_of_contact(const std::string& line) {
    if (!line.empty()) return line.substr(1, line.size() - 2);
    std::string out;
    for (const auto& one : persistence::personal_sources()) {
        if (one.shown == shown_as::part_of_contact) out += (out.empty() ? "\"" : ",\"") + std::string(one.member) + "\":null";
    }
    return out;
}

/// Appends the parts of a contact, which `line` has in the form of a dump.
void append_contact_page(std::string& out, const std::string& line) {
    constexpr json::limits generous{.depth = 1'000, .length = 10'000'000};
    const auto parsed = json::document::parse(line.empty() ? "{}" : line, generous);
    const auto* contact = std::get_if<json::document>(&parsed);
    for (const auto& one : persistence::personal_sources()) {
        if (one.shown != shown_as::part_of_contact) continue;
        append_html_heading(out, one.member, one.meaning);
        const auto* part = contact == nullptr ? nullptr : contact->root().member(one.member);
        const auto add = [&](const json::node& row) {
            std::string text;
            json::write(text, row);
            append_html_row(out, text);
        };
        const auto* row = part != nullptr && part->type == json::kind::array ? part->first : part;
        if (row == nullptr || row->type == json::kind::null) {
            append_html_nothing(out);
        } else if (row == part) {
            add(*row);
        } else {
            for (; row != nullptr; row = row->next) add(*row);
        }
    }
}

void append_products_page(std::string& out, const std::vector<model::product>& products) {
    append_html_heading(out, "products", meaning_of_products);
    for (const auto& product : products) {
        std::string text;
        append_product(text, product);
        append_html_row(out, text);
    }
    if (products.empty()) append_html_nothing(out);
}

} // namespace

person_export::person_export(persistence::database& db, const uuid& email_id, export_form form)
    : db_(&db), email_id_(email_id), form_(form) {}

result<bool> person_export::next(std::string& out) {
    constexpr std::size_t enough = std::size_t{256} * 1024;
    const auto before = out.size();
    if (!std::exchange(has_begun_, true)) {
        if (const auto begun = begin(out); !begun) return begun.error();
    }
    while (source_ < row_sources().size() && out.size() - before < enough) {
        if (const auto added = add_rows(out); !added) return added.error();
    }
    if (source_ < row_sources().size()) return true;
    if (form_ == export_form::json) out += '}';
    return false;
}

result<void> person_export::begin(std::string& out) {
    const std::span ids(&email_id_, 1);
    const auto known = persistence::person_repository(*db_).is_known(email_id_);
    if (!known) return known.error();
    if (!*known) return not_found("Unknown email_id");
    const auto lines = persistence::contact_dump_repository(*db_).lines(ids);
    if (!lines) return lines.error();
    const auto products = persistence::product_repository(*db_).find(ids);
    if (!products) return products.error();
    const auto line = lines->empty() ? std::string() : lines->begin()->second;
    if (form_ == export_form::html) {
        out += "<p>Contact " + email_id_.to_string() + ", read at " + to_iso(now()) + ".</p>\n";
        append_contact_page(out, line);
        append_products_page(out, products->front());
        return {};
    }
    object_writer writer(out);
    writer.add("exported_at", std::string_view(to_iso(now())));
    writer.add("email_id", std::string_view(email_id_.to_string()));
    out += ',' + members_of_contact(line);
    append_json_array(writer.key("products"), products->front(), append_product);
    return {};
}

/// Appends the next rows of a source; at their end, goes on to the next source.
result<void> person_export::add_rows(std::string& out) {
    const auto& source = *row_sources()[source_];
    const auto found = persistence::person_repository(*db_).read(source, email_id_, after_);
    if (!found) return found.error();
    const bool is_json = form_ == export_form::json;
    if (!std::exchange(is_open_, true)) {
        is_json ? void(out += ",\"" + std::string(source.member) + "\":[") : append_html_heading(out, source.member, source.meaning);
    }
    for (const auto& line : found->lines) {
        const bool is_first = std::exchange(is_first_, false);
        if (is_json) {
            if (!is_first) out += ',';
            out += line;
        } else {
            append_html_row(out, line);
        }
    }
    after_ = found->last;
    if (!found->lines.empty()) return {};
    if (is_json) {
        out += ']';
    } else if (is_first_) {
        append_html_nothing(out);
    }
    ++source_;
    is_open_ = false;
    is_first_ = true;
    return {};
}

result<person_export> person_exports::begin(const uuid& email_id, export_form form, const model::author& by) {
    const auto known = persistence::person_repository(db_).is_known(email_id);
    if (!known) return known.error();
    if (!*known) return not_found("Unknown email_id");
    const auto recorded = audit_log(db_).note(std::string(by.client), "GET /ctms/{email_id}/export",
                                              {{"email_ids", email_id.to_string()}, {"request_id", std::string(by.request_id)}});
    if (!recorded) return recorded.error();
    return person_export(db_, email_id, form);
}

result<std::vector<uuid>> find_person(persistence::database& db, const std::string& address) {
    return persistence::person_repository(db).find(address);
}

} // namespace ctms::service
