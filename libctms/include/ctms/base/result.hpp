// SPDX-License-Identifier: MPL-2.0
// Expected failures as values: result<T> holds a T or an error.
// An error separates what the client may read from what only the log may say.
// Broken infrastructure and bugs are exceptions instead; each header says which.
// Plain values: copyable, no shared state, safe to use from any thread.
#pragma once

#include <ctms/base/export.hpp>

#include <boost/system/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
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

/// Thrown by result<T>::value() on a failure that the caller did not expect.
/// Found by argument-dependent lookup; throws std::runtime_error with message and detail.
[[noreturn]] CTMS_API void throw_exception_from_error(const error& failure, const boost::source_location& where);

/// A T, or why there is none. Look before you take: value() throws std::runtime_error on an error.
template <class T>
using result = boost::system::result<T, error>;

} // namespace ctms
