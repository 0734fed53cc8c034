// SPDX-License-Identifier: MPL-2.0
// Expected failures as values: a result<T> holds a T or an error. An error separates what the client may read from what only the log may
// contain. Failures of the infrastructure and bugs are exceptions instead; each header says which. Plain values: copyable, without shared
// state.
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

/// The kind of a failure. Independent of protocols: each front-end maps it in one table of its own.
enum class errc : std::uint8_t {
    malformed,       ///< the request cannot be read or makes no sense as a whole
    invalid,         ///< the input breaks a rule; `fields` may say where
    unauthorized,    ///< no credentials, or wrong ones
    forbidden,       ///< valid credentials that may not be used (a disabled client)
    missing_role,    ///< valid credentials that do not allow this call
    not_found,       ///< nothing is stored under this id
    conflict,        ///< a unique value is already used; `conflicts` names the fields
    too_many,        ///< a rate limit was exceeded
    unavailable,     ///< the database or another service cannot answer now; nothing was changed
    outcome_unknown, ///< the connection broke during a commit, which may or may not have happened
    misconfigured,   ///< the database account lacks a right; an operator must grant it, repeating the call does not help
    interrupted      ///< stopped before it was complete, on request or because locks were not available; can be run again to continue
};

/// One step into a JSON body: a key, or the index of a list item.
using location_step = std::variant<std::string, std::size_t>;

/// One broken rule of an input, in the form that clients of the Python service expect (pydantic 1 error dictionaries: loc, msg, type, ctx).
struct CTMS_API field_error {
    std::vector<location_step> location; ///< starts with "body", "query" or "path"; a bare name for rules that are checked after validation
    std::string message;                 ///< for people
    std::string type;                    ///< for programs, e.g. "value_error.missing"
    std::string context;                 ///< a JSON object as text; empty if there is none
};

/// A failure. Cheap to move; the strings are UTF-8.
struct CTMS_API error {
    errc code = errc::invalid;          ///< kind of the failure
    std::string message;                ///< may be shown to the client
    std::string detail;                 ///< only for the log; may contain text of the database
    std::vector<field_error> fields;    ///< for `invalid`: all broken rules, in field order
    std::vector<std::string> conflicts; ///< for `conflict`: names of the fields whose values are already used
};

/// Errors of one kind. `message` may be shown to the client; `detail` is only for the log.
/// @{
[[nodiscard]] CTMS_API error malformed(std::string message, std::string detail = {});     ///< errc::malformed
[[nodiscard]] CTMS_API error invalid(std::string message, std::string detail = {});       ///< errc::invalid
[[nodiscard]] CTMS_API error unauthorized(std::string message, std::string detail = {});  ///< errc::unauthorized
[[nodiscard]] CTMS_API error forbidden(std::string message, std::string detail = {});     ///< errc::forbidden
[[nodiscard]] CTMS_API error missing_role(std::string message, std::string detail = {});  ///< errc::missing_role
[[nodiscard]] CTMS_API error not_found(std::string message, std::string detail = {});     ///< errc::not_found
[[nodiscard]] CTMS_API error conflict(std::string message, std::string detail = {});      ///< errc::conflict
[[nodiscard]] CTMS_API error too_many(std::string message, std::string detail = {});      ///< errc::too_many
[[nodiscard]] CTMS_API error unavailable(std::string message, std::string detail = {});   ///< errc::unavailable
[[nodiscard]] CTMS_API error misconfigured(std::string message, std::string detail = {}); ///< errc::misconfigured
[[nodiscard]] CTMS_API error interrupted(std::string message, std::string detail = {});   ///< errc::interrupted
/// @}

/// Returns errc::unavailable with the message that clients of the API receive, "Service temporarily unavailable".
[[nodiscard]] CTMS_API error service_unavailable(std::string detail = {});
/// Returns errc::invalid with all broken rules of an input.
[[nodiscard]] CTMS_API error invalid_fields(std::vector<field_error> fields);
/// Returns errc::conflict with the names of the fields whose values are already used.
[[nodiscard]] CTMS_API error conflict_of(std::vector<std::string> fields);

/// Returns the name of a code as it appears in logs and metrics ("not_found").
[[nodiscard]] CTMS_API std::string_view to_string(errc code) noexcept;

/// The location of a call. As the default argument of a function, it is filled in by the compiler.
struct CTMS_API call_site {
    const char* file = __builtin_FILE();   ///< the source file
    std::uint32_t line = __builtin_LINE(); ///< the line in this file
};

namespace detail {

/// The error of a result. Its members are defined in result.cpp, so that sources that only pass results on compile quickly.
struct CTMS_API stored_error {
    explicit stored_error(error&& failure) noexcept; ///< Takes over the error.
    explicit stored_error(const error& failure);     ///< Copies the error.
    stored_error(const stored_error& other);         ///< Copies.
    stored_error(stored_error&& other) noexcept;     ///< Moves.
    stored_error& operator=(const stored_error& other) = delete;
    stored_error& operator=(stored_error&& other) = delete;
    ~stored_error();

    error value; ///< the error
};

/// Returns an `error` with empty strings, for error() of a result that succeeded.
[[nodiscard]] CTMS_API const error& no_error() noexcept;

/// Throws std::runtime_error with message and detail; boost::get_throw_location returns the location.
[[noreturn]] CTMS_API void throw_error(const error& failure, const call_site& where);

} // namespace detail

/// Holds a T, or the error that explains why there is none. Check before use: value() throws std::runtime_error if there is an error, and *
/// and -> must not be used then. A result that was moved from still holds a value or an error, in its moved-from state.
template <class T>
class result {
public:
    using value_type = T;           ///< type of the value
    using error_type = ctms::error; ///< type of the error

    /// A default-constructed T.
    result() noexcept(std::is_nothrow_default_constructible_v<T>) requires std::is_default_constructible_v<T> : value_(),
                                                                                                                has_value_(true) {}

    /// A value, or something that converts to one.
    template <class U = T>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, result> &&
             !std::is_same_v<std::remove_cvref_t<U>, ctms::error>) result(U&& value) // NOLINT(bugprone-forwarding-reference-overload)
    noexcept(std::is_nothrow_constructible_v<T, U>) : value_(std::forward<U>(value)), has_value_(true) {}

    /// A failure.
    result(ctms::error&& failure) noexcept : failure_(std::move(failure)), has_value_(false) {}
    result(const ctms::error& failure) : failure_(failure), has_value_(false) {} ///< A failure, copied.

    /// Copies the value or the error.
    result(const result& other) requires std::is_copy_constructible_v<T> : has_value_(other.has_value_) {
        if (has_value_) {
            std::construct_at(std::addressof(value_), other.value_);
        } else {
            std::construct_at(&failure_, other.failure_);
        }
    }

    /// Moves the value or the error.
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

    [[nodiscard]] bool has_value() const noexcept { return has_value_; }         ///< Returns true if it holds a T.
    [[nodiscard]] bool has_error() const noexcept { return !has_value_; }        ///< Returns true if it holds an error.
    [[nodiscard]] explicit operator bool() const noexcept { return has_value_; } ///< Returns true if it holds a T.

    /// Returns the value. Throws std::runtime_error if there is none.
    T& value(const call_site& where = {}) & {
        expect_value(where);
        return value_;
    }
    const T& value(const call_site& where = {}) const& { ///< Returns the value, read-only.
        expect_value(where);
        return value_;
    }
    T value(const call_site& where = {}) && { ///< Returns the value, moved out.
        expect_value(where);
        return std::move(value_);
    }

    [[nodiscard]] T& operator*() & noexcept { return value_; }            ///< Returns the value, which must exist.
    [[nodiscard]] const T& operator*() const& noexcept { return value_; } ///< Returns the value, read-only.
    [[nodiscard]] T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) {
        return std::move(value_);
    }                                                                                     ///< Returns the value, moved out.
    [[nodiscard]] T* operator->() noexcept { return std::addressof(value_); }             ///< Accesses the value, which must exist.
    [[nodiscard]] const T* operator->() const noexcept { return std::addressof(value_); } ///< Accesses the value, read-only.

    /// Returns the error; an empty error if there is a value.
    [[nodiscard]] const ctms::error& error() const& noexcept { return has_value_ ? detail::no_error() : failure_.value; }
    [[nodiscard]] ctms::error error() && { ///< Returns the error, moved out.
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

/// Success, or an error.
template <>
class result<void> {
public:
    using value_type = void;        ///< success has no value
    using error_type = ctms::error; ///< type of the error

    result() noexcept = default;                                             ///< Success.
    result(ctms::error&& failure) noexcept : outcome_(std::move(failure)) {} ///< A failure.
    result(const ctms::error& failure) : outcome_(failure) {}                ///< A failure, copied.

    [[nodiscard]] bool has_value() const noexcept { return outcome_.has_value(); }              ///< Returns true on success.
    [[nodiscard]] bool has_error() const noexcept { return outcome_.has_error(); }              ///< Returns true on failure.
    [[nodiscard]] explicit operator bool() const noexcept { return outcome_.has_value(); }      ///< Returns true on success.
    void value(const call_site& where = {}) const { static_cast<void>(outcome_.value(where)); } ///< Throws std::runtime_error on failure.
    void operator*() const noexcept {}                                                          ///< Does nothing; for generic code.

    /// Returns the error; an empty error on success.
    [[nodiscard]] const ctms::error& error() const& noexcept { return outcome_.error(); }
    [[nodiscard]] ctms::error error() && { return std::move(outcome_).error(); } ///< Returns the error, moved out.

private:
    result<std::monostate> outcome_;
};

} // namespace ctms
