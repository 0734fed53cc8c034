// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_lists.hpp>

#include <support/queue_database.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms;
using model::bulk_outcome;

TEST_CASE("a list is processed in steps, with a result for each address in its place") {
    test::queue_database db;
    constexpr int contacts = 1'500;
    db.insert_contacts(1, contacts);
    service::contact_lists lists(db.pool);
    std::vector<std::string> addresses;
    for (int n = 1; n <= contacts; ++n) addresses.push_back(fmt::format("{}@EXAMPLE.com", n));
    addresses.insert(addresses.begin() + 1, {"unknown@example.com", "\xFF@example.com", std::string("2\0@example.com", 14)});

    CHECK(lists.suppress(addresses, true).value().front() == bulk_outcome{1, 0, 1});
    CHECK(db.value("select count(*) from emails where has_opted_out_of_email") == "0");
    CHECK(lists.suppress(addresses).value().size() == addresses.size());
    CHECK(db.value("select count(*) from emails where has_opted_out_of_email") == "1500");
    const auto again = lists.suppress(addresses).value();
    CHECK(again[0] == bulk_outcome{0, 1, 1});
    for (std::size_t place = 1; place <= 3; ++place) CHECK(again[place] == bulk_outcome{});
    CHECK(again.back() == bulk_outcome{0, 1, 1});

    CHECK(lists.remove(addresses, true).value().back() == bulk_outcome{1, 0, 1});
    CHECK(db.rows_of("emails") == contacts);
    const auto removed = lists.remove(addresses).value();
    CHECK(removed[0] == bulk_outcome{1, 0, 1});
    CHECK(removed[2] == bulk_outcome{});
    CHECK(db.rows_of("emails") == 0);
    CHECK(db.rows_of("ctms_sync_queue where operation = 'delete'") == contacts);
}

TEST_CASE("an empty list is nobody") {
    test::queue_database db;
    db.insert_contacts(1, 3);
    service::contact_lists lists(db.pool);
    CHECK(lists.remove({}).value().empty());
    CHECK(lists.suppress({}).value().empty());
    CHECK(db.rows_of("emails") == 3);
    CHECK(db.rows_of("emails where has_opted_out_of_email") == 0);
}
