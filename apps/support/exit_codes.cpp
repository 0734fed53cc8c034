// SPDX-License-Identifier: MPL-2.0
#include "exit_codes.hpp"

namespace ctms::support {

exit_code to_exit_code(errc code) noexcept {
    switch (code) {
    case errc::malformed: return usage;
    case errc::invalid:
    case errc::not_found:
    case errc::conflict: return bad_data;
    case errc::unauthorized:
    case errc::forbidden:
    case errc::missing_role: return failed;
    case errc::too_many:
    case errc::outcome_unknown:
    case errc::interrupted: return temporary;
    case errc::misconfigured: return configuration;
    case errc::unavailable: return unavailable;
    }
    return internal;
}

} // namespace ctms::support
