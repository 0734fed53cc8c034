// SPDX-License-Identifier: MPL-2.0
// Standard input, output and error of the programs: what to do if one is closed, or cannot be written. The log of the daemons
// does not use these functions. Thread safe, except open_standard_streams(), which is for the beginning of main().
#pragma once

#include <exception>
#include <string_view>

namespace ctms::support {

/// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed, so that no other file gets its number. Reading from it and
/// writing to it fail, as with a closed descriptor: lost output is still noticed.
void open_standard_streams() noexcept;

/// Writes text to standard error. A failure is ignored, because there is nowhere to report it.
void print_to_stderr(std::string_view text) noexcept;

/// Writes what is buffered for standard output. Returns "" if everything was written until now, otherwise the reason.
[[nodiscard]] const char* flush_output() noexcept;

/// The exit code for a program that ends with `code`: io_error, with a message on standard error, if `code` is ok and standard output
/// could not be written completely. `program`: the name with which the message begins. `advice`: what to add to the message.
[[nodiscard]] int check_output(const char* program, int code, std::string_view advice = {}) noexcept;

/// The exit code for a program that ends with an exception, after a message on standard error: io_error if the reason is that
/// standard output could not be written (fmt::print throws then), otherwise `internal`.
[[nodiscard]] int report_exception(const char* program, const std::exception& problem) noexcept;

} // namespace ctms::support
