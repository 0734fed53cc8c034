// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/result.hpp>

#include <boost/exception/get_error_info.hpp>
#include <boost/throw_exception.hpp>
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using ctms::errc;
using ctms::error;
using ctms::result;

namespace {

const std::string long_text(100, 'x'); // too long to be stored inside a string object

error missing() { return {errc::not_found, long_text, "detail", {{{"body", 3U}, "m", "t", ""}}, {"email"}}; }

static_assert(std::is_copy_constructible_v<result<std::string>> && std::is_copy_assignable_v<result<std::string>>);
static_assert(std::is_nothrow_move_constructible_v<result<std::string>> && std::is_nothrow_move_assignable_v<result<std::string>>);
static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>> && std::is_move_constructible_v<result<std::unique_ptr<int>>>);
static_assert(std::is_convertible_v<const char*, result<std::string>> && !std::is_convertible_v<int, result<std::string>>);
static_assert(std::is_convertible_v<error, result<std::string>> && std::is_convertible_v<error, result<void>>);
static_assert(!std::is_convertible_v<result<std::string>, bool> && std::is_constructible_v<bool, result<std::string>>);
static_assert(!std::is_default_constructible_v<result<std::reference_wrapper<int>>>);
static_assert(std::is_same_v<result<int>::value_type, int> && std::is_same_v<result<int>::error_type, error>);

/// Counts the living objects of its type.
struct counted {
    explicit counted(int& living) : living_(&living) { ++*living_; }
    counted(const counted& other) : living_(other.living_) { ++*living_; }
    counted(counted&& other) noexcept : living_(other.living_) { ++*living_; }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) = default;
    ~counted() { --*living_; }

private:
    int* living_;
};

} // namespace

TEST_SUITE("result") {
    TEST_CASE("a result holds the value from which it was made") {
        result<std::string> text = "a value";
        REQUIRE(text);
        CHECK(text.has_value());
        CHECK_FALSE(text.has_error());
        CHECK(*text == "a value");
        CHECK(text->size() == 7);
        CHECK(text.value() == "a value");
        CHECK(text.error().message.empty());
        *text += "!";
        text.value() += "!";
        CHECK(std::as_const(text).value() == "a value!!");
        CHECK(*std::as_const(text) == "a value!!");
        CHECK(result<std::string>()->empty());
        CHECK_FALSE(**result<std::optional<bool>>(false));
        CHECK_FALSE(result<std::optional<int>>(std::nullopt)->has_value());
    }

    TEST_CASE("a result holds the error from which it was made") {
        const result<std::string> failed = missing();
        CHECK_FALSE(failed);
        CHECK_FALSE(failed.has_value());
        REQUIRE(failed.has_error());
        CHECK(failed.error().code == errc::not_found);
        CHECK(failed.error().message == long_text);
        CHECK(failed.error().fields.at(0).location.size() == 2);
        const error moved = result<int>(missing()).error();
        CHECK(moved.message == long_text);
        CHECK(result<int>(1).error().message.empty());
        const auto again = [&]() -> result<int> { return failed.error(); }();
        CHECK(again.error().conflicts == std::vector<std::string>{"email"});
    }

    TEST_CASE("value() on an error throws with the message, the detail and the location of the call") {
        const result<std::string> failed = missing();
        try {
            static_cast<void>(failed.value());
            FAIL("nothing was thrown");
        } catch (const std::runtime_error& caught) {
            CHECK(caught.what() == "not_found: " + long_text + " (detail)");
            CHECK(std::string(boost::get_throw_location(caught).file_name()).ends_with("result_test.cpp"));
            CHECK(boost::get_throw_location(caught).line() == __LINE__ - 5);
        }
        CHECK_THROWS_AS(static_cast<void>(result<int>(missing()).value()), std::runtime_error);
        CHECK_THROWS_AS(result<void>(missing()).value(), std::runtime_error);
    }

    TEST_CASE("a copy is independent, and a move transfers the value or the error") {
        result<std::string> text = long_text;
        auto copy = text;
        copy->back() = 'y';
        CHECK(*text == long_text);
        const auto moved = std::move(copy);
        CHECK(moved->back() == 'y');

        result<std::string> failed = missing();
        const auto failed_copy = failed;
        const auto failed_move = std::move(failed);
        CHECK(failed_copy.error().message == long_text);
        CHECK(failed_move.error().message == long_text);
    }

    TEST_CASE("a value can be assigned over an error and an error over a value") {
        result<std::string> target = long_text;
        target = missing();
        REQUIRE_FALSE(target);
        CHECK(target.error().message == long_text);
        target = "again";
        REQUIRE(target);
        CHECK(*target == "again");
        const result<std::string> failed = missing();
        target = failed;
        CHECK(target.error().message == failed.error().message);
        auto& itself = target;
        target = itself;
        CHECK(target.error().message == long_text);
        result<std::string> other = "other";
        std::swap(target, other);
        CHECK(*target == "other");
        CHECK(other.error().message == long_text);
    }

    TEST_CASE("a move-only value is moved out") {
        result<std::unique_ptr<int>> pointer = std::make_unique<int>(7);
        result<std::unique_ptr<int>> moved = std::move(pointer);
        const std::unique_ptr<int> out = *std::move(moved);
        CHECK(*out == 7);
        CHECK(*result<std::unique_ptr<int>>(std::make_unique<int>(8)).value() == 8);
    }

    TEST_CASE("every value is destroyed exactly once") {
        int living = 0;
        {
            result<counted> one = counted(living);
            const auto two = one;
            CHECK(living == 2);
            one = missing();
            CHECK(living == 1);
            one = two;
            CHECK(living == 2);
        }
        CHECK(living == 0);
    }

    TEST_CASE("a result without a value says whether it succeeded") {
        result<void> done;
        CHECK(done);
        CHECK_NOTHROW(done.value());
        *done;
        CHECK(done.error().message.empty());
        done = missing();
        CHECK_FALSE(done);
        CHECK(done.has_error());
        CHECK(std::as_const(done).error().message == long_text);
        CHECK(std::move(done).error().message == long_text);
    }

    TEST_CASE("a braced list makes a value of an aggregate type") {
        struct pair_of {
            int first;
            std::string second;
        };
        const auto made = []() -> result<pair_of> { return pair_of{1, "two"}; }();
        CHECK(made->second == "two");
        const auto list = []() -> result<std::map<int, std::string>> { return {{{1, "one"}, {2, "two"}}}; }();
        CHECK(list->size() == 2);
    }

    TEST_CASE("the makers of errors set the kind and nothing that was not given") {
        const auto gone = ctms::not_found("Unknown \"id\"");
        CHECK(gone.code == errc::not_found);
        CHECK(gone.message == "Unknown \"id\"");
        CHECK(gone.detail.empty());
        CHECK(ctms::service_unavailable("no route").message == "Service temporarily unavailable");
        CHECK(ctms::service_unavailable("no route").code == errc::unavailable);
        CHECK(ctms::service_unavailable("no route").detail == "no route");
        CHECK(ctms::invalid_fields({{{std::string("body")}, "field required", "value_error.missing", {}}}).fields.size() == 1);
        CHECK(ctms::conflict_of({"email_id", "fxa_id"}).conflicts.size() == 2);
        CHECK(ctms::missing_role("m", "d").code == errc::missing_role);
    }
}
