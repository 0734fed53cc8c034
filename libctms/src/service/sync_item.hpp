// SPDX-License-Identifier: MPL-2.0
// One contact that is being sent to the vendor: what must be sent, and the progress so far. Private to this layer.
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/base/trace_context.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/stripe.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ctms::service {

/// The progress of one table.
struct table_progress {
    bool sent = false;  ///< a call was made for it
    double seconds = 0; ///< the duration of the call with its rows
    std::optional<acoustic::failure> failed;

    void note(const acoustic::outcome& call) {
        sent = true;
        seconds = call.took.count();
    }
    /// Keeps the more severe of two failures.
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
    bool main_unchanged = false; ///< the vendor already has it, possibly from a bulk job
    bool newsletters_unchanged = false;
    bool products_unchanged = false;
    persistence::vendor_state wanted; ///< what the vendor has when everything is sent

    trace_context trace; ///< of the call for the main table; empty before it
    table_progress main;
    table_progress newsletters;
    table_progress products;
    timestamp began{};     ///< when the attempt began; timestamp{} before it
    timestamp failed_at{}; ///< when a call for it last failed
    int calls_left = 0;    ///< calls with its rows that have not been made yet
    bool finished = false;

    /// The most severe failure of its tables, with the table's name before the reason; nullopt if there is none.
    [[nodiscard]] std::optional<acoustic::failure> failure() const;
    /// True if there are rows to send or delete in the relational tables.
    [[nodiscard]] bool has_rows_to_send() const;
    /// True if any call must be made.
    [[nodiscard]] bool has_calls() const;
    /// A hash of its row of the main table, with the columns that are emptied.
    [[nodiscard]] std::string main_row_hash() const;
    /// What the vendor may have from the first call until the outcome is known. It is stored before the first call, so that
    /// after a crash no row is forgotten and no outdated value is trusted. nullopt if it is already stored.
    [[nodiscard]] std::optional<persistence::vendor_state> in_doubt() const;
    /// What the vendor has after some calls failed or were not made: hashes only where that is certain, and all keys that may exist.
    [[nodiscard]] persistence::vendor_state partly() const;
};

/// Determines what must be sent of a claimed contact. `contact` is nullopt if it does not exist (any more). `all_products`: ids of the
/// products that anybody may have, for a deletion of which nothing is known.
[[nodiscard]] sync_item make_item(persistence::queued_contact queued, std::optional<model::contact> contact,
                                  std::span<const model::product> products, const model::acoustic_configuration& configuration,
                                  const std::vector<std::string>& all_products, bool skip_unchanged);

} // namespace ctms::service
