// SPDX-License-Identifier: MPL-2.0
// Files of Stripe objects as they are exported: one JSON object, a JSON list of objects, Stripe's list object, or one of
// these a line (NDJSON). Lines are read one at a time, whatever the size of the file; JSON that goes over several lines
// is read as a whole.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/json/stripe_json.hpp>

#include <functional>
#include <string>

namespace ctms::cli {

/// Is given each object, or what is wrong with it, and where it stands ("customers.json, line 3"); answers whether to go on.
using stripe_file_visitor = std::function<bool(const std::string& place, result<json::any_stripe_object> object)>;

/// Visits the objects of a file ("-": standard input) in order, and as an error what is not JSON. False when stopped by the
/// visitor. Says on standard error if the file ends with a list that is not complete. errc::not_found when the file cannot be read, or not
/// to its end; errc::malformed when it is empty.
[[nodiscard]] result<bool> read_stripe_file(const std::string& file, const stripe_file_visitor& visit);

} // namespace ctms::cli
