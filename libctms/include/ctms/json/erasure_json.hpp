// SPDX-License-Identifier: MPL-2.0
// The request and the receipt of an erasure. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/model/erasure.hpp>

#include <string>

namespace ctms::json {

/// What POST /erasures asks for.
struct CTMS_API erasure_order {
    std::string primary_email; ///< of the person
    bool suppress = false;     ///< keep the address out from now on
};

/// Reads `{"primary_email": text, "suppress": boolean}`, of which the second may be missing. Returns errc::invalid with all broken rules in
/// the form of read_contact(); a member with another name is one, because a mistyped `suppress` must not be ignored.
[[nodiscard]] CTMS_API result<erasure_order> read_erasure(const body& sent);

/// Appends a receipt as an object.
CTMS_API void write_erasure(std::string& out, const model::erasure& receipt);

} // namespace ctms::json
