// SPDX-License-Identifier: MPL-2.0
// How many of its ids a table has used. Plain data.
#pragma once

#include <ctms/base/export.hpp>

#include <string>

namespace ctms::model {

/// A table whose rows get their ids from a sequence.
struct CTMS_API id_usage {
    std::string table;  ///< such as "newsletters"
    double share = 0.0; ///< last id of the sequence, divided by the largest that the sequence and the column allow: 0 to 1

    friend bool operator==(const id_usage&, const id_usage&) = default; ///< member by member
};

} // namespace ctms::model
