// SPDX-License-Identifier: MPL-2.0
// Use cases for what Pub/Sub delivered and CTMS could not store. It is parked before the message is acknowledged, so that nothing is lost.
// An operator looks at it, and stores or forgets it. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/stripe.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

class stripe_ingest;

/// What became of a parked object that was tried again.
struct CTMS_API parked_retry {
    std::int64_t id = 0; ///< the number of the parked object
    std::string object;  ///< as parked
    bool stored = false; ///< it was stored, and is no longer parked
    std::string reason;  ///< why it is still parked, without any value of it
};

/// Parked objects.
class CTMS_API stripe_parking {
public:
    /// Maximum number of objects in one call of list(), retry() and forget().
    static constexpr int most_at_once = 1'000;

    /// `db` must outlive it.
    explicit stripe_parking(persistence::database& db) : db_(db) {}

    /// Parks objects: `object`, `reason` and `payload` of each, since `parked_at` if that is set. Payloads that are parked already are
    /// counted and keep their time. errc::unavailable if too many others are parked, or if the database fails: then nothing is parked, and
    /// the message must not be acknowledged.
    [[nodiscard]] result<void> park(std::vector<model::stripe::parked_object> objects);

    /// Returns at most `limit` (at most most_at_once) parked objects with numbers above `after`, oldest first, without payloads.
    [[nodiscard]] result<std::vector<model::stripe::parked_object>> list(std::int64_t after, int limit);
    /// Returns one with its payload. errc::not_found if it is not parked.
    [[nodiscard]] result<model::stripe::parked_object> get(std::int64_t id);

    /// Tries to store a parked object again, as `pubsub` does. A message that can be read now is replaced by those of its objects that
    /// still cannot be stored. An object of which another state was stored in the meantime stays parked, because it is probably older,
    /// unless `even_if_older`. errc::not_found if it is not parked. Other errors: nothing changed, and it can be tried again.
    [[nodiscard]] result<parked_retry> retry(std::int64_t id, bool even_if_older = false);

    /// Removes parked objects without storing them, and returns how many of these were parked.
    [[nodiscard]] result<std::size_t> forget(std::span<const std::int64_t> ids);

    /// Removes some of those that were parked before `age` ago, and returns their number: they hold personal data. At most most_at_once.
    [[nodiscard]] result<std::size_t> expire(std::chrono::seconds age);

private:
    persistence::database& db_;
};

} // namespace ctms::service
