// SPDX-License-Identifier: MPL-2.0
// Input that is refused, and the errors as clients see them. Pure functions.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/json/contact_json.hpp>

#include <cstddef>
#include <string>

namespace ctms::test {

/// The body of the response.
inline std::string written(const error& failure) {
    std::string out;
    json::write_error(out, failure);
    return out;
}

inline std::string long_text(std::size_t length) { return std::string(length, 'x'); }
/// The same as a JSON string.
inline std::string quoted(std::size_t length) { return '"' + long_text(length) + '"'; }

} // namespace ctms::test
