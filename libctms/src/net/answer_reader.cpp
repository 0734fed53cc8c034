// SPDX-License-Identifier: MPL-2.0
#include "answer_reader.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/net/last_chunk.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <utility>

namespace ctms::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr int switching_protocols = 101;

std::string to_string(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether a response with this status never has a body (RFC 9110, 6.4.1).
bool is_without_body(int status) { return status / 100 == 1 || status == 204 || status == 304; }

} // namespace

void answer_parser::on_response_impl(int status, string_view reason, int version, error_code& ec) {
    constexpr int least = 100;
    constexpr int most = 599;
    if (status < least || status > most) ec = http::error::bad_status;
    answer_.status = status;
    answer_.reason = to_string(reason);
    version_ = version;
}

void answer_parser::on_field_impl(field known, string_view name, string_view value, error_code& ec) {
    if (in_trailer_) return;
    const auto note = [&](std::optional<std::string>& where, http::error twice) {
        if (where) ec = twice;
        where = to_string(value);
    };
    if (known == field::content_length) note(length_, http::error::multiple_content_length);
    if (known == field::transfer_encoding) note(encoding_, http::error::bad_transfer_encoding);
    answer_.headers.emplace_back(ascii_lower({name.data(), name.size()}), to_string(value));
}

void answer_parser::on_header_impl(error_code& ec) {
    in_trailer_ = true;
    if (encoding_) {
        // HTTP/1.0 has no Transfer-Encoding, and the request asked for no coding other than chunked.
        if (length_ || version_ < 11 || !ascii_iequal(*encoding_, "chunked")) ec = http::error::bad_transfer_encoding;
    } else if (length_ && !is_number(*length_)) {
        ec = http::error::bad_content_length; // a list of numbers
    }
    const bool announces_body = encoding_ || (length_ && length_->find_first_not_of('0') != std::string::npos);
    const bool must_not = is_without_body(answer_.status) && answer_.status != 304; // a 304 may give the length of the cached content
    if (!ec && announces_body && must_not) ec = http::error::bad_content_length;
}

std::size_t answer_parser::on_body_impl(string_view body, error_code&) {
    answer_.body.append(body.data(), body.size());
    return body.size();
}

std::size_t answer_parser::on_chunk_body_impl(std::uint64_t, string_view body, error_code& ec) { return on_body_impl(body, ec); }

answer_reader::answer_reader(bool to_head, std::size_t longest_body) : to_head_(to_head), longest_body_(longest_body) { start(); }

void answer_reader::start() {
    parser_.emplace();
    parser_->header_limit(most_overhead);
    parser_->body_limit(longest_body_);
    parser_->skip(to_head_);
    parser_->eager(true);
}

std::size_t answer_reader::put(std::string_view bytes, error_code& ec) {
    std::size_t taken = 0;
    ec = {};
    const auto waits = [&] { return parser_->is_header_done() && parser_->chunked() && is_part_of_last_chunk(bytes.substr(taken)); };
    while (!ec && !is_done_ && taken < bytes.size() && !waits()) {
        const auto count = parser_->put(boost::asio::buffer(bytes.substr(taken)), ec);
        taken += count;
        used_ += count;
        const bool needs_more = ec == http::error::need_more;
        if (needs_more) ec = {};
        if (!ec) check_bounds(needs_more ? bytes.size() - taken : 0, ec);
        if (ec || needs_more) break;
        if (!parser_->is_done()) continue;
        const auto status = parser_->answer().status;
        if (status / 100 != 1) {
            is_done_ = true;
        } else if (status == switching_protocols || ++interim_ > most_interim) { // no request asks for another protocol
            ec = http::error::bad_status;
        } else {
            start();
        }
    }
    return taken;
}

void answer_reader::check_bounds(std::size_t unused, error_code& ec) const {
    constexpr std::size_t free_per_chunk = 20; // the chunk size and two line breaks
    const auto overhead = used_ + unused - parser_->answer().body.size();
    if (overhead > most_overhead + free_per_chunk * parser_->chunks()) ec = http::error::header_limit;
}

void answer_reader::put_end(error_code& ec) {
    ec = {};
    if (parser_->got_some()) {
        parser_->put_eof(ec);
    } else {
        ec = http::error::end_of_stream;
    }
    is_done_ = !ec;
}

bool answer_reader::keeps_connection() const { return parser_->keep_alive(); }

http_response answer_reader::release() { return std::move(parser_->answer()); }

} // namespace ctms::net
