// SPDX-License-Identifier: MPL-2.0
// Proves that input follows the rules of the API, so that nobody has to check it again. Only json::read_contact, json::read_patch and
// json::check make one (contact_json.hpp). A value: belongs to one thread at a time.
#pragma once

#include <utility>

namespace ctms::json {

/// Input that was checked. It cannot be changed.
template <class T>
class checked {
public:
    [[nodiscard]] const T& operator*() const noexcept { return value_; }   ///< Returns the input.
    [[nodiscard]] const T* operator->() const noexcept { return &value_; } ///< Accesses the input.
    /// Moves the input out; it can be changed, and is no longer known to be checked.
    [[nodiscard]] T take() && noexcept { return std::move(value_); }

private:
    friend struct check_mark; // private: src/json/contact_parts.hpp
    explicit checked(T&& value) noexcept : value_(std::move(value)) {}
    T value_;
};

} // namespace ctms::json
