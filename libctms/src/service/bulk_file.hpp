// SPDX-License-Identifier: MPL-2.0
// The file of a bulk job, made piece by piece while it is uploaded: claims contacts for the job, reads them, and marks what the file has of
// each. Contacts that do not fit are put back, to be sent by calls. For one thread. Private to this layer.
#pragma once

#include "sync_source.hpp"

#include <persistence/sync/bulk_job_repository.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ctms::service {

class bulk_file {
public:
    /// `most`: rows. `keep` is called before each piece, and throws to end the file. The references must outlive it.
    bulk_file(persistence::database& db, const uuid& job, int most, bool skip_unchanged, std::function<void()> keep);

    /// Returns the next piece; "" at the end. Throws std::runtime_error if the database fails.
    [[nodiscard]] std::string next();
    /// Returns the number of rows so far.
    [[nodiscard]] std::int64_t rows() const { return rows_; }
    /// Returns the columns, when the first piece was made.
    [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }

private:
    [[nodiscard]] std::string first_line();
    /// Adds the contacts that fit to the job, and puts the others back. Returns their lines.
    [[nodiscard]] std::string add(const sync_source::items& items);

    persistence::bulk_job_repository jobs_;
    persistence::sync_queue_repository queue_;
    persistence::acoustic_configuration_repository configuration_;
    sync_source source_;
    const uuid job_;
    const std::int64_t most_;
    const std::function<void()> keep_;
    std::vector<std::string> columns_;
    std::int64_t rows_ = 0;
};

/// The lease of a job's claims. They are renewed long before it ends.
inline constexpr std::chrono::seconds job_claim = persistence::longest_ahead;

} // namespace ctms::service
