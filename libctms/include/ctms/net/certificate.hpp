// SPDX-License-Identifier: MPL-2.0
// Reads certificates. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>

#include <string>

namespace ctms::net {

/// Returns when the first certificate of a PEM file expires. errc::unavailable if the file cannot be read, errc::invalid if it does not
/// begin with a certificate.
[[nodiscard]] CTMS_API result<timestamp> certificate_end(const std::string& file);

} // namespace ctms::net
