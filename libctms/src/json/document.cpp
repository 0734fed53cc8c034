// SPDX-License-Identifier: MPL-2.0
#include "document.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <vector>

namespace ctms::json {
namespace {

/// A text with NaN, Infinity and -Infinity in quotes, because Python's json reads them but Boost.JSON 1.81 does not.
struct quoted_text {
    std::string text;
    std::vector<std::size_t> ordinals; ///< which of its strings, counting keys, are such words
    std::vector<std::size_t> places;   ///< where these begin

    /// The position in the text before quoting.
    [[nodiscard]] std::size_t original(std::size_t position) const {
        const auto before = std::lower_bound(places.begin(), places.end(), position) - places.begin();
        return position - 2 * static_cast<std::size_t>(before);
    }
};

/// Returns the position of the closing quote of the string that begins at `at`, or the end of the text.
std::size_t closing_quote(std::string_view text, std::size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
    }
    return std::min(at, text.size());
}

std::string_view non_finite_at(std::string_view text, std::size_t at) {
    for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
        if (text.substr(at).starts_with(word)) return word;
    }
    return {};
}

quoted_text quote_non_finite(std::string_view text) {
    quoted_text out;
    std::size_t strings = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '"') {
            const auto end = std::min(closing_quote(text, at) + 1, text.size());
            out.text += text.substr(at, end - at);
            at = end;
            ++strings;
        } else if (const auto word = non_finite_at(text, at); !word.empty()) {
            out.places.push_back(out.text.size());
            out.ordinals.push_back(strings++);
            ((out.text += '"') += word) += '"';
            at += word.size();
        } else {
            out.text += text[at++];
        }
    }
    return out;
}

bool may_hold_non_finite(std::string_view text) {
    return text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
}

} // namespace

/// The handler that boost::json::basic_parser drives: builds nodes in the document's arena.
class document_builder {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);
    using error_code = boost::json::error_code;
    using view = boost::json::string_view;

    document_builder(document& into, std::size_t max_length, const std::vector<std::size_t>& non_finite)
        : into_(into), max_length_(max_length), non_finite_(non_finite) {}

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code& ec) { return open(kind::object, ec); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code& ec) { return open(kind::array, ec); }
    bool on_array_end(std::size_t, error_code&) { return close(); }
    bool on_key_part(view part, std::size_t, error_code&) { return buffer(part); }
    bool on_key(view part, std::size_t, error_code&) {
        buffer(part);
        key_ = keep();
        ++strings_;
        return true;
    }
    bool on_string_part(view part, std::size_t, error_code&) { return buffer(part); }
    bool on_string(view part, std::size_t, error_code& ec) {
        buffer(part);
        const auto text = keep();
        return is_non_finite(strings_++) ? non_finite(text, ec) : add(kind::string, text, ec) != nullptr;
    }
    bool on_number_part(view part, error_code&) { return buffer(part); }
    bool on_int64(std::int64_t, view part, error_code& ec) { return number(part, ec); }
    bool on_uint64(std::uint64_t, view part, error_code& ec) { return number(part, ec); }
    bool on_double(double, view part, error_code& ec) { return number(part, ec); }
    bool on_bool(bool value, error_code& ec) {
        auto* added = add(kind::boolean, {}, ec);
        if (added != nullptr) added->truth = value;
        return added != nullptr;
    }
    bool on_null(error_code& ec) { return add(kind::null, {}, ec) != nullptr; }
    bool on_comment_part(view, error_code&) { return true; }
    bool on_comment(view, error_code&) { return true; }

private:
    struct level {
        node* container;
        node* last;
    };

    bool buffer(view part) {
        buffer_.append(part.data(), part.size());
        return true;
    }
    /// Moves the buffered text into the arena.
    std::string_view keep() {
        auto* copy = static_cast<char*>(into_.arena_->allocate(buffer_.size() + 1, 1));
        std::memcpy(copy, buffer_.data(), buffer_.size());
        const std::string_view kept(copy, buffer_.size());
        buffer_.clear();
        return kept;
    }
    bool number(view part, error_code& ec) {
        buffer(part);
        return add(kind::number, keep(), ec) != nullptr;
    }
    [[nodiscard]] bool is_non_finite(std::size_t ordinal) const {
        return std::binary_search(non_finite_.begin(), non_finite_.end(), ordinal);
    }
    bool non_finite(std::string_view word, error_code& ec) {
        const bool negative = word.starts_with('-');
        auto* added = add(kind::non_finite, negative ? word.substr(1) : word, ec);
        if (added != nullptr) added->negative = negative;
        return added != nullptr;
    }
    node* add(kind type, std::string_view text, error_code& ec) {
        auto* added = new (into_.arena_->allocate(sizeof(node), alignof(node))) node;
        added->type = type;
        added->text = text;
        if (open_.empty()) {
            into_.root_ = added;
            return added;
        }
        auto& [container, last] = open_.back();
        if (container->size >= max_length_) {
            ec = container->type == kind::array ? boost::json::error::array_too_large : boost::json::error::object_too_large;
            return nullptr;
        }
        ++container->size;
        if (container->type == kind::object) added->key = key_;
        (last == nullptr ? container->first : last->next) = added;
        last = added;
        return added;
    }
    bool open(kind type, error_code& ec) {
        auto* added = add(type, {}, ec);
        if (added != nullptr) open_.push_back({added, nullptr});
        return added != nullptr;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    document& into_;
    std::size_t max_length_;
    const std::vector<std::size_t>& non_finite_; ///< ordinals of the strings that are quoted numbers
    std::size_t strings_ = 0;                    ///< strings and keys so far
    std::string buffer_;
    std::string_view key_;
    std::vector<level> open_;
};

const node* node::member(std::string_view name) const noexcept {
    const node* found = nullptr;
    for (const auto* child = first; child != nullptr; child = child->next) {
        if (child->key == name) found = child;
    }
    return found;
}

namespace {

syntax_error describe(std::string_view text, std::size_t bytes, const boost::json::error_code& why) {
    const auto before = text.substr(0, std::min(bytes, text.size()));
    const auto line_start = before.rfind('\n') + 1; // npos + 1 is 0: the first line
    syntax_error out;
    out.byte = before.size();
    out.message = why.message();
    if (why == boost::json::error::too_deep) out.message = "nested too deeply";
    if (why == boost::json::error::array_too_large) out.message = "a list has too many items";
    if (why == boost::json::error::object_too_large) out.message = "an object has too many members";
    out.position = utf8_length(before);
    out.line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    out.column = 1 + utf8_length(before.substr(line_start));
    return out;
}

} // namespace

std::variant<document, syntax_error> document::parse(std::string_view text, const limits& bounds) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    quoted_text quoted;
    const bool is_quoted = may_hold_non_finite(text);
    if (is_quoted) quoted = quote_non_finite(text);
    const std::string_view readable = is_quoted ? std::string_view(quoted.text) : text;
    document parsed;
    boost::json::parse_options options;
    options.max_depth = bounds.depth;
    boost::json::basic_parser<document_builder> parser(options, parsed, bounds.length, quoted.ordinals);
    boost::json::error_code failure;
    const auto consumed = parser.write_some(false, readable.data(), readable.size(), failure);
    if (!failure && consumed < readable.size()) failure = boost::json::error::extra_data;
    if (failure) return describe(text, quoted.original(consumed), failure);
    return parsed;
}

namespace {

void write_members(std::string& out, const node& object) {
    std::unordered_map<std::string_view, const node*> last;
    for (const auto* child = object.first; child != nullptr; child = child->next) last[child->key] = child;
    object_writer writer(out);
    for (const auto* child = object.first; child != nullptr; child = child->next) {
        const auto found = last.find(child->key);
        if (found == last.end()) continue; // already written
        write(writer.key(child->key), *found->second);
        last.erase(found);
    }
    writer.close();
}

bool is_integer(std::string_view number) { return number.find_first_of(".eE") == std::string_view::npos; }

bool equal_numbers(std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (is_integer(a) && is_integer(b)) return (a == "-0" || a == "0") && (b == "-0" || b == "0");
    return std::strtod(std::string(a).c_str(), nullptr) == std::strtod(std::string(b).c_str(), nullptr);
}

bool equal_objects(const node& a, const node& b) {
    std::unordered_map<std::string_view, const node*> left;
    std::unordered_map<std::string_view, const node*> right;
    for (const auto* child = a.first; child != nullptr; child = child->next) left[child->key] = child;
    for (const auto* child = b.first; child != nullptr; child = child->next) right[child->key] = child;
    if (left.size() != right.size()) return false;
    return std::all_of(left.begin(), left.end(), [&](const auto& entry) {
        const auto found = right.find(entry.first);
        return found != right.end() && equal(*entry.second, *found->second);
    });
}

bool equal_arrays(const node& a, const node& b) {
    if (a.size != b.size) return false;
    for (const node *x = a.first, *y = b.first; x != nullptr; x = x->next, y = y->next) {
        if (!equal(*x, *y)) return false;
    }
    return true;
}

} // namespace

void write(std::string& out, const node& value) {
    switch (value.type) {
    case kind::null:
    case kind::non_finite: out += "null"; break;
    case kind::boolean: out += value.truth ? "true" : "false"; break;
    case kind::number: out += value.text; break;
    case kind::string: append_json_string(out, value.text); break;
    case kind::array:
        out += '[';
        for (const auto* item = value.first; item != nullptr; item = item->next) {
            if (item != value.first) out += ',';
            write(out, *item);
        }
        out += ']';
        break;
    case kind::object: write_members(out, value); break;
    }
}

const char* find_unstorable(const node& value) noexcept {
    if (value.type == kind::non_finite) return "NaN and Infinity are not allowed";
    if (value.key.find('\0') != std::string_view::npos || value.text.find('\0') != std::string_view::npos) {
        return "NUL characters are not allowed";
    }
    for (const auto* child = value.first; child != nullptr; child = child->next) {
        if (const auto* why = find_unstorable(*child)) return why;
    }
    return nullptr;
}

bool equal(const node& a, const node& b) {
    if (a.type != b.type) return false;
    switch (a.type) {
    case kind::null: return true;
    case kind::boolean: return a.truth == b.truth;
    case kind::number: return equal_numbers(a.text, b.text);
    case kind::non_finite: return a.text == b.text && a.negative == b.negative;
    case kind::string: return a.text == b.text;
    case kind::array: return equal_arrays(a, b);
    case kind::object: return equal_objects(a, b);
    }
    return false;
}

} // namespace ctms::json
