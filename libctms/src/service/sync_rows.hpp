// SPDX-License-Identifier: MPL-2.0
// Gathers the relational rows of contacts for calls: few calls, none with too many rows, and the rows of a contact in one call if they fit.
// Not thread safe. Private to this layer.
#pragma once

#include "sync_item.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace ctms::service {

/// Rows of one contact, as part of a relational call.
struct row_group {
    sync_item* item = nullptr;
    std::span<const acoustic::relational_row> rows;
};

/// One relational call, with rows of one or more contacts.
struct row_call {
    acoustic::table target = acoustic::table::newsletter;
    bool deletes = false;
    std::vector<row_group> groups;

    [[nodiscard]] std::vector<acoustic::relational_row> rows() const;
};

class sync_rows {
public:
    /// `most` is the number of rows that a call may have.
    explicit sync_rows(std::size_t most);

    using clock = std::chrono::steady_clock;

    /// Adds all rows that must be sent or deleted of a contact, and sets its `calls_left`. The contact must outlive its calls.
    void add(sync_item& item, clock::time_point now = clock::now());
    /// Removes a call that is full, or whose next contact did not fit; nullopt if there is none.
    [[nodiscard]] std::optional<row_call> take_full();
    /// Removes the call that has waited longest, full ones first; nullopt if there are no rows.
    [[nodiscard]] std::optional<row_call> take_any();
    /// Returns since when the oldest rows of calls that are not full have waited; nullopt if there are none.
    [[nodiscard]] std::optional<clock::time_point> oldest() const;

private:
    /// The rows for calls of one kind that are not full yet.
    struct gathering {
        row_call call;
        std::size_t used = 0;
        clock::time_point since{};
    };
    void add(gathering& to, sync_item& item, std::span<const acoustic::relational_row> rows, clock::time_point now);
    void close(gathering& one);

    std::size_t most_;
    std::array<gathering, 4> gathered_;
    std::deque<row_call> full_;
};

} // namespace ctms::service
