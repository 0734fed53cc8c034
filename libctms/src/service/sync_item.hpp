// SPDX-License-Identifier: MPL-2.0
// One contact on its way to the vendor: what is to be sent of it, and how far that came. Private to this layer.
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/product.hpp>
#include <ctms/persistence/sync_queue_repository.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ctms::service {

/// How far one table is.
struct table_progress {
    bool sent = false;  ///< a call was made for it
    double seconds = 0; ///< of the call that carried its rows
    std::optional<acoustic::failure> failed;

    void note(const acoustic::outcome& call) {
        sent = true;
        seconds = call.took.count();
    }
    /// Keeps the graver of two failures.
    void fail(const acoustic::failure& why) {
        if (!failed || failed->kind < why.kind) failed = why;
    }
};

struct sync_item {
    persistence::queued_contact queued;
    std::optional<model::contact> contact; ///< nullopt: there is none any more
    acoustic::vendor_rows rows;
    std::vector<acoustic::relational_row> gone_newsletters; ///< keys of rows that the vendor has and should not have
    std::vector<acoustic::relational_row> gone_products;
    bool main_unchanged = false; ///< the vendor has it already
    bool newsletters_unchanged = false;
    bool products_unchanged = false;
    persistence::vendor_state wanted; ///< what the vendor has when all is sent

    table_progress main;
    table_progress newsletters;
    table_progress products;
    timestamp began{};     ///< of the attempt; unset before it
    timestamp failed_at{}; ///< when a call for it failed last
    int calls_left = 0;    ///< calls that carry rows of it and have not been made
    bool finished = false;

    /// The graver failure of its tables, with the table's name before the reason; nullopt without one.
    [[nodiscard]] std::optional<acoustic::failure> failure() const;
    /// True when calls for the relational tables are due.
    [[nodiscard]] bool has_rows_to_send() const;
    /// True when any call is due.
    [[nodiscard]] bool has_calls() const;
    /// What the vendor may have from the first call on, until the outcome is known: a process that is killed in between must
    /// neither forget rows nor take an old value for the vendor's. nullopt when that is what is noted already.
    [[nodiscard]] std::optional<persistence::vendor_state> in_doubt() const;
    /// What the vendor has when some calls failed or were not made: nothing is taken for known that may not be so.
    [[nodiscard]] persistence::vendor_state partly() const;
};

/// What is to be sent of a claimed contact. `contact` is nullopt when it does not exist (any more).
[[nodiscard]] sync_item make_item(persistence::queued_contact queued, std::optional<model::contact> contact,
                                  std::span<const model::product> products, const model::acoustic_configuration& configuration,
                                  bool skip_unchanged, bool deletions);

/// Part of a relational call: rows of one contact.
struct row_group {
    sync_item* item = nullptr;
    std::span<const acoustic::relational_row> rows;
};

/// Rows of several contacts that go in one call.
struct row_call {
    acoustic::table target = acoustic::table::newsletter;
    bool deletes = false;
    std::vector<row_group> groups;
};

/// The calls that carry the relational rows of all items that are not finished: as few as possible, none with more than
/// `most` rows, and the rows of a contact in one call if they fit. Counts `calls_left` of the items.
[[nodiscard]] std::vector<row_call> pack_rows(std::span<sync_item> items, std::size_t most);

} // namespace ctms::service
