// SPDX-License-Identifier: MPL-2.0
// What a session of the fuzz target works with: routes whose handlers need no database, one of each kind (body, form, path, long answer,
// streamed answer, gathered calls, token), and services with a database that is never there. One for the whole process.
#pragma once

#include <web/server/session.hpp>

namespace ctms::fuzz {

/// The environment of a session with these limits, which must outlive it.
[[nodiscard]] web::session_environment environment(const web::limits& bounds);

} // namespace ctms::fuzz
