// SPDX-License-Identifier: MPL-2.0
// Expected failures as values: result<T> holds a T or an error.
// An error separates what the client may read from what only the log may say.
// Broken infrastructure and bugs are exceptions instead; each header says which.
// Plain values: copyable, no shared state, safe to use from any thread.
#pragma once

#include <ctms/base/export.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace ctms {

/// What kind of failure it is. Protocol neutral: each front-end maps it in one table of its own.
enum class errc : std::uint8_t {
    malformed,      ///< the request cannot be read or makes no sense as a whole
    invalid,        ///< the input breaks a rule; `fields` may say where
    unauthorized,   ///< no credentials, or bad ones
    forbidden,      ///< good credentials that may not be used (a disabled client)
    missing_role,   ///< good credentials that may be used, but not for this
    not_found,      ///< nothing is stored under that id
    conflict,       ///< a unique value is taken; `conflicts` names which
    too_many,       ///< a rate limit was passed
    unavailable,    ///< the database (or another service) cannot answer now; nothing was changed
    outcome_unknown ///< the connection broke during a commit: it may have happened or not
};

/// One step into a JSON body: a key, or the index of a list item.
using location_step = std::variant<std::string, std::size_t>;

/// One broken rule of an input, in the shape that clients of the reference read
/// (pydantic 1 error dictionaries: loc, msg, type, ctx).
struct CTMS_API field_error {
    std::vector<location_step> location; ///< from "body", "query" or "path" inwards; a bare name for rules checked after validation
    std::string message;                 ///< for people
    std::string type;                    ///< for programs, e.g. "value_error.missing"
    std::string context;                 ///< a JSON object as text, empty when there is none
};

/// A failure. Moves cheaply; the strings are UTF-8.
struct CTMS_API error {
    errc code = errc::invalid;          ///< what kind it is
    std::string message;                ///< may be shown to the client
    std::string detail;                 ///< for the log only; may hold text of the database
    std::vector<field_error> fields;    ///< for `invalid`: every broken rule, in field order
    std::vector<std::string> conflicts; ///< for `conflict`: names of the fields that are taken
};

/// The name of a code as it stands in logs and metrics ("not_found").
[[nodiscard]] CTMS_API std::string_view to_string(errc code) noexcept;

/// The place of a call, filled in by the compiler when it is the default argument of a function.
struct CTMS_API call_site {
    const char* file = __builtin_FILE();   ///< the source
    std::uint32_t line = __builtin_LINE(); ///< the line in it
};

namespace detail {

/// The error of a result. Its members are defined in result.cpp, so that a source that passes results on stays quick to compile.
struct CTMS_API stored_error {
    explicit stored_error(error&& failure) noexcept; ///< Takes the error.
    explicit stored_error(const error& failure);     ///< Copies the error.
    stored_error(const stored_error& other);         ///< Copies.
    stored_error(stored_error&& other) noexcept;     ///< Moves.
    stored_error& operator=(const stored_error& other) = delete;
    stored_error& operator=(stored_error&& other) = delete;
    ~stored_error();

    error value; ///< what went wrong
};

/// What error() answers when there is none: an `error` with empty texts.
[[nodiscard]] CTMS_API const error& no_error() noexcept;

/// Throws std::runtime_error with message and detail; boost::get_throw_location tells the place.
[[noreturn]] CTMS_API void throw_error(const error& failure, const call_site& where);

} // namespace detail

/// A T, or why there is none. Look before you take: value() throws std::runtime_error on an error, and *, -> must not
/// be used on one. A result that was moved from keeps what it had, a value or an error, in its moved-from state.
template <class T>
class result {
public:
    using value_type = T;           ///< what it holds on success
    using error_type = ctms::error; ///< what it holds otherwise

    /// A default T.
    result() noexcept(std::is_nothrow_default_constructible_v<T>) requires std::is_default_constructible_v<T> : value_(),
                                                                                                                has_value_(true) {}

    /// A value, or what converts to one.
    template <class U = T>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, result> &&
             !std::is_same_v<std::remove_cvref_t<U>, ctms::error>) result(U&& value) // NOLINT(bugprone-forwarding-reference-overload)
    noexcept(std::is_nothrow_constructible_v<T, U>) : value_(std::forward<U>(value)), has_value_(true) {}

    /// A failure.
    result(ctms::error&& failure) noexcept : failure_(std::move(failure)), has_value_(false) {}
    result(const ctms::error& failure) : failure_(failure), has_value_(false) {} ///< A failure, copied.

    /// Copies.
    result(const result& other) requires std::is_copy_constructible_v<T> : has_value_(other.has_value_) {
        if (has_value_) {
            std::construct_at(std::addressof(value_), other.value_);
        } else {
            std::construct_at(&failure_, other.failure_);
        }
    }

    /// Moves.
    result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : has_value_(other.has_value_) {
        if (has_value_) {
            std::construct_at(std::addressof(value_), std::move(other.value_));
        } else {
            std::construct_at(&failure_, std::move(other.failure_));
        }
    }

    /// Copies or moves, all or nothing.
    result& operator=(result other) noexcept {
        static_assert(std::is_nothrow_move_constructible_v<T>, "a result can be assigned only if its value moves without throwing");
        std::destroy_at(this);
        return *std::construct_at(this, std::move(other));
    }

    ~result() {
        if (has_value_) {
            std::destroy_at(std::addressof(value_));
        } else {
            std::destroy_at(&failure_);
        }
    }

    [[nodiscard]] bool has_value() const noexcept { return has_value_; }         ///< Whether it holds a T.
    [[nodiscard]] bool has_error() const noexcept { return !has_value_; }        ///< Whether it holds an error.
    [[nodiscard]] explicit operator bool() const noexcept { return has_value_; } ///< Whether it holds a T.

    /// The value. Throws std::runtime_error if there is none.
    T& value(const call_site& where = {}) & {
        expect_value(where);
        return value_;
    }
    const T& value(const call_site& where = {}) const& { ///< The value, to read.
        expect_value(where);
        return value_;
    }
    T value(const call_site& where = {}) && { ///< The value, moved out.
        expect_value(where);
        return std::move(value_);
    }

    [[nodiscard]] T& operator*() & noexcept { return value_; }            ///< The value, which must be there.
    [[nodiscard]] const T& operator*() const& noexcept { return value_; } ///< The value, to read.
    [[nodiscard]] T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) {
        return std::move(value_);
    }                                                                                     ///< The value, moved out.
    [[nodiscard]] T* operator->() noexcept { return std::addressof(value_); }             ///< Into the value, which must be there.
    [[nodiscard]] const T* operator->() const noexcept { return std::addressof(value_); } ///< Into the value, to read.

    /// Why there is no value; an empty error if there is one.
    [[nodiscard]] const ctms::error& error() const& noexcept { return has_value_ ? detail::no_error() : failure_.value; }
    [[nodiscard]] ctms::error error() && { ///< Why there is no value, moved out.
        return has_value_ ? ctms::error{} : std::move(failure_.value);
    }

private:
    void expect_value(const call_site& where) const {
        if (!has_value_) detail::throw_error(failure_.value, where);
    }

    union {
        T value_;
        detail::stored_error failure_;
    };
    bool has_value_;
};

/// Success, or why not.
template <>
class result<void> {
public:
    using value_type = void;        ///< nothing to hold on success
    using error_type = ctms::error; ///< what it holds otherwise

    result() noexcept = default;                                             ///< Success.
    result(ctms::error&& failure) noexcept : outcome_(std::move(failure)) {} ///< A failure.
    result(const ctms::error& failure) : outcome_(failure) {}                ///< A failure, copied.

    [[nodiscard]] bool has_value() const noexcept { return outcome_.has_value(); }              ///< Whether it went well.
    [[nodiscard]] bool has_error() const noexcept { return outcome_.has_error(); }              ///< Whether it failed.
    [[nodiscard]] explicit operator bool() const noexcept { return outcome_.has_value(); }      ///< Whether it went well.
    void value(const call_site& where = {}) const { static_cast<void>(outcome_.value(where)); } ///< Throws std::runtime_error if it failed.
    void operator*() const noexcept {}                                                          ///< Nothing; for generic code.

    /// Why it failed; an empty error if it did not.
    [[nodiscard]] const ctms::error& error() const& noexcept { return outcome_.error(); }
    [[nodiscard]] ctms::error error() && { return std::move(outcome_).error(); } ///< Why it failed, moved out.

private:
    result<std::monostate> outcome_;
};

} // namespace ctms
