// SPDX-License-Identifier: MPL-2.0
#include "bulk_file.hpp"

#include <ctms/acoustic/import.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ctms::service {
namespace {

constexpr std::int64_t contacts_of_a_piece = 1'000; // a statement must end within its timeout

/// The value, or an exception that says what the database reported.
template <class Value>
Value checked(result<Value> from) {
    if (!from) throw std::runtime_error("the database: " + from.error().detail);
    if constexpr (!std::is_void_v<Value>) return *std::move(from);
}

/// A contact that failed before, was deleted or needs no call for the main table has no place in the file.
bool is_for_a_job(const sync_item& item) {
    return item.contact && !item.queued.is_deletion && item.queued.retry == 0 && !item.main_unchanged;
}

} // namespace

bulk_file::bulk_file(persistence::database& db, const uuid& job, int most, bool skip_unchanged, std::function<void()> keep)
    : jobs_(db),
      queue_(db),
      configuration_(db),
      source_(db, queue_, job, job_claim, skip_unchanged),
      job_(job),
      most_(most),
      keep_(std::move(keep)) {}

std::string bulk_file::next() {
    if (columns_.empty()) return first_line();
    while (rows_ < most_) {
        keep_();
        const auto wanted = static_cast<int>(std::min(contacts_of_a_piece, most_ - rows_));
        auto claimed = checked(jobs_.claim(job_, wanted, job_claim));
        if (claimed.empty()) return {};
        if (auto lines = add(checked(source_.take(std::move(claimed)))); !lines.empty()) return lines;
    }
    return {};
}

std::string bulk_file::first_line() {
    columns_ = acoustic::import_columns(checked(configuration_.read()));
    return acoustic::import_header(columns_);
}

std::string bulk_file::add(const sync_source::items& items) {
    std::string out;
    std::vector<persistence::bulk_row> rows;
    std::vector<uuid> others;
    for (const auto& item : items) {
        auto line = is_for_a_job(*item) ? acoustic::import_line(columns_, item->rows.main) : std::nullopt;
        if (line) {
            out += *line;
            rows.push_back({item->queued.email_id, item->queued.version, item->main_row_hash()});
        } else {
            others.push_back(item->queued.email_id);
        }
    }
    if (!rows.empty()) checked(jobs_.mark(job_, rows));
    if (!others.empty()) checked(jobs_.put_back(job_, others));
    rows_ += static_cast<std::int64_t>(rows.size());
    return out;
}

} // namespace ctms::service
