// SPDX-License-Identifier: MPL-2.0
// Bodies of push requests as Pub/Sub sends them. Pure functions.
#pragma once

#include "base/base64.hpp"

#include <string>
#include <string_view>

namespace ctms::test {

/// A push with `data` as its data, which should be base64 (and must not need escaping in JSON).
inline std::string envelope_with_data(std::string_view data) {
    return R"({"message":{"attributes":{"key":"value"},"data":")" + std::string(data) +
           R"(","messageId":"2070443601311540","publishTime":"2021-02-26T19:13:55.749Z"},)"
           R"("subscription":"projects/project/subscriptions/ctms"})";
}

/// A push that carries a payload.
inline std::string envelope_of(std::string_view payload) { return envelope_with_data(base64_encode(payload)); }

} // namespace ctms::test
