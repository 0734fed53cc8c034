// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <ctms/auth/access_token.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto key = "key of these tests";

class admin {
public:
    admin() {
        link_.execute("insert into api_client (client_id, email, enabled, hashed_secret, update_timestamp)"
                      " values ('id_basket', 'team@example.com', true, 'x', now()), ('id_gone', 'team@example.com', false, 'x', now())");
    }
    outcome operator()(const std::vector<std::string>& arguments, const std::string& secret = key) {
        return run_admin(arguments,
                         {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin), "CTMS_SECRET_KEY=" + secret});
    }
    outcome without_key(const std::vector<std::string>& arguments) {
        return run_admin(arguments, {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin)});
    }
    std::string audit() {
        const auto found =
            link_.execute("select command || ' ' || exit_code || ' ' || details from ctms_audit_log order by id desc limit 1");
        return found.empty() ? "" : std::string(found.text(0, 0));
    }

private:
    test_database database_;
    ctms::persistence::connection link_{database_.options()};
};

std::optional<ctms::auth::token_claims> claims_of(std::string token, std::chrono::seconds in = 0s) {
    while (token.ends_with('\n')) token.pop_back();
    return ctms::auth::token_signer(key, false).verify(token, std::chrono::system_clock::now() + in);
}

} // namespace

TEST_CASE("a client's token is printed alone and is valid") {
    admin run;
    for (const std::string name : {"basket", "id_basket"}) {
        const auto made = run({"token", name});
        CHECK(made.exit_code == 0);
        CHECK(made.err.empty());
        REQUIRE(claims_of(made.out).has_value());
        CHECK(claims_of(made.out)->subject == "id_basket");
        CHECK(claims_of(made.out)->name_space == "api_client");
        CHECK(claims_of(made.out, 59min).has_value());
        CHECK_FALSE(claims_of(made.out, 61min).has_value());
        CHECK(run.audit() == "token 0 {\"client_id\": \"id_basket\", \"expires_in\": \"3600\"}");
    }
}

TEST_CASE("a token's lifetime can be chosen, and the token can be printed as JSON") {
    admin run;
    const auto made = run({"--json", "token", "basket", "--expires-in", "60"});
    const auto json = boost::json::parse(made.out);
    const auto token = std::string(json.at("access_token").as_string());
    CHECK(json.at("token_type") == "bearer");
    CHECK(json.at("expires_in") == 60);
    CHECK(claims_of(token, 50s).has_value());
    CHECK_FALSE(claims_of(token, 61s).has_value());
    CHECK(claims_of(run({"token", "basket", "--expires-in", "86400"}).out, 23h).has_value());
    CHECK(run.audit().find(token) == std::string::npos);
}

TEST_CASE("a token that cannot be issued is explained") {
    admin run;
    const auto unknown = run({"token", "nobody"});
    CHECK(unknown.exit_code == 65);
    CHECK(unknown.err.find("ctms-admin clients list") != std::string::npos);
    CHECK(run.audit() == "token 65 {\"client_id\": \"id_nobody\"}");
    const auto disabled = run({"token", "gone"});
    CHECK(disabled.exit_code == 1);
    CHECK(disabled.err.find("ctms-admin clients enable id_gone") != std::string::npos);
    const auto keyless = run.without_key({"token", "basket"});
    CHECK(keyless.exit_code == 78);
    CHECK(keyless.err.find("CTMS_SECRET_KEY") != std::string::npos);
    CHECK(run({"token", "with space"}).exit_code == 65);
    for (const auto& call : std::vector<std::vector<std::string>>{
             {"token"}, {"token", "a", "b"}, {"token", "basket", "--expires-in", "0"}, {"token", "basket", "--expires-in", "soon"}}) {
        const auto wrong = run(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.err.find("see ctms-admin token --help") != std::string::npos);
    }
    for (const auto& each : {unknown, disabled, keyless}) CHECK(each.out.empty());
}

TEST_CASE("the embedded database's key signs tokens too") {
    temporary_directory place;
    const std::vector<std::string> environment{"CTMS_DATA_DIR=" + (place.path() / "data").string()};
    REQUIRE(run_admin({"--embedded", "migrate"}, environment).exit_code == 0);
    REQUIRE(run_admin({"--embedded", "clients", "create", "a", "-e", "a@example.com"}, environment).exit_code == 0);
    const auto made = run_admin({"--embedded", "token", "a"}, environment);
    CHECK(made.exit_code == 0);
    CHECK(made.out.starts_with("ey"));
}
