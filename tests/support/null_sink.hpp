// SPDX-License-Identifier: MPL-2.0
// A log that nobody reads. Thread safe.
#pragma once

#include <ctms/mozlog/logger.hpp>

#include <cstddef>
#include <string_view>

namespace ctms::test {

class null_sink final : public mozlog::sink {
public:
    std::size_t write(std::string_view) override { return 0; }
};

} // namespace ctms::test
