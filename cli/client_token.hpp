// SPDX-License-Identifier: MPL-2.0
// Access tokens for clients without their secrets, with the signing key of the settings. For one thread.
#pragma once

#include "command.hpp"

#include <ctms/service/tokens.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace ctms::cli {

/// Signs a token for the client with that name. If that fails, prints what is wrong and what to do, sets the exit code of the command, and
/// returns nullopt.
[[nodiscard]] std::optional<service::issued_token> token_for(invocation& call, const std::string& name,
                                                             std::optional<std::chrono::seconds> expiration, int& exit_code);

} // namespace ctms::cli
