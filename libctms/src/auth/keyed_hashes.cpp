// SPDX-License-Identifier: MPL-2.0
#include <ctms/auth/keyed_hashes.hpp>

#include "keyed_hash.hpp"

#include <fmt/format.h>

#include <memory>

namespace ctms::auth {

std::function<std::vector<std::string>(std::string_view text)> keyed_hashes(const std::vector<std::string>& keys) {
    if (keys.empty()) return {};
    auto all = std::make_shared<std::vector<std::unique_ptr<const keyed_hash>>>();
    for (const auto& key : keys) all->push_back(std::make_unique<const keyed_hash>(key));
    return [all](std::string_view text) {
        std::vector<std::string> out;
        for (const auto& one : *all) out.push_back(fmt::format("{:02x}", fmt::join(one->of({text}), "")));
        return out;
    };
}

} // namespace ctms::auth
