// SPDX-License-Identifier: MPL-2.0
// Keyed hashes of what must not be stored again, and how statements look for them in ctms_suppressed. Thread safe. Private to this layer.
#pragma once

#include "connection.hpp"

#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// What a hash is of.
enum class suppressed_kind : std::uint8_t { address, account, customer };

/// Returns the addresses in the form in which they are compared: composed (NFC), in lower case. ASCII alone takes no round trip.
[[nodiscard]] std::vector<std::string> normalized(connection& db, std::vector<std::string> addresses);

/// Returns the hashes of a value, one for each key, the current key first; none if there is no key. `value` is a normalized address, the id
/// of a Firefox account, or that of a customer at Stripe.
[[nodiscard]] std::vector<std::string> hashes_of(const suppression_options& how, suppressed_kind kind, std::string_view value);
/// The same for an address that is not normalized.
[[nodiscard]] std::vector<std::string> hashes_of_address(connection& db, const suppression_options& how, const std::string& address);

/// Returns a name for each key, the current key first, which tells nothing about the key.
[[nodiscard]] std::vector<std::string> key_ids(const suppression_options& how);

/// Returns an SQL condition: one of the hashes in `array`, an expression of type text[], is suppressed.
[[nodiscard]] std::string is_suppressed_sql(std::string_view array);

/// Returns whether one of the hashes is suppressed. No round trip if there are none.
[[nodiscard]] bool is_suppressed(connection& db, std::span<const std::string> hashes);

/// The refusal of an address that is suppressed.
[[nodiscard]] error suppressed_address();

} // namespace ctms::persistence
