// SPDX-License-Identifier: MPL-2.0
#include "stripe_files.hpp"

#include "output.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>
#include <utility>

namespace ctms::cli {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// Lines that are not blank, counted from 1 with those that are.
class line_reader {
public:
    explicit line_reader(std::istream& in) : in_(in) {}

    bool next(std::string& line) {
        while (std::getline(in_, line)) {
            ++number_;
            if (!trimmed(line).empty()) return true;
        }
        line.clear();
        return false;
    }
    [[nodiscard]] std::size_t number() const { return number_; }

    [[nodiscard]] std::string rest() { return {std::istreambuf_iterator<char>(in_), {}}; }

private:
    std::istream& in_;
    std::size_t number_ = 0;
};

/// Whether JSON that begins with these lines goes over several of them. One that is cut off does not look so when an object
/// follows, for inside of an object none can follow without a key.
bool goes_over_lines(std::string_view first, std::string_view second) {
    if (first.starts_with('[')) return true;
    return first.starts_with('{') && !first.ends_with('}') && !second.starts_with('{');
}

class file_reader {
public:
    file_reader(std::string name, std::istream& in, const stripe_file_visitor& visit) : name_(std::move(name)), lines_(in), visit_(visit) {}

    /// False when the visitor stopped it. An error if there is nothing to read: the program that made the file has probably failed.
    result<bool> read() {
        std::string first;
        if (!lines_.next(first)) return malformed(fmt::format("{} is empty", name_));
        const auto number = lines_.number();
        std::string second;
        const bool more = lines_.next(second);
        if (goes_over_lines(trimmed(first), trimmed(second))) return visit_text(first + '\n' + second + '\n' + lines_.rest(), name_);
        if (!visit_line(first, number)) return false;
        return !more || visit_lines(std::move(second));
    }

    /// Whether the file is only a part of an export.
    [[nodiscard]] bool goes_on() const { return goes_on_; }

private:
    bool visit_lines(std::string line) {
        do {
            if (!visit_line(line, lines_.number())) return false;
        } while (lines_.next(line));
        return true;
    }

    bool visit_line(const std::string& line, std::size_t number) { return visit_text(line, fmt::format("{}, line {}", name_, number)); }

    bool visit_text(const std::string& text, const std::string& place) {
        bool go_on = true;
        const auto read = json::read_stripe_objects(text, [&](std::optional<std::size_t> index, result<json::any_stripe_object> object) {
            go_on = visit_(index ? fmt::format("{}, index {}", place, *index) : place, std::move(object));
            return go_on;
        });
        goes_on_ = read && *read;
        return read ? go_on : visit_(place, read.error());
    }

    std::string name_;
    line_reader lines_;
    const stripe_file_visitor& visit_;
    bool goes_on_ = false; ///< the last list says that others follow
};

error unreadable(std::string message, std::string why) { return not_found(std::move(message), std::move(why)); }

} // namespace

result<bool> read_stripe_file(const std::string& file, const stripe_file_visitor& visit) {
    const bool standard_input = file == "-";
    const std::string name = standard_input ? "standard input" : file;
    std::ifstream opened;
    if (!standard_input) {
        opened.open(file, std::ios::binary);
        if (!opened) return unreadable(fmt::format("{} cannot be opened", name), std::strerror(errno));
    }
    auto& in = standard_input ? std::cin : opened;
    file_reader reader(name, in, visit);
    auto finished = reader.read();
    // What was read of it is stored; the lines that are missing must not go unnoticed.
    if (in.bad()) return unreadable(fmt::format("{} cannot be read completely", name), {});
    if (reader.goes_on())
        complain("{}: Stripe says that more objects follow (`has_more`); the other pages of the list are needed, too", name);
    return finished;
}

} // namespace ctms::cli
