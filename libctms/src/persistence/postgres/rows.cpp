// SPDX-License-Identifier: MPL-2.0
#include "pqxx_rows.hpp"

#include <charconv>

namespace ctms::persistence {

rows::rows(std::shared_ptr<const impl> data) : data_(std::move(data)) {}

std::size_t rows::size() const { return static_cast<std::size_t>(data_->data.size()); }

bool rows::is_null(std::size_t row, std::size_t column) const { return data_->at(row, column).data() == nullptr; }

std::string_view rows::text(std::size_t row, std::size_t column) const { return data_->at(row, column); }

std::size_t rows::affected() const { return static_cast<std::size_t>(data_->data.affected_rows()); }

std::optional<std::string> rows::optional_text(std::size_t row, std::size_t column) const {
    if (is_null(row, column)) return std::nullopt;
    return std::string(text(row, column));
}

std::int64_t rows::integer(std::size_t row, std::size_t column) const {
    const auto digits = text(row, column);
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size()) {
        throw std::logic_error("a column is not an integer");
    }
    return value;
}

bool rows::boolean(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }

} // namespace ctms::persistence
