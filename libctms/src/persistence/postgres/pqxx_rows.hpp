// SPDX-License-Identifier: MPL-2.0
// The data of `rows`: a result of libpqxx with views of its cells. Only connection.cpp and rows.cpp include this header.
#pragma once

#include "connection.hpp"

#include <pqxx/result>

#include <stdexcept>
#include <string_view>
#include <vector>

namespace ctms::persistence {

// Views of all cells are made in one pass, because each access to a field of libpqxx changes two reference counts.
struct rows::impl {
    explicit impl(const pqxx::result& answer) : data(answer) { // shares the result
        columns = static_cast<std::size_t>(data.columns());
        cells.reserve(columns * static_cast<std::size_t>(data.size()));
        const auto last_row = data.end();
        for (auto row = data.begin(); row != last_row; ++row) {
            const auto last_field = row->end();
            for (auto field = row->begin(); field != last_field; ++field) { // uses ->, because * returns a copy
                cells.push_back(field->is_null() ? std::string_view() : std::string_view(field->c_str(), field->size()));
            }
        }
    }
    [[nodiscard]] std::string_view at(std::size_t row, std::size_t column) const {
        if (column >= columns) throw std::out_of_range("the statement has no such column");
        return cells.at(row * columns + column);
    }

    pqxx::result data;
    std::size_t columns = 0;
    std::vector<std::string_view> cells; ///< a null cell has a null data()
};

} // namespace ctms::persistence
