// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>

#include <web/server/line_buffer.hpp>

#include <string>
#include <vector>

using ctms::web::line_buffer;

namespace {

/// The lines that are complete; "!" for one that is too long.
std::vector<std::string> lines_of(line_buffer& from) {
    std::vector<std::string> out;
    while (const auto line = from.next()) out.push_back(line->is_too_long ? "!" : std::string(line->text));
    return out;
}

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("lines are complete when their line feeds have come, or at the end") {
    line_buffer buffer(100);
    CHECK_FALSE(buffer.has_line());
    buffer.put("one\ntw");
    CHECK(buffer.has_line());
    CHECK(lines_of(buffer) == texts{"one"});
    CHECK_FALSE(buffer.has_line());
    buffer.put("o\r\nthree");
    CHECK(lines_of(buffer) == texts{"two\r"});
    buffer.finish();
    CHECK(buffer.has_line());
    CHECK(lines_of(buffer) == texts{"three"});
    CHECK_FALSE(buffer.has_line());
}

TEST_CASE("lines of blanks are left out") {
    line_buffer buffer(100);
    buffer.put("\n \t\r\n\na\n\n");
    CHECK(lines_of(buffer) == texts{"a"});
    buffer.put("  ");
    buffer.finish();
    CHECK_FALSE(buffer.has_line());
    CHECK(lines_of(buffer).empty());
}

TEST_CASE("a line that is too long is reported once, and is not kept") {
    for (const std::size_t piece : {1U, 7U, 50U, 1000U}) {
        CAPTURE(piece);
        line_buffer buffer(10);
        const std::string all = "0123456789\n01234567890\n" + std::string(500, 'x') + "\nnext\n" + std::string(300, 'y');
        texts found;
        std::size_t most = 0;
        for (std::size_t at = 0; at < all.size(); at += piece) {
            buffer.put(std::string_view(all).substr(at, piece));
            for (auto& line : lines_of(buffer)) found.push_back(std::move(line));
            most = std::max(most, buffer.bytes());
        }
        buffer.finish();
        for (auto& line : lines_of(buffer)) found.push_back(std::move(line));
        CHECK(found == texts{"0123456789", "!", "!", "next", "!"});
        CHECK(most < 2 * piece + 200);
    }
}
