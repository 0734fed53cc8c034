// SPDX-License-Identifier: MPL-2.0
#include "file_lock.hpp"

#include <sys/file.h>

#include <cerrno>
#include <system_error>
#include <thread>

namespace ctms::persistence {

bool try_lock_file(const file_handle& file, lock_mode mode) {
    const int operation = mode == lock_mode::shared ? LOCK_SH : LOCK_EX;
    int outcome = 0;
    do {
        outcome = ::flock(file.get(), operation | LOCK_NB);
    } while (outcome != 0 && errno == EINTR);
    if (outcome != 0 && errno != EWOULDBLOCK) throw std::system_error(errno, std::generic_category(), "flock");
    return outcome == 0;
}

bool lock_file(const file_handle& file, lock_mode mode, std::chrono::steady_clock::time_point deadline) {
    while (!try_lock_file(file, mode)) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    return true;
}

} // namespace ctms::persistence
