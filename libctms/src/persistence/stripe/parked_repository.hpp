// SPDX-License-Identifier: MPL-2.0
// Keeps what arrived through Pub/Sub and could not be stored (table ctms_stripe_parked). Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ctms::persistence {

/// Keeps parked objects.
class parked_repository {
public:
    /// Maximum number of rows; the table holds no more.
    static constexpr int most = 10'000;

    /// `db` must outlive it.
    explicit parked_repository(database& db) : db_(db) {}

    /// Parks objects (`id` and `deliveries` are ignored), from now on or, if `parked_at` is set, since then. The same payload of the same
    /// object stays one row, whose deliveries are counted, and which keeps its earliest time. errc::unavailable if the table is full and
    /// lacks one of the payloads; then nothing is parked.
    [[nodiscard]] result<void> park(std::span<const model::stripe::parked_object> objects);

    /// Returns the oldest ones with an id above `after`, without payloads.
    [[nodiscard]] result<std::vector<model::stripe::parked_object>> list(std::int64_t after, int limit);
    /// Returns one with its payload; nullopt if it is not parked.
    [[nodiscard]] result<std::optional<model::stripe::parked_object>> find(std::int64_t id);
    /// Returns how many are parked.
    [[nodiscard]] result<std::int64_t> count();

    /// Returns whether a state of the object ("kind:id") was stored after `when`.
    [[nodiscard]] result<bool> was_stored_since(std::string_view object, timestamp when);

    /// Removes rows, and returns how many of these existed.
    [[nodiscard]] result<std::size_t> remove(std::span<const std::int64_t> ids);
    /// Removes at most `limit` of those that were parked before `age` ago, and returns how many there were.
    [[nodiscard]] result<std::size_t> expire(std::chrono::seconds age, int limit);

private:
    database& db_;
};

} // namespace ctms::persistence
