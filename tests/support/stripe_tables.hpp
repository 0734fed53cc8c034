// SPDX-License-Identifier: MPL-2.0
// What Stripe objects leave in the tables and the queue of a server, and many senders of them at once, whichever way they
// send. Not thread safe. Throws what web_fixture throws.
#pragma once

#include "web_fixture.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ctms::test::stripe_tables {

/// A contact with the Firefox account of the objects in stripe_objects.hpp.
inline constexpr auto contact_id = "7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11";
inline constexpr auto contact =
    R"({"email":{"email_id":"7a3c1c56-9c3b-4b63-8b0e-0a2f6f6f0b11","primary_email":"payer@example.com"},"fxa":{"fxa_id":"fxa_1"}})";

/// How often that contact was put into the queue; the first time is its own creation.
[[nodiscard]] std::int64_t queued(web_fixture& server);

/// The cells of each row of a query, with blanks, one row behind the other, in order.
[[nodiscard]] std::string cells(web_fixture& server, const std::string& columns, const std::string& table);

[[nodiscard]] std::size_t stored_rows(web_fixture& server);
/// Every row of every table, but when it was stored.
[[nodiscard]] std::string all_stored(web_fixture& server);
void empty_tables(web_fixture& server);

/// Sends these objects, in one request or several, from any thread; true when all of them were taken.
using sender = std::function<bool(const std::vector<boost::json::object>&)>;

struct outcome_of_many {
    int failed = 0;       ///< requests that were not taken, or failed
    std::string together; ///< what is stored after all sent at once, and then one sent a last state
    std::string alone;    ///< what is stored after only that last state was sent
};

/// Sixteen threads that send `times` each, `at_once` of ten subscriptions every time, which share prices and which each
/// thread puts in an order of its own.
[[nodiscard]] outcome_of_many send_from_many(web_fixture& server, int times, int at_once, const sender& send);

/// A server with enough workers and connections for send_from_many.
[[nodiscard]] web_fixture::options enough_for_many();

} // namespace ctms::test::stripe_tables
