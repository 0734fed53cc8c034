// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/host_name.hpp>

#include <unistd.h>

#include <array>

namespace ctms {

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : std::string();
}

} // namespace ctms
