// SPDX-License-Identifier: MPL-2.0
#include "support/google_tokens.hpp"
#include "support/raw_server.hpp"

#include <ctms/auth/google_id_token.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

using namespace ctms;
using namespace std::chrono_literals;
using auth::fetch_keys_from;
using ctms::test::answer_text;
using ctms::test::raw_connection;
using ctms::test::raw_server;

namespace {

/// The reason why fetching keys fails when the server sends this answer.
std::string failure_with(const std::string& answer) {
    raw_server server([&](raw_connection& peer) {
        (void)peer.read_request();
        peer.send(answer);
    });
    const auto document = fetch_keys_from(server.url())();
    REQUIRE(document.has_error());
    CHECK(document.error().code == errc::unavailable);
    return document.error().detail;
}

} // namespace

TEST_CASE("Google's keys are fetched from a URL every time") {
    std::string request;
    raw_server server([&](raw_connection& peer) {
        for (const auto* headers : {"Cache-Control: public, max-age=600\r\nAge: 100\r\n", "Cache-Control: no-store\r\n"}) {
            request = peer.read_request();
            peer.send(answer_text(R"({"kid":"pem"})", headers));
        }
    });
    const auto source = fetch_keys_from(server.url() + "/oauth2/v1/certs");
    const auto document = source();
    REQUIRE(document.has_value());
    CHECK(document->body == R"({"kid":"pem"})");
    CHECK(document->max_age == 500s);
    const auto second = source();
    REQUIRE(second.has_value());
    CHECK(second->max_age == 0s);
    REQUIRE(server.wait_closed(1)); // after this, no thread writes `request`
    CHECK(request.starts_with("GET /oauth2/v1/certs HTTP/1.1\r\n"));
}

TEST_CASE("a key server that answers with an error or too much data is unavailable") {
    CHECK(failure_with(answer_text("{}", "", "503 Service Unavailable")) == "the key server answered with status 503");
    CHECK(failure_with(answer_text("", "Location: http://127.0.0.1:1/\r\n", "302 Found")) == "the key server answered with status 302");
    CHECK(failure_with(answer_text(std::string((1 << 20) + 1, ' '))).starts_with("answer too long"));
    CHECK(failure_with("") != "");
}

TEST_CASE("Google's keys are fetched only from an HTTP URL") {
    for (const auto* url : {"", "file:///etc/passwd", "127.0.0.1", "ftp://127.0.0.1/"}) {
        CAPTURE(url);
        CHECK_THROWS_AS((void)fetch_keys_from(url), std::invalid_argument);
    }
}

TEST_CASE("a Google token is verified with keys from a server that may go away afterwards") {
    const auto key = test::google_key::rsa("a key");
    const auto token = key.token(R"({"aud":"us","iss":"accounts.google.com","iat":0,"exp":99999999999,"email":"push@example.com"})");
    std::unique_ptr<auth::google_token_verifier> verifier;
    {
        raw_server server([answer = answer_text(test::key_set_of({key}))](raw_connection& peer) {
            (void)peer.read_request();
            peer.send(answer);
        });
        verifier = std::make_unique<auth::google_token_verifier>(fetch_keys_from(server.url()), "us");
        REQUIRE(verifier->verify(token).has_value());
    }
    const auto claims = verifier->verify(token);
    REQUIRE(claims.has_value());
    CHECK(claims->email == "push@example.com");
}
