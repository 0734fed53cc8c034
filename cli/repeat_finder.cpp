// SPDX-License-Identifier: MPL-2.0
#include "repeat_finder.hpp"

#include <ctms/base/utf8.hpp>

#include <functional>

namespace ctms::cli {

void repeat_finder::see(std::string_view address) {
    const auto place = place_++;
    if (place == repeated_.size()) repeated_.push_back(false);
    auto key = ascii_lower(address);
    const auto hash_of = std::hash<std::string>{};
    if (const auto hash = hash_of(key); hash < from_ || hash > to_) return;
    if (!seen_.insert(std::move(key)).second) {
        repeated_[place] = true;
        return;
    }
    while (seen_.size() > most_ && from_ < to_) {
        to_ = from_ + (to_ - from_) / 2;
        std::erase_if(seen_, [&](const std::string& one) { return hash_of(one) > to_; });
    }
}

bool repeat_finder::needs_another_pass() {
    seen_.clear();
    place_ = 0;
    if (to_ == last_hash) return false;
    from_ = to_ + 1;
    to_ = last_hash;
    return true;
}

} // namespace ctms::cli
