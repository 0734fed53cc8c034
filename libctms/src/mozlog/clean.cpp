// SPDX-License-Identifier: MPL-2.0
#include "mozlog/clean.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/privacy/redact.hpp>
#include <privacy/secrets.hpp>

#include <boost/json/basic_parser_impl.hpp>

#include <utility>

namespace ctms::mozlog {
namespace {

// Boost.JSON's parser calls this for each piece of a text, and this writes the piece again immediately.
// Does not use boost::json::value, which would change how numbers are written and lose those beyond 64 bits.
class rewriter {
public:
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    using error_code = boost::json::error_code;
    using part = boost::json::string_view;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return open('{'); }
    bool on_object_end(std::size_t, error_code&) { return close('}'); }
    bool on_array_begin(error_code&) { return open('['); }
    bool on_array_end(std::size_t, error_code&) { return close(']'); }
    bool on_key_part(part piece, std::size_t, error_code&) { return collect(piece); }
    bool on_key(part piece, std::size_t, error_code&) {
        string(piece);
        out_ += ':';
        comma_ = false;
        return true;
    }
    bool on_string_part(part piece, std::size_t, error_code&) { return collect(piece); }
    bool on_string(part piece, std::size_t, error_code&) { return string(piece); }
    bool on_number_part(part piece, error_code&) { return collect(piece); }
    bool on_int64(std::int64_t, part piece, error_code&) { return literal(piece); }
    bool on_uint64(std::uint64_t, part piece, error_code&) { return literal(piece); }
    bool on_double(double, part piece, error_code&) { return literal(piece); }
    bool on_bool(bool value, error_code&) { return literal(value ? "true" : "false"); }
    bool on_null(error_code&) { return literal("null"); }
    bool on_comment_part(part, error_code&) { return true; }
    bool on_comment(part, error_code&) { return true; }

    std::string out_;

private:
    void separate() {
        if (comma_) out_ += ',';
        comma_ = true;
    }
    bool open(char bracket) {
        separate();
        out_ += bracket;
        comma_ = false;
        return true;
    }
    bool close(char bracket) {
        out_ += bracket;
        return comma_ = true;
    }
    bool collect(part piece) {
        pieces_.append(piece.data(), piece.size());
        return true;
    }
    bool string(part last) {
        collect(last);
        separate();
        append_clean_string(out_, pieces_);
        pieces_.clear();
        return true;
    }
    bool literal(part last) {
        collect(last);
        separate();
        out_ += pieces_;
        pieces_.clear();
        return true;
    }

    std::string pieces_; // the beginning of the string or number that is being read
    bool comma_ = false; // whether the next value needs a comma before it
};

} // namespace

std::string clean_text(std::string_view text) { return privacy::redact_text(is_valid_utf8(text) ? text : valid_utf8(text)); }

void append_clean_string(std::string& out, std::string_view text) {
    const bool is_clean = is_valid_utf8(text) && !privacy::holds_at_sign(text); // the usual case
    is_clean ? append_json_string(out, text) : append_json_string(out, clean_text(text));
}

std::string clean_json(std::string_view json) {
    boost::json::parse_options options;
    options.max_depth = 256; // deeper than the API accepts in a request
    options.allow_invalid_utf8 = true;
    boost::json::basic_parser<rewriter> parser(options);
    parser.handler().out_.reserve(json.size());
    boost::json::error_code failed;
    const auto used = parser.write_some(false, json.data(), json.size(), failed);
    const bool whole = !failed && json.find_first_not_of(" \t\r\n", used) == std::string_view::npos;
    if (whole) return std::move(parser.handler().out_);
    std::string out;
    append_json_string(out, privacy::omitted);
    return out;
}

} // namespace ctms::mozlog
