// SPDX-License-Identifier: MPL-2.0
// Who makes a change, as the feed of changes and the history record it. Plain data that refers to texts of the caller.
#pragma once

#include <ctms/base/export.hpp>

#include <concepts>
#include <string_view>

namespace ctms::model {

/// Who makes a change. The texts must live as long as the call that gets it. Any text converts to an author without a request.
struct CTMS_API author {
    std::string_view client{};     ///< the id of an API client, or the name of a command or program; "" if unknown
    std::string_view request_id{}; ///< the id of the request that makes the change; "" if there is none

    /// Nobody who is known.
    constexpr author() = default;
    /// The client `who`, in the request `request`.
    template <std::convertible_to<std::string_view> Text>
    constexpr author(const Text& who, std::string_view request = {}) : client(who), request_id(request) {}
};

} // namespace ctms::model
