// SPDX-License-Identifier: MPL-2.0
// Throws failures of OpenSSL that are not caused by its input. Thread safe.
#pragma once

#include <openssl/err.h>

#include <new>
#include <stdexcept>

namespace ctms::auth {

/// Throws std::bad_alloc if the last failure of OpenSSL on this thread was a lack of memory, otherwise std::runtime_error with `what`.
[[noreturn]] inline void throw_openssl_failure(const char* what) {
    const auto last = ERR_peek_last_error();
    ERR_clear_error();
    if (last == 0 || ERR_GET_REASON(last) == ERR_R_MALLOC_FAILURE) throw std::bad_alloc(); // 0: not even enough memory to record the error
    throw std::runtime_error(what);
}

} // namespace ctms::auth
