// SPDX-License-Identifier: MPL-2.0
// Tests of requests for tokens: counted attempts, remembered secrets, turns between addresses, and
// the secret to which a token belongs.
#include "service/attempt_limit.hpp"
#include "service/remembered_secrets.hpp"
#include "service/token_binding.hpp"

#include <web/server/fair_queue.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
using service::attempt_limit;
using service::remembered_secrets;

namespace {

const std::chrono::steady_clock::time_point start{std::chrono::hours(1)};

remembered_secrets::digest digest_of(std::uint64_t number) {
    remembered_secrets::digest out{};
    std::memcpy(out.data(), &number, sizeof number);
    return out;
}

persistence::client_access access_of(const std::string& hashed_secret) {
    persistence::client_access out;
    out.client.client_id = "id_a";
    out.client.hashed_secret = hashed_secret;
    out.client.create_timestamp = timestamp(1'600'000'000s);
    return out;
}

auth::token_claims claims_of(const persistence::client_access& access) {
    auth::token_claims out;
    out.id = service::token_id_for(service::secret_version(access.client, access.client.hashed_secret));
    return out;
}

} // namespace

TEST_CASE("each client has its own attempts, and an address has twice as many for all its clients") {
    attempt_limit limit(2);
    CHECK(limit.take({1, 100}, start));
    CHECK(limit.take({1, 100}, start));
    CHECK_FALSE(limit.take({1, 100}, start));
    CHECK(limit.take({2, 100}, start));
    CHECK(limit.take({3, 100}, start));
    CHECK_FALSE(limit.take({4, 100}, start));
    CHECK(limit.take({5, 200}, start + 59s)); // another address
    CHECK_FALSE(limit.take({1, 100}, start + 59s));
    CHECK(limit.take({1, 100}, start + 60s));
}

TEST_CASE("an attempt that succeeds does not count") {
    attempt_limit limit(1);
    for (int i = 0; i < 5; ++i) {
        CHECK(limit.take({1, 100}, start));
        limit.give_back({1, 100});
    }
    limit.give_back({1, 100}); // no attempt is left to give back
    CHECK(limit.take({1, 100}, start));
    CHECK_FALSE(limit.take({1, 100}, start));
}

TEST_CASE("attempts that were given back take no space in the table") {
    attempt_limit limit(100);
    for (std::uint64_t i = 0; i < 30'000; ++i) { // one address that names a different client each time
        const attempt_limit::keys whose{1000 + i, 1};
        REQUIRE(limit.take(whose, start));
        limit.give_back(whose);
    }
    CHECK(limit.take({2, 3}, start));                                                   // another address
    for (std::uint64_t i = 0; i < 100'000; ++i) (void)limit.take({1000 + i, 1}, start); // and gives no attempt back
    CHECK(limit.take({4, 5}, start));
}

TEST_CASE("a limit of zero counts nothing") {
    attempt_limit limit(0);
    for (int i = 0; i < 1000; ++i) CHECK(limit.take({1, 100}, start));
}

TEST_CASE("attempts from unknown clients neither grow the table without bound nor reset a count") {
    attempt_limit limit(1);
    CHECK(limit.take({1, 2}, start));
    std::uint64_t key = 10;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < attempt_limit::most_keys; ++i, key += 2) taken += limit.take({key, key + 1}, start) ? 1 : 0;
    CHECK(taken == attempt_limit::most_keys / 2 - 1);
    attempt_limit one_address(1000);
    for (int i = 0; i < 2000; ++i) CHECK(one_address.take({1000 + std::uint64_t(i), 2}, start));
    for (int i = 0; i < 100'000; ++i) REQUIRE_FALSE(one_address.take({10'000 + std::uint64_t(i), 2}, start)); // and adds no entry
    CHECK(one_address.take({1'000'000, 3}, start));
    CHECK_FALSE(limit.take({1, 2}, start)); // the attempt still counts
    CHECK(limit.take({1, 2}, start + 60s));
}

TEST_CASE("a secret is remembered for ten minutes after its last use") {
    remembered_secrets table;
    CHECK_FALSE(table.find(digest_of(1), start));
    table.add(digest_of(1), digest_of(10), start);
    CHECK(table.find(digest_of(1), start + 9min) == digest_of(10));
    CHECK(table.find(digest_of(1), start + 18min) == digest_of(10));
    CHECK_FALSE(table.find(digest_of(1), start + 28min));
    table.add(digest_of(1), digest_of(10), start);
    table.forget(digest_of(1));
    CHECK_FALSE(table.find(digest_of(1), start));
}

TEST_CASE("a secret that only starts like a remembered one is not remembered") {
    remembered_secrets table;
    table.add(digest_of(1), digest_of(10), start);
    auto other = digest_of(1);
    other.back() = 1;
    CHECK_FALSE(table.find(other, start));
}

TEST_CASE("if there are too many secrets, the least recently used one is forgotten") {
    remembered_secrets table;
    for (std::uint64_t i = 0; i < remembered_secrets::most; ++i)
        table.add(digest_of(i), digest_of(i), start + std::chrono::milliseconds(i));
    const auto later = start + 1min;
    CHECK(table.find(digest_of(0), later));
    table.add(digest_of(1'000'000), digest_of(5), later);
    CHECK(table.find(digest_of(0), later));
    CHECK_FALSE(table.find(digest_of(1), later));
    CHECK(table.find(digest_of(2), later));
}

TEST_CASE("keyed hashes depend on the object and on how the strings are divided") {
    const auth::keyed_hash one;
    const auth::keyed_hash other;
    CHECK(one.of({"a", "bc"}) == one.of({"a", "bc"}));
    CHECK(one.of({"a", "bc"}) != one.of({"ab", "c"}));
    CHECK(one.of({"a"}) != other.of({"a"}));
    CHECK(auth::equal_digests(one.of({"a"}), one.of({"a"})));
    CHECK_FALSE(auth::equal_digests(one.of({"a"}), one.of({"b"})));
}

namespace {

web::queued push(web::fair_queue<int>& waiting, const std::string& owner, int job) {
    return waiting.push(owner, job, [] {});
}

} // namespace

TEST_CASE("a queue keeps no job if its worker could not be requested") {
    web::fair_queue<int> waiting(3, 2);
    const auto no_memory = [] { throw std::bad_alloc(); };
    CHECK(push(waiting, "a", 1) == web::queued::taken);
    for (int i = 0; i < 5; ++i) {
        CHECK_THROWS_AS((void)waiting.push("a", 2, no_memory), std::bad_alloc);
        CHECK_THROWS_AS((void)waiting.push("b", 3, no_memory), std::bad_alloc);
    }
    CHECK(push(waiting, "b", 4) == web::queued::taken);
    CHECK(waiting.pop() == 1);
    CHECK(waiting.pop() == 4);
    CHECK_FALSE(waiting.pop());
}

TEST_CASE("owners take turns in the queue") {
    web::fair_queue<int> waiting(3, 100);
    for (int i = 0; i < 3; ++i) CHECK(push(waiting, "flood", i) == web::queued::taken);
    CHECK(push(waiting, "flood", 3) == web::queued::owner_full);
    CHECK(push(waiting, "other", 10) == web::queued::taken);
    CHECK(push(waiting, "third", 20) == web::queued::taken);
    std::vector<int> order;
    while (const auto job = waiting.pop()) order.push_back(*job);
    CHECK(order == std::vector{0, 10, 20, 1, 2});
    CHECK(push(waiting, "flood", 4) == web::queued::taken);
    CHECK(waiting.pop() == 4);
    CHECK_FALSE(waiting.pop());
}

TEST_CASE("the number of waiting jobs is limited") {
    web::fair_queue<int> waiting(2, 3);
    CHECK(push(waiting, "a", 1) == web::queued::taken);
    CHECK(push(waiting, "b", 2) == web::queued::taken);
    CHECK(push(waiting, "c", 3) == web::queued::taken);
    CHECK(push(waiting, "d", 4) == web::queued::full);
    CHECK(waiting.pop() == 1);
    CHECK(push(waiting, "d", 4) == web::queued::taken);
}

TEST_CASE("a token ends with its secret, whatever the clocks show") {
    const auto before = access_of("first");
    const auto token = claims_of(before);
    CHECK_FALSE(service::is_revoked(token, service::token_rules(before), 1h));
    CHECK(token.id != claims_of(before).id); // RFC 7519, 4.1.7

    auto in_grace = access_of("second");
    in_grace.old_secrets.push_back({"first", timestamp(1'900'000'000s)});
    CHECK_FALSE(service::is_revoked(token, service::token_rules(in_grace), 1h));
    CHECK(service::is_revoked(token, service::token_rules(access_of("second")), 1h));
    CHECK_FALSE(service::is_revoked(claims_of(in_grace), service::token_rules(access_of("second")), 1h));

    auto made_anew = access_of("first");
    made_anew.client.create_timestamp = timestamp(1'600'000'001s);
    CHECK(service::is_revoked(token, service::token_rules(made_anew), 1h));
}

TEST_CASE("tokens that were made elsewhere end by their issue time") {
    auto access = access_of("second");
    auth::token_claims token;
    token.expires_at = 1'700'003'600;
    CHECK_FALSE(service::is_revoked(token, service::token_rules(access), 1h));
    CHECK_FALSE(service::is_revoked({}, service::token_rules(access), 1h)); // nothing has been revoked yet
    access.tokens_valid_from = timestamp(1'700'000'000s);
    const service::token_rules rules(access);
    const auto revoked = [&](std::optional<double> issued, std::optional<double> expires) {
        auth::token_claims one;
        one.issued_at = issued;
        one.expires_at = expires;
        return service::is_revoked(one, rules, 1h);
    };
    CHECK(revoked({}, {}));
    CHECK(revoked(1'700'000'000 - 6, {}));
    CHECK_FALSE(revoked(1'700'000'000 - 5, {})); // clocks may differ
    CHECK_FALSE(revoked(1'700'000'001, {}));
    CHECK(revoked({}, 1'700'003'600 - 6));
    CHECK_FALSE(revoked({}, 1'700'003'600 - 5));
    CHECK(revoked(1'600'000'000, 1'700'090'000)); // `iat` takes precedence over `exp`
}
