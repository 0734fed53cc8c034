// SPDX-License-Identifier: MPL-2.0
#include "descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace ctms::support {

std::size_t raise_descriptor_limit() noexcept {
    constexpr rlim_t enough = 65'536;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return enough; // cannot fail with these arguments
    auto raised = limit;
    raised.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, enough));
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

} // namespace ctms::support
