// SPDX-License-Identifier: MPL-2.0
// OpenSSL without memory: every failure must be std::bad_alloc, which becomes a 503, and never a wrong answer.
#include "auth/google_keys.hpp"
#include "auth/keyed_hash.hpp"
#include "base/base64.hpp"

#include <support/google_tokens.hpp>

#include <ctms/auth/access_token.hpp>

#include <doctest/doctest.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <limits>
#include <new>
#include <string>

using namespace ctms;

namespace {

constexpr long unlimited = std::numeric_limits<long>::max();
std::atomic<long> allocations_left = unlimited; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): OpenSSL's functions use it

bool may_allocate() { return allocations_left == unlimited || allocations_left.fetch_sub(1) > 0; }

void* allocate(std::size_t size, const char* /*file*/, int /*line*/) { return may_allocate() ? std::malloc(size) : nullptr; }
void* reallocate(void* memory, std::size_t size, const char* /*file*/, int /*line*/) {
    return may_allocate() ? std::realloc(memory, size) : nullptr;
}
void release(void* memory, const char* /*file*/, int /*line*/) { std::free(memory); }

// OpenSSL accepts these functions only before its first allocation.
const bool is_installed = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;

/// Lets the first, the second, ... allocation and all later ones fail, until none fails any more. `act` returns whether its answer is
/// right.
void check_all_failures(const std::function<bool()>& act) {
    REQUIRE(is_installed);
    REQUIRE(act()); // OpenSSL now has everything that it keeps
    int lacking = 0;
    for (long count = 0;; ++count) {
        CAPTURE(count);
        REQUIRE(count < 10'000);
        std::string outcome = "wrong answer";
        allocations_left = count;
        try {
            if (act()) outcome = "right answer";
        } catch (const std::bad_alloc&) {
            outcome = "no memory";
        } catch (const std::exception& caught) {
            outcome = caught.what();
        }
        const bool is_enough = allocations_left > 0;
        allocations_left = unlimited;
        CAPTURE(outcome);
        CHECK((outcome == "right answer" || outcome == "no memory"));
        CHECK(ERR_peek_error() == 0); // a later call must not find this failure
        ERR_clear_error();
        if (outcome == "no memory") ++lacking;
        if (is_enough) break;
    }
    CHECK(lacking > 0);
}

constexpr std::chrono::sys_seconds expires{std::chrono::seconds{4'000'000'000}};

} // namespace

TEST_CASE("access tokens without memory") {
    const auth::token_signer signer("a key of the tests that is long enough", false);
    const auto token = signer.sign("api_client:x", expires);
    SUBCASE("sign") {
        check_all_failures([&] { return signer.sign("api_client:x", expires) == token; });
    }
    SUBCASE("verify") {
        check_all_failures([&] { return signer.verify(token, std::chrono::system_clock::now()).has_value(); });
    }
}

TEST_CASE("hashes and secrets without memory") {
    const auth::keyed_hash hash;
    const auto right = hash.of({"a", "b"});
    const auto plain = auth::plain_hash("a");
    SUBCASE("keyed") {
        check_all_failures([&] { return hash.of({"a", "b"}) == right; });
    }
    SUBCASE("plain") {
        check_all_failures([&] { return auth::plain_hash("a") == plain; });
    }
}

TEST_CASE("signatures of Google without memory") {
    const auto one = test::google_key::rsa("one");
    const auto token = one.token(R"({"sub":"x"})");
    const auto dot = token.rfind('.');
    const auto text = token.substr(0, dot);
    const auto signature = base64url_decode(token.substr(dot + 1));
    REQUIRE(signature);
    const auto keys = auth::read_keys(test::certificates_of({one}));
    REQUIRE(keys);
    auto& key = *keys->at("one");
    check_all_failures([&] { return auth::is_signed_by(key, text, *signature); });
    // A wrong signature is refused whatever is wrong with it.
    CHECK_FALSE(auth::is_signed_by(key, text + "x", *signature));
    for (const auto& wrong : {std::string(), std::string("x"), std::string(signature->size(), '\0'), std::string(signature->size(), '\xff'),
                              std::string(signature->size(), 'x'), *signature + "x", signature->substr(1)}) {
        CHECK_FALSE(auth::is_signed_by(key, text, wrong));
    }
    CHECK_FALSE(auth::is_signed_by(*auth::read_keys(test::certificates_of({test::google_key::rsa("one")}))->at("one"), text, *signature));
}
