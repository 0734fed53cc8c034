// SPDX-License-Identifier: MPL-2.0
#include "base/base64.hpp"
#include "support/google_key_server.hpp"
#include "support/google_tokens.hpp"

#include <ctms/auth/google_id_token.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms::test;
using namespace ctms;
using namespace std::chrono_literals;
namespace bj = boost::json;

namespace {

constexpr auto unknown = "Unknown key";
constexpr auto failure = "Google authentication failure";

// The keys are made once because making one takes a while.
const google_key& first_key() {
    static const google_key key = google_key::rsa("first");
    return key;
}
const google_key& second_key() {
    static const google_key key = google_key::rsa("second");
    return key;
}

// The claims that Pub/Sub sends.
bj::object usual_claims(const moved_clock& clock) {
    return {{"aud", verifier_setting::audience}, {"azp", "1234"},          {"email", "push@example.com"},          {"email_verified", true},
            {"exp", clock.seconds() + 3600},     {"iat", clock.seconds()}, {"iss", "https://accounts.google.com"}, {"sub", "1234"}};
}

/// A verifier that knows the first key.
struct known_key_setting : verifier_setting {
    known_key_setting() { server.serve(certificates_of({first_key()})); }

    std::string problem_with(std::string_view name, const bj::value& value) {
        auto claims = usual_claims(clock);
        claims[name] = value;
        return problem(first_key().token(bj::serialize(claims)));
    }
    std::string problem_without(std::string_view name) {
        auto claims = usual_claims(clock);
        claims.erase(name);
        return problem(first_key().token(bj::serialize(claims)));
    }
    /// Puts these members, as text, before the usual claims.
    std::string problem_after(const std::string& members) {
        return problem(first_key().token("{" + members + "," + bj::serialize(usual_claims(clock)).substr(1)));
    }
    std::string problem_of_header(std::string_view header) {
        return problem(first_key().token(bj::serialize(usual_claims(clock)), header));
    }
    std::string good_token() { return first_key().token(bj::serialize(usual_claims(clock))); }
};

std::string hmac_token(std::string_view header, std::string_view claims, const std::string& secret) {
    const std::string text = base64url_encode(header) + "." + base64url_encode(claims);
    std::array<unsigned char, 32> mac{};
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         mac.data(), nullptr);
    return text + "." + base64url_encode({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

/// Returns the problem with a token of `key` when the server has this document.
std::string problem_with_document(const std::string& document, const google_key& key = first_key()) {
    verifier_setting setting;
    setting.server.serve(document);
    return setting.problem(key.token(bj::serialize(usual_claims(setting.clock))));
}

} // namespace

TEST_CASE("a Google token returns all its claims in their order") {
    known_key_setting setting;
    const auto now = setting.clock.seconds();
    const auto claims = setting.verifier.verify(setting.good_token());
    REQUIRE(claims.has_value());
    CHECK(claims->email == "push@example.com");
    CHECK(claims->email_verified);
    const std::vector<std::pair<std::string, std::string>> all{{"aud", "\"https://ctms.example.com\""},    {"azp", "\"1234\""},
                                                               {"email", "\"push@example.com\""},          {"email_verified", "true"},
                                                               {"exp", std::to_string(now + 3600)},        {"iat", std::to_string(now)},
                                                               {"iss", "\"https://accounts.google.com\""}, {"sub", "\"1234\""}};
    CHECK(claims->all == all);
}

TEST_CASE("the claims of a Google token are kept as compact JSON, each name once, fifty at most") {
    known_key_setting setting;
    const auto now = setting.clock.seconds();
    std::string text = fmt::format(R"({{"x": [1.50, {{"a" : null}}], "y": 1, "aud": "{}", "exp": {}, "iat": {}, "y": "\u00e9\n",)"
                                   R"( "iss": "accounts.google.com")",
                                   verifier_setting::audience, now + 60, now);
    for (int i = 0; i < 60; ++i) text += fmt::format(R"(, "c{}": {})", i, i);
    const auto claims = setting.verifier.verify(first_key().token(text + "}"));
    REQUIRE(claims.has_value());
    REQUIRE(claims->all.size() == 50);
    CHECK(claims->all[0] == std::pair<std::string, std::string>("x", R"([1.50,{"a":null}])"));
    CHECK(claims->all[1] == std::pair<std::string, std::string>("y", "\"é\\n\""));
    CHECK(claims->all[2].first == "aud");
    CHECK(claims->all[5].first == "iss");
    CHECK(claims->all[49].first == "c43");
    CHECK(claims->email.empty());
    CHECK_FALSE(claims->email_verified);
}

TEST_CASE("only the JSON true verifies an email address of a Google token") {
    known_key_setting setting;
    for (const bj::value& value : {bj::value(false), bj::value("true"), bj::value(1), bj::value(nullptr), bj::value(bj::array{true})}) {
        auto claims = usual_claims(setting.clock);
        claims["email_verified"] = value;
        const auto outcome = setting.verifier.verify(first_key().token(bj::serialize(claims)));
        CAPTURE(bj::serialize(value));
        REQUIRE(outcome.has_value());
        CHECK_FALSE(outcome->email_verified);
    }
}

TEST_CASE("a Google token must have an accepted issuer and audience") {
    known_key_setting setting;
    CHECK(setting.problem_with("iss", "accounts.google.com") == "");
    for (const bj::value& value :
         {bj::value("http://accounts.google.com"), bj::value("https://accounts.google.com/"), bj::value("accounts.google.com.example.com"),
          bj::value(nullptr), bj::value(bj::array{"accounts.google.com"})}) {
        CAPTURE(bj::serialize(value));
        CHECK(setting.problem_with("iss", value) == failure);
    }
    for (const bj::value& value :
         {bj::value("https://ctms.example.com/"), bj::value(""), bj::value(nullptr), bj::value(bj::array{verifier_setting::audience})}) {
        CAPTURE(bj::serialize(value));
        CHECK(setting.problem_with("aud", value) == failure);
    }
    CHECK(setting.problem_without("iss") == failure);
    CHECK(setting.problem_without("aud") == failure);
    CHECK(setting.problem_with("email", 7) == failure);
    CHECK(setting.problem_without("email") == "");
}

TEST_CASE("the times of a Google token are checked with a tolerance of ten seconds") {
    known_key_setting setting;
    const auto now = setting.clock.seconds();
    CHECK(setting.problem_with("exp", now - 9) == "");
    CHECK(setting.problem_with("exp", static_cast<double>(now) - 9.5) == "");
    CHECK(setting.problem_with("exp", now - 10) == failure);
    CHECK(setting.problem_with("iat", now + 10) == "");
    CHECK(setting.problem_with("iat", now + 11) == failure);
    CHECK(setting.problem_with("nbf", now + 10) == "");
    CHECK(setting.problem_with("nbf", now + 11) == failure);
    for (const auto* name : {"exp", "iat"}) {
        CAPTURE(name);
        CHECK(setting.problem_without(name) == failure);
        CHECK(setting.problem_with(name, nullptr) == failure);
        CHECK(setting.problem_with(name, bj::string(std::to_string(now))) == failure);
        CHECK(setting.problem_with(name, true) == failure);
    }
    const std::string others = fmt::format(R"({{"aud":"{}","iss":"accounts.google.com",)", verifier_setting::audience);
    CHECK(setting.problem(first_key().token(others + fmt::format(R"("exp":{},"iat":0}})", now + 60))) == "");
    for (const auto* dates : {R"("exp":Infinity,"iat":0})", R"("exp":1e999,"iat":0})", R"("exp":NaN,"iat":0})"}) {
        CAPTURE(dates);
        CHECK(setting.problem(first_key().token(others + dates)) == failure);
    }
    CHECK(setting.problem(first_key().token(others + fmt::format(R"("exp":{},"iat":-Infinity}})", now + 60))) == failure);
}

TEST_CASE("a Google token that repeats a checked claim is refused") {
    known_key_setting setting;
    CHECK(setting.problem_after(R"("sub":"1234")") == "");
    for (const auto* claim : {R"("exp":9999999999)", R"("iat":1)", R"("iss":"accounts.google.com")", R"("aud":"https://ctms.example.com")",
                              R"("email":"push@example.com")", R"("email_verified":true)", R"("nbf":1,"nbf":1)"}) {
        CAPTURE(claim);
        CHECK(setting.problem_after(claim) == failure);
    }
}

TEST_CASE("a token that is not a Google token or names no key has an unknown key and causes no fetch") {
    known_key_setting setting;
    for (const std::string_view text : {"", ".", "..", "a.b", "a.b.c.d", "e30.e30.", "bm90IGpzb24.e30.AA", "\xFF\x80.e30.AA"}) {
        CAPTURE(text);
        CHECK(setting.problem(text) == unknown);
    }
    for (const std::string_view header :
         {R"({"alg":"RS256"})", R"({"alg":"RS256","kid":7})", R"({"alg":"RS256","kid":null})", R"({"alg":"RS256","kid":["first"]})",
          R"({"alg":"RS256","kid":"first","kid":"first"})", R"(["first"])", R"("first")", "{\"kid\":\"\xFF\"}"}) {
        CAPTURE(header);
        CHECK(setting.problem_of_header(header) == unknown);
    }
    CHECK(setting.server.fetches() == 0);
    CHECK(setting.problem(second_key().token("{}")) == unknown);
    CHECK(setting.problem_of_header(R"({"alg":"RS256","kid":"First"})") == unknown);
}

TEST_CASE("only RS256 is accepted for a Google token") {
    known_key_setting setting;
    CHECK(setting.problem_of_header(R"({"kid":"first","alg":"RS256"})") == "");
    for (const std::string_view header :
         {R"({"kid":"first"})", R"({"kid":"first","alg":"none"})", R"({"kid":"first","alg":"rs256"})", R"({"kid":"first","alg":"HS256"})",
          R"({"kid":"first","alg":"RS512"})", R"({"kid":"first","alg":["RS256"]})", R"({"kid":"first","alg":"RS256","alg":"RS256"})",
          R"({"kid":"first","alg":"RS256","crit":["exp"]})", R"({"kid":"first","alg":"RS256","crit":null})"}) {
        CAPTURE(header);
        CHECK(setting.problem_of_header(header) == failure);
    }
}

TEST_CASE("a Google token that is signed with the public key as a secret is refused") {
    known_key_setting setting;
    const auto claims = bj::serialize(usual_claims(setting.clock));
    for (const std::string_view algorithm : {"HS256", "RS256"}) {
        const auto header = fmt::format(R"({{"alg":"{}","kid":"first"}})", algorithm);
        for (const auto& secret : {first_key().certificate(), first_key().modulus()}) {
            CHECK(setting.problem(hmac_token(header, claims, secret)) == failure);
        }
    }
}

TEST_CASE("a Google token with another signature or other claims is refused") {
    known_key_setting setting;
    const auto good = setting.good_token();
    const auto last = good.rfind('.');
    const auto claims = bj::serialize(usual_claims(setting.clock));
    CHECK(setting.problem(good) == "");
    CHECK(setting.problem(second_key().token(claims, R"({"alg":"RS256","kid":"first"})")) == failure);
    CHECK(setting.problem(good.substr(0, last + 1)) == failure);
    CHECK(setting.problem(good.substr(0, last + 1) + base64url_encode(std::string(256, '\1'))) == failure);
    CHECK(setting.problem(good + "AAAA") == failure);
    CHECK(setting.problem(good + "=") == failure);
    auto changed = good;
    changed[last + 9] = changed[last + 9] == 'A' ? 'B' : 'A';
    CHECK(setting.problem(changed) == failure);
    const auto first = good.find('.');
    auto others = usual_claims(setting.clock);
    others["email"] = "other@example.com";
    CHECK(setting.problem(good.substr(0, first + 1) + base64url_encode(bj::serialize(others)) + good.substr(last)) == failure);
    CHECK(setting.problem(first_key().token("[]")) == failure);
    CHECK(setting.problem(first_key().token("no json")) == failure);
    CHECK(ERR_peek_error() == 0);
}

TEST_CASE("Google's keys are read in both formats") {
    for (const auto& document : {certificates_of({first_key(), second_key()}), key_set_of({first_key(), second_key()}),
                                 "{\"keys\":[" + first_key().web_key() + "," + second_key().web_key("Aw") + "]}"}) {
        CAPTURE(document);
        CHECK(problem_with_document(document) == "");
    }
    CHECK(problem_with_document(certificates_of({first_key(), second_key()}), second_key()) == "");
    CHECK(problem_with_document(key_set_of({first_key(), second_key()}), second_key()) == "");
}

TEST_CASE("keys of Google that cannot be used are skipped") {
    const auto weak = google_key::rsa("weak", 1024);
    const auto other = google_key::elliptic("other");
    verifier_setting setting;
    setting.server.serve(certificates_of({weak, other, first_key()}));
    const auto claims = bj::serialize(usual_claims(setting.clock));
    CHECK(setting.problem(first_key().token(claims)) == "");
    CHECK(setting.problem(weak.token(claims)) == unknown);
    CHECK(setting.problem(other.token(claims)) == unknown);
    const auto odd = R"({"keys":[7,null,{},[],{"kid":"first"},{"kid":"x","kty":"RSA","n":"","e":""},)";
    CHECK(problem_with_document(odd + weak.web_key() + "," + first_key().web_key() + "]}") == "");
    CHECK(problem_with_document(R"({"a":7,"b":"no PEM","c":null,)" + certificates_of({first_key()}).substr(1)) == "");
}

TEST_CASE("Google's keys must have 2048 to 8192 bits") {
    for (const auto form : {certificates_of, key_set_of}) {
        for (const int bits : {2047, 8193, 16384}) {
            CAPTURE(bits);
            CHECK(problem_with_document(form({google_key::hollow("first", bits)})) == "unavailable");
        }
        // This key is kept, although it did not sign the token.
        for (const int bits : {2048, 8192}) {
            CAPTURE(bits);
            CHECK(problem_with_document(form({google_key::hollow("first", bits)})) == failure);
        }
    }
}

TEST_CASE("a document without a usable key is a failure") {
    const auto large = base64url_encode(std::string(1025, '\xFF'));
    const std::vector<std::string> documents{
        "",
        "{}",
        "[]",
        "no json",
        "null",
        R"({"keys":[]})",
        R"({"keys":{}})",
        "{\"first\":\"\xFF\"}",
        certificates_of({google_key::elliptic("first")}),
        "[" + certificates_of({first_key()}) + "]",
        "{\"keys\":[" + first_key().web_key("AQ") + "]}",
        "{\"keys\":[" + first_key().web_key("Ag") + "]}",
        "{\"keys\":[" + first_key().web_key("AQAAAAAAAAAB") + "]}",
        "{\"keys\":[" + first_key().web_key("AQAB=") + "]}",
        "{\"keys\":[" + first_key().web_key("AQAB", R"(,"use":"enc")") + "]}",
        "{\"keys\":[" + first_key().web_key("AQAB", R"(,"alg":"PS256")") + "]}",
        "{\"keys\":[" + first_key().web_key("AQAB", R"(,"kty":"EC")") + "]}",
        R"({"keys":[{"kty":"RSA","kid":"first","e":"AQAB","n":")" + large + "\"}]}",
        R"({"first":"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n-----END CERTIFICATE-----\n"})"};
    for (const auto& document : documents) {
        CAPTURE(document);
        CHECK(problem_with_document(document) == "unavailable");
    }
    CHECK(ERR_peek_error() == 0);
}

TEST_CASE("the first hundred usable keys of a document are kept") {
    std::string list = "{\"keys\":[" + google_key::rsa("weak", 1024).web_key();
    for (int i = 0; i < 99; ++i) list += fmt::format(R"(,{{"kty":"RSA","kid":"{}","e":"AQAB","n":"{}"}})", i, second_key().modulus());
    CHECK(problem_with_document(list + "," + first_key().web_key() + "]}") == "");
    list += R"(,{"kty":"RSA","kid":"hundredth","e":"AQAB","n":")" + second_key().modulus() + "\"}";
    CHECK(problem_with_document(list + "," + first_key().web_key() + "]}") == unknown);
}
