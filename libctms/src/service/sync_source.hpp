// SPDX-License-Identifier: MPL-2.0
// Where the sync gets its contacts: claims them in the queue and reads what must be sent of them. Remembers what it has claimed, so that
// nothing stays claimed. Thread safe. Private to this layer.
#pragma once

#include "sync_item.hpp"

#include <ctms/base/result.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/stripe/product_repository.hpp>
#include <persistence/sync/acoustic_configuration_repository.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace ctms::service {

class sync_source {
public:
    using items = std::vector<std::unique_ptr<sync_item>>;

    sync_source(persistence::database& db, persistence::sync_queue_repository& queue, const uuid& worker, std::chrono::seconds lease,
                bool skip_unchanged)
        : queue_(queue),
          contacts_(db),
          products_(db),
          configuration_(db),
          worker_(worker),
          lease_(lease),
          skip_unchanged_(skip_unchanged) {}

    /// Claims contacts as persistence::sync_queue_repository::claim() does. Stores what the vendor may have of them from now on.
    [[nodiscard]] result<items> claim(int limit, int below) { return claim(limit, below, std::nullopt); }
    /// Claims one contact for a probe of a vendor whose calls have failed since `failing_since`. The contacts take turns: none is tried
    /// again before all others that are due were tried, so that one whose calls always fail does not keep the others waiting.
    [[nodiscard]] result<items> claim_probe(std::chrono::steady_clock::time_point failing_since);
    /// Reads contacts that a bulk job has claimed, whose id is `worker`, and stores what the vendor may have of them from now on. They are
    /// not given back here.
    [[nodiscard]] result<items> take(std::vector<persistence::queued_contact> claimed);
    /// Returns the contacts that claim() would return, without claiming them.
    [[nodiscard]] result<items> peek(int limit);
    /// The outcome of this version of a contact is stored, which ended its claim.
    void finished(const uuid& email_id, std::int64_t version);
    /// Ends the claims of all contacts that are not finished.
    [[nodiscard]] result<void> give_back();

private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] result<items> claim(int limit, int below, const std::optional<std::chrono::milliseconds>& untried_for);
    [[nodiscard]] result<items> load(std::vector<persistence::queued_contact> claimed);

    persistence::sync_queue_repository& queue_;
    persistence::contact_repository contacts_;
    persistence::product_repository products_;
    persistence::acoustic_configuration_repository configuration_;
    const uuid worker_;
    const std::chrono::seconds lease_;
    const bool skip_unchanged_;
    clock::time_point turns_began_{}; ///< since when no contact was probed twice
    std::mutex mutex_;
    std::map<uuid, std::int64_t> claimed_; ///< the version of each; guarded by the mutex
    bool is_in_doubt_ = false;             ///< a claim whose answer was lost may have claimed others; guarded by the mutex
};

} // namespace ctms::service
