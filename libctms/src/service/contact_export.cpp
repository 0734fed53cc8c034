// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_export.hpp>

#include <ctms/base/json_text.hpp>
#include <ctms/model/stripe.hpp>
#include <persistence/contacts/contact_dump_repository.hpp>
#include <persistence/stripe/product_repository.hpp>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace ctms::service {
namespace {

using persistence::contact_dump_repository;

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

} // namespace

result<std::int64_t> contact_export::dump(const std::function<bool(std::string_view)>& visit) {
    return contact_dump_repository(db_).dump(visit);
}

result<std::optional<std::int64_t>> contact_export::estimate() { return contact_dump_repository(db_).estimate(); }

result<std::string> contact_export::everything(const uuid& email_id) {
    contact_dump_repository contacts(db_);
    const std::span ids(&email_id, 1);
    const auto lines = contacts.lines(ids);
    if (!lines) return lines.error();
    const auto belongings = contacts.belongings(email_id);
    if (!belongings) return belongings.error();
    const auto products = persistence::product_repository(db_).find(ids);
    if (!products) return products.error();
    if (lines->empty() || belongings->empty()) return not_found("Unknown email_id");
    auto out = lines->begin()->second;
    out.back() = ','; // replaces its closing brace
    out += R"("products":)";
    append_json_array(out, products->front(), append_product);
    out += ',';
    return out += std::string_view(*belongings).substr(belongings->find('{') + 1);
}

result<void> contact_export::duplicates(const std::function<bool(std::span<const model::duplicate_contact>)>& visit) {
    constexpr int addresses_of_a_page = 1'000;
    contact_dump_repository contacts(db_);
    for (std::optional<std::string> after;;) {
        const auto page = contacts.duplicates(after, addresses_of_a_page);
        if (!page) return page.error();
        if (page->empty()) return {};
        for (auto begin = page->begin(); begin != page->end();) {
            const auto end = std::find_if(begin, page->end(), [&](const auto& one) { return one.address != begin->address; });
            if (!visit(std::span(begin, end))) return {};
            begin = end;
        }
        after = page->back().address;
    }
}

} // namespace ctms::service
