// SPDX-License-Identifier: MPL-2.0
#include "standard_streams.hpp"

#include "exit_codes.hpp"

#include <ctms/base/printable.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace ctms::support {

void open_standard_streams() noexcept {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
        // open() returns the lowest free number. The wrong direction makes reading and writing fail with EBADF.
        const int direction = number == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (::open("/dev/null", direction | O_NOCTTY) < 0) (void)::open("/", O_PATH); // NOLINT(cppcoreguidelines-pro-type-vararg)
    }
}

void print_to_stderr(std::string_view text) noexcept {
    if (!text.empty()) (void)std::fwrite(text.data(), 1, text.size(), stderr); // empty: the pointer may be null
    (void)std::fflush(stderr);
}

const char* flush_output() noexcept {
    errno = 0;
    const bool is_written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    if (is_written) return "";
    return errno != 0 ? std::strerror(errno) : "an earlier write failed"; // NOLINT(concurrency-mt-unsafe)
}

int check_output(const char* program, int code, std::string_view advice) noexcept {
    const std::string_view reason = flush_output();
    if (reason.empty() || code != ok) return code;
    for (const std::string_view part : {std::string_view(program), std::string_view(": standard output cannot be written: "), reason,
                                        std::string_view(advice.empty() ? "" : "; "), advice, std::string_view("\n")}) {
        print_to_stderr(part);
    }
    return io_error;
}

int report_exception(const char* program, const std::exception& problem) noexcept {
    if (const int code = check_output(program, ok); code != ok) return code;
    try {
        print_to_stderr(std::string(program) + ": " + printable_lines(problem.what()) + '\n');
    } catch (const std::bad_alloc&) {
        print_to_stderr("out of memory\n");
    }
    return internal;
}

} // namespace ctms::support
