// SPDX-License-Identifier: MPL-2.0
#include "rows_in_parts.hpp"

#include <set>

namespace ctms::service {
namespace {

result<void> write_part(std::span<const model::stored_rows> rows, std::size_t first, const write_rows& write, const rows_told& told) {
    if (rows.empty()) return {};
    const auto written = write(rows);
    if (written) {
        const std::set<uuid> done(written->begin(), written->end());
        for (std::size_t i = 0; i < rows.size(); ++i) told.done(first + i, done.contains(rows[i].email_id));
        return {};
    }
    const auto code = written.error().code;
    if (code != errc::conflict && code != errc::invalid && code != errc::interrupted) return written.error();
    if (rows.size() == 1) return told.refused(first, written.error()), result<void>();
    const auto half = rows.size() / 2;
    auto begin = write_part(rows.first(half), first, write, told);
    return begin ? write_part(rows.subspan(half), first + half, write, told) : begin;
}

} // namespace

result<void> write_in_parts(std::span<const model::stored_rows> rows, const write_rows& write, const rows_told& told) {
    return write_part(rows, 0, write, told);
}

} // namespace ctms::service
