// SPDX-License-Identifier: MPL-2.0
// How failures of OpenSSL are thrown that do not come from what it was given. Thread safe.
#pragma once

#include <openssl/err.h>

#include <new>
#include <stdexcept>

namespace ctms::auth {

/// Throws std::bad_alloc when the last failure of OpenSSL on this thread was a lack of memory, else std::runtime_error with `what`.
[[noreturn]] inline void throw_openssl_failure(const char* what) {
    const auto last = ERR_peek_last_error();
    ERR_clear_error();
    if (last == 0 || ERR_GET_REASON(last) == ERR_R_MALLOC_FAILURE) throw std::bad_alloc(); // without memory it cannot even note that
    throw std::runtime_error(what);
}

} // namespace ctms::auth
