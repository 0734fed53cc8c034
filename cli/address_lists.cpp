// SPDX-License-Identifier: MPL-2.0
#include "address_lists.hpp"

#include <ctms/base/address_text.hpp>
#include <ctms/base/utf8.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace ctms::cli {
namespace {

constexpr std::size_t longest_record = 1U << 20U;
constexpr std::size_t most_columns = 1'000;
constexpr std::size_t sample_size = 200;

// ---- one address -------------------------------------------------------------------------------------

bool is_one_of(char c, std::string_view list) { return list.find(c) != std::string_view::npos; }

/// Removes pairs of quotes around the text, blanks, and punctuation after it.
std::string_view unwrapped(std::string_view text) {
    constexpr std::array pairs{std::pair{"\"", "\""}, std::pair{"'", "'"}, std::pair{"\u201c", "\u201d"}, std::pair{"\u2018", "\u2019"}};
    for (auto size = std::string_view::npos; size != text.size();) {
        size = text.size();
        text = without_blanks_around(text);
        while (!text.empty() && is_one_of(text.back(), ",;.")) text.remove_suffix(1);
        for (const auto& [open, close] : pairs) {
            const std::string_view first(open);
            const std::string_view last(close);
            if (text.size() < first.size() + last.size() || !text.starts_with(first) || !text.ends_with(last)) continue;
            // "jane doe"@example.com is not in quotes as a whole, and neither is "a" b@c "d".
            const auto inside = text.substr(first.size(), text.size() - first.size() - last.size());
            if (inside.find(first) == std::string_view::npos) text = inside;
        }
    }
    return text;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
            out += static_cast<char>(value);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

/// Removes what names the kind of address in links, directories and delivery reports.
std::string without_scheme(std::string_view text) {
    constexpr std::string_view mailto = "mailto:";
    if (ascii_iequal(text.substr(0, mailto.size()), mailto) && text.size() >= mailto.size()) {
        text.remove_prefix(mailto.size());
        return percent_decoded(text.substr(0, text.find('?')));
    }
    for (const std::string_view scheme : {"smtp:", "rfc822;"}) {
        if (text.size() >= scheme.size() && ascii_iequal(text.substr(0, scheme.size()), scheme))
            return std::string(without_blanks_around(text.substr(scheme.size())));
    }
    return std::string(text);
}

std::string bare_address(std::string_view text) { return std::string(unwrapped(without_scheme(unwrapped(text)))); }

/// The addresses among the words of a text, in lower case.
std::set<std::string> addresses_in(std::string_view text) {
    std::set<std::string> out;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" \t\r\n,;|<>()"), text.size());
        if (auto word = bare_address(text.substr(0, end)); can_be_address(word)) out.insert(ascii_lower(word));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

address_record problem(std::string what) { return {0, {}, std::move(what)}; }

/// Takes the address in front, unless the rest of the text contains another one.
address_record only_one(std::string address, std::string_view rest) {
    auto others = addresses_in(rest);
    others.erase(ascii_lower(address));
    return others.empty() ? address_record{0, std::move(address), {}} : problem("more than one address");
}

// ---- columns -----------------------------------------------------------------------------------------

/// "E-Mail Address" as "emailaddress".
std::string letters_of(std::string_view name) {
    std::string out;
    for (const char c : ascii_lower(name)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
    }
    return out;
}

/// How clearly the name of a column says that it contains the addresses.
enum class name_rank : std::uint8_t {
    none,
    perhaps, ///< also usual for something else: for the account of an employee, or a postal address
    likely,
    surely
};

/// A JSON path counts by its last part.
name_rank rank_of(std::string_view name) {
    constexpr std::array surely{"primaryemail", "emailprimaryemail"};
    constexpr std::array likely{"email",           "emailaddress",       "mail",           "emailid",        "mailaddress",
                                "recipient",       "recipients",         "recipientemail", "emailrecipient", "subscriber",
                                "subscriberemail", "bouncedrecipient",   "finalrecipient", "rcptto",         "rawrcptto",
                                "contactemail",    "customeremail",      "useremail",      "email1",         "emailaddress1",
                                "emailaddresses",  "unsubscribedprofile"};
    constexpr std::array perhaps{"address", "to", "toaddress", "contact", "user", "username", "destination", "subscriberkey"};
    const auto is_in = [](const auto& list, const std::string& word) { return std::find(list.begin(), list.end(), word) != list.end(); };
    if (is_in(surely, letters_of(name))) return name_rank::surely;
    const auto dot = name.rfind('.');
    const auto last = letters_of(dot == std::string_view::npos ? name : name.substr(dot + 1));
    if (is_in(likely, last)) return name_rank::likely;
    return is_in(perhaps, last) ? name_rank::perhaps : name_rank::none;
}

name_rank rank_of(std::size_t column, const std::vector<std::string>& names) {
    return column < names.size() ? rank_of(names[column]) : name_rank::none;
}

/// The name of a column for people; its number if the name is missing, long, or might contain an address.
std::string describe_column(std::size_t column, const std::vector<std::string>& names) {
    auto number = fmt::format("column {}", column + 1);
    if (column >= names.size()) return number;
    const auto& name = names[column];
    const bool shown = !name.empty() && name.size() <= 60 && name.find('@') == std::string::npos && is_valid_utf8(name);
    return shown ? fmt::format("'{}'", name) : number;
}

namespace values = boost::json;

/// Calls `visit(path, text)` for each string inside the value.
void visit_strings(const values::value& value, const std::string& path, const auto& visit) {
    if (const auto* text = value.if_string()) {
        visit(path, std::string_view(text->data(), text->size()));
    } else if (const auto* list = value.if_array()) {
        for (const auto& item : *list) visit_strings(item, path, visit);
    } else if (const auto* object = value.if_object()) {
        for (const auto& [key, member] : *object) {
            const std::string name(key.data(), key.size());
            visit_strings(member, path.empty() ? name : fmt::format("{}.{}", path, name), visit);
        }
    }
}

bool is_blank(std::string_view text) { return without_blanks_around(text).empty(); }

} // namespace

address_record read_address(std::string_view text) {
    text = without_blanks_around(text);
    if (text.empty()) return {};
    if (const auto open = text.find('<'); open != std::string_view::npos) {
        const auto close = std::min(text.find('>', open), text.size());
        auto address = bare_address(text.substr(open + 1, close - open - 1));
        if (close == text.size() || !can_be_address(address)) return problem("no valid address in the angle brackets");
        return only_one(std::move(address), std::string(text.substr(0, open)) + ' ' + std::string(text.substr(close + 1)));
    }
    std::string_view comment;
    if (const auto open = text.find('('); open != std::string_view::npos && open > 0 && text.ends_with(')')) {
        comment = text.substr(open);
        text = text.substr(0, open);
    }
    auto address = bare_address(text);
    if (can_be_address(address)) return only_one(std::move(address), comment);
    const auto inside = addresses_in(text).size();
    if (inside > 1) return problem("more than one address");
    if (inside == 1) return problem("an address with other text around it");
    if (text.find('@') == std::string_view::npos) return problem("no address");
    return problem(is_valid_utf8(text) ? "not a valid address" : "not a valid address: not UTF-8");
}

// ---- the choice of a layout --------------------------------------------------------------------------

/// Tries the ways to read the file on its first records.
class address_list::chooser {
public:
    chooser(address_list& list, const std::string& name, const std::optional<std::string>& column)
        : list_(list), name_(name), wanted_(column) {}

    result<void> choose() {
        const auto text = first_text();
        const bool failed = list_.source_.failed();
        list_.source_.rewind();
        if (!text) return failed ? result<void>() : empty_file(name_); // the caller sees a failure when it reads the records
        std::string first;
        (void)read_line(list_.source_.stream(), first, longest_record);
        list_.source_.rewind();
        std::vector<layout> tried;
        if (const auto json = json_format(*text); json) {
            tried.push_back(try_json(*json));
        } else {
            if (!wanted_) tried.push_back(try_lines());
            const bool names_separator = first.size() >= 5 && ascii_iequal(first.substr(0, 4), "sep=");
            for (const char separator : names_separator ? std::string_view(first).substr(4, 1) : csv_separators)
                tried.push_back(try_csv(separator, names_separator));
        }
        auto best = std::max_element(tried.begin(), tried.end(), [](const layout& a, const layout& b) {
            return std::tuple(a.good, a.problem.empty(), a.has_header) < std::tuple(b.good, b.problem.empty(), b.has_header);
        });
        settle(*best);
        if (best->good == 0) { // a table without addresses is one mistake, not one on each line
            const auto table = std::find_if(tried.begin(), tried.end(), [](const layout& one) {
                return one.has_header && one.names.size() > 1 && !one.problem.empty();
            });
            if (table != tried.end()) best = table;
        }
        if (!best->problem.empty()) return invalid(best->problem);
        list_.layout_ = std::move(*best);
        return {};
    }

private:
    using row_visitor = std::function<bool(const row&)>; ///< returns false to stop
    using row_source = std::function<void(const row_visitor&)>;

    /// Chooses the column again, from all rows: the sample only shows how the file is written.
    void settle(layout& how) {
        if (!how.problem.empty() || wanted_ || how.what == format::lines) return;
        pick_column(how, [&](const row_visitor& visit) {
            list_.begin(how);
            row one;
            if (how.has_header) (void)list_.next_row(one);
            while (list_.next_row(one) && visit(one)) continue;
            how.names = std::exchange(list_.layout_.names, {});
        });
    }

    /// The first line that is not blank; nullopt if there is none.
    std::optional<std::string> first_text() {
        for (std::string line; read_line(list_.source_.stream(), line, longest_record);) {
            if (!is_blank(line)) return std::string(without_blanks_around(line));
        }
        return std::nullopt;
    }

    /// JSON begins with a brace or a bracket.
    static std::optional<format> json_format(std::string_view text) {
        if (text.starts_with('[')) return format::json_list;
        return text.starts_with('{') ? std::optional(format::json_lines) : std::nullopt;
    }

    std::vector<row> sample(layout& how) {
        std::vector<row> out;
        list_.begin(how);
        for (row one; out.size() < sample_size && list_.next_row(one);) out.push_back(std::move(one));
        how.names = std::exchange(list_.layout_.names, {});
        return out;
    }

    layout try_lines() {
        layout out;
        for (const auto& one : sample(out)) out.good += one.problem.empty() && read_address(one.cells.front().text).problem.empty() ? 1 : 0;
        return out;
    }

    layout try_csv(char separator, bool names_separator) {
        layout out{.what = format::csv, .separator = separator, .has_separator_line = names_separator};
        auto rows = sample(out);
        if (rows.empty()) return out;
        out.has_header = is_header(rows.front());
        if (out.has_header) {
            for (const auto& one : rows.front().cells) out.names.emplace_back(without_blanks_around(one.text));
            rows.erase(rows.begin());
        }
        const bool is_one_column = out.has_header ? out.names.size() < 2 : rows.empty() || rows.front().cells.size() < 2;
        if (is_one_column && !out.has_header && !wanted_) {
            out.problem = no_column;
            return out;
        }
        pick_column(out, visiting(rows));
        return out;
    }

    layout try_json(format what) {
        layout out{.what = what};
        const auto rows = sample(out);
        if (!rows.empty() && !rows.front().problem.empty()) {
            out.problem = "the file looks like JSON, but is neither one object per line nor a list of objects: make it one, for example "
                          "with jq -c '.items[]'";
            return out;
        }
        pick_column(out, visiting(rows));
        return out;
    }

    static row_source visiting(const std::vector<row>& rows) {
        return [&rows](const row_visitor& visit) { (void)std::all_of(rows.begin(), rows.end(), visit); };
    }

    /// "jane.example.com", which lacks its @.
    static bool resembles_address(std::string_view text) {
        const auto dot = text.rfind('.');
        return dot != std::string_view::npos && dot > 0 && text.size() - dot > 2 && text.find_first_of(" \t") == std::string_view::npos;
    }

    /// Names of columns are not addresses, and only a name that says so may stand alone. A value is not mistaken for a header when its
    /// address is missing or broken: one of the cells would be blank, a number, or resemble an address.
    static bool is_header(const row& first) {
        if (!first.problem.empty()) return false;
        const auto has = [&](const auto& test) { return std::any_of(first.cells.begin(), first.cells.end(), test); };
        if (has([](const cell& one) { return one.text.find('@') != std::string::npos; })) return false;
        if (has([](const cell& one) { return rank_of(without_blanks_around(one.text)) != name_rank::none; })) return true;
        return first.cells.size() > 1 && !has([](const cell& one) {
                   const auto text = without_blanks_around(one.text);
                   return text.empty() || is_one_of(text.front(), "0123456789-+") || resembles_address(text);
               });
    }

    struct column_count {
        std::size_t addresses = 0;
        std::size_t values = 0;
        [[nodiscard]] bool is_mostly_addresses() const { return addresses > 0 && addresses * 2 >= values; }
    };
    using column_counts = std::map<std::size_t, column_count>;

    void pick_column(layout& out, const row_source& rows) {
        column_counts counts;
        std::size_t with_address = 0;
        bool is_empty = true;
        rows([&](const row& one) {
            is_empty = false;
            bool any = false;
            for (const auto& each : one.cells) {
                if (is_blank(each.text)) continue;
                auto& count = counts[each.column];
                const bool is_good = !read_address(each.text).address.empty();
                ++count.values;
                count.addresses += is_good ? 1 : 0;
                any = any || is_good;
            }
            with_address += any ? 1 : 0;
            return true;
        });
        if (is_empty && out.what == format::json_list) return; // []
        if (wanted_) {
            const auto found = find_wanted(out);
            if (!found) {
                out.problem = fmt::format("the file has no column '{}'{}", *wanted_, known_names(out));
                return;
            }
            out.column = *found;
            out.good = 1 + counts[out.column].addresses;
            return;
        }
        auto candidates = candidates_among(counts, out.names);
        out.good = with_address;
        if (candidates.size() > 1) keep_best_names(candidates, out.names, counts, rows);
        if (candidates.size() > 1 && have_same_addresses(candidates, rows)) candidates.resize(1);
        if (candidates.size() == 1) {
            out.column = candidates.front();
            if (const auto& count = counts[out.column]; count.is_mostly_addresses()) out.good = count.addresses;
        } else if (candidates.empty()) {
            out.problem = no_column;
        } else {
            std::string list;
            for (const auto column : candidates) list += (list.empty() ? "" : ", ") + describe_column(column, out.names);
            out.problem = fmt::format("more than one column contains addresses ({}): choose one with --column", list);
        }
    }

    /// The columns that mostly contain addresses, and those that should, according to their names: their rows are bad rather than those of
    /// another column good. A column without any address must have a clearer name than the columns with addresses.
    static std::vector<std::size_t> candidates_among(const column_counts& counts, const std::vector<std::string>& names) {
        auto best = name_rank::none;
        for (const auto& [column, count] : counts) {
            if (count.is_mostly_addresses()) best = std::max(best, rank_of(column, names));
        }
        std::vector<std::size_t> out;
        for (const auto& [column, count] : counts) {
            const auto rank = rank_of(column, names);
            const bool should = rank >= name_rank::likely && (count.addresses > 0 || rank > best);
            if (count.is_mostly_addresses() || should) out.push_back(column);
        }
        for (std::size_t column = 0; out.empty() && column < names.size(); ++column) {
            if (rank_of(column, names) != name_rank::none) out.push_back(column);
        }
        return out;
    }

    /// Removes the columns whose names are less clear than others. A name that is only perhaps that of the addresses does not exclude a
    /// column that is at least half as full and has other addresses.
    static void keep_best_names(std::vector<std::size_t>& columns, const std::vector<std::string>& names, const column_counts& counts,
                                const row_source& rows) {
        auto best = name_rank::none;
        for (const auto column : columns) best = std::max(best, rank_of(column, names));
        std::set<std::size_t> named;
        std::size_t most = 0;
        for (const auto column : columns) {
            if (rank_of(column, names) < best) continue;
            named.insert(column);
            most = std::max(most, addresses_of(counts, column));
        }
        const auto others = best == name_rank::perhaps ? with_other_addresses(columns, named, rows) : std::set<std::size_t>();
        std::erase_if(columns, [&](std::size_t column) {
            return !named.contains(column) && !(others.contains(column) && addresses_of(counts, column) * 2 >= most);
        });
    }

    static std::size_t addresses_of(const column_counts& counts, std::size_t column) {
        const auto found = counts.find(column);
        return found == counts.end() ? 0 : found->second.addresses;
    }

    /// Those of the columns that have an address which the named columns lack in that row.
    static std::set<std::size_t> with_other_addresses(const std::vector<std::size_t>& columns, const std::set<std::size_t>& named,
                                                      const row_source& rows) {
        std::set<std::size_t> out;
        rows([&](const row& one) {
            std::set<std::string> known;
            const auto address_of = [](const cell& each) { return ascii_lower(read_address(each.text).address); };
            for (const auto& each : one.cells) {
                if (named.contains(each.column)) known.insert(address_of(each));
            }
            for (const auto& each : one.cells) {
                if (std::find(columns.begin(), columns.end(), each.column) == columns.end()) continue;
                if (const auto address = address_of(each); !address.empty() && !known.contains(address)) out.insert(each.column);
            }
            return out.size() + named.size() < columns.size();
        });
        return out;
    }

    /// Whether it does not matter which of the columns is used.
    static bool have_same_addresses(const std::vector<std::size_t>& columns, const row_source& rows) {
        bool same = true;
        rows([&](const row& one) {
            std::map<std::size_t, std::set<std::string>> found;
            for (const auto& each : one.cells) {
                if (std::find(columns.begin(), columns.end(), each.column) == columns.end() || is_blank(each.text)) continue;
                found[each.column].insert(ascii_lower(read_address(each.text).address));
            }
            same = std::all_of(columns.begin(), columns.end(), [&](std::size_t column) { return found[column] == found[columns.front()]; });
            return same;
        });
        return same;
    }

    [[nodiscard]] std::optional<std::size_t> find_wanted(const layout& in) const {
        for (std::size_t column = 0; column < in.names.size(); ++column) {
            if (ascii_iequal(in.names[column], without_blanks_around(*wanted_))) return column;
        }
        std::size_t number = 0;
        const auto* end = wanted_->data() + wanted_->size();
        if (in.what != format::csv || std::from_chars(wanted_->data(), end, number).ptr != end || number == 0) return std::nullopt;
        if (in.has_header && number > in.names.size()) return std::nullopt;
        return number - 1;
    }

    static std::string known_names(const layout& in) {
        std::string out;
        for (std::size_t column = 0; column < std::min<std::size_t>(in.names.size(), 20); ++column)
            out += (out.empty() ? "" : ", ") + describe_column(column, in.names);
        return out.empty() ? std::string() : fmt::format("; it has {}", out);
    }

    static constexpr auto no_column = "no column with addresses was found: a file has one address per line, or a column such as "
                                      "primary_email or email; --column names another one";

    address_list& list_;
    const std::string& name_;
    const std::optional<std::string>& wanted_;
};

// ---- the records -------------------------------------------------------------------------------------

result<address_list> address_list::open(const std::string& name, const std::optional<std::string>& column) {
    auto source = text_source::open(name, passes::twice);
    if (!source) return source.error();
    address_list out(std::move(*source));
    if (const auto chosen = chooser(out, name, column).choose(); !chosen) return chosen.error();
    out.rewind();
    return out;
}

void address_list::rewind() {
    begin(layout_);
    row header;
    if (layout_.has_header) (void)next_row(header);
}

void address_list::begin(layout how) {
    layout_ = std::move(how);
    source_.rewind();
    line_ = 0;
    json_place_ = json_place::before;
    std::string separator_line;
    if (layout_.has_separator_line) line_ += read_line(source_.stream(), separator_line, longest_record) ? 1 : 0;
    if (layout_.what == format::csv) csv_.emplace(source_.stream(), longest_record, layout_.separator);
}

std::string address_list::place() const {
    const bool has_column = layout_.what == format::csv || !layout_.names.empty();
    return has_column ? describe_column(layout_.column, layout_.names) : std::string();
}

bool address_list::next(address_record& out) {
    row one;
    if (!next_row(one)) return false;
    out = {};
    if (!one.problem.empty()) {
        out.problem = std::move(one.problem);
    } else {
        std::set<std::string> different;
        for (const auto& each : one.cells) {
            if (each.column != layout_.column || is_blank(each.text)) continue;
            auto read = read_address(each.text);
            if (!read.address.empty() && different.insert(ascii_lower(read.address)).second) out.address = std::move(read.address);
            if (!read.problem.empty()) out.problem = std::move(read.problem);
        }
        if (different.size() > 1) out.problem = "more than one address";
        if (different.empty() && out.problem.empty()) out.problem = "no address";
        if (!out.problem.empty()) out.address.clear();
    }
    out.line = one.line;
    return true;
}

bool address_list::next_row(row& out) {
    out = {};
    switch (layout_.what) {
    case format::lines: return next_line(out);
    case format::csv: return next_csv(out);
    case format::json_lines:
    case format::json_list: return next_json(out);
    }
    return false;
}

bool address_list::next_line(row& out) {
    std::string text;
    do {
        if (!read_line(source_.stream(), text, longest_record + 1)) return false;
        out.line = ++line_;
    } while (is_blank(text));
    if (text.size() > longest_record) out.problem = "the line is too long";
    out.cells.push_back({0, std::move(text)});
    return true;
}

bool address_list::next_csv(row& out) {
    csv_record record;
    do {
        if (!csv_->next(record)) return false;
    } while (record.problem.empty() && std::all_of(record.fields.begin(), record.fields.end(), is_blank));
    out.line = line_ + record.line;
    out.problem = std::move(record.problem);
    if (layout_.has_header && out.problem.empty() && !layout_.names.empty() && record.fields.size() > layout_.names.size())
        out.problem = fmt::format("more fields ({}) than the header ({})", record.fields.size(), layout_.names.size());
    for (std::size_t column = 0; column < record.fields.size(); ++column) out.cells.push_back({column, std::move(record.fields[column])});
    return true;
}

bool address_list::next_json(row& out) {
    std::string text;
    std::size_t begin = 0;
    do {
        begin = line_ + 1;
        if (layout_.what == format::json_list) {
            if (!next_json_text(text, out.problem)) return false;
            if (!out.problem.empty()) return out.line = line_ + 1, true;
        } else {
            if (!read_line(source_.stream(), text, longest_record + 1)) return false;
            ++line_;
        }
    } while (is_blank(text));
    out.line = layout_.what == format::json_list ? std::max<std::size_t>(line_, 1) : begin;
    if (text.size() > longest_record) return out.problem = "the record is too long", true;
    boost::system::error_code failed;
    const auto value = values::parse(values::string_view(text.data(), text.size()), failed);
    if (failed) return out.problem = is_valid_utf8(text) ? "not JSON" : "not UTF-8", true;
    visit_strings(value, {}, [&](const std::string& path, std::string_view found) {
        const auto known = std::find(layout_.names.begin(), layout_.names.end(), path);
        const auto column = static_cast<std::size_t>(known - layout_.names.begin());
        if (known == layout_.names.end()) {
            if (layout_.names.size() == most_columns) return;
            layout_.names.push_back(path);
        }
        out.cells.push_back({column, std::string(found)});
    });
    return true;
}

/// Takes the next element of a list, without the brackets and commas of the list itself. Several lists may follow each other.
bool address_list::next_json_text(std::string& text, std::string& problem) {
    auto& in = source_.stream();
    constexpr int end = std::char_traits<char>::eof();
    text.clear();
    std::size_t depth = 0;
    bool quoted = false;
    for (int c = in.get(); c != end; c = in.get()) {
        if (c == '\n') line_ += 1;
        if (text.empty()) {
            if (is_one_of(static_cast<char>(c), " \t\r\n")) continue;
            if (json_place_ != json_place::inside) {
                if (c != '[') return problem = "text after the end of the list", skip_rest(), true;
                json_place_ = json_place::inside;
                continue;
            }
            if (c == ',') continue;
        }
        if (!quoted && depth == 0 && (c == ',' || c == ']')) {
            if (c == ']') json_place_ = json_place::after;
            if (!text.empty()) return true;
            continue;
        }
        if (text.size() <= longest_record) text += static_cast<char>(c);
        if (quoted) {
            if (c == '\\') {
                if (const int next = in.get(); next != end && text.size() <= longest_record) text += static_cast<char>(next);
            } else if (c == '"') {
                quoted = false;
            }
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && depth > 0 && --depth == 0) {
            return true;
        }
    }
    if (!text.empty()) return true;
    if (json_place_ != json_place::inside) return false;
    json_place_ = json_place::after;
    problem = "the list has no end: the file was cut off";
    return true;
}

/// Passes over what follows something that is not a list.
void address_list::skip_rest() { source_.stream().ignore(std::numeric_limits<std::streamsize>::max()); }

} // namespace ctms::cli
