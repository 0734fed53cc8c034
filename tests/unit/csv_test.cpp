// SPDX-License-Identifier: MPL-2.0
#include <csv.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <sstream>

using namespace ctms::cli;

namespace {

using fields = std::vector<std::string>;

std::vector<csv_record> read_all(const std::string& text, std::size_t limit = 1'000, char separator = ',') {
    std::istringstream in(text);
    csv_reader reader(in, limit, separator);
    std::vector<csv_record> out;
    for (csv_record one; reader.next(one);) out.push_back(one);
    return out;
}

fields only_record(const std::string& text) {
    const auto found = read_all(text);
    REQUIRE(found.size() == 1);
    REQUIRE(found[0].problem.empty());
    return found[0].fields;
}

} // namespace

TEST_CASE("fields are separated by commas") {
    CHECK(only_record("a,b,c\n") == fields{"a", "b", "c"});
    CHECK(only_record("a,b,c") == fields{"a", "b", "c"});
    CHECK(only_record("a,b,c\r\n") == fields{"a", "b", "c"});
    CHECK(only_record(",,") == fields{"", "", ""});
    CHECK(only_record(" a , b") == fields{" a ", " b"});
}

TEST_CASE("quoted fields can contain commas, quotes and line ends") {
    CHECK(only_record(R"("a,b","say ""hi""",)"
                      "\n") == fields{"a,b", R"(say "hi")", ""});
    CHECK(only_record("\"one\ntwo\r\nthree\",x\n") == fields{"one\ntwo\r\nthree", "x"});
    CHECK(only_record("\"\",\"\"\n") == fields{"", ""});
}

TEST_CASE("a record has its line number and its original text, and blank lines are skipped") {
    const auto found = read_all("a,b\r\n\r\n\"x\ny\",2\n\nlast,3");
    REQUIRE(found.size() == 3);
    CHECK(found[0].line == 1);
    CHECK(found[0].text == "a,b");
    CHECK(found[1].line == 3);
    CHECK(found[1].text == "\"x\ny\",2");
    CHECK(found[2].line == 6);
    CHECK(found[2].fields == fields{"last", "3"});
}

TEST_CASE("a carriage return at the end of the file ends the line and is not part of a value") {
    CHECK(only_record("a,b@example.com\r") == fields{"a", "b@example.com"});
    CHECK(only_record("a,\"b\"\r") == fields{"a", "b"});
    const auto found = read_all("a\r\r\n\r\r\nb");
    REQUIRE(found.size() == 2);
    CHECK(found[0].fields == fields{"a\r"}); // one of the two ends the line
    CHECK(found[0].text == "a\r");
}

TEST_CASE("an invalid record is reported, and the next one is read") {
    for (const std::string broken : {"a\"b,c", "\"a\"b,c", "\"a\" ,c"}) {
        CAPTURE(broken);
        const auto found = read_all(broken + "\nnext,1\n");
        REQUIRE(found.size() == 2);
        CHECK(found[0].problem == "a quote in the middle of a field");
        CHECK(found[0].text == broken);
        CHECK(found[1].fields == fields{"next", "1"});
    }
    const auto open = read_all("a,\"b\nc\n");
    REQUIRE(open.size() == 1);
    CHECK(open[0].problem == "a quote is not closed");
}

TEST_CASE("an open quote reads at most the longest record") {
    const auto found = read_all("\"" + std::string(50, 'x') + "\n" + "good,1\n", 20);
    REQUIRE(found.size() == 2);
    CHECK(found[0].problem.find("the record is too long") == 0);
    CHECK(found[0].text.size() <= 20);
    CHECK(found[1].fields == fields{"good", "1"});
}

TEST_CASE("rows that are written can be read back") {
    const fields all{"plain", "", "a,b", "say \"hi\"", "two\nlines", "cr\rlf\r\n", " blanks "};
    std::string row;
    for (std::size_t i = 0; i < all.size(); ++i) append_csv_field(row, all[i], i == 0);
    CHECK(only_record(row + "\r\n") == all);
}

TEST_CASE("lines are read one at a time, and long ones are truncated") {
    std::istringstream in("one\r\ntwo\n" + std::string(100, 'x') + "\n\nlast");
    std::string line;
    fields found;
    while (read_line(in, line, 10)) found.push_back(line);
    CHECK(found == fields{"one", "two", std::string(10, 'x'), "", "last"});
}

namespace {

std::string written(const fields& values) {
    std::string row;
    for (const auto& value : values) append_csv_field(row, value, row.empty() && &value == &values.front());
    return row + "\r\n";
}

bool begins_with_one_of(std::string_view cell, std::initializer_list<std::string_view> signs) {
    return std::any_of(signs.begin(), signs.end(), [&](std::string_view sign) { return cell.starts_with(sign); });
}

// The start of a cell that a spreadsheet would run: OWASP's characters and their full-width forms.
bool has_sign(std::string_view cell) { return begins_with_one_of(cell, {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"}); }
bool is_formula(std::string_view cell) { return has_sign(cell) || begins_with_one_of(cell, {"\t", "\r", "\n"}); }

} // namespace

TEST_CASE("no cell is a formula, and all cells can be read back") {
    const fields hostile{"=1+1",
                         "=cmd|' /C calc'!A0",
                         "+49 30 123456",
                         "-5",
                         "@SUM(1)",
                         "\tx",
                         "\rx",
                         "\nx",
                         "\uff1dA1",
                         "'",
                         "''",
                         "'=x",
                         "''=x",
                         "'tis",
                         "O'Neil",
                         "a;=b",
                         "a;'=b",
                         "a\n=b",
                         "a\t@b",
                         "\t=x;\r-y",
                         "plain",
                         "",
                         "'''-1;''+",
                         "\"=x\"",
                         "x,=y;\"\n'+z",
                         "=HYPERLINK(\"x\")",
                         "';=x",
                         "2024-01-01",
                         "a=b+c-d@e",
                         "+tag@example.com"};
    CHECK(only_record(written(hostile)) == hostile);
    for (const auto& value : hostile) {
        CAPTURE(value);
        const auto cell = escape_formulas(value);
        CHECK_FALSE(is_formula(cell));
        // If a spreadsheet splits the cell at another separator, as in many countries, no part of it is a formula either.
        for (std::size_t at = cell.find_first_of(";\t\r\n"); at != std::string::npos; at = cell.find_first_of(";\t\r\n", at + 1))
            CHECK_FALSE(has_sign(std::string_view(cell).substr(at + 1)));
    }
}

TEST_CASE("every short text of the special characters can be read back") {
    constexpr std::string_view alphabet = "'=;\ta\"\n\r,";
    std::string text;
    std::size_t wrong = 0;
    const auto try_all = [&](const auto& self, int left) -> void {
        const fields one{text, "x"};
        if (only_record(written(one)) != one || is_formula(escape_formulas(text))) ++wrong;
        for (std::size_t i = 0; left > 0 && i < alphabet.size(); ++i) {
            text.push_back(alphabet[i]);
            self(self, left - 1);
            text.pop_back();
        }
    };
    try_all(try_all, 4);
    CHECK(wrong == 0);
}

TEST_CASE("text with several lines gets no apostrophes inside") {
    CHECK(escape_formulas("one\r\ntwo\n\nthree;four\tfive") == "one\r\ntwo\n\nthree;four\tfive");
}

TEST_CASE("a file from elsewhere keeps its apostrophes except before a formula") {
    CHECK(only_record("'tis,O'Neil,'',=1,'=1,''=1,-5,'-5\n") == fields{"'tis", "O'Neil", "''", "=1", "=1", "'=1", "-5", "-5"});
}

TEST_CASE("a source that fails is bad and not at its end") {
    struct failing final : std::streambuf {
        int_type underflow() override { throw std::ios_base::failure("broken disk"); }
    } source;
    std::istream in(&source);
    std::string line;
    CHECK_FALSE(read_line(in, line, 100));
    CHECK(in.bad());
    in.clear();
    csv_reader reader(in);
    csv_record record;
    CHECK_FALSE(reader.next(record));
    CHECK(in.bad());
}
