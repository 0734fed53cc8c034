// SPDX-License-Identifier: MPL-2.0
// How requests run through their handlers, alone and in groups. The handlers use no database.
#include <support/captured_log.hpp>
#include <support/no_database.hpp>

#include <ctms/auth/access_token.hpp>
#include <ctms/auth/google_id_token.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <ctms/service/changes.hpp>
#include <ctms/service/client_uses.hpp>
#include <ctms/service/contact_bulk.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/health.hpp>
#include <ctms/service/keyed_writes.hpp>
#include <ctms/service/person_export.hpp>
#include <ctms/service/pubsub.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <ctms/service/tokens.hpp>
#include <support/config/settings.hpp>
#include <support/prometheus_metrics.hpp>
#include <web/server/answers.hpp>
#include <web/server/client_limiter.hpp>
#include <web/server/exchange.hpp>
#include <web/streams/change_hub.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <vector>

using namespace ctms;
using namespace ctms::web;

namespace {

std::vector<std::size_t> sizes; // how many calls each call of answer_several had

response answer_by_name(call& now) {
    now.facts.trace += "traced";
    const auto name = now.path_parameter("name");
    if (name == "bad") throw std::runtime_error("bad");
    if (name == "large") throw std::bad_alloc();
    return json_response(200, std::string(name));
}

response answer_one(call& now, const services&) { return answer_by_name(now); }

void answer_several(std::span<call> calls, const services&, const send_early&) {
    sizes.push_back(calls.size());
    for (auto& now : calls) now.answer = answer_by_name(now);
}

/// Sends each answer before it makes the next.
void answer_each(std::span<call> calls, const services&, const send_early& send) {
    sizes.push_back(calls.size());
    for (auto& now : calls) {
        now.answer = answer_by_name(now);
        auto* const answered = &now;
        send({&answered, 1});
    }
}

response answer_in_steps(call& now, const services&) {
    now.facts.client_id = "id_one";
    response out;
    out.next = std::make_shared<const next_step>(next_step{lane::write, {}, answer_by_name});
    return out;
}

constexpr std::array routes{
    route{"GET", "/one/{name}", answer_one, lane::read, body_kind::none, std::nullopt},
    route{"PUT", "/several/{name}", answer_several, lane::write, body_kind::json, std::nullopt},
    route{"PUT", "/each/{name}", answer_each, lane::write, body_kind::json, std::nullopt},
    route{"GET", "/steps/{name}", answer_in_steps, lane::read, body_kind::none, std::nullopt},
};

/// Everything that an exchanger needs. The database does not exist.
class exchanges {
public:
    exchanges() { sizes.clear(); }

    [[nodiscard]] exchange begun(const std::string& method, const std::string& path, const std::string& body = "{}") const {
        exchange one;
        one.http.method = method;
        one.http.target = one.http.path = path;
        one.http.body = body;
        REQUIRE(exchanger_.begin(one));
        return one;
    }
    void execute(std::vector<exchange>& all) const {
        std::vector<exchange*> pointers;
        for (auto& one : all) pointers.push_back(&one);
        exchanger_.execute(pointers);
    }
    [[nodiscard]] const exchanger& get() const { return exchanger_; }

private:
    std::string lines_;
    mozlog::logger log_{{}, std::make_unique<test::memory_sink>(lines_)};
    config::settings settings_;
    support::prometheus_metrics metrics_;
    std::atomic<bool> draining_ = false;
    persistence::database database_{test::no_database()};
    auth::token_signer signer_{"a key of more than thirty-two bytes, for tests", true};
    auth::google_token_verifier verifier_{[]() -> result<auth::key_document> { return unavailable("no keys"); }, "here"};
    service::tokens tokens_{database_, signer_, {}};
    service::contacts contacts_{database_};
    service::contact_bulk bulk_{database_};
    service::keyed_writes keyed_writes_{database_};
    service::erasures erasures_{database_};
    service::changes changes_{database_};
    service::contact_history history_{database_};
    service::person_exports exports_{database_};
    service::health health_{database_};
    service::acoustic_configuration acoustic_configuration_{database_};
    service::stripe_ingest stripe_ingest_{database_};
    service::stripe_parking stripe_parking_{database_};
    service::pubsub pubsub_{stripe_ingest_, stripe_parking_, verifier_, {}};
    web::streams::change_hub streams_{changes_, tokens_, metrics_, log_, {}};
    client_limiter limiter_;
    service::client_uses uses_{database_};
    exchanger exchanger_{{contacts_, bulk_, keyed_writes_, changes_, history_, exports_, tokens_, health_, acoustic_configuration_,
                          stripe_ingest_, pubsub_, erasures_, database_, settings_, metrics_, draining_, streams_, limiter_, uses_},
                         log_,
                         routes};
};

std::vector<exchange> several(const exchanges& all, std::initializer_list<const char*> names) {
    std::vector<exchange> out;
    for (const auto* name : names) out.push_back(all.begun("PUT", std::string("/several/") + name));
    return out;
}

} // namespace

TEST_CASE("a handler of several calls gets all calls of a group, a handler of one call gets one") {
    CHECK_FALSE(routes[0].run.takes_several());
    CHECK(routes[1].run.takes_several());
    const exchanges all;
    auto group = several(all, {"a", "b", "c"});
    all.execute(group);
    CHECK(sizes == std::vector<std::size_t>{3});
    CHECK(group[0].answer.body == "a");
    CHECK(group[2].answer.body == "c");
    CHECK(group[2].facts.trace == "traced");
    auto single = several(all, {"d"});
    all.execute(single);
    CHECK(sizes == std::vector<std::size_t>{3, 1});
    CHECK(single[0].answer.body == "d");
    std::vector<exchange> one;
    one.push_back(all.begun("GET", "/one/e"));
    all.execute(one);
    CHECK(one[0].answer.body == "e");
    CHECK(one[0].facts.trace == "traced");
}

TEST_CASE("the failure of one call of a group fails no other call") {
    const exchanges all;
    auto group = several(all, {"a", "bad", "large", "b"});
    all.execute(group);
    CHECK(sizes == std::vector<std::size_t>{4, 1, 1, 1, 1});
    CHECK(group[0].answer.status == 200);
    CHECK(group[1].answer.status == 500);
    CHECK(group[2].answer.status == 503);
    CHECK(group[3].answer.status == 200);
    CHECK(group[0].facts.error.empty());
    CHECK(group[1].facts.error == "std::runtime_error: bad");
    CHECK(group[2].facts.error == "out of memory");
    for (const auto& one : group) CHECK(one.facts.trace == "traced"); // nothing is left of the first attempt
}

TEST_CASE("answers that are sent early are sent once, and the failure of a later one does not repeat them") {
    const exchanges all;
    std::vector<exchange> group;
    for (const auto* name : {"refused", "a", "b", "bad", "c"}) group.push_back(all.begun("PUT", std::string("/each/") + name));
    group[0].http.headers = {{"if-match", R"("x")"}};
    std::vector<exchange*> pointers;
    for (auto& one : group) pointers.push_back(&one);
    std::vector<std::string> early;
    all.get().execute(pointers, [&](std::span<exchange* const> some) {
        for (auto* one : some) {
            early.push_back(one->answer.status == 200 ? one->answer.body : std::to_string(one->answer.status));
            one->answer = {}; // must not be touched any more
            one->matched = nullptr;
        }
    });
    CHECK(early == std::vector<std::string>{"412", "a", "b"});
    CHECK(group[1].answer.body.empty());
    CHECK(group[3].answer.status == 500);
    CHECK(group[4].answer.body == "c");
    CHECK(sizes == std::vector<std::size_t>{4, 1, 1});
}

TEST_CASE("a call that is refused does not reach the handler, and the others of its group do") {
    const exchanges all;
    auto group = several(all, {"a", "b", "c"});
    group[0].http.headers = {{"if-match", R"("x")"}};
    group[2].http.body = "{";
    all.execute(group);
    CHECK(sizes == std::vector<std::size_t>{1});
    CHECK(group[0].answer.status == 412);
    CHECK(group[1].answer.body == "b");
    CHECK(group[2].answer.status == 422);
    sizes.clear();
    group[1].http.body = "[";
    all.execute(group);
    CHECK(sizes.empty());
    CHECK(group[1].answer.status == 422);
}

TEST_CASE("a failure of a single call becomes its response") {
    const exchanges all;
    std::vector<exchange> one;
    one.push_back(all.begun("GET", "/one/bad"));
    all.execute(one);
    CHECK(one[0].answer.status == 500);
    CHECK(one[0].facts.trace == "traced");
    one[0] = all.begun("GET", "/one/large");
    all.execute(one);
    CHECK(one[0].answer.status == 503);
    CHECK(one[0].facts.error == "out of memory");
}

TEST_CASE("the next step of a call continues with its facts and may fail as well") {
    const exchanges all;
    struct outcome {
        std::string name;
        int status;
    };
    for (const auto& wanted : {outcome{"a", 200}, outcome{"bad", 500}, outcome{"large", 503}}) {
        CAPTURE(wanted.name);
        std::vector<exchange> one;
        one.push_back(all.begun("GET", "/steps/" + wanted.name));
        all.execute(one);
        REQUIRE(one[0].answer.next);
        CHECK(one[0].answer.next->where == lane::write);
        all.get().go_on(one[0]);
        CHECK_FALSE(one[0].answer.next);
        CHECK(one[0].answer.status == wanted.status);
        CHECK(one[0].facts.client_id == "id_one");
        CHECK(one[0].facts.trace == "traced");
    }
}
