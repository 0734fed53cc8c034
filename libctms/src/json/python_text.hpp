// SPDX-License-Identifier: MPL-2.0
// Prints and reads numbers and whitespace as Python does, because clients of the Python service see its texts.
// Not for JSON itself, whose numbers keep their original text (document.hpp). Texts are valid UTF-8.
// Thread safe, independent of the locale; throws only std::bad_alloc.
#pragma once

#include <ctms/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ctms::json {

/// The number of bytes of the whitespace character (str.isspace) at `at`; 0 if another character is there.
[[nodiscard]] std::size_t python_blank_at(std::string_view text, std::size_t at) noexcept;

/// str.strip(): removes whitespace at both ends.
[[nodiscard]] std::string_view python_strip(std::string_view text) noexcept;

/// The double that is nearest to a decimal number with an optional sign, point and exponent: infinity for what is too large, and zero for
/// what is too small.
[[nodiscard]] double nearest_double(std::string_view decimal);

/// repr() of a float: "1.0", "1e-05", "1e+16", "inf", "nan".
[[nodiscard]] std::string python_float_repr(double number);

/// str() of the value that Python's json reads from a number token: "-0" gives "0", "1e400" gives "inf".
/// An integer may have any number of digits.
[[nodiscard]] std::string python_number_text(std::string_view json_number);

/// float(str): accepts surrounding whitespace, a sign, single underscores between digits, infinity and nan.
/// nullopt for what Python refuses, and for digits outside ASCII.
[[nodiscard]] std::optional<double> python_float(std::string_view text);

enum class date_problem : std::uint8_t {
    not_finite,  ///< NaN; infinities give the first and the last day
    out_of_range ///< outside the years 1 to 9999
};

/// pydantic 1's date from a number: Unix seconds in UTC. A number beyond 2e10 is read as milli-, micro- or nanoseconds;
/// one beyond 3e20 gives the last possible day.
[[nodiscard]] std::variant<ctms::date, date_problem> python_date_from_unix(double seconds);

} // namespace ctms::json
