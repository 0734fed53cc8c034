// SPDX-License-Identifier: MPL-2.0
// How Python prints and reads numbers, blanks and strings: clients of the Python service see its texts.
// Not for JSON itself, whose numbers keep the text they came with (document.hpp). Texts are valid UTF-8.
// Thread safe, independent of the locale; throws only std::bad_alloc.
#pragma once

#include <ctms/base/time.hpp>
#include <ctms/json/python_repr.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ctms::json {

/// Bytes of the blank character (str.isspace) that begins at `at`; 0 when another character stands there.
[[nodiscard]] std::size_t python_blank_at(std::string_view text, std::size_t at) noexcept;

/// str.strip(): without the blanks at both ends.
[[nodiscard]] std::string_view python_strip(std::string_view text) noexcept;

/// repr() of a float: "1.0", "1e-05", "1e+16", "inf", "nan".
[[nodiscard]] std::string python_float_repr(double number);

/// str() of the value that Python's json reads from a number token: "-0" is "0", "1e400" is "inf".
/// The digits of an integer are not limited.
[[nodiscard]] std::string python_number_text(std::string_view json_number);

/// float(str): blanks around, a sign, single underscores between digits, infinity and nan.
/// nullopt for what it refuses, and for digits beyond ASCII.
[[nodiscard]] std::optional<double> python_float(std::string_view text);

enum class date_problem : std::uint8_t {
    not_finite,  ///< NaN; infinities are the first and the last day
    out_of_range ///< outside the years 1 to 9999
};

/// pydantic 1's date from a number: Unix seconds in UTC. Beyond 2e10 it is taken as milli-, micro- or nanoseconds,
/// beyond 3e20 as the last day there is.
[[nodiscard]] std::variant<ctms::date, date_problem> python_date_from_unix(double seconds);

} // namespace ctms::json
