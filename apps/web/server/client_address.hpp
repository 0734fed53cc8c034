// SPDX-License-Identifier: MPL-2.0
// The address of who really asks, behind proxies that are trusted to tell it. Pure, thread safe.
#pragma once

#include "message.hpp"

#include <string>
#include <vector>

namespace ctms::web {

/// The peer's address; or, when the peer is a trusted proxy, the last address in X-Forwarded-For that is none.
/// `trusted`: addresses and networks ("10.0.0.0/8"), valid ones.
[[nodiscard]] std::string client_address(const request& http, const std::vector<std::string>& trusted);

} // namespace ctms::web
