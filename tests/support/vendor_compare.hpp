// SPDX-License-Identifier: MPL-2.0
// What the email vendor should have, beside what the stand-in has: the one question that every test of the sync ends with.
// Not thread safe: nobody may write meanwhile.
#pragma once

#include <support/fake_acoustic.hpp>

#include <ctms/persistence/database.hpp>

#include <string>

namespace ctms::test {

/// "" when the vendor's tables are those of acoustic::to_rows of all stored contacts, and no contact waits for the sync or was
/// given up; else what differs, by id, the first ten differences. Columns of the main table that nobody sends any more may be
/// there. Throws std::runtime_error when the database fails.
[[nodiscard]] std::string vendor_difference(const persistence::database_options& database, const fake_acoustic& vendor);

} // namespace ctms::test
