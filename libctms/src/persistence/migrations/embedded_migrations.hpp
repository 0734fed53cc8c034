// SPDX-License-Identifier: MPL-2.0
// The SQL files of migrations/, compiled in by cmake/ctms_embed.cmake. README.md says how to write one. Private to this layer.
#pragma once

#include <vector>

namespace ctms::persistence {

struct embedded_migration {
    int version;
    const char* name;
    const char* sha256; ///< of the file, hex
    const char* sql;
};

/// In order of version, from 1, without gaps.
[[nodiscard]] const std::vector<embedded_migration>& embedded_migrations();

} // namespace ctms::persistence
