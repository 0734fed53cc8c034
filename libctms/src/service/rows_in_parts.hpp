// SPDX-License-Identifier: MPL-2.0
// What imports and bulk writes share: writing the rows of many contacts with one statement, although some of them may be refused.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <model/stored_rows.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace ctms::service {

/// Stores all rows or none of them. Returns the ids of the contacts that it wrote; it skips the others.
using write_rows = std::function<result<std::vector<uuid>>(std::span<const model::stored_rows> rows)>;

/// Takes what became of the rows, by their place in the list.
struct rows_told {
    std::function<void(std::size_t place, bool written)> done;          ///< written, or skipped
    std::function<void(std::size_t place, const error& why)> refused{}; ///< errc::conflict, errc::invalid or errc::interrupted
};

/// Writes all rows together. If one of them cannot be stored, halves the rows until it is found. Returns other errors, such as those of a
/// database that does not answer, at once: `told` has then not been called for the rows that are left.
[[nodiscard]] result<void> write_in_parts(std::span<const model::stored_rows> rows, const write_rows& write, const rows_told& told);

} // namespace ctms::service
