// SPDX-License-Identifier: MPL-2.0
#include "sync_item.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

namespace ctms::service {
namespace {

/// 64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). Hashes are only compared with others of the same contact.
class hasher {
public:
    void add(std::string_view text) {
        for (const char c : text) step(static_cast<unsigned char>(c));
        step(0xff); // never in UTF-8, so that "ab","c" differs from "a","bc"
    }
    void add(const std::vector<acoustic::column>& columns) {
        for (const auto& [name, value] : columns) add(name), add(value);
    }
    [[nodiscard]] std::string text() const { return fmt::format("{:016x}", value_); }

private:
    void step(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }
    std::uint64_t value_ = 0xcbf29ce484222325U;
};

std::string hash_of(const std::vector<acoustic::column>& row) {
    hasher out;
    out.add(row);
    return out.text();
}

std::string hash_of(const std::vector<acoustic::relational_row>& rows) {
    hasher out;
    for (const auto& row : rows) out.add(row.columns);
    return out.text();
}

std::vector<std::string> keys_of(const std::vector<acoustic::relational_row>& rows) {
    std::vector<std::string> out;
    for (const auto& row : rows) out.push_back(row.key);
    return out;
}

/// Rows, with only their keys, for the keys in `known` that are not in `wanted`.
std::vector<acoustic::relational_row> gone(const std::string& email_id, const std::vector<std::string>& known,
                                           const std::vector<std::string>& wanted) {
    std::vector<acoustic::relational_row> out;
    for (const auto& key : known) {
        if (std::find(wanted.begin(), wanted.end(), key) == wanted.end()) out.push_back({email_id, key, {}});
    }
    return out;
}

/// What the vendor may have of a deleted contact: what was sent, or, if that is unknown, any mapped newsletter and any product.
persistence::vendor_state known_state(const persistence::queued_contact& queued, const model::acoustic_configuration& configuration,
                                      const std::vector<std::string>& all_products) {
    if (queued.sent) return *queued.sent;
    persistence::vendor_state out;
    out.products = all_products;
    for (const auto& [newsletter, column] : configuration.newsletter_mappings) out.newsletters.push_back(newsletter);
    return out;
}

void set_unchanged(sync_item& item) {
    if (!item.queued.sent) return;
    item.main_unchanged = item.queued.sent->main_hash == item.wanted.main_hash && item.queued.sent->columns == item.wanted.columns;
    item.newsletters_unchanged = item.queued.sent->newsletter_hash == item.wanted.newsletter_hash;
    item.products_unchanged = item.queued.sent->product_hash == item.wanted.product_hash;
}

std::vector<std::string> names_of(const std::vector<acoustic::column>& row) {
    std::vector<std::string> out;
    for (const auto& column : row) out.push_back(column.name);
    std::sort(out.begin(), out.end());
    return out;
}

/// Adds an empty column for each one that was sent earlier and has no source any more, so that the vendor does not keep its value.
void empty_old_columns(std::vector<acoustic::column>& row, const std::vector<std::string>& sent, const std::vector<std::string>& wanted) {
    for (const auto& name : sent) {
        if (!std::binary_search(wanted.begin(), wanted.end(), name)) row.push_back({name, ""});
    }
}

std::vector<std::string> united(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::set<std::string> all(a.begin(), a.end());
    all.insert(b.begin(), b.end());
    return {all.begin(), all.end()};
}

/// Whether `united` adds nothing to `before`. Its keys are those of `before` and possibly more.
bool same_knowledge(const persistence::vendor_state& united, const persistence::vendor_state& before) {
    return united.main_hash == before.main_hash && united.newsletter_hash == before.newsletter_hash &&
           united.product_hash == before.product_hash && united.newsletters.size() == before.newsletters.size() &&
           united.products.size() == before.products.size() && united.columns.size() == before.columns.size();
}

void consider(std::optional<acoustic::failure>& worst, std::string_view table, const table_progress& progress) {
    if (!progress.failed || (worst && worst->kind >= progress.failed->kind)) return;
    worst = acoustic::failure{progress.failed->kind, fmt::format("{}: {}", table, progress.failed->reason)};
}

} // namespace

std::optional<acoustic::failure> sync_item::failure() const {
    std::optional<acoustic::failure> worst;
    consider(worst, "main", main);
    consider(worst, "newsletter", newsletters);
    consider(worst, "product", products);
    return worst;
}

bool sync_item::has_rows_to_send() const {
    return (!newsletters_unchanged && !rows.newsletters.empty()) || (!products_unchanged && !rows.products.empty()) ||
           !gone_newsletters.empty() || !gone_products.empty();
}

bool sync_item::has_calls() const { return queued.is_deletion || (contact && !main_unchanged) || has_rows_to_send(); }

std::string sync_item::main_row_hash() const { return hash_of(rows.main); }

std::optional<persistence::vendor_state> sync_item::in_doubt() const {
    const auto before = queued.sent.value_or(persistence::vendor_state{});
    auto out = before;
    if (queued.is_deletion || !main_unchanged) out.main_hash.clear();
    if (queued.is_deletion || !newsletters_unchanged) out.newsletter_hash.clear();
    if (queued.is_deletion || !products_unchanged) out.product_hash.clear();
    out.newsletters = united(before.newsletters, wanted.newsletters);
    out.products = united(before.products, wanted.products);
    out.columns = united(before.columns, wanted.columns);
    if (!has_calls() || same_knowledge(out, before)) return std::nullopt;
    return out;
}

persistence::vendor_state sync_item::partly() const {
    const auto before = queued.sent.value_or(persistence::vendor_state{});
    const bool unmade = main.failed || calls_left > 0;
    auto out = wanted;
    if (main.failed) {
        out.main_hash.clear();
        out.columns = united(before.columns, wanted.columns);
    }
    if (unmade || newsletters.failed) {
        out.newsletter_hash.clear();
        out.newsletters = united(before.newsletters, wanted.newsletters);
    }
    if (unmade || products.failed) {
        out.product_hash.clear();
        out.products = united(before.products, wanted.products);
    }
    return out;
}

sync_item make_item(persistence::queued_contact queued, std::optional<model::contact> contact, std::span<const model::product> products,
                    const model::acoustic_configuration& configuration, const std::vector<std::string>& all_products, bool skip_unchanged) {
    sync_item out;
    out.queued = std::move(queued);
    out.contact = std::move(contact);
    if (out.contact && !out.queued.is_deletion) {
        out.rows = acoustic::to_rows(*out.contact, products, configuration);
        out.wanted = {hash_of(out.rows.main),        hash_of(out.rows.newsletters), hash_of(out.rows.products),
                      keys_of(out.rows.newsletters), keys_of(out.rows.products),    names_of(out.rows.main)};
        if (out.queued.sent) empty_old_columns(out.rows.main, out.queued.sent->columns, out.wanted.columns);
    }
    if (out.queued.is_deletion || out.queued.sent) {
        const auto known = known_state(out.queued, configuration, all_products);
        const auto id = out.queued.email_id.to_string();
        out.gone_newsletters = gone(id, known.newsletters, out.wanted.newsletters);
        out.gone_products = gone(id, known.products, out.wanted.products);
    }
    if (skip_unchanged) set_unchanged(out);
    if (!out.queued.imported_hash.empty() && out.queued.imported_hash == out.main_row_hash()) out.main_unchanged = true;
    return out;
}

} // namespace ctms::service
