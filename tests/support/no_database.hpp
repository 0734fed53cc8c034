// SPDX-License-Identifier: MPL-2.0
// Options of a database that does not exist. Pure function.
#pragma once

#include <ctms/persistence/database.hpp>

namespace ctms::test {

/// Nothing listens at this address, so every connection is refused at once.
inline persistence::database_options no_database() {
    persistence::database_options out;
    out.url = "postgresql://127.0.0.1:1/none";
    return out;
}

} // namespace ctms::test
