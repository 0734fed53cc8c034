// SPDX-License-Identifier: MPL-2.0
// A contact for people, from everything that is stored about it (contacts export).
#pragma once

#include <ctms/model/product.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// Appends products as a JSON list.
void append_products(std::string& out, const std::vector<model::product>& products);

/// Prints a contact of `contacts export` as tables: what is set, its lists, products and how it stands in the queue.
void print_contact(std::string_view json);

} // namespace ctms::cli
