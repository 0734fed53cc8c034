// SPDX-License-Identifier: MPL-2.0
// Names of API clients as operators write them.
#pragma once

#include <ctms/base/result.hpp>

#include <string>

namespace ctms::cli {

/// The id of a client's name: names are [-_.a-zA-Z0-9]+, ids begin with "id_". errc::invalid for anything else.
[[nodiscard]] result<std::string> to_client_id(const std::string& name);

} // namespace ctms::cli
