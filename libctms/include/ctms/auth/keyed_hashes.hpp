// SPDX-License-Identifier: MPL-2.0
// Keyed hashes (HMAC-SHA-256, RFC 2104) by which a database recognises a text that it must not contain, such as an erased address. Who has
// the database but not the key cannot find out the text by trying. The returned function is thread safe.
#pragma once

#include <ctms/base/export.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::auth {

/// Returns a function for persistence::suppression_options: it returns the hash of a text with each of the keys, in their order, as 64
/// hexadecimal digits. Keys are texts of any length; a new key makes other hashes, so the first key is the current one and those after it
/// are earlier ones. The function is empty if there are no keys, and throws std::runtime_error if OpenSSL fails.
[[nodiscard]] CTMS_API std::function<std::vector<std::string>(std::string_view text)> keyed_hashes(const std::vector<std::string>& keys);

} // namespace ctms::auth
