// SPDX-License-Identifier: MPL-2.0
// Durations in JSON, as they appear in logs. A pure function; throws only std::bad_alloc.
#pragma once

#include <string>

namespace ctms {

/// Appends a number with at most three decimals ("0.063", "0.0"), or null if JSON cannot express it.
void append_json_seconds(std::string& out, double seconds);

} // namespace ctms
