// SPDX-License-Identifier: MPL-2.0
// Limits of API clients, as the commands read and print them. Thread safe.
#pragma once

#include "command.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/api_client.hpp>

#include <string>

namespace ctms::cli {

/// Reads --rate, --burst and --concurrency. Without --burst, a client may send at once what the rate allows in a second. errc::malformed
/// for a value that is not possible, and for --burst without --rate.
[[nodiscard]] result<model::client_limits> read_limits(const invocation& call);

/// "100/s, 200 at once, 20 at the same time", or "none".
[[nodiscard]] std::string limits_text(const model::client_limits& limits);

/// Adds the member `limits`: an object with what is limited, or null.
void add_limits(object_writer& writer, const model::client_limits& limits);

} // namespace ctms::cli
