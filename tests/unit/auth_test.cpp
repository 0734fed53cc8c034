// SPDX-License-Identifier: MPL-2.0
#include "base/base64.hpp"

#include <auth/secrets.hpp>
#include <ctms/auth/access_token.hpp>

#include <doctest/doctest.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace ctms::auth;
using namespace ctms;
using namespace std::chrono_literals;

namespace {

const std::string key = "a key of the tests";
constexpr std::chrono::sys_seconds end_of_token{1'700'000'000s};
constexpr auto usual_header = R"({"alg":"HS256","typ":"JWT"})";

// PyJWT 2.6 and python-jose 3.3 both make this token with the key above and exp 1700000000.
constexpr auto python_token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhcGlfY2xpZW50OmlkX3Rlc3QiLCJleHAiOjE3MDAwMDAwMDB9."
                              "rlLE_2rrs1S5pZVB-me2os-bZeKQiMrA0XdqjyJkEks";

// Returns a correctly signed token with any header and claims.
std::string token_of(std::string_view header, std::string_view claims, const std::string& secret = key) {
    const std::string text = base64url_encode(header) + "." + base64url_encode(claims);
    std::array<unsigned char, 32> mac{};
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         mac.data(), nullptr);
    return text + "." + base64url_encode({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

bool is_valid(std::string_view token, std::chrono::system_clock::time_point now = end_of_token - 1h) {
    return token_signer(key, true).verify(token, now).has_value();
}

bool are_valid_claims(std::string_view claims) { return is_valid(token_of(usual_header, claims)); }
bool is_valid_header(std::string_view header) { return is_valid(token_of(header, R"({"sub":"a:b","exp":1700000000})")); }

} // namespace

TEST_CASE("base64url is written without padding and can be read back") {
    CHECK(base64url_encode("") == "");
    CHECK(base64url_encode("f") == "Zg");
    CHECK(base64url_encode("fo") == "Zm8");
    CHECK(base64url_encode("foo") == "Zm9v");
    CHECK(base64url_encode("\xFB\xFF\xFE") == "-__-");
    for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xFB\xFF\xFE\x01"})
        CHECK(base64url_decode(base64url_encode(bytes)) == bytes);
}

TEST_CASE("base64 is written with padding and can be read back") {
    CHECK(base64_encode("f") == "Zg==");
    CHECK(base64_encode("fo") == "Zm8=");
    CHECK(base64_encode("\xFB\xFF\xFE") == "+//+");
    for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xFB\xFF\xFE\x01"}) CHECK(base64_decode(base64_encode(bytes)) == bytes);
}

TEST_CASE("base64url refuses padding, foreign characters and leftover bits") {
    for (const std::string_view text : {"Zg==", "Zm8=", "Z", "Zm9vZ", "Zm 9v", "Zm9v\n", "+//+", "Zh", "Zm9", "Zü"}) {
        CAPTURE(text);
        CHECK_FALSE(base64url_decode(text).has_value());
    }
}

TEST_CASE("base64 refuses wrong padding, foreign characters and leftover bits") {
    for (const std::string_view text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm8", "-__-", "Zh==", " Zg==", "Zg==\n", "Z=g="}) {
        CAPTURE(text);
        CHECK_FALSE(base64_decode(text).has_value());
    }
}

TEST_CASE("basic credentials are split at the first colon") {
    const auto parsed = parse_basic(base64_encode("id_test:secret:with:colons"));
    REQUIRE(parsed);
    CHECK(parsed->client_id == "id_test");
    CHECK(parsed->client_secret == "secret:with:colons");
}

TEST_CASE("basic credentials may be empty") {
    const auto parsed = parse_basic("Og==");
    REQUIRE(parsed);
    CHECK(parsed->client_id.empty());
    CHECK(parsed->client_secret.empty());
}

TEST_CASE("malformed basic credentials are refused") {
    CHECK_FALSE(parse_basic(""));
    CHECK_FALSE(parse_basic("id:secret"));
    CHECK_FALSE(parse_basic("aWQ6c2VjcmV0cw"));
    CHECK_FALSE(parse_basic(" Og=="));
    CHECK_FALSE(parse_basic(base64_encode("no colon")));
    CHECK_FALSE(parse_basic(base64_encode("id:sécret")));
}

TEST_CASE("a token equals the one that the Python libraries make") {
    CHECK(token_signer(key, false).sign("api_client:id_test", end_of_token) == python_token);
}

TEST_CASE("a token returns its claims") {
    const token_signer signer(key, false);
    const auto claims = signer.verify(signer.sign("api_client:id_a:b", end_of_token), end_of_token - 1s);
    REQUIRE(claims);
    CHECK(claims->name_space == "api_client");
    CHECK(claims->subject == "id_a:b");
}

TEST_CASE("a token contains its issue time, its expiry time and its id") {
    const token_signer signer(key, false);
    const auto claims = signer.verify(signer.sign("api_client:id_a", end_of_token, end_of_token - 60s, "an id"), end_of_token - 1s);
    REQUIRE(claims);
    CHECK(claims->id == "an id");
    CHECK(claims->issued_at == 1'700'000'000 - 60);
    CHECK(claims->expires_at == 1'700'000'000);
    const auto plain = signer.verify(signer.sign("api_client:id_a", end_of_token), end_of_token - 1s);
    REQUIRE(plain);
    CHECK(plain->id.empty());
    CHECK_FALSE(plain->issued_at);
    CHECK_FALSE(is_valid(token_of(usual_header, R"({"sub":"a:b","iat":1,"iat":1900000000})"), end_of_token));
}

TEST_CASE("the previous key verifies tokens but signs none") {
    const token_signer before("the key before", false);
    const token_signer now(key, false, "the key before");
    CHECK(now.verify(before.sign("api_client:id_a", end_of_token), end_of_token - 1s));
    CHECK(now.verify(now.sign("api_client:id_a", end_of_token), end_of_token - 1s));
    CHECK_FALSE(before.verify(now.sign("api_client:id_a", end_of_token), end_of_token - 1s));
    CHECK_FALSE(now.verify(token_signer("", false).sign("api_client:id_a", end_of_token), end_of_token - 1s));
    CHECK_FALSE(token_signer(key, false).verify(before.sign("api_client:id_a", end_of_token), end_of_token - 1s));
    CHECK_FALSE(token_signer(key, false).verify(token_signer("", false).sign("api_client:id_a", end_of_token), end_of_token - 1s));
}

TEST_CASE("a token of another library with another member order and whitespace is accepted") {
    const auto token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
                       "eyJleHAiOiAxNzAwMDAwMDAwLjUsICJzdWIiOiAiYXBpX2NsaWVudDppZF9hOmIiLCAibmFtZSI6ICJcdTAwZTQifQ."
                       "LvBD8-s5OCmgqSZQLIq3SxuOF57kxr66qTZipLPfnEg";
    const auto claims = token_signer(key, false).verify(token, end_of_token);
    REQUIRE(claims);
    CHECK(claims->subject == "id_a:b");
}

TEST_CASE("a token is not valid after its expiry time") {
    CHECK(is_valid(python_token, end_of_token - 1ms));
    CHECK_FALSE(is_valid(python_token, end_of_token));
    const std::string fractional = token_of(usual_header, R"({"sub":"a:b","exp":1700000000.5})");
    CHECK(is_valid(fractional, end_of_token + 400ms));
    CHECK_FALSE(is_valid(fractional, end_of_token + 500ms));
}

TEST_CASE("a token is not valid before its nbf time") {
    const std::string token = token_of(usual_header, R"({"sub":"a:b","nbf":1700000000})");
    CHECK_FALSE(is_valid(token, end_of_token - 1s));
    CHECK(is_valid(token, end_of_token));
}

TEST_CASE("claims that were read know when they are valid") {
    const token_signer signer(key, true);
    const auto both = signer.verify(token_of(usual_header, R"({"sub":"a:b","nbf":1700000000,"exp":1700000060})"), end_of_token);
    REQUIRE(both);
    CHECK_FALSE(both->is_valid_at(end_of_token - 1ms));
    CHECK(both->is_valid_at(end_of_token));
    CHECK(both->is_valid_at(end_of_token + 60s - 1ms));
    CHECK_FALSE(both->is_valid_at(end_of_token + 60s));
    const auto neither = signer.verify(token_of(usual_header, R"({"sub":"a:b"})"), end_of_token);
    REQUIRE(neither);
    CHECK(neither->is_valid_at({}));
}

TEST_CASE("a token without an expiry time is valid where that is allowed") {
    const std::string token = token_of(usual_header, R"({"sub":"a:b"})");
    CHECK(token_signer(key, true).verify(token, end_of_token).has_value());
    CHECK_FALSE(token_signer(key, false).verify(token, end_of_token).has_value());
}

TEST_CASE("times that are not finite numbers are refused") {
    CHECK(are_valid_claims(R"({"sub":"a:b","exp":17e8,"iat":"not checked"})"));
    for (const std::string value : {R"("1700000000")", "true", "null", "[]", "{}", "NaN", "Infinity", "1e400"}) {
        CAPTURE(value);
        CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","exp":)" + value + "}"));
        CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","nbf":)" + value + "}"));
    }
}

TEST_CASE("a token with an audience is refused") {
    CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","aud":"someone"})"));
    CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","aud":["someone"]})"));
}

TEST_CASE("a subject must be a string with a colon") {
    for (const std::string_view claims :
         {R"({"exp":1700000000})", R"({"sub":"no colon"})", R"({"sub":5})", R"({"sub":null})", R"({"sub":["a:b"]})", R"(["sub","a:b"])",
          "null", "", "{", R"({"sub":"a:b"} x)", "{\"sub\":\"a:\xFF\"}"}) {
        CAPTURE(claims);
        CHECK_FALSE(are_valid_claims(claims));
    }
}

TEST_CASE("repeated claims and algorithms are refused") {
    CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","sub":"a:c"})"));
    CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","exp":1,"exp":1700000000})"));
    CHECK_FALSE(are_valid_claims(R"({"sub":"a:b","s\u0075b":"a:c"})"));
    CHECK_FALSE(is_valid_header(R"({"alg":"none","alg":"HS256"})"));
}

TEST_CASE("only HS256 without critical extensions is accepted") {
    CHECK(is_valid_header(R"({"alg":"HS256"})"));
    CHECK(is_valid_header(R"({ "kid" : "1", "alg" : "HS256" })"));
    for (const std::string_view header :
         {R"({"alg":"none"})", R"({"alg":"hs256"})", R"({"alg":"HS512"})", R"({"alg":["HS256"]})", "{}", "[]", "", R"({"typ":"JWT"})",
          R"({"alg":"HS256","crit":["b64"],"b64":false})", R"({"alg":"HS256","crit":[]})"}) {
        CAPTURE(header);
        CHECK_FALSE(is_valid_header(header));
    }
}

TEST_CASE("a token with another signature is refused") {
    CHECK_FALSE(is_valid(token_of(usual_header, R"({"sub":"a:b"})", "another key")));
    const std::string token = python_token;
    for (std::size_t at = 0; at < token.size(); ++at) {
        std::string changed = token;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        CAPTURE(at);
        CHECK_FALSE(is_valid(changed));
    }
}

TEST_CASE("a token that is truncated or written differently is refused") {
    const std::string token = python_token;
    for (std::size_t size = 0; size < token.size(); ++size) CHECK_FALSE(is_valid(token.substr(0, size)));
    for (const std::string_view tail : {"=", "A", ".", ".A", " ", "\n"}) CHECK_FALSE(is_valid(token + std::string(tail)));
    CHECK_FALSE(is_valid(" " + token));
    CHECK_FALSE(is_valid("Bearer " + token));
    CHECK_FALSE(is_valid(std::string(1'000'000, '.')));
}

TEST_CASE("an empty key signs and verifies") {
    const token_signer signer("", false);
    CHECK(signer.verify(signer.sign("a:b", end_of_token), end_of_token - 1s).has_value());
    CHECK(signer.sign("a:b", end_of_token) == token_of(usual_header, R"({"sub":"a:b","exp":1700000000})", ""));
}

TEST_CASE("many threads sign and verify with the same signer") {
    const token_signer signer(key, false);
    std::atomic<int> good = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&signer, &good, i] {
            const std::string subject = "api_client:id_" + std::to_string(i);
            for (int round = 0; round < 200; ++round) {
                const auto claims = signer.verify(signer.sign(subject, end_of_token), end_of_token - 1s);
                if (claims && "api_client:" + claims->subject == subject && signer.verify(python_token, end_of_token - 1s)) ++good;
            }
        });
    }
    threads.clear();
    CHECK(good == 8 * 200);
}

TEST_CASE("secrets and signing keys are new each time and have the documented format") {
    const std::string secret = make_secret();
    CHECK(secret.starts_with("secret_"));
    CHECK(base64url_decode(secret.substr(7)).value().size() == 32);
    CHECK(make_secret() != secret);
    const std::string signing_key = make_signing_key();
    CHECK(signing_key.size() == 64);
    CHECK(signing_key.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(make_signing_key() != signing_key);
}

TEST_CASE("secrets are equal if every byte is equal") {
    CHECK(equal_secrets("", ""));
    CHECK(equal_secrets("a secret", std::string("a secret")));
    CHECK(equal_secrets(std::string_view("a\0b", 3), std::string_view("a\0b", 3)));
    for (const auto* other : {"", "a", "a secre", "a secrets", "A secret", "b secret", "a secreT", "a sEcret"}) {
        CAPTURE(other);
        CHECK_FALSE(equal_secrets("a secret", other));
        CHECK_FALSE(equal_secrets(other, "a secret"));
    }
    CHECK_FALSE(equal_secrets(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

TEST_CASE("a secret matches its own hash and no other secret does") {
    const std::string phc = hash_secret("secret_ü");
    CHECK(phc.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"));
    CHECK(phc.size() == 31 + 22 + 1 + 43);
    CHECK(verify_secret("secret_ü", phc));
    CHECK_FALSE(verify_secret("secret_u", phc));
    CHECK(hash_secret("secret_ü") != phc);
}

TEST_CASE("hashes made by passlib are verified") {
    const std::string usual = "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$NEe7Zb9c4rlxuTXNRs16NeYfqUZFfExW+ZweoJ3mMuc";
    CHECK(verify_secret("secret_of a client", usual));
    CHECK_FALSE(verify_secret("secret_of a clienT", usual));
    const std::string small = "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$F9V5EP0ElohILMDi5HPjOu1bUu29TYqPQ7x0QY9C2w4";
    CHECK(verify_secret("secret_small", small));
    CHECK_FALSE(verify_secret("", small));
}

TEST_CASE("a string that is not an Argon2id hash verifies nothing") {
    const std::string salt_and_hash = "$AAECAwQFBgcICQoLDA0ODw$F9V5EP0ElohILMDi5HPjOu1bUu29TYqPQ7x0QY9C2w4";
    const std::string good = "$argon2id$v=19$m=8,t=1,p=1" + salt_and_hash;
    REQUIRE(verify_secret("secret_small", good));
    const std::string passlib_argon2i = "$argon2i$v=19$m=8,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$4jp5VJujWtny6gb2yITgqAy5FB7R8ek/ZyKAhfY+V5I";
    for (const std::string& phc : {std::string(), std::string("secret_small"), std::string("$argon2id$"), passlib_argon2i, good + "=",
                                   good + "x", good + std::string("\0x", 2), " " + good, "$argon2id$v=19$m=8,t=1" + salt_and_hash}) {
        CAPTURE(phc);
        CHECK_FALSE(verify_secret("secret_small", phc));
    }
}

TEST_CASE("a hash with unreasonable costs is refused immediately") {
    const auto start = std::chrono::steady_clock::now();
    for (const std::string costs : {"m=1048577,t=1,p=1", "m=8,t=65,p=1", "m=8192,t=1,p=65", "m=4294967295,t=4294967295,p=1",
                                    "m=99999999999999999999,t=1,p=1", "m=-8,t=1,p=1"}) {
        CAPTURE(costs);
        CHECK_FALSE(verify_secret("x", "$argon2id$v=19$" + costs + "$AAECAwQFBgcICQoLDA0ODw$F9V5EP0ElohILMDi5HPjOu1bUu29TYqPQ7x0QY9C2w4"));
    }
    CHECK(std::chrono::steady_clock::now() - start < 10s); // the fourth would take very long
}

TEST_CASE("verifying without a client costs about as much as a real check") {
    const auto cost_of = [](const auto& work) {
        auto best = std::chrono::steady_clock::duration::max();
        for (int i = 0; i < 10; ++i) {
            const auto start = std::chrono::steady_clock::now();
            work();
            best = std::min(best, std::chrono::steady_clock::now() - start);
        }
        return best;
    };
    const std::string phc = hash_secret("secret_a");
    const auto real = cost_of([&] { CHECK_FALSE(verify_secret("secret_b", phc)); });
    const auto nobody = cost_of([] { verify_nothing("secret_b"); });
    // The bounds are wide, for a busy machine: the test detects a check that was left out and does not measure.
    CHECK(nobody > real / 5);
    CHECK(nobody < real * 5);
}

// The sanitizers reserve terabytes of addresses.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a secret is hashed only if that leaves some memory for the rest of the process") {
    constexpr std::size_t mib = 1024 * 1024;
    const std::string phc = hash_secret("secret_a");
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
    const auto verifies_with = [&](std::size_t spare) {
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        rlimit tight = before;
        tight.rlim_cur = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + spare;
        bool verified = false;
        bool failed = setrlimit(RLIMIT_AS, &tight) != 0;
        try {
            verified = verify_secret("secret_a", phc);
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        failed = setrlimit(RLIMIT_AS, &before) != 0 || failed;
        return verified && !failed;
    };
    CHECK_FALSE(verifies_with(32 * mib));
    CHECK_FALSE(verifies_with(68 * mib)); // the hash alone takes 64
    CHECK(verifies_with(96 * mib));
    CHECK(verify_secret("secret_a", phc));
}
#endif
