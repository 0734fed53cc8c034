// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/audit_log.hpp>

#include <support/closed_database.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace ctms;

TEST_CASE("a command is recorded before it runs, and its result after it") {
    test::test_database where;
    persistence::database db(where.options());
    service::audit_log log(db);
    const auto outcome = log.record("jane@host", "sync retry", [&] {
        const auto running = log.list(1).value();
        REQUIRE(running.size() == 1);
        CHECK(running[0].command == "sync retry");
        CHECK(running[0].exit_code == std::nullopt);
        return service::audited_result{65, {{"retried", "2"}}};
    });
    CHECK(outcome.value().exit_code == 65);
    CHECK(outcome.value().recorded.has_value());
    const auto done = log.list(1).value();
    CHECK(done[0].actor == "jane@host");
    CHECK(done[0].exit_code == 65);
    CHECK(done[0].details == model::audit_details{{"retried", "2"}});
    CHECK(log.list(0).error().code == errc::invalid);
}

TEST_CASE("nothing runs without a record") {
    test::test_database where;
    const test::closed_database closed(where);
    persistence::database db(where.options());
    bool ran = false;
    const auto outcome = service::audit_log(db).record("a@b", "x", [&] {
        ran = true;
        return service::audited_result{};
    });
    CHECK(outcome.error().code == errc::unavailable);
    CHECK_FALSE(ran);
}

TEST_CASE("a record does not fail because of its content, and a command that throws has no result") {
    test::test_database where;
    persistence::database db(where.options());
    service::audit_log log(db);
    const auto outcome = log.record("a\xFF@b", std::string("x\0y", 3), [] {
        return service::audited_result{0,
                                       {{"\xFF", std::string("1\0"
                                                             "2",
                                                             3)}}};
    });
    CHECK(outcome.value().recorded.has_value());
    const auto done = log.list(1).value();
    CHECK(done[0].actor == "a\uFFFD@b");
    CHECK(done[0].command == "x y");
    CHECK(done[0].details == model::audit_details{{"\uFFFD", "1 2"}});
    CHECK_THROWS_AS((void)log.record("a@b", "throws", []() -> service::audited_result { throw std::runtime_error("no"); }),
                    std::runtime_error);
    CHECK(log.list(1).value()[0].exit_code == std::nullopt);
}
