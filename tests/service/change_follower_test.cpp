// SPDX-License-Identifier: MPL-2.0
#include <ctms/persistence/database.hpp>
#include <ctms/service/change_follower.hpp>
#include <ctms/service/contacts.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <stop_token>
#include <thread>

using namespace ctms;
using namespace std::chrono_literals;

namespace {

class world {
public:
    uuid add(int number) {
        model::contact_input input;
        input.email.primary_email = fmt::format("{}@example.com", number);
        return contacts.create(input).value().contact.email.email_id;
    }

    test::test_database where;
    persistence::database db{where.options()};
    service::contacts contacts{db};
    service::changes feed{db};
};

} // namespace

TEST_CASE("a range of changes ends at the end of the feed, and another one goes on after it") {
    world all;
    std::set<uuid> added;
    for (int i = 0; i < 7; ++i) added.insert(all.add(i));
    service::change_follower follower(all.feed, {.limit = 3, .with_contacts = true, .until_end = true});
    std::set<uuid> found;
    bool ended = false;
    for (const auto& page : follower) {
        CHECK(page.items.size() <= 3);
        for (const auto& item : page.items) found.insert(item.stored.value().email_id);
        ended = !page.more;
    }
    CHECK(ended);
    CHECK_FALSE(follower.failure().has_value());
    CHECK(found == added);
    REQUIRE(follower.place().has_value());

    const auto fresh = all.add(8);
    found.clear();
    CHECK(test::becomes_true([&] { // transactions of other tests in the cluster may delay the feed
        for (const auto& page : follower) {
            for (const auto& item : page.items) found.insert(item.email_id);
        }
        return found.contains(fresh);
    }));
    found.erase(fresh);
    CHECK(std::includes(added.begin(), added.end(), found.begin(), found.end())); // what such transactions delayed comes again
}

TEST_CASE("an empty database has an end, too") {
    world all;
    service::change_follower follower(all.feed, {.until_end = true});
    int ends = 0;
    for (const auto& page : follower) {
        CHECK(page.items.empty());
        if (!page.more) ++ends;
    }
    CHECK(ends == 1);
}

TEST_CASE("a range waits for changes until the stop is requested") {
    world all;
    std::stop_source stop;
    std::atomic<int> items = 0;
    std::jthread reader([&] {
        service::change_follower follower(all.feed, {.pause = 50ms, .stop = stop.get_token()});
        for (const auto& page : follower) items += static_cast<int>(page.items.size());
        CHECK_FALSE(follower.failure().has_value());
    });
    all.add(1);
    CHECK(test::becomes_true([&] { return items >= 1; }));
    stop.request_stop();
    reader.join();
}

TEST_CASE("a wait for changes has an end") {
    world all;
    service::change_follower follower(all.feed, {.pause = 10ms});
    while (follower.next(0ms).value().more) {
    }
    const auto before = std::chrono::steady_clock::now();
    const auto page = follower.next(200ms);
    REQUIRE(page.has_value());
    CHECK(page->items.empty());
    CHECK(std::chrono::steady_clock::now() - before >= 200ms);
}

TEST_CASE("a place that is not known any more ends a range with the reason") {
    world all;
    service::change_follower first(all.feed, {.until_end = true});
    for (const auto& page : first) (void)page;
    persistence::connection(all.where.options()).execute("update ctms_changes_state set epoch = gen_random_uuid()");
    service::change_follower follower(all.feed, {.after = first.place()});
    int pages = 0;
    for ([[maybe_unused]] const auto& page : follower) ++pages;
    CHECK(pages == 0);
    REQUIRE(follower.failure().has_value());
    CHECK(follower.failure()->code == errc::not_found);
    CHECK(follower.place() == first.place());
}
