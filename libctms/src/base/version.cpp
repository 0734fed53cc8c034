// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/version.hpp>

namespace ctms {

std::string_view version() noexcept { return CTMS_VERSION; }
std::string_view commit() noexcept { return CTMS_COMMIT; }

} // namespace ctms
