// SPDX-License-Identifier: MPL-2.0
// A parsed JSON text that keeps what Boost.JSON's values lose: numbers as they were written, and the order of keys.
// boost::json::basic_parser parses it; the nodes are in one arena and point into it.
// A document is immutable and may be read from several threads; parsing throws only std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <variant>

namespace ctms::json {

enum class kind : std::uint8_t { null, boolean, number, non_finite, string, array, object };

/// One value. Children are a singly linked list in source order.
struct node {
    kind type = kind::null;
    bool truth = false;      ///< boolean
    bool negative = false;   ///< non_finite: -Infinity
    std::uint32_t size = 0;  ///< array, object: number of children (an object may repeat keys)
    std::string_view key{};  ///< of a member of an object, decoded
    std::string_view text{}; ///< string: decoded; number: the source text; non_finite: "NaN" or "Infinity"
    const node* first = nullptr;
    const node* next = nullptr;

    /// The member with this name, the last one if the name is repeated (as in Python); nullptr if there is none.
    [[nodiscard]] const node* member(std::string_view name) const noexcept;
};

/// Where a text is not JSON that document::parse accepts, and why.
struct syntax_error {
    std::string message;
    std::size_t position = 0; ///< characters before it
    std::size_t byte = 0;     ///< bytes before it, without a byte order mark
    std::size_t line = 1;
    std::size_t column = 1;
};

struct limits {
    std::size_t depth = 32;      ///< nesting of arrays and objects
    std::size_t length = 10'000; ///< items of one array, members of one object
};

class document {
public:
    /// Parses valid UTF-8. Skips a byte order mark. Accepts NaN, Infinity and -Infinity, as Python does.
    [[nodiscard]] static std::variant<document, syntax_error> parse(std::string_view text, const limits& bounds);

    [[nodiscard]] const node& root() const noexcept { return *root_; }

private:
    friend class document_builder;
    document() : arena_(std::make_unique<std::pmr::monotonic_buffer_resource>()) {}

    std::unique_ptr<std::pmr::monotonic_buffer_resource> arena_;
    const node* root_ = nullptr;
};

/// Appends the value as compact JSON: numbers as they were written, a repeated key once, at its first position with its
/// last value, and non-finite numbers as null.
void write(std::string& out, const node& value);

/// Looks for values that a database cannot store as JSON: a NUL character in a string or key, or a non-finite number.
/// Returns a short description of the first one, or nullptr.
[[nodiscard]] const char* find_unstorable(const node& value) noexcept;

/// Compares as Python compares parsed JSON: objects regardless of order, numbers by value.
[[nodiscard]] bool equal(const node& a, const node& b);

} // namespace ctms::json
