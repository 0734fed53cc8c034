// SPDX-License-Identifier: MPL-2.0
#include "lanes.hpp"

namespace ctms::web {

lanes::lanes(const lane_sizes& sizes, std::size_t most_waiting)
    : most_waiting_(most_waiting),
      read_(sizes.read, sizes.read),
      write_(sizes.write, 1),
      password_(sizes.password, 1),
      platform_(sizes.platform, 1) {}

lanes::~lanes() {
    for (auto* one : {&read_, &write_, &password_, &platform_}) one->threads.join();
}

lanes::queue& lanes::queue_of(lane where) {
    switch (where) {
    case lane::write: return write_;
    case lane::password: return password_;
    case lane::platform: return platform_;
    case lane::immediate:
    case lane::read: return read_;
    }
    return read_;
}

} // namespace ctms::web
