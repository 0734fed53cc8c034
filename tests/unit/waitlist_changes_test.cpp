// SPDX-License-Identifier: MPL-2.0
#include "service/waitlist_changes.hpp"

#include <ctms/json/contact_json.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace ctms;
using service::waitlist_changes;
using service::waitlist_request;

namespace {

model::partial<model::waitlist> waitlist(std::string name, std::string fields = "{}", bool subscribed = true) {
    return model::partial<model::waitlist>::whole({std::move(name), std::nullopt, std::move(fields), subscribed});
}

model::partial<model::newsletter> newsletter(std::string name, bool subscribed = true) {
    model::partial<model::newsletter> out;
    out.set(&model::newsletter::name, std::move(name)).set(&model::newsletter::subscribed, subscribed);
    return out;
}

std::vector<model::waitlist> stored(std::initializer_list<const char*> names) {
    std::vector<model::waitlist> out;
    for (const auto* name : names) out.push_back({name, "https://example.com", R"({"geo":"xx"})", true});
    return out;
}

waitlist_changes worked_out(const waitlist_request& request, const std::vector<model::waitlist>& before = {}) {
    const auto changes = service::changes_of(request, before);
    REQUIRE(changes.has_value());
    return *changes;
}

/// Returns the waitlists to join, as "name fields", in order of name.
std::vector<std::string> joined(const waitlist_changes& changes) {
    std::vector<std::string> out;
    for (const auto& one : changes.join) out.push_back(one.value().name + " " + one.value().fields);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> left(const waitlist_changes& changes) {
    auto out = changes.leave;
    std::sort(out.begin(), out.end());
    return out;
}

waitlist_request vpn(std::optional<model::vpn_waitlist> value) {
    waitlist_request out;
    value ? out.vpn.set(std::move(*value)) : out.vpn.leave();
    return out;
}

waitlist_request relay(std::optional<model::relay_waitlist> value) {
    waitlist_request out;
    value ? out.relay.set(std::move(*value)) : out.relay.leave();
    return out;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("a body without waitlists changes none") {
    const auto changes = worked_out({}, stored({"vpn", "relay", "x"}));
    CHECK(changes.join.empty());
    CHECK(changes.leave.empty());
}

TEST_CASE("waitlists are joined and left as the request lists them") {
    waitlist_request request;
    request.waitlists = {waitlist("a", R"({"x":1})"), waitlist("b", "{}", false), waitlist("vpn", R"({"geo":"fr"})")};
    const auto changes = worked_out(request, stored({"b", "c"}));
    CHECK(joined(changes) == names{R"(a {"x":1})", R"(vpn {"geo":"fr"})"});
    CHECK(left(changes) == names{"b"});
}

TEST_CASE("if the request lists waitlists, nothing else has an effect") {
    auto request = vpn(std::nullopt);
    request.relay.set({"de"});
    request.newsletters = {newsletter("x-waitlist", false), newsletter("relay-phones-waitlist")};
    request.unsubscribe_newsletters = true;
    request.waitlists = {waitlist("a")};
    const auto changes = worked_out(request, stored({"vpn", "relay", "x"}));
    CHECK(joined(changes) == names{"a {}"});
    CHECK(changes.leave.empty());
}

TEST_CASE("unsubscribing from all waitlists or all newsletters leaves every stored waitlist") {
    waitlist_request request;
    request.unsubscribe_waitlists = true;
    CHECK(left(worked_out(request, stored({"vpn", "x"}))) == names{"vpn", "x"});
    request = {};
    request.unsubscribe_newsletters = true;
    CHECK(left(worked_out(request, stored({"vpn", "x"}))) == names{"vpn", "x"});
    CHECK(worked_out(request, {}).leave.empty());
}

TEST_CASE("unsubscribing from a waitlist newsletter leaves its waitlist") {
    waitlist_request request;
    request.newsletters = {newsletter("x-waitlist", false), newsletter("guardian-vpn-waitlist", false), newsletter("y-waitlist"),
                           newsletter("plain", false), newsletter("relay-phones-waitlist", false)};
    const auto changes = worked_out(request, stored({"x", "vpn", "y", "plain", "relay-phones"}));
    CHECK(left(changes) == names{"relay-phones", "vpn", "x"});
    CHECK(changes.join.empty());
}

TEST_CASE("an empty vpn_waitlist leaves vpn") {
    CHECK(worked_out(vpn(std::nullopt), stored({"vpn", "relay"})).leave == names{"vpn"});
    CHECK(worked_out(vpn(model::vpn_waitlist{}), stored({"vpn", "relay"})).leave == names{"vpn"});
    CHECK(worked_out(vpn(std::nullopt), stored({"vpn"})).join.empty());
    CHECK(worked_out(vpn(model::vpn_waitlist{}), stored({"relay"})).join.empty()); // as GET shows it
}

TEST_CASE("a vpn_waitlist sets both fields of vpn and clears its source") {
    const auto changes = worked_out(vpn(model::vpn_waitlist{"fr", "ios \"x\""}), stored({"vpn"}));
    CHECK(joined(changes) == names{R"(vpn {"geo":"fr","platform":"ios \"x\""})"});
    CHECK_FALSE(changes.join[0].value().source);
    CHECK(changes.leave.empty());
    CHECK(joined(worked_out(vpn(model::vpn_waitlist{"fr", std::nullopt}))) == names{R"(vpn {"geo":"fr","platform":null})"});
}

TEST_CASE("a vpn_waitlist without a country cannot be stored") {
    for (const auto& wanted : {model::vpn_waitlist{std::nullopt, "ios"}}) {
        const auto changes = service::changes_of(vpn(wanted), {});
        REQUIRE_FALSE(changes.has_value());
        CHECK(changes.error().code == errc::invalid);
        std::string text;
        json::write_error(text, changes.error());
        CHECK(text == R"({"detail":[{"loc":["body","vpn_waitlist","geo"],"msg":"field required","type":"value_error.missing"}]})");
    }
}

TEST_CASE("an empty relay_waitlist leaves all Relay waitlists") {
    const auto before = stored({"relay", "relay-phones", "relayed", "vpn", "x-relay"});
    CHECK(left(worked_out(relay(std::nullopt), before)) == names{"relay", "relay-phones", "relayed"});
    CHECK(left(worked_out(relay(model::relay_waitlist{}), before)) == names{"relay", "relay-phones", "relayed"});
    CHECK(worked_out(relay(std::nullopt), stored({"vpn"})).leave.empty());
}

TEST_CASE("a relay_waitlist with Relay newsletters joins a waitlist for each") {
    auto request = relay(model::relay_waitlist{"fr"});
    request.newsletters = {newsletter("relay-phones-waitlist"), newsletter("relay-other"), newsletter("relay"), newsletter("news")};
    const auto changes = worked_out(request, stored({"relay-old"}));
    CHECK(joined(changes) == names{R"(relay-other {"geo":"fr"})", R"(relay-phones {"geo":"fr"})"});
    CHECK(changes.leave.empty());
}

TEST_CASE("an unsubscribed Relay newsletter leaves its waitlist and joins none") {
    auto request = relay(model::relay_waitlist{"fr"});
    request.newsletters = {newsletter("relay-phones-waitlist", false), newsletter("relay-vpn-waitlist")};
    const auto changes = worked_out(request, stored({"relay-phones"}));
    CHECK(joined(changes) == names{R"(relay-vpn {"geo":"fr"})"});
    CHECK(changes.leave == names{"relay-phones"});
}

TEST_CASE("a relay_waitlist without Relay newsletters sets the country of all stored ones or joins relay") {
    const auto changes = worked_out(relay(model::relay_waitlist{"fr"}), stored({"relay", "relay-phones", "vpn"}));
    CHECK(joined(changes) == names{R"(relay {"geo":"fr"})", R"(relay-phones {"geo":"fr"})"});
    for (const auto& one : changes.join) CHECK_FALSE(one.value().source);
    CHECK(joined(worked_out(relay(model::relay_waitlist{"fr"}), stored({"vpn"}))) == names{R"(relay {"geo":"fr"})"});
}

TEST_CASE("both older waitlists can be used together") {
    auto request = vpn(model::vpn_waitlist{"fr", std::nullopt});
    request.relay.set({"de"});
    request.newsletters = {newsletter("x-waitlist", false)};
    const auto changes = worked_out(request, stored({"x"}));
    CHECK(joined(changes) == names{R"(relay {"geo":"de"})", R"(vpn {"geo":"fr","platform":null})"});
    CHECK(changes.leave == names{"x"});
}
