// SPDX-License-Identifier: MPL-2.0
#include "traceback.hpp"

#include <boost/core/demangle.hpp>
#include <boost/throw_exception.hpp>
#include <fmt/core.h>

#include <typeinfo>

namespace ctms::support {

std::string exception_text(const std::exception& caught) {
    return fmt::format("{}: {}", boost::core::demangle(typeid(caught).name()), caught.what());
}

std::string traceback_text(const std::exception& caught) {
    const auto where = boost::get_throw_location(caught);
    return where.line() == 0 ? exception_text(caught)
                             : fmt::format("{} (thrown at {}:{})", exception_text(caught), where.file_name(), where.line());
}

} // namespace ctms::support
