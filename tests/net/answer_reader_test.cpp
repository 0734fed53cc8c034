// SPDX-License-Identifier: MPL-2.0
// How the bytes of an answer are parsed (RFC 9112): what is accepted, what is refused, and the limits.
#include "net/answer_reader.hpp"

#include <boost/beast/http/error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using boost::system::error_code;
using ctms::net::answer_reader;
using ctms::net::http_response;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t longest_body = 100'000;

/// The result of reading an answer that the server sent before it closed the connection.
struct reading {
    error_code failed{};
    http_response answer{};
    bool kept = false;
    std::size_t left_over = 0; ///< number of bytes after the answer
    std::size_t most_waiting = 0;
};

/// Passes the bytes to the reader in pieces of `step` bytes.
reading read_in_pieces(std::string_view bytes, std::size_t step, bool to_head = false) {
    answer_reader reader(to_head, longest_body);
    reading out;
    std::string waiting;
    while (!bytes.empty() && !reader.is_done()) {
        waiting += bytes.substr(0, step);
        bytes.remove_prefix(std::min(step, bytes.size()));
        out.most_waiting = std::max(out.most_waiting, waiting.size());
        waiting.erase(0, reader.put(waiting, out.failed));
        if (out.failed) return out;
    }
    out.left_over = waiting.size() + bytes.size();
    if (!reader.is_done()) reader.put_end(out.failed);
    if (out.failed) return out;
    out.kept = reader.keeps_connection();
    out.answer = reader.release();
    return out;
}

/// Reads the bytes in pieces of several sizes, which must not change the result.
reading read(std::string_view bytes, bool to_head = false) {
    const auto whole = read_in_pieces(bytes, bytes.size() + 1, to_head);
    for (const std::size_t step : {1U, 2U, 3U, 7U, 64U, 1000U}) {
        CAPTURE(step);
        const auto pieces = read_in_pieces(bytes, step, to_head);
        CHECK(pieces.failed.failed() == whole.failed.failed()); // which error it is may depend on the piece size
        CHECK(pieces.answer.body == whole.answer.body);
        CHECK(pieces.answer.headers == whole.answer.headers);
        CHECK(pieces.kept == whole.kept);
        if (!whole.failed) CHECK(pieces.left_over == whole.left_over);
    }
    return whole;
}

std::string chunked(std::string_view rest) { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(rest); }

void check_refused(const std::string& bytes, http::error why) {
    CAPTURE(bytes.substr(0, 200));
    CHECK(read(bytes).failed == error_code(why));
}

} // namespace

TEST_CASE("a body ends by its length, by its last chunk or with the connection") {
    CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab").answer.body == "ab");
    CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nab").kept);
    CHECK(read(chunked("2\r\nab\r\n001\r\nc\r\n0\r\n\r\n")).answer.body == "abc");
    CHECK(read("HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n").kept);
    const auto open = read("HTTP/1.1 200 OK\r\n\r\nto the end");
    CHECK(open.answer.body == "to the end");
    CHECK_FALSE(open.kept);
    CHECK(read("HTTP/1.1 200 OK\r\n\r\n").answer.body.empty());
}

TEST_CASE("an incomplete answer is reported as cut off") {
    for (const std::string bytes : {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
                                    "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP"}) {
        CAPTURE(bytes);
        const auto failed = read(bytes).failed;
        CHECK((failed == http::error::partial_message || failed == http::error::end_of_stream));
    }
    for (const std::string rest : {"", "2", "2\r\n", "2\r\nab", "2\r\nab\r\n", "2\r\nab\r\n0", "2\r\nab\r\n0\r\n", "0\r\nA: b\r\n"}) {
        CAPTURE(rest);
        check_refused(chunked(rest), http::error::partial_message);
    }
}

TEST_CASE("an answer with an ambiguous end is refused") {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    for (const std::string fields : {"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2, 3\r\n"}) {
        check_refused(head + fields + "\r\nabc", http::error::multiple_content_length);
    }
    for (const std::string fields : {"Content-Length: 2\r\nContent-Length: 2\r\n", "Content-Length: 2, 2\r\n", "Content-Length: +2\r\n",
                                     "Content-Length: -2\r\n", "Content-Length: 0x2\r\n", "Content-Length: 2 2\r\n", "Content-Length:\r\n",
                                     "Content-Length: 18446744073709551618\r\n", "Content-Length: 2.0\r\n"}) {
        CAPTURE(fields);
        CHECK(read(head + fields + "\r\nab").failed);
    }
    for (const std::string fields :
         {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, gzip\r\n",
          "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding: \r\n",
          "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked;a=b\r\n", "Transfer-Encoding: \"chunked\"\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"}) {
        CAPTURE(fields);
        CHECK(read(head + fields + "\r\n0\r\n\r\n").failed);
        CHECK(read(head + fields + "\r\n", true).failed);
    }
    check_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http::error::bad_transfer_encoding);
}

TEST_CASE("answers to HEAD and with 204 and 304 have no body, whatever they announce") {
    const auto head = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlater", true);
    CHECK(head.answer.body.empty());
    CHECK(head.left_over == 5);
    CHECK(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true).kept);
    CHECK(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").kept);
    CHECK(read("HTTP/1.1 204 No Content\r\n\r\n").kept);
    CHECK(read("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").kept);
    CHECK(read("HTTP/1.1 204 No Content\r\n\r\nlate").left_over == 4);
    check_refused("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nlater", http::error::bad_content_length);
    check_refused("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http::error::bad_content_length);
}

TEST_CASE("interim answers are dropped and their number is limited") {
    const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nab";
    const auto read_after = [&](int count) {
        std::string bytes;
        for (int i = 0; i < count; ++i) bytes += interim;
        return read(bytes + answer);
    };
    const auto good = read_after(answer_reader::most_interim);
    CHECK(good.answer.status == 200);
    CHECK(good.answer.header("link").empty());
    CHECK(good.answer.body == "ab");
    CHECK(read_after(answer_reader::most_interim + 1).failed == error_code(http::error::bad_status));
    check_refused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + answer, http::error::bad_status);
    check_refused("HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nab" + answer, http::error::bad_content_length);
}

TEST_CASE("trailer fields are dropped") {
    const auto got = read(chunked("2;a=b;c=\"d\"\r\nab\r\n0;e\r\nX-Late: secret\r\nContent-Type: text/html\r\n\r\nnext"));
    CHECK(got.answer.body == "ab");
    CHECK(got.answer.headers.size() == 1);
    CHECK(got.left_over == 4);
    // A length after the body contradicts the chunks.
    CHECK(read(chunked("0\r\nContent-Length: 5\r\n\r\n")).failed);
    CHECK(read(chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")).failed);
}

TEST_CASE("lines that violate HTTP are refused") {
    for (const std::string bytes :
         {"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 200\n\n",
          "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
          "HTTP/1.1 200 OK\r\n: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
          "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", "<html>"}) {
        CAPTURE(bytes);
        CHECK(read(bytes).failed);
    }
    CHECK(read(std::string("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", 27)).failed);
    for (const std::string rest :
         {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\na\r\n0\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n", "1\na\n0\n\n", "1\r\nab\r\n0\r\n\r\n",
          "10000000000000000\r\n", "1;\r\na\r\n0\r\n\r\n", "1 x\r\na\r\n0\r\n\r\n", "1;a=\"b\r\na\r\n0\r\n\r\n", "0\r\nA b\r\n\r\n"}) {
        CAPTURE(rest);
        CHECK(read(chunked(rest)).failed);
    }
}

TEST_CASE("a folded header line is one line (RFC 9112, 5.2)") {
    CHECK(read("HTTP/1.1 200 OK\r\nA: b\r\n  c\r\nContent-Length: 0\r\n\r\n").answer.header("a") == "b c");
}

TEST_CASE("everything except the body shares one limit") {
    constexpr auto bound = answer_reader::most_overhead;
    const auto check = [](const std::string& with_bound, const std::string& above) {
        CHECK_FALSE(read_in_pieces(with_bound, 1000).failed);
        const auto refused = read_in_pieces(above, 1000);
        CHECK(refused.failed == error_code(http::error::header_limit));
        CHECK(refused.most_waiting <= bound + 1000 + 20);
        CHECK(read_in_pieces(above, above.size()).failed == error_code(http::error::header_limit));
    };
    const auto header = [](std::size_t size) {
        return "HTTP/1.1 200 OK\r\nA: " + std::string(size, 'a') + "\r\nContent-Length: 0\r\n\r\n";
    };
    check(header(bound - 100), header(bound));
    const auto lines = [](std::size_t size) {
        std::string out = chunked("0\r\n");
        while (out.size() < size) out += "A: b\r\n";
        return out + "\r\n";
    };
    check(lines(bound - 100), lines(bound + 100));
    const auto extension = [](std::size_t size) { return chunked("0;a=" + std::string(size, 'b') + "\r\n\r\n"); };
    check(extension(bound - 100), extension(bound));
    const auto zeros = [](std::size_t size) { return chunked(std::string(size, '0') + "\r\n\r\n"); };
    check(zeros(bound - 100), zeros(bound));
    const auto chunks = [](std::string_view line) {
        std::string out;
        for (int i = 0; i < 10'000; ++i) out.append(line).append("\r\na\r\n");
        return chunked(out + "0\r\n\r\n");
    };
    CHECK(read_in_pieces(chunks("1"), 1000).answer.body.size() == 10'000); // small chunks are slow but valid
    check(chunks("0001;a=b"), chunks("1;aaaaaaaaaa=bbbbbbbbbbbb"));
    const auto interim = [](std::size_t size) {
        std::string out;
        for (int i = 0; i < 8; ++i) out += "HTTP/1.1 100 Continue\r\nA: " + std::string(size / 8, 'a') + "\r\n\r\n";
        return out + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    };
    check(interim(bound - 1000), interim(bound + 1000));
}

TEST_CASE("names and values may have any length within the limit") {
    // Beast's own field container throws above 65,535 bytes.
    for (const auto& field : {"A: " + std::string(66'000, 'b'), std::string(66'000, 'a') + ": b"}) {
        check_refused(chunked("0\r\n" + field + "\r\n\r\n"), http::error::header_limit);
        check_refused("HTTP/1.1 200 OK\r\n" + field + "\r\n\r\n", http::error::header_limit);
    }
}

TEST_CASE("a body is limited however it is framed") {
    const std::string most(longest_body, 'x');
    const std::string size = "186A0\r\n"; // 100,000
    CHECK(read_in_pieces(chunked(size + most + "\r\n0\r\n\r\n"), 5000).answer.body == most);
    CHECK(read_in_pieces(chunked(size + most + "\r\n1\r\n"), 5000).failed == error_code(http::error::body_limit));
    CHECK(read_in_pieces(chunked("ffffffffffffffff\r\n"), 5000).failed == error_code(http::error::body_limit));
    CHECK(read_in_pieces("HTTP/1.1 200 OK\r\n\r\n" + most + "x", 5000).failed == error_code(http::error::body_limit));
    CHECK(read_in_pieces("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n", 5000).failed == error_code(http::error::body_limit));
}
