// SPDX-License-Identifier: MPL-2.0
#include "line_buffer.hpp"

#include <algorithm>

namespace ctms::web {

void line_buffer::put(std::string_view bytes) {
    data_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    data_ += bytes;
}

std::size_t line_buffer::find_end() {
    const auto end = data_.find('\n', std::max(begin_, searched_));
    searched_ = end == std::string::npos ? data_.size() : end;
    if (end != std::string::npos) return end;
    if (searched_ - begin_ > longest_) {
        is_cut_ = true;
        begin_ = searched_;
    }
    const bool is_last = is_finished_ && (is_cut_ || begin_ < data_.size());
    return is_last ? data_.size() : std::string::npos;
}

bool line_buffer::has_line() {
    for (;;) {
        const auto end = find_end();
        if (end == std::string::npos) return false;
        const auto text = std::string_view(data_).substr(begin_, end - begin_);
        if (is_cut_ || text.find_first_not_of(" \t\r") != std::string_view::npos) return true;
        begin_ = searched_ = std::min(end + 1, data_.size());
    }
}

std::optional<line_buffer::line> line_buffer::next() {
    if (!has_line()) return std::nullopt;
    const auto end = find_end();
    line out{std::string_view(data_).substr(begin_, end - begin_), is_cut_ || end - begin_ > longest_};
    if (out.is_too_long) out.text = {};
    is_cut_ = false;
    begin_ = searched_ = std::min(end + 1, data_.size());
    return out;
}

} // namespace ctms::web
