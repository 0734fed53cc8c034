// SPDX-License-Identifier: MPL-2.0
// What has to be sent for a contact, how rows share calls, and what is known about the vendor's data afterwards.
#include "service/sync_item.hpp"
#include "service/sync_rows.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

using namespace ctms;
using acoustic::failure;
using acoustic::failure_kind;
using persistence::vendor_state;
using service::make_item;
using service::sync_item;

namespace {

using names = std::vector<std::string>;

model::acoustic_configuration configuration() {
    model::acoustic_configuration out;
    out.sync_fields["main"] = {"email", "email_id", "first_name"};
    for (int n = 0; n < 300; ++n) out.newsletter_mappings[fmt::format("news{:03}", n)] = fmt::format("sub_{}", n);
    return out;
}

uuid id_of(int number) { return uuid::parse(fmt::format("00000000-0000-4000-8000-{:012}", number)).value(); }

persistence::queued_contact queued(int number, const std::optional<vendor_state>& sent = std::nullopt) {
    persistence::queued_contact out;
    out.email_id = id_of(number);
    out.version = 1;
    out.sent = sent;
    return out;
}

model::contact contact(int number, int newsletters) {
    model::contact out;
    out.email.email_id = id_of(number);
    out.email.primary_email = fmt::format("{}@example.com", number);
    for (int n = 0; n < newsletters; ++n) {
        model::newsletter one;
        one.name = fmt::format("news{:03}", n);
        out.newsletters.push_back(one);
    }
    return out;
}

model::product product(const std::string& id) {
    model::product out;
    out.product_id = id;
    return out;
}

sync_item item(int number, int newsletters, int products = 0, const std::optional<vendor_state>& sent = std::nullopt, bool skip = false) {
    std::vector<model::product> bought;
    for (int n = 0; n < products; ++n) bought.push_back(product(fmt::format("prod{}", n)));
    return make_item(queued(number, sent), contact(number, newsletters), bought, configuration(), {"any_product"}, skip);
}

names keys(const std::vector<acoustic::relational_row>& rows) {
    names out;
    for (const auto& row : rows) out.push_back(row.key);
    return out;
}

/// Describes a call with three rows of one contact and two of another as "newsletter 3+2", with "-" before a deletion.
names described(const std::vector<service::row_call>& calls) {
    names out;
    for (const auto& call : calls) {
        std::string text = (call.deletes ? "-" : "") + std::string(acoustic::to_string(call.target));
        for (const auto& group : call.groups) text += (&group == call.groups.data() ? " " : "+") + std::to_string(group.rows.size());
        out.push_back(text);
    }
    return out;
}

/// The calls for the rows of these contacts.
std::vector<service::row_call> calls_for(std::vector<sync_item>& items, std::size_t most) {
    service::sync_rows rows(most);
    for (auto& one : items) rows.add(one);
    std::vector<service::row_call> out;
    while (auto call = rows.take_any()) out.push_back(*std::move(call));
    return out;
}

const failure vendor_down{failure_kind::unavailable, "gone"};
const failure transient{failure_kind::transient, "later"};
const failure permanent{failure_kind::permanent, "never"};

} // namespace

TEST_CASE("sync rows: rows of many contacts share calls, and a contact that fits into one call is not split") {
    std::vector<sync_item> items;
    for (const int rows : {40, 40, 40, 100, 1}) items.push_back(item(static_cast<int>(items.size()), rows));
    CHECK(described(calls_for(items, 100)) == names{"newsletter 40+40", "newsletter 40", "newsletter 100", "newsletter 1"});
    for (const auto& one : items) CHECK(one.calls_left == 1);
}

TEST_CASE("sync rows: a contact with more rows than a call can hold is sent in several calls, each row once") {
    std::vector<sync_item> items;
    for (const int rows : {250, 30, 0, 100}) items.push_back(item(static_cast<int>(items.size()), rows));
    const auto calls = calls_for(items, 100);
    CHECK(described(calls) == names{"newsletter 100", "newsletter 100", "newsletter 50+30", "newsletter 100"});
    CHECK(items[0].calls_left == 3);
    CHECK(items[1].calls_left == 1);
    CHECK(items[2].calls_left == 0);
    std::multiset<std::string> sent;
    for (const auto& call : calls) {
        for (const auto& group : call.groups) {
            for (const auto& row : group.rows) sent.insert(row.email_id + row.key);
        }
    }
    CHECK(sent.size() == 380);
    CHECK(std::set<std::string>(sent.begin(), sent.end()).size() == 380);
}

TEST_CASE("sync rows: tables and deletions have their own calls, with one row each if a call holds only one") {
    std::vector<sync_item> items;
    items.push_back(item(1, 2, 1, vendor_state{"", "", "", {"news000", "old1", "old2"}, {"prod_old"}}));
    CHECK(described(calls_for(items, 100)) == names{"newsletter 2", "product 1", "-newsletter 2", "-product 1"});
    CHECK(items[0].calls_left == 4);
    items[0].calls_left = 0;
    CHECK(calls_for(items, 1).size() == 6);
    CHECK(items[0].calls_left == 6);
}

TEST_CASE("sync rows: a full call is taken at once, other rows when they have waited longest") {
    service::sync_rows rows(100);
    using clock = service::sync_rows::clock;
    const auto start = clock::now();
    std::vector<sync_item> items;
    items.push_back(item(1, 60, 1));
    items.push_back(item(2, 60));
    CHECK_FALSE(rows.oldest().has_value());
    CHECK_FALSE(rows.take_any().has_value());
    rows.add(items[0], start);
    CHECK_FALSE(rows.take_full().has_value());
    CHECK(rows.oldest() == start);
    rows.add(items[1], start + std::chrono::seconds(1));
    CHECK(described({*rows.take_full()}) == names{"newsletter 60"});
    CHECK_FALSE(rows.take_full().has_value());
    CHECK(described({*rows.take_any()}) == names{"product 1"});
    CHECK(rows.oldest() == start + std::chrono::seconds(1));
    CHECK(described({*rows.take_any()}) == names{"newsletter 60"});
    CHECK_FALSE(rows.take_any().has_value());
}

TEST_CASE("make_item: rows that the vendor has but should not have are deleted") {
    const vendor_state sent{"", "", "", {"news000", "old"}, {"prod0", "prod_old"}};
    auto one = item(1, 1, 1, sent);
    CHECK(keys(one.gone_newsletters) == names{"old"});
    CHECK(keys(one.gone_products) == names{"prod_old"});
    CHECK(one.gone_newsletters[0].email_id == id_of(1).to_string());
    CHECK(item(1, 1, 1).gone_newsletters.empty()); // the vendor's rows are not known
}

TEST_CASE("make_item: everything that was sent for a deleted contact is deleted, or each mapped newsletter if that is not known") {
    auto gone = queued(1, vendor_state{"a", "b", "c", {"x"}, {"y"}});
    gone.is_deletion = true;
    const auto known = make_item(gone, std::nullopt, {}, configuration(), {"any_product"}, true);
    CHECK(keys(known.gone_newsletters) == names{"x"});
    CHECK(keys(known.gone_products) == names{"y"});
    CHECK(known.rows.main.empty());
    CHECK(known.has_calls());
    gone.sent.reset();
    const auto unknown = make_item(gone, std::nullopt, {}, configuration(), {"any_product"}, true);
    CHECK(unknown.gone_newsletters.size() == 300);
    CHECK(keys(unknown.gone_products) == names{"any_product"});
    CHECK_FALSE(unknown.in_doubt().has_value());
}

TEST_CASE("make_item: each table is compared with the data sent before, if asked") {
    const auto sent = item(1, 2, 1).wanted;
    CHECK(sent.main_hash.size() == 16);
    const auto same = item(1, 2, 1, sent, true);
    CHECK(same.main_unchanged);
    CHECK(same.newsletters_unchanged);
    CHECK(same.products_unchanged);
    CHECK_FALSE(same.has_rows_to_send());
    CHECK_FALSE(same.has_calls());
    CHECK_FALSE(same.in_doubt().has_value());
    CHECK_FALSE(item(1, 2, 1, sent, false).main_unchanged);
    const auto less = item(1, 1, 1, sent, true);
    CHECK_FALSE(less.main_unchanged); // the newsletter has a column in the main row
    CHECK_FALSE(less.newsletters_unchanged);
    CHECK(less.products_unchanged);
    CHECK_FALSE(item(1, 2, 1, vendor_state{}, true).main_unchanged);
    CHECK_FALSE(item(1, 2, 1, std::nullopt, true).main_unchanged);
    // A value that moves to the next column is a change.
    auto moved = contact(1, 2);
    moved.email.first_name = "x";
    CHECK(make_item(queued(1), moved, {}, configuration(), {"any_product"}, false).wanted.main_hash != sent.main_hash);
}

TEST_CASE("make_item: a column that was sent and has no source any more is sent empty, once") {
    auto before = item(1, 1).wanted;
    CHECK(std::find(before.columns.begin(), before.columns.end(), "sub_0") != before.columns.end());
    before.columns.emplace_back("vpn_waitlist_geo");
    const auto emptied = item(1, 1, 0, before, true);
    CHECK(emptied.rows.main.back() == acoustic::column{"vpn_waitlist_geo", ""});
    CHECK_FALSE(emptied.main_unchanged);
    CHECK_FALSE(item(1, 1, 0, emptied.wanted, false).rows.main.back().name == "vpn_waitlist_geo");
    CHECK(item(1, 1, 0, emptied.wanted, true).main_unchanged);
    CHECK(item(1, 1).rows.main.size() == item(1, 1, 0, emptied.wanted).rows.main.size()); // what was never sent is not sent
    auto failed = item(1, 1, 0, before);
    failed.main.fail(transient);
    const auto left = failed.partly().columns;
    CHECK(left == failed.in_doubt()->columns); // the vendor may still have it
    CHECK(std::count(left.begin(), left.end(), "vpn_waitlist_geo") == 1);
}

TEST_CASE("in_doubt: from the first call on, the vendor may have the old rows and the new ones") {
    const vendor_state sent{"a", "b", "c", {"old"}, {"prod_old"}};
    const auto maybe = item(1, 1, 1, sent).in_doubt();
    REQUIRE(maybe.has_value());
    CHECK(*maybe == vendor_state{"", "", "", {"news000", "old"}, {"prod0", "prod_old"}, item(1, 1).wanted.columns});
    CHECK_FALSE(item(1, 1, 1, *maybe).in_doubt().has_value()); // already recorded
    CHECK(item(1, 0, 0).in_doubt() == vendor_state{"", "", "", {}, {}, item(1, 0).wanted.columns});
    CHECK(item(1, 1, 0).in_doubt()->newsletters == names{"news000"});
    auto unchanged = sent;
    unchanged.main_hash = item(1, 1, 1).wanted.main_hash;
    unchanged.columns = item(1, 1, 1).wanted.columns;
    CHECK(item(1, 1, 1, unchanged, true).in_doubt()->main_hash == unchanged.main_hash);
    auto gone = queued(1, sent);
    gone.is_deletion = true;
    CHECK(make_item(gone, std::nullopt, {}, configuration(), {"any_product"}, true).in_doubt() ==
          vendor_state{"", "", "", {"old"}, {"prod_old"}});
}

TEST_CASE("partly: uncertain data is not recorded as known") {
    const vendor_state sent{"a", "b", "c", {"old"}, {"prod_old"}};
    auto one = item(1, 1, 1, sent);
    SUBCASE("everything was sent") { CHECK(one.partly() == one.wanted); }
    SUBCASE("the main row failed and nothing else was sent") {
        one.main.fail(transient);
        CHECK(one.partly() == vendor_state{"", "", "", {"news000", "old"}, {"prod0", "prod_old"}, one.wanted.columns});
    }
    SUBCASE("the newsletters failed") {
        one.newsletters.fail(transient);
        CHECK(one.partly() ==
              vendor_state{one.wanted.main_hash, "", one.wanted.product_hash, {"news000", "old"}, {"prod0"}, one.wanted.columns});
    }
    SUBCASE("the products failed") {
        one.products.fail(vendor_down);
        CHECK(one.partly() ==
              vendor_state{one.wanted.main_hash, one.wanted.newsletter_hash, "", {"news000"}, {"prod0", "prod_old"}, one.wanted.columns});
    }
    SUBCASE("some calls were not made") {
        one.products.fail(vendor_down);
        one.calls_left = 1;
        CHECK(one.partly() == vendor_state{one.wanted.main_hash, "", "", {"news000", "old"}, {"prod0", "prod_old"}, one.wanted.columns});
    }
}

TEST_CASE("failure: the most serious failure of all tables is returned, with the table's name") {
    auto one = item(1, 1, 1);
    CHECK_FALSE(one.failure().has_value());
    one.products.fail(vendor_down);
    CHECK(one.failure()->reason == "product: gone");
    one.newsletters.fail(transient);
    one.newsletters.fail(vendor_down);
    CHECK(one.failure()->reason == "newsletter: later");
    one.main.fail(permanent);
    CHECK(one.failure()->kind == failure_kind::permanent);
    CHECK(one.failure()->reason == "main: never");
}
