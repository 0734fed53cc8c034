// SPDX-License-Identifier: MPL-2.0
// What RFC 9110 (HTTP) and RFC 9112 (HTTP/1.1) require of an origin server, as tables: each requirement with the bytes of requests
// and what the server must do. docs/http.md lists the same requirements; rfc_table_test.cpp compares the two.
#pragma once

#include <support/web_fixture.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// What happens to the connection after the response.
enum class then { stays, closes };

/// How strict the RFC is: a deviation from a `should` is explained in the text; `ours` are choices that it leaves to the server.
enum class level { must, should, ours };

struct rfc_rule {
    std::string_view section;          ///< "9112, 3.2"
    level asks;                        ///< must, should, ours
    std::string_view text;             ///< what the server does, in one sentence
    std::vector<std::string> requests; ///< bytes; each request is sent on its own connection
    int status;                        ///< of the first response to each request
    then after = then::stays;
    std::function<void(const http_answer&)> check = nullptr; ///< further checks of each response
};

/// The tables, for the comparison with the document.
[[nodiscard]] std::span<const rfc_rule> rules_of_messages();
[[nodiscard]] std::span<const rfc_rule> rules_of_targets();
[[nodiscard]] std::span<const rfc_rule> rules_of_bodies();
[[nodiscard]] std::span<const rfc_rule> rules_of_connections();
/// Their requests have names in braces, which the test of these rules fills in.
[[nodiscard]] std::span<const rfc_rule> rules_of_preconditions();

/// Sends the requests of each rule. Also checks every response for what all responses must have: Date, a type for a body, Allow,
/// WWW-Authenticate, and "close" if the connection closes. If it stays open, another request on it must be answered.
void check_rules(web_fixture& web, std::span<const rfc_rule> rules);

/// "GET /__lbheartbeat__ HTTP/1.1" with Host and these fields, each with its "\r\n".
[[nodiscard]] std::string get_with(std::string_view fields);
/// "POST /token" with Host and a form, these fields, and what follows the head.
[[nodiscard]] std::string post_with(std::string_view fields, std::string_view rest);
/// The same in chunks.
[[nodiscard]] std::string post_chunks(std::string_view rest);

} // namespace ctms::test
