// SPDX-License-Identifier: MPL-2.0
// Compares what the email vendor should have with what the fake vendor has: the check that every test of the sync ends with.
// Not thread safe: there must be no writes during the comparison.
#pragma once

#include <support/fake_acoustic.hpp>

#include <ctms/persistence/database.hpp>

#include <string>

namespace ctms::test {

/// Returns "" when the vendor's tables equal acoustic::to_rows of all stored contacts, and no contact is queued or parked.
/// Otherwise returns the first ten differences, by id. Columns of the main table that are no longer sent may still be
/// there. Throws std::runtime_error when the database fails.
[[nodiscard]] std::string vendor_difference(const persistence::database_options& database, const fake_acoustic& vendor);

} // namespace ctms::test
