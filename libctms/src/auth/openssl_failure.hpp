// SPDX-License-Identifier: MPL-2.0
// Throws failures of OpenSSL that are not caused by its input. Thread safe.
#pragma once

#include <openssl/err.h>

#include <new>
#include <stdexcept>

namespace ctms::auth {

/// Throws std::runtime_error with `what`, or std::bad_alloc if the failure is a recorded lack of memory. For calls that can also fail
/// for other reasons: at the start of the program, or in the system's random source.
[[noreturn]] inline void throw_openssl_failure(const char* what) {
    // The last entry alone does not tell, because functions add their own failure to that of a function that they call. An empty
    // queue means that there was not even enough memory to record the failure.
    bool lacks_memory = ERR_peek_error() == 0;
    for (auto code = ERR_get_error(); code != 0; code = ERR_get_error()) {
        lacks_memory = lacks_memory || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    }
    if (lacks_memory) throw std::bad_alloc();
    throw std::runtime_error(what);
}

/// Throws std::bad_alloc. For computations with an algorithm that has worked before, such as a hash: only a lack of memory makes them
/// fail, and OpenSSL does not always record it.
[[noreturn]] inline void throw_lack_of_memory() {
    ERR_clear_error();
    throw std::bad_alloc();
}

} // namespace ctms::auth
