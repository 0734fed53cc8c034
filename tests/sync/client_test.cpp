// SPDX-License-Identifier: MPL-2.0
// The client of the vendor's API, against the fake vendor.
#include "sync_fixture.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <thread>

using namespace ctms;
using namespace std::chrono_literals;
using acoustic::column;
using acoustic::relational_row;
using acoustic::table;
using test::fake_acoustic;
using test::fake_fault;
using kind = test::fake_fault::kind;

namespace {

std::string id_of(int number) { return fmt::format("00000000-aaaa-4aaa-8aaa-{:012}", number); }

std::vector<column> contact(int number) {
    return {{"email", fmt::format("user{}@example.com", number)},
            {"email_id", id_of(number)},
            {"first_name", "<Jäne & \x01>"},
            {"last_name", ""}};
}

relational_row newsletter(int number, const std::string& name = "hubs") {
    return {id_of(number), name, {{"email_id", id_of(number)}, {"newsletter_name", name}, {"newsletter_source", ""}}};
}

std::string kind_text(acoustic::failure_kind kind) {
    if (kind == acoustic::failure_kind::unavailable) return "unavailable: ";
    return kind == acoustic::failure_kind::transient ? "transient: " : "permanent: ";
}

/// "" for success, else "transient: reason" or "permanent: reason", followed by " id=reason" for each refused row.
std::string told(const acoustic::outcome& from) {
    const auto one = [](const acoustic::failure& failed) { return kind_text(failed.kind) + failed.reason; };
    std::string out = from.failed ? one(*from.failed) : "";
    for (const auto& row : from.refused) out += " " + row.email_id + "=" + one(row.why);
    return out;
}

fake_fault fault_of(kind what, int number = 0, std::string text = {}, int times = -1) {
    fake_fault out;
    out.what = what;
    out.number = number;
    out.text = std::move(text);
    out.times = times;
    return out;
}

/// Runs `work(thread)` on this many threads concurrently.
template <class Work>
void on_threads(int count, Work work) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < count; ++thread) threads.emplace_back(work, thread);
    for (auto& thread : threads) thread.join();
}

struct fixture {
    fake_acoustic vendor;
    acoustic::client client{test::client_options_for(vendor)};

    int calls(const std::string& method) const {
        const auto counts = vendor.counts();
        const auto found = counts.calls.find(method);
        return found == counts.calls.end() ? 0 : found->second;
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "acoustic client: contacts and rows are stored and deleted as sent") {
    const auto added = client.add_recipient(contact(1));
    CHECK(told(added).empty());
    CHECK(added.succeeded());
    CHECK(added.took.count() > 0);
    const auto stored = vendor.contacts();
    REQUIRE(stored.contains(id_of(1)));
    CHECK(stored.at(id_of(1)).at("email") == "user1@example.com");
    CHECK(stored.at(id_of(1)).at("first_name") == "<Jäne & >");
    CHECK(stored.at(id_of(1)).at("last_name").empty());

    CHECK(told(client.insert_rows(table::newsletter, std::vector{newsletter(1), newsletter(1, "app-dev"), newsletter(2)})).empty());
    CHECK(vendor.newsletters().size() == 3);
    const relational_row product{id_of(1), "prod", {{"email_id", id_of(1)}, {"product_id", "prod"}, {"amount", "-1"}}};
    CHECK(told(client.insert_rows(table::product, std::vector{product})).empty());
    CHECK(vendor.products().at({id_of(1), "prod"}).at("amount") == "-1");

    CHECK(told(client.delete_rows(table::newsletter, std::vector{newsletter(1), newsletter(2)})).empty());
    CHECK(vendor.newsletters().size() == 1);
    CHECK(told(client.delete_rows(table::product, std::vector{product})).empty());
    CHECK(vendor.products().empty());
    CHECK(told(client.remove_recipient("user1@example.com", id_of(1))).empty());
    CHECK(vendor.contacts().empty());
}

TEST_CASE_FIXTURE(fixture, "acoustic client: deleting an unknown contact or row succeeds") {
    CHECK(told(client.remove_recipient("nobody@example.com", id_of(9))).empty());
    auto missing = fault_of(kind::row_permanent, 0, "Row not found");
    missing.holds = id_of(9);
    vendor.add_fault(missing);
    CHECK(told(client.delete_rows(table::newsletter, std::vector{newsletter(8), newsletter(9)})).empty());
    CHECK(calls("RemoveRecipient") == 1);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: ten threads share one token and ten connections") {
    vendor.set_latency(2ms);
    std::atomic<int> failed = 0;
    on_threads(10, [&](int thread) {
        for (int call = 0; call < 20; ++call) {
            if (!client.add_recipient(contact((thread * 20) + call)).succeeded()) ++failed;
        }
    });
    CHECK(failed == 0);
    CHECK(vendor.contacts().size() == 200);
    const auto counts = vendor.counts();
    CHECK(counts.calls.at("token") == 1);
    CHECK(counts.calls.at("AddRecipient") == 200);
    CHECK(counts.connections <= 10);
    CHECK(counts.refused_tokens == 0);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: a token that the vendor has forgotten is replaced once for all threads") {
    CHECK(client.add_recipient(contact(0)).succeeded());
    vendor.forget_tokens();
    std::atomic<int> failed = 0;
    on_threads(8, [&](int thread) {
        if (!client.add_recipient(contact(1 + thread)).succeeded()) ++failed;
    });
    CHECK(failed == 0);
    CHECK(vendor.contacts().size() == 9);
    CHECK(calls("token") == 2);
}

TEST_CASE("acoustic client: a token is replaced before it expires") {
    test::fake_acoustic_options short_lived;
    short_lived.token_life = 5s;
    fake_acoustic vendor(short_lived);
    acoustic::client client(test::client_options_for(vendor));
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (vendor.counts().calls["token"] < 2 && std::chrono::steady_clock::now() < deadline) {
        REQUIRE(client.add_recipient(contact(1)).succeeded());
        std::this_thread::sleep_for(10ms);
    }
    CHECK(vendor.counts().calls["token"] == 2);
    CHECK(vendor.counts().refused_tokens == 0);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: a lost session gets a new token and a second attempt") {
    vendor.add_fault(fault_of(kind::fault_answer, 145, "Session has expired", 1));
    CHECK(told(client.add_recipient(contact(1))).empty());
    CHECK(vendor.contacts().size() == 1);
    CHECK(calls("token") == 2);
    CHECK(calls("AddRecipient") == 2);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: a call is repeated only once") {
    vendor.add_fault(fault_of(kind::status, 401));
    CHECK(told(client.add_recipient(contact(1))) == "unavailable: HTTP 401");
    CHECK(calls("AddRecipient") == 2);
    vendor.clear_faults();
    vendor.add_fault(fault_of(kind::fault_answer, 145, "Session has expired"));
    CHECK(told(client.add_recipient(contact(1))) == "transient: error 145: Session has expired");
    CHECK(calls("AddRecipient") == 4);
    vendor.clear_faults();
    CHECK(told(client.add_recipient(contact(1))).empty());
}

TEST_CASE_FIXTURE(fixture, "acoustic client: every failure is classified") {
    const auto told_of = [&](const fake_fault& fault) {
        vendor.clear_faults();
        vendor.add_fault(fault);
        return told(client.add_recipient(contact(1)));
    };
    for (const int status : {429, 500, 502, 503, 504, 408, 302, 400, 403, 404, 413}) {
        CHECK(told_of(fault_of(kind::status, status)) == fmt::format("unavailable: HTTP {}", status));
    }
    CHECK(told_of(fault_of(kind::empty_body)) == "unavailable: the response is empty");
    CHECK(told_of(fault_of(kind::no_xml)) == "unavailable: the response is not valid XML of the API");
    CHECK(told_of(fault_of(kind::cut)) == "unavailable: the connection was cut off");
    CHECK(told_of(fault_of(kind::cut_before)) == "unavailable: the connection was cut off");
    CHECK(told_of(fault_of(kind::fault_answer, 50, "Server Error")) == "transient: error 50: Server Error");
    CHECK(told_of(fault_of(kind::fault_answer, 51, "Unknown field")) == "permanent: error 51: Unknown field");
    vendor.clear_faults();
    CHECK(told(client.add_recipient(std::vector<column>{{"email", "no address"}, {"email_id", id_of(2)}}))
              .starts_with("permanent: error 121: "));
    vendor.set_down(true);
    CHECK(told(client.add_recipient(contact(1))).starts_with("unavailable: "));
    vendor.set_down(false);
    CHECK(told(client.add_recipient(contact(1))).empty());
}

TEST_CASE_FIXTURE(fixture, "acoustic client: a job is asked for once, even if a connection is closed before the answer") {
    REQUIRE(client.add_recipient(contact(1)).succeeded()); // leaves a connection that could be used again
    auto fault = fault_of(kind::cut_after);
    fault.method = "ImportList";
    vendor.add_fault(fault);
    const auto lost = client.import_list("a.xml", "a.csv");
    REQUIRE(lost.failed);
    CHECK(lost.failed->kind == acoustic::failure_kind::unavailable);
    CHECK(lost.sent);
    CHECK(calls("ImportList") == 1);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: a job for which there is no connection or no token was not asked for") {
    SUBCASE("no connection") {
        REQUIRE(client.add_recipient(contact(1)).succeeded()); // gets a token
        vendor.set_down(true);
    }
    SUBCASE("no token") {
        auto fault = fault_of(kind::status, 500);
        fault.method = "token";
        vendor.add_fault(fault);
    }
    const auto failed = client.import_list("a.xml", "a.csv");
    REQUIRE(failed.failed);
    CHECK(!failed.sent);
    CHECK(calls("ImportList") == 0);
}

TEST_CASE("acoustic client: a call that times out fails as unavailable") {
    fake_acoustic vendor;
    auto options = test::client_options_for(vendor);
    options.timeout = 2s;
    acoustic::client client(options);
    CHECK(client.add_recipient(contact(1)).succeeded());
    auto stall = fault_of(kind::stall);
    stall.wait = 20s;
    vendor.add_fault(stall);
    const auto start = std::chrono::steady_clock::now();
    CHECK(told(client.add_recipient(contact(1))) == "unavailable: timed out");
    CHECK(std::chrono::steady_clock::now() - start < 19s);
}

TEST_CASE("acoustic client: a call that exceeds the vendor's concurrency limit fails as unavailable") {
    test::fake_acoustic_options full;
    full.most_at_once = 0;
    fake_acoustic vendor(full);
    acoustic::client client(test::client_options_for(vendor));
    CHECK(told(client.add_recipient(contact(1))) == "unavailable: HTTP 429");
}

TEST_CASE_FIXTURE(fixture, "acoustic client: refused rows are reported for their contacts and the other rows are stored") {
    auto bad = fault_of(kind::row_permanent, 0, "Bad value for user2@example.com");
    bad.holds = id_of(2);
    vendor.add_fault(bad);
    auto busy = fault_of(kind::row_transient, 0, "Busy");
    busy.holds = id_of(3);
    vendor.add_fault(busy);
    const auto got = client.insert_rows(table::newsletter, std::vector{newsletter(1), newsletter(2), newsletter(3), newsletter(4)});
    CHECK_FALSE(got.succeeded());
    CHECK(told(got) == " " + id_of(2) + "=permanent: Bad value for [OMITTED] " + id_of(3) + "=transient: Busy");
    CHECK(vendor.newsletters().size() == 2);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: a call takes at most a hundred rows") {
    std::vector<relational_row> rows;
    for (int number = 0; number < 100; ++number) rows.push_back(newsletter(number));
    CHECK(client.insert_rows(table::newsletter, rows).succeeded());
    CHECK(vendor.newsletters().size() == 100);
    CHECK(client.delete_rows(table::newsletter, rows).succeeded());
    rows.push_back(newsletter(100));
    CHECK_THROWS_AS((void)client.insert_rows(table::newsletter, rows), std::invalid_argument);
    CHECK_THROWS_AS((void)client.delete_rows(table::newsletter, rows), std::invalid_argument);
    CHECK_THROWS_AS((void)client.insert_rows(table::main, std::vector{newsletter(1)}), std::invalid_argument);
    CHECK_THROWS_AS((void)client.add_recipient(std::vector<column>{{"email", "a@example.com"}}), std::invalid_argument);
    CHECK(vendor.counts().oversized == 0);
}

TEST_CASE("acoustic client: refused credentials fail all calls as unavailable without a new token request for each") {
    fake_acoustic vendor;
    auto options = test::client_options_for(vendor);
    options.client_secret = "wrong-secret";
    acoustic::client client(options);
    for (int call = 0; call < 5; ++call) {
        CHECK(told(client.add_recipient(contact(1))) == "unavailable: no token: the credentials were refused (HTTP 400)");
    }
    CHECK(vendor.counts().calls["token"] == 1);
    CHECK_FALSE(vendor.counts().calls.contains("AddRecipient"));
}

TEST_CASE("acoustic client: uses TLS and verifies the certificate") {
    test::fake_acoustic_options with_tls;
    with_tls.tls = true;
    fake_acoustic vendor(with_tls);
    auto options = test::client_options_for(vendor);
    options.ca_file = vendor.ca_file();
    acoustic::client trusting(options);
    CHECK(told(trusting.add_recipient(contact(1))).empty());
    CHECK(vendor.contacts().size() == 1);
    options.ca_file.clear();
    acoustic::client doubting(options);
    const auto got = told(doubting.add_recipient(contact(2)));
    CHECK(got.starts_with("unavailable: no token: "));
    CHECK(got.find("certificate") != std::string::npos);
    CHECK(vendor.contacts().size() == 1);
}

TEST_CASE_FIXTURE(fixture, "acoustic client: failure reasons contain no addresses") {
    vendor.add_fault(fault_of(kind::fault_answer, 121, "Invalid address: 'user1@example.com' <user1%40example.com>"));
    for (const auto& got : {told(client.add_recipient(contact(1))), told(client.remove_recipient("user1@example.com", id_of(1)))}) {
        CHECK(got.starts_with("permanent: error 121: Invalid address: "));
        CHECK(got.find("user1") == std::string::npos);
        CHECK(got.find("example.com") == std::string::npos);
    }
}

TEST_CASE("acoustic client: each call is reported to the observer with the labels of the metrics") {
    fake_acoustic vendor;
    std::vector<std::string> seen;
    double seconds = 0;
    acoustic::client client(test::client_options_for(vendor), [&](const acoustic::call_record& record) {
        seen.push_back(fmt::format("{} {} {}", record.method, to_string(record.target), record.succeeded));
        seconds = record.seconds;
    });
    (void)client.add_recipient(contact(1));
    (void)client.insert_rows(table::newsletter, std::vector{newsletter(1)});
    (void)client.insert_rows(table::product, std::vector{newsletter(1)}); // the row is refused because it has no product_id
    (void)client.delete_rows(table::product, std::vector{newsletter(1)});
    (void)client.remove_recipient("user1@example.com", id_of(1));
    vendor.add_fault(fault_of(kind::status, 500));
    const auto failed = client.delete_rows(table::newsletter, std::vector{newsletter(1)});
    CHECK(seconds == failed.took.count());
    CHECK(seconds > 0);
    CHECK(seen == std::vector<std::string>{"add_recipient main true", "insert_update_relational_table newsletter true",
                                           "insert_update_relational_table product false", "delete_relational_table_data product true",
                                           "remove_recipient main true", "delete_relational_table_data newsletter false"});
}

TEST_CASE("acoustic client: sends exactly what a dry run shows") {
    fake_acoustic vendor;
    acoustic::client client(test::client_options_for(vendor));
    const auto main = contact(1);
    const std::vector rows{newsletter(1)};
    (void)client.add_recipient(main);
    (void)client.insert_rows(table::newsletter, rows);
    (void)client.delete_rows(table::newsletter, rows);
    (void)client.remove_recipient("user1@example.com", id_of(1));
    CHECK(vendor.last_calls() == std::vector<std::string>{acoustic::add_recipient_xml("1001", main),
                                                          acoustic::insert_rows_xml("1002", rows),
                                                          acoustic::delete_rows_xml("1002", table::newsletter, rows),
                                                          acoustic::remove_recipient_xml("1001", "user1@example.com", id_of(1))});
}

TEST_CASE("acoustic client: an invalid base URL is refused by the constructor") {
    acoustic::client_options options;
    options.base_url = "api.example.com";
    CHECK_THROWS_AS(acoustic::client{options}, std::invalid_argument);
}
