// SPDX-License-Identifier: MPL-2.0
#include "client_token.hpp"
#include "commands.hpp"
#include "json_layout.hpp"
#include "output.hpp"

#include <ctms/base/files.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/net/http_client.hpp>
#include <support/exit_codes.hpp>
#include <support/standard_streams.hpp>

#include <boost/json/parse.hpp>
#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <stdexcept>

namespace ctms::cli {
namespace {

constexpr int unauthorized = 401;
constexpr std::size_t longest_body = 64U << 20U; // more than any server accepts

std::string upper(std::string text) {
    for (auto& c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

/// The path for the audit record, without the query and without segments that may contain an address.
std::string path_for_audit(std::string_view path) {
    std::string out;
    path = path.substr(0, path.find_first_of("?#"));
    while (!path.empty()) {
        const auto end = path.find('/', 1);
        const auto part = path.substr(0, end);
        const bool address = part.find('@') != std::string_view::npos || part.find("%40") != std::string_view::npos;
        out += address ? "/[address]" : std::string(part);
        path = end == std::string_view::npos ? std::string_view() : path.substr(end);
    }
    return out;
}

/// Reads the body that an operand specifies: the text itself, @FILE, or - for standard input.
result<std::string> read_body(const std::string& operand) {
    const auto all = [](std::istream& from) { return std::string(std::istreambuf_iterator<char>(from), {}); };
    if (operand == "-") return all(std::cin);
    if (!operand.starts_with('@')) return operand;
    return read_small_file(operand.substr(1), longest_body);
}

/// Makes the request that the operands describe, with a token of --client. On failure prints it, sets `exit_code` and returns nullopt.
std::optional<net::http_request> to_request(invocation& call, int& exit_code) {
    net::http_request out;
    out.method = upper(call.operands[0]);
    out.target = call.operands[1];
    if (call.operands.size() > 2) {
        auto body = read_body(call.operands[2]);
        if (!body) {
            fail(body.error());
            return exit_code = support::no_input, std::nullopt;
        }
        out.body = std::move(*body);
        out.headers.emplace_back("Content-Type", "application/json");
    }
    if (const auto client = call.value("client")) {
        const auto token = token_for(call, *client, std::nullopt, exit_code);
        if (!token) return std::nullopt;
        out.headers.emplace_back("Authorization", "Bearer " + token->access_token);
    }
    return out;
}

void print_body(const std::string& body) {
    if (body.empty()) return;
    boost::json::error_code wrong;
    if (isatty(STDOUT_FILENO) == 1) {
        boost::json::parse(body, wrong);
        wrong ? print_text(body) : print_json(lay_out_json(body));
        return;
    }
    std::fwrite(body.data(), 1, body.size(), stdout);
}

int show_answer(invocation& call, const net::http_response& answer) {
    call.note("status", answer.status);
    support::print_to_stderr(fmt::format("HTTP/1.1 {} {}\n", answer.status, printable(answer.reason)));
    print_body(answer.body);
    if (answer.status == unauthorized && !call.value("client")) complain("this path requires a client; use --client NAME");
    return answer.status / 100 == 2 ? support::ok : support::failed;
}

/// What to do if there was no response.
std::string_view advice_for(const error& failure) {
    // The detail is net's text for a certificate that OpenSSL does not trust.
    return failure.detail.find("certificate verify failed") != std::string::npos
               ? "if the server's certificate comes from a private CA, set SSL_CERT_FILE to a PEM file with the CA's certificate"
               : "set the URL of the server with --url or CTMS_SERVER_PREFIX";
}

} // namespace

int send_request(invocation& call) {
    const auto url = call.value("url").value_or(call.settings.server_prefix);
    if (!call.operands[1].starts_with('/')) return fail_usage("PATH must start with a slash", "request");
    int exit_code = support::ok;
    const auto request = to_request(call, exit_code);
    if (!request) return exit_code;
    call.note("method", request->method);
    call.note("path", path_for_audit(request->target));
    try {
        net::http_options options;
        options.timeout = std::chrono::seconds(60);
        options.longest_body = std::size_t{256} << 20U;
        const auto answer = net::http_client(url, options).send(*request);
        if (answer) return show_answer(call, *answer);
        complain("no response: {}; {}", answer.error().detail, advice_for(answer.error()));
        return support::to_exit_code(answer.error().code);
    } catch (const std::invalid_argument& wrong) {
        return fail_usage(wrong.what(), "request");
    }
}

} // namespace ctms::cli
