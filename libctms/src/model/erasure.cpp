// SPDX-License-Identifier: MPL-2.0
#include <ctms/model/erasure.hpp>

namespace ctms::model {

std::string_view to_string(vendor_erasure state) noexcept {
    switch (state) {
    case vendor_erasure::nothing: return "nothing";
    case vendor_erasure::waiting: return "waiting";
    case vendor_erasure::stopped: return "stopped";
    case vendor_erasure::confirmed: return "confirmed";
    }
    return "";
}

} // namespace ctms::model
