// SPDX-License-Identifier: MPL-2.0
// traceparent, as W3C Trace Context, Level 1, describes it.
#include <ctms/base/trace_context.hpp>

#include <doctest/doctest.h>

#include <string>
#include <thread>

using namespace ctms;

namespace {

const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
const std::string valid = "00-" + trace_id + "-b7ad6b7169203331-01";

std::string with(std::size_t at, char c) {
    auto out = valid;
    out.at(at) = c;
    return out;
}

} // namespace

TEST_CASE("a valid traceparent is read") {
    CHECK(read_traceparent(valid) == trace_context{trace_id, true});
    CHECK(read_traceparent(with(54, '0')) == trace_context{trace_id, false});
    CHECK(read_traceparent(with(54, '3')) == trace_context{trace_id, true}); // other flags are unknown
    CHECK(read_traceparent(with(53, 'f')) == trace_context{trace_id, true});
}

TEST_CASE("a later version may have more after what this version has") {
    CHECK(read_traceparent("cc" + valid.substr(2)) == trace_context{trace_id, true});
    CHECK(read_traceparent("cc" + valid.substr(2) + "-what-comes-later") == trace_context{trace_id, true});
    CHECK_FALSE(read_traceparent("cc" + valid.substr(2) + ".what-comes-later"));
    CHECK_FALSE(read_traceparent(valid + "-what-comes-later"));
    CHECK_FALSE(read_traceparent(valid + "-"));
    CHECK_FALSE(read_traceparent("ff" + valid.substr(2)));
}

TEST_CASE("an invalid traceparent is ignored") {
    CHECK_FALSE(read_traceparent(""));
    CHECK_FALSE(read_traceparent(valid.substr(0, 54)));
    CHECK_FALSE(read_traceparent(" " + valid));
    CHECK_FALSE(read_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
    CHECK_FALSE(read_traceparent("00-" + trace_id + "-0000000000000000-01"));
    for (std::size_t at = 0; at < valid.size(); ++at) {
        CAPTURE(at);
        for (const char c : {'A', 'F', 'g', ' ', '\n', '_', '\xE4'}) CHECK_FALSE(read_traceparent(with(at, c)));
    }
}

TEST_CASE("each call gets an id of its own in the same trace") {
    const auto first = write_traceparent({trace_id, true});
    const auto second = write_traceparent({trace_id, false});
    CHECK(first.substr(0, 36) == valid.substr(0, 36));
    CHECK(first.ends_with("-01"));
    CHECK(second.ends_with("-00"));
    CHECK(read_traceparent(first) == trace_context{trace_id, true});
    CHECK(read_traceparent(second) == trace_context{trace_id, false});
    CHECK(first.substr(36, 16) != second.substr(36, 16));
}

TEST_CASE("a new trace is valid and unlike others") {
    const auto one = trace_context::begin();
    CHECK(read_traceparent(write_traceparent(one)) == one);
    CHECK_FALSE(one.is_sampled);
    CHECK(one.trace_id != trace_context::begin().trace_id);
}

TEST_CASE("the trace of a thread ends with its scope, and other threads do not see it") {
    CHECK(trace_scope::current() == nullptr);
    const auto outer = trace_context::begin();
    const auto inner = trace_context::begin();
    {
        const trace_scope first(&outer);
        {
            const trace_scope second(&inner);
            CHECK(trace_scope::current() == &inner);
            const trace_scope none(nullptr);
            CHECK(trace_scope::current() == nullptr);
        }
        CHECK(trace_scope::current() == &outer);
        std::jthread([] { CHECK(trace_scope::current() == nullptr); }).join();
    }
    CHECK(trace_scope::current() == nullptr);
}
