// SPDX-License-Identifier: MPL-2.0
#include "sync_rows.hpp"

#include <algorithm>
#include <utility>

namespace ctms::service {
namespace {

enum kind : std::size_t { new_newsletters, new_products, old_newsletters, old_products };

} // namespace

std::vector<acoustic::relational_row> row_call::rows() const {
    std::vector<acoustic::relational_row> out;
    for (const auto& group : groups) out.insert(out.end(), group.rows.begin(), group.rows.end());
    return out;
}

sync_rows::sync_rows(std::size_t most) : most_(most) {
    gathered_[new_newsletters].call = {acoustic::table::newsletter, false, {}};
    gathered_[new_products].call = {acoustic::table::product, false, {}};
    gathered_[old_newsletters].call = {acoustic::table::newsletter, true, {}};
    gathered_[old_products].call = {acoustic::table::product, true, {}};
}

void sync_rows::add(sync_item& item, clock::time_point now) {
    if (!item.newsletters_unchanged) add(gathered_[new_newsletters], item, item.rows.newsletters, now);
    if (!item.products_unchanged) add(gathered_[new_products], item, item.rows.products, now);
    add(gathered_[old_newsletters], item, item.gone_newsletters, now);
    add(gathered_[old_products], item, item.gone_products, now);
}

void sync_rows::add(gathering& to, sync_item& item, std::span<const acoustic::relational_row> rows, clock::time_point now) {
    if (to.used + rows.size() > most_) close(to);
    while (!rows.empty()) {
        const auto part = rows.first(std::min(rows.size(), most_ - to.used));
        if (to.used == 0) to.since = now;
        to.call.groups.push_back({&item, part});
        ++item.calls_left;
        to.used += part.size();
        rows = rows.subspan(part.size());
        if (to.used == most_) close(to);
    }
}

void sync_rows::close(gathering& one) {
    if (!one.call.groups.empty()) full_.push_back({one.call.target, one.call.deletes, std::exchange(one.call.groups, {})});
    one.used = 0;
}

std::optional<row_call> sync_rows::take_full() {
    if (full_.empty()) return std::nullopt;
    auto out = std::move(full_.front());
    full_.pop_front();
    return out;
}

std::optional<row_call> sync_rows::take_any() {
    if (full_.empty()) {
        gathering* first = nullptr;
        for (auto& one : gathered_) {
            if (one.used > 0 && (first == nullptr || one.since < first->since)) first = &one;
        }
        if (first != nullptr) close(*first);
    }
    return take_full();
}

std::optional<sync_rows::clock::time_point> sync_rows::oldest() const {
    std::optional<clock::time_point> out;
    for (const auto& one : gathered_) {
        if (one.used > 0 && (!out || one.since < *out)) out = one.since;
    }
    return out;
}

} // namespace ctms::service
