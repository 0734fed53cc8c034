// SPDX-License-Identifier: MPL-2.0
// Parses what a server sent over one connection as strictly as a client may, and ends the process when it is not HTTP/1.1. For tests.
#pragma once

#include "fuzz_target.hpp"

#include <ctms/base/utf8.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::fuzz {

/// The head of one answer.
struct answer_head {
    int status = 0;
    std::size_t size = 0; ///< including the empty line
    std::optional<std::size_t> length;
    bool chunked = false;
    bool json = false;
    bool encoded = false;
};

/// Returns nullopt when the head is incomplete.
[[nodiscard]] inline std::optional<answer_head> read_answer_head(std::string_view text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    answer_head out;
    out.size = end + 4;
    auto rest = text.substr(0, end + 2);
    const auto first = rest.substr(0, rest.find("\r\n"));
    require(first.size() >= 13 && first.starts_with("HTTP/1.1 ") && first[12] == ' ', "an answer begins with an HTTP/1.1 status line");
    std::from_chars(first.data() + 9, first.data() + 12, out.status);
    require(out.status >= 100 && out.status <= 599, "a status is a valid HTTP status");
    rest.remove_prefix(first.size() + 2);
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find("\r\n"));
        rest.remove_prefix(line.size() + 2);
        const bool clean = std::all_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 || c == '\t'; });
        require(clean, "a header is one line without control characters");
        const auto colon = line.find(": ");
        require(colon != std::string_view::npos && colon > 0, "a header has a name and a value");
        const auto name = ascii_lower(line.substr(0, colon));
        const auto value = line.substr(colon + 2);
        if (name == "content-length") {
            std::size_t length = 0;
            const auto read = std::from_chars(value.data(), value.data() + value.size(), length);
            require(read.ptr == value.data() + value.size() && !out.length, "there is only one Content-Length, and it is a number");
            out.length = length;
        }
        if (name == "transfer-encoding") out.chunked = value == "chunked";
        if (name == "content-type") out.json = value == "application/json";
        if (name == "content-encoding") out.encoded = true;
    }
    require(!(out.length && out.chunked), "an answer has only one framing");
    return out;
}

/// The size of a chunked body in bytes; nullopt when the body is incomplete.
[[nodiscard]] inline std::optional<std::size_t> chunked_size(std::string_view body) {
    std::size_t at = 0;
    while (true) {
        const auto line_end = body.find("\r\n", at);
        if (line_end == std::string_view::npos) return std::nullopt;
        std::size_t size = 0;
        const auto read = std::from_chars(body.data() + at, body.data() + line_end, size, 16);
        require(read.ptr == body.data() + line_end, "a chunk begins with its size");
        at = line_end + 2 + size + 2;
        if (at > body.size()) return std::nullopt;
        require(body.substr(at - 2, 2) == "\r\n", "a chunk ends with a line end");
        if (size == 0) return at;
    }
}

/// The number of answers, without interim ones. `may_be_cut`: the last one may be incomplete.
[[nodiscard]] inline std::size_t count_answers(std::string_view text, bool may_be_cut) {
    std::size_t count = 0;
    while (!text.empty()) {
        const auto head = read_answer_head(text);
        if (!head) {
            require(may_be_cut, "the head of an answer is complete");
            return count + 1;
        }
        text.remove_prefix(head->size);
        if (head->status < 200) continue;
        ++count;
        if (head->status == 204 || head->status == 304) continue;
        // The answer to HEAD announces a length but has no body.
        if (head->length && *head->length > 0 && (text.empty() || text.starts_with("HTTP/1.1 "))) continue;
        auto size = head->length;
        if (head->chunked) size = text.starts_with("HTTP/1.1 ") || text.empty() ? std::optional<std::size_t>(0) : chunked_size(text);
        if (!head->chunked && !head->length) return count; // the body ends with the connection
        if (!size || *size > text.size()) {
            // A streamed answer may end without its last chunk, which tells the client that it is incomplete.
            require(may_be_cut || head->chunked, "the body of an answer is complete");
            return count;
        }
        if (head->json && !head->encoded && !head->chunked) {
            boost::json::error_code ec;
            (void)boost::json::parse({text.data(), *size}, ec);
            require(!ec, "a JSON body is valid JSON");
        }
        text.remove_prefix(*size);
    }
    return count;
}

} // namespace ctms::fuzz
