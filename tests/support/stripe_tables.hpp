// SPDX-License-Identifier: MPL-2.0
// What Stripe objects leave in a server's tables and queue; and many threads that send such objects at the same time, over
// any interface. Not thread safe. Throws what web_fixture throws.
#pragma once

#include "web_fixture.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ctms::test::stripe_tables {

/// A contact with the Firefox account used in stripe_objects.hpp.
inline constexpr auto contact_id = "7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11";
inline constexpr auto contact =
    R"({"email":{"email_id":"7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11","primary_email":"payer@example.com"},"fxa":{"fxa_id":"fxa_1"}})";

/// How often that contact was queued. The first time is its own creation.
[[nodiscard]] std::int64_t queued(web_fixture& server);

/// The result rows of a query, sorted; cells are separated by spaces.
[[nodiscard]] std::string cells(web_fixture& server, const std::string& columns, const std::string& table);

[[nodiscard]] std::size_t stored_rows(web_fixture& server);
/// Every row of every table, without the time when it was stored.
[[nodiscard]] std::string all_stored(web_fixture& server);
void empty_tables(web_fixture& server);

/// Sends objects in one or more requests, from any thread. True when all of them were accepted.
using sender = std::function<bool(const std::vector<boost::json::object>&)>;

struct outcome_of_many {
    int failed = 0;       ///< requests that were refused or failed
    std::string together; ///< what is stored after all threads have sent concurrently and one last state was sent after them
    std::string alone;    ///< what is stored after only that last state was sent
};

/// Sixteen threads send `times` each. Every time they send `at_once` of ten subscriptions, which share prices, and each
/// thread sends them in a different order.
[[nodiscard]] outcome_of_many send_from_many(web_fixture& server, int times, int at_once, const sender& send);

/// Options for a server with enough workers and connections for send_from_many.
[[nodiscard]] web_fixture::options enough_for_many();

} // namespace ctms::test::stripe_tables
