// SPDX-License-Identifier: MPL-2.0
// Divides a stream of bytes into lines of a limited length. Lines of blanks are left out. Not thread safe; throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::web {

class line_buffer {
public:
    struct line {
        std::string_view text; ///< without its end, valid until the next call of put(); "" if the line is too long
        bool is_too_long = false;
    };

    /// `longest` is the maximum length of a line in bytes. Not much more than one line and what put() was given last is kept in memory.
    explicit line_buffer(std::size_t longest) : longest_(longest) {}

    /// Adds bytes, of any number.
    void put(std::string_view bytes);
    /// Nothing follows: what is left is the last line, even without a line feed.
    void finish() { is_finished_ = true; }

    /// Whether next() returns a line. Drops lines of blanks before it.
    [[nodiscard]] bool has_line();
    /// Takes the next line; nullopt if none is complete.
    [[nodiscard]] std::optional<line> next();

    /// The bytes that are kept in memory.
    [[nodiscard]] std::size_t bytes() const noexcept { return data_.capacity(); }

private:
    /// The end of the next line: the place of its line feed, or the end of the data if it is the last one; npos if it is not complete.
    [[nodiscard]] std::size_t find_end();

    std::size_t longest_;
    std::string data_;
    std::size_t begin_ = 0;    ///< of the next line
    std::size_t searched_ = 0; ///< there is no line feed from `begin_` to here
    bool is_cut_ = false;      ///< the beginning of the next line was dropped, because it is too long
    bool is_finished_ = false;
};

} // namespace ctms::web
