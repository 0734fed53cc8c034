// SPDX-License-Identifier: MPL-2.0
// Shows a contact as text for people.
#pragma once

#include <string_view>

namespace ctms::cli {

/// Prints everything about a contact (service::contact_export::everything) as tables: the fields that are set, its lists, its products,
/// and its state in the sync queue.
void print_contact(std::string_view json);

} // namespace ctms::cli
