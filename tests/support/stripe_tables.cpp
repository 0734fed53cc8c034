// SPDX-License-Identifier: MPL-2.0
#include "stripe_tables.hpp"

#include "stripe_objects.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <thread>

namespace ctms::test::stripe_tables {
namespace {

using namespace stripe_objects;
namespace bj = boost::json;

constexpr std::array tables{"stripe_customer",          "stripe_price",   "stripe_subscription",
                            "stripe_subscription_item", "stripe_invoice", "stripe_invoice_line_item"};
constexpr int threads_at_once = 16;
constexpr int subscriptions = 10;

/// One of ten subscriptions, with three of ten prices that other subscriptions share. The order of its items depends on the thread.
bj::object shared_subscription(int number, int thread, int amount) {
    const auto id = fmt::format("sub_{}", number);
    bj::array items;
    for (int i = 0; i < 3; ++i) {
        const auto which = (number + 3 * i) % subscriptions;
        items.push_back(item(fmt::format("si_{}_{}", number, which), price(fmt::format("price_{}", which), amount), id));
    }
    std::rotate(items.begin(), items.begin() + thread % 3, items.end());
    if (thread % 2 == 1) std::reverse(items.begin(), items.end());
    return subscription(std::move(items), id, "cus_1");
}

/// `count` subscriptions, starting with number `first`; in reverse order in odd threads.
std::vector<bj::object> some_subscriptions(int first, int count, int thread, int amount) {
    std::vector<bj::object> out;
    for (int i = 0; i < count; ++i) out.push_back(shared_subscription((first + i) % subscriptions, thread, amount));
    if (thread % 2 == 1) std::reverse(out.begin(), out.end());
    return out;
}

bool is_taken(const sender& send, const std::vector<bj::object>& objects) {
    try {
        return send(objects);
    } catch (const std::exception&) {
        return false;
    }
}

/// Sends the last state and returns how many requests failed.
int send_last_state(const sender& send) {
    int failed = is_taken(send, {customer()}) ? 0 : 1;
    for (int number = 0; number < subscriptions; ++number) failed += is_taken(send, {shared_subscription(number, 0, 999)}) ? 0 : 1;
    return failed;
}

} // namespace

std::int64_t queued(web_fixture& server) {
    return server.sql(fmt::format("select version from ctms_sync_queue where email_id = '{}'", contact_id)).integer(0, 0);
}

std::string cells(web_fixture& server, const std::string& columns, const std::string& table) {
    const auto found = server.sql(fmt::format("select concat_ws(' ', {}) from {} order by 1", columns, table));
    std::string out;
    for (std::size_t row = 0; row < found.size(); ++row) out += (row == 0 ? "" : "; ") + std::string(found.text(row, 0));
    return out;
}

std::size_t stored_rows(web_fixture& server) {
    std::size_t out = 0;
    for (const auto* table : tables) out += server.sql(fmt::format("select 1 from {}", table)).size();
    return out;
}

std::string all_stored(web_fixture& server) {
    std::string out;
    for (const auto* table : tables)
        out += fmt::format(
            "{}: {}\n", table,
            cells(server, "(to_jsonb(stored) - 'create_timestamp' - 'update_timestamp')::text", table + std::string(" as stored")));
    return out;
}

void empty_tables(web_fixture& server) {
    server.sql("truncate stripe_customer, stripe_price, stripe_subscription, stripe_subscription_item, stripe_invoice, "
               "stripe_invoice_line_item");
}

outcome_of_many send_from_many(web_fixture& server, int times, int at_once, const sender& send) {
    std::atomic<int> failed = 0;
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < threads_at_once; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < times; ++i) {
                if (!is_taken(send, some_subscriptions(thread + i, at_once, thread, thread * times + i))) ++failed;
            }
        });
    }
    threads.clear();
    outcome_of_many out;
    out.failed = failed + send_last_state(send);
    out.together = all_stored(server);
    empty_tables(server);
    out.failed += send_last_state(send);
    out.alone = all_stored(server);
    return out;
}

web_fixture::options enough_for_many() {
    web_fixture::options out;
    out.change_settings = [](config::settings& settings) {
        settings.workers = threads_at_once / 2;
        settings.db_pool_size = threads_at_once;
    };
    return out;
}

} // namespace ctms::test::stripe_tables
