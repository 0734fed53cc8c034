// SPDX-License-Identifier: MPL-2.0
// The fake email vendor: tokens, calls and their effects.
#include <support/fake_acoustic.hpp>
#include <support/vendor_calls.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <thread>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto success = "<Envelope><Body><RESULT><SUCCESS>TRUE</SUCCESS></RESULT></Body></Envelope>";

bool holds(const http_answer& answer, std::string_view text) { return answer.body.find(text) != std::string::npos; }

void check_fault(const http_answer& answer, int errorid) {
    CAPTURE(answer.body);
    CHECK(answer.status == 200);
    CHECK(holds(answer, "<SUCCESS>false</SUCCESS>"));
    CHECK(holds(answer, fmt::format("<errorid>{}</errorid>", errorid)));
}

std::string rows_of(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += row(fmt::format("id-{}", i), "newsletter_name", "hubs");
    return out;
}

/// Waits for something that the server does on its own.
template <class Condition>
bool comes_true(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

} // namespace

TEST_CASE("only the right credentials get a token") {
    fake_acoustic vendor;
    CHECK(ask_token(vendor.port()).body.find(R"("token_type":"bearer","expires_in":14400)") != std::string::npos);
    const auto refused = ask_token(vendor.port(), "wrong");
    CHECK(refused.status == 400);
    CHECK(refused.body == R"({"error":"invalid_grant"})");
    CHECK(vendor.counts().calls == std::map<std::string, int>{{"token", 2}});
}

TEST_CASE("a token is refused when it has expired or the vendor has forgotten it") {
    fake_acoustic_options options;
    SUBCASE("expired") {
        options.token_life = 0s;
        fake_acoustic vendor(options);
        CHECK(vendor_caller(vendor.port()).call(add_recipient("1", "a@b")).status == 401);
        CHECK(vendor.counts().refused_tokens == 1);
        CHECK(vendor.contacts().empty());
    }
    SUBCASE("forgotten") {
        fake_acoustic vendor(options);
        vendor_caller caller(vendor.port());
        CHECK(caller.call(add_recipient("1", "a@b")).body == success);
        vendor.forget_tokens();
        CHECK(caller.call(add_recipient("2", "a@b")).status == 401);
        CHECK(vendor_caller(vendor.port()).call(add_recipient("2", "a@b")).body == success);
    }
}

TEST_CASE("AddRecipient creates a contact, and an update keeps columns that were not sent") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    const std::string extra = "<COLUMN><NAME>first_name</NAME><VALUE>J\xC3\xBCrgen + &amp; &lt;Co&gt;</VALUE></COLUMN>"
                              "<COLUMN><NAME>last_name</NAME></COLUMN>";
    CHECK(caller.call(add_recipient("1", "a@example.com", extra)).body == success);
    CHECK(caller.call(add_recipient("1", "b@example.com")).body == success);
    CHECK(caller.call(add_recipient("2", "b@example.com")).body == success);
    const auto contacts = vendor.contacts();
    REQUIRE(contacts.size() == 2);
    CHECK(contacts.at("1") ==
          fake_acoustic::row{{"email_id", "1"}, {"email", "b@example.com"}, {"first_name", "J\xC3\xBCrgen + & <Co>"}, {"last_name", ""}});
    CHECK(vendor.writes_by_contact() == std::map<std::string, int>{{"1", 2}, {"2", 1}});
    CHECK(vendor.last_calls().size() == 3);
    CHECK(vendor.last_calls().back() == add_recipient("2", "b@example.com"));
}

TEST_CASE("AddRecipient refuses what the vendor would refuse") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    const auto with = [](std::string text, std::string_view old, std::string_view now) {
        return text.replace(text.find(old), old.size(), now);
    };
    const auto good = add_recipient("1", "a@example.com");
    check_fault(caller.call(add_recipient("1", "example.com")), 121);
    check_fault(caller.call(add_recipient("1", "a@b@c")), 121);
    check_fault(caller.call(add_recipient("1", std::string(64, 'a') + "@" + std::string(256, 'b'))), 121);
    check_fault(caller.call(with(good, "1001", "1002")), 100);
    check_fault(caller.call(with(good, "1001", "9")), 100);
    check_fault(caller.call(with(good, ">3<", ">7<")), 101);
    check_fault(caller.call(with(good, "TRUE", "FALSE")), 101);
    check_fault(caller.call(with(good, "<NAME>email_id</NAME>", "<NAME>email</NAME>")), 101);
    check_fault(caller.call(with(with(good, "AddRecipient", "Add"), "/AddRecipient", "/Add")), 52);
    CHECK(vendor.contacts().empty());
    CHECK(caller.call(add_recipient("1", std::string(64, 'a') + "@" + std::string(255, 'b'))).body == success);
}

TEST_CASE("text that is not XML 1.0 gets a Fault") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    for (const std::string name : {"a & b", "a \x01 b", "a &#1; b", "a &nbsp; b", "a \xEF\xBF\xBF b", "<a"}) {
        CAPTURE(name);
        check_fault(caller.call(add_recipient("1", "a@b", "<COLUMN><NAME>x</NAME><VALUE>" + name + "</VALUE></COLUMN>")), 51);
    }
    check_fault(caller.call(""), 51);
    check_fault(caller.call("<Envelope><Body/></Envelope>"), 51);
    CHECK(vendor.contacts().empty());
    CHECK(vendor.counts().calls.at("unreadable") == 8);
}

TEST_CASE("rows of relational tables are created, updated and deleted by their keys") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    CHECK(caller.call(insert_rows("1002", row("1", "newsletter_name", "hubs") + row("2", "newsletter_name", "hubs"))).body == success);
    CHECK(caller.call(insert_rows("1003", row("1", "product_id", "prod_1"))).body == success);
    CHECK(caller.call(insert_rows("1002", row("1", "newsletter_name", "hubs") + row("1", "newsletter_name", "mdn"))).body == success);
    CHECK(vendor.newsletters().size() == 3);
    CHECK(vendor.products().at({"1", "prod_1"}) == fake_acoustic::row{{"email_id", "1"}, {"product_id", "prod_1"}});
    CHECK(caller.call(delete_rows("1002", row("1", "newsletter_name", "hubs", "KEY_COLUMN"))).body == success);
    CHECK(caller.call(delete_rows("1003", row("1", "product_id", "prod_1", "KEY_COLUMN"))).body == success);
    CHECK(vendor.newsletters().size() == 2);
    CHECK_FALSE(vendor.newsletters().contains({"1", "hubs"}));
    CHECK(vendor.products().empty());
    check_fault(caller.call(insert_rows("1001", row("1", "newsletter_name", "hubs"))), 100);
    check_fault(caller.call(insert_rows("7", row("1", "newsletter_name", "hubs"))), 100);
}

TEST_CASE("an update of a row replaces the columns sent and keeps the others") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    const auto with = [](std::string_view column) {
        auto out = row("1", "newsletter_name", "hubs");
        return out.insert(out.size() - std::string_view("</ROW>").size(), column);
    };
    caller.call(insert_rows("1002", with(R"(<COLUMN name="newsletter_format">H</COLUMN><COLUMN name="newsletter_lang">fr</COLUMN>)")));
    caller.call(insert_rows("1002", with(R"(<COLUMN name="newsletter_format">T</COLUMN>)")));
    caller.call(insert_rows("1002", with(R"(<COLUMN name="newsletter_source" />)")));
    CHECK(vendor.newsletters().at({"1", "hubs"}) == fake_acoustic::row{{"email_id", "1"},
                                                                       {"newsletter_name", "hubs"},
                                                                       {"newsletter_format", "T"},
                                                                       {"newsletter_lang", "fr"},
                                                                       {"newsletter_source", ""}});
}

TEST_CASE("a row without its key fails permanently, and no other row does") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    const auto answer = caller.call(insert_rows("1002", row("1", "product_id", "x") + row("2", "newsletter_name", "hubs")));
    CAPTURE(answer.body);
    CHECK(holds(answer, "<SUCCESS>TRUE</SUCCESS>"));
    CHECK(holds(answer, R"(<FAILURE failure_type="permanent" description="email_id and newsletter_name must have values">)"
                        R"(<COLUMN name="email_id">1</COLUMN>)"));
    CHECK(vendor.newsletters().size() == 1);
}

TEST_CASE("a call may have at most a hundred rows") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    check_fault(caller.call(insert_rows("1002", rows_of(101))), 102);
    CHECK(vendor.newsletters().empty());
    CHECK(vendor.counts().oversized == 1);
    CHECK(caller.call(insert_rows("1002", rows_of(100))).body == success);
    CHECK(vendor.newsletters().size() == 100);
}

TEST_CASE("RemoveRecipient removes a contact and reports an unknown one") {
    fake_acoustic vendor;
    vendor_caller caller(vendor.port());
    caller.call(add_recipient("1", "a@b"));
    caller.call(add_recipient("2", "a@b"));
    CHECK(caller.call(remove_recipient("1")).body == success);
    check_fault(caller.call(remove_recipient("1")), 128);
    CHECK(vendor.contacts().size() == 1);
}

TEST_CASE("ten concurrent calls take one latency, and an eleventh is refused") {
    fake_acoustic_options options;
    options.latency = 3s; // long enough for all ten to be in progress at the same time
    fake_acoustic vendor(options);
    std::vector<std::unique_ptr<vendor_caller>> callers;
    for (int i = 0; i < 11; ++i) callers.push_back(std::make_unique<vendor_caller>(vendor.port()));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) callers[std::size_t(i)]->begin(add_recipient(std::to_string(i), "a@b"));
    REQUIRE(comes_true([&] { return vendor.counts().most_at_once == 10; }));
    CHECK(callers[10]->call(add_recipient("10", "a@b")).status == 429);
    for (int i = 0; i < 10; ++i) CHECK(callers[std::size_t(i)]->connection().receive().body == success);
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(took >= 3s);
    CHECK(took < 25s); // 30 s if they ran one after another
    CHECK(vendor.contacts().size() == 10);
    CHECK(vendor.counts().refused_as_too_many == 1);
    CHECK(vendor.counts().calls.at("AddRecipient") == 11);
    CHECK(vendor.counts().connections == 22); // each token was fetched on a separate connection
    vendor.set_latency(0ms);
    CHECK(callers[10]->call(add_recipient("10", "a@b")).body == success);
}

TEST_CASE("a client that has its answer may call again immediately on another connection") {
    fake_acoustic_options options;
    options.most_at_once = 1;
    fake_acoustic vendor(options);
    vendor_caller one(vendor.port());
    vendor_caller other(vendor.port());
    for (int i = 0; i < 200; ++i) REQUIRE((i % 2 == 0 ? one : other).call(add_recipient("1", "a@b")).body == success);
    CHECK(vendor.counts().refused_as_too_many == 0);
}

TEST_CASE("when down, all connections end and new ones are refused until it is up on the same port") {
    fake_acoustic_options options;
    options.latency = 10s;
    fake_acoustic vendor(options);
    vendor_caller idle(vendor.port());
    vendor_caller busy(vendor.port());
    busy.begin(add_recipient("1", "a@b"));
    REQUIRE(comes_true([&] { return vendor.counts().most_at_once == 1; }));
    for (int i = 0; i < 3; ++i) {
        vendor.set_down(true);
        vendor.set_down(true);
        CHECK_THROWS_AS(http_connection(vendor.port()), std::system_error);
        vendor.set_down(false);
        vendor.set_down(false);
    }
    CHECK(idle.connection().ends_within(5s));
    CHECK(busy.connection().ends_within(5s));
    vendor.set_latency(0ms);
    CHECK(vendor_caller(vendor.port()).call(add_recipient("2", "a@b")).body == success);
    CHECK_FALSE(vendor.contacts().contains("1"));
}

TEST_CASE("the certificate file exists as long as the server") {
    fake_acoustic_options options;
    options.tls = true;
    std::string file;
    {
        const fake_acoustic vendor(options);
        file = vendor.ca_file();
        CHECK(vendor.url().starts_with("https://127.0.0.1:"));
        CHECK(std::filesystem::exists(file));
    }
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(fake_acoustic().ca_file().empty());
}
