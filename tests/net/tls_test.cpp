// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/http_client.hpp>

#include "support/raw_server.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <stdexcept>

using namespace ctms;
using namespace ctms::net;
using ctms::test::answer_text;
using ctms::test::certificate;
using ctms::test::make_certificate;
using ctms::test::raw_connection;
using ctms::test::raw_server;
using ctms::test::temporary_file;

namespace {

void answer_all(raw_connection& peer) {
    while (!peer.read_request().empty()) peer.send(answer_text("secret"));
}

/// A server with a certificate for the given names, and a client that trusts it.
class trusted_server {
public:
    explicit trusted_server(const std::vector<std::string>& names, raw_server::script script = answer_all)
        : pair_(make_certificate(names)), file_(pair_.cert_pem), server_(std::move(script), pair_) {}

    http_outcome ask(std::string_view host) {
        http_client client(server_.url(host), {.ca_file = file_.path()});
        return client.send({});
    }
    [[nodiscard]] const std::string& file() const noexcept { return file_.path(); }
    [[nodiscard]] const raw_server& server() const noexcept { return server_; }

private:
    certificate pair_;
    temporary_file file_;
    raw_server server_;
};

void check_refused(const http_outcome& outcome) {
    REQUIRE(!outcome);
    CHECK(outcome.error().code == errc::unavailable);
    CHECK(outcome.error().detail.starts_with("certificate verify failed"));
}

/// Sets an environment variable and restores the old value at the end.
class variable {
public:
    variable(const char* name, const std::string& value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        ::setenv(name, value.c_str(), 1);
    }
    ~variable() { old_.empty() ? ::unsetenv(name_) : ::setenv(name_, old_.c_str(), 1); }
    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;

private:
    const char* name_;
    std::string old_;
};

} // namespace

TEST_CASE("a server is trusted by its name and by its address") {
    trusted_server at({"localhost", "127.0.0.1"});
    CHECK(at.ask("localhost")->body == "secret");
    CHECK(at.ask("127.0.0.1")->body == "secret");
}

TEST_CASE("a certificate for another host is refused") {
    trusted_server by_name({"localhost", "127.0.0.2"});
    check_refused(by_name.ask("127.0.0.1"));
    trusted_server by_address({"127.0.0.1", "localhost.example"});
    check_refused(by_address.ask("localhost"));
    // An address in the list of DNS names does not count as an address.
    trusted_server other({"other"});
    check_refused(other.ask("127.0.0.1"));
}

TEST_CASE("a certificate of an unknown issuer is refused") {
    trusted_server at({"127.0.0.1"});
    const temporary_file another(make_certificate({"127.0.0.1"}).cert_pem);
    http_client with_file(at.server().url(), {.ca_file = another.path()});
    check_refused(with_file.send({}));
    http_client with_system(at.server().url());
    check_refused(with_system.send({}));
}

TEST_CASE("SSL_CERT_FILE replaces the system's trusted certificates") {
    trusted_server at({"127.0.0.1"});
    const variable set("SSL_CERT_FILE", at.file());
    http_client client(at.server().url());
    CHECK(client.send({})->body == "secret");
}

TEST_CASE("an unreadable CA file is refused by the constructor") {
    CHECK_THROWS_AS(http_client("https://127.0.0.1", {.ca_file = "/nonexistent/ca.pem"}), std::invalid_argument);
    const temporary_file empty("");
    CHECK_THROWS_AS(http_client("https://127.0.0.1", {.ca_file = empty.path()}), std::invalid_argument);
}

TEST_CASE("a server that does not speak TLS is reported") {
    raw_server server([](raw_connection& peer) {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        peer.stall();
    });
    http_client client("https://127.0.0.1:" + std::to_string(server.port()));
    CHECK(client.send({}).error().detail.starts_with("TLS failed"));
}

TEST_CASE("without close_notify a complete answer is accepted and an incomplete one is not") {
    trusted_server whole({"127.0.0.1"}, [](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(answer_text("whole", "Connection: close\r\n"));
    });
    CHECK(whole.ask("127.0.0.1")->body == "whole");
    trusted_server part({"127.0.0.1"}, [](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart");
    });
    CHECK(part.ask("127.0.0.1").error().detail == "the connection was cut off");
}

TEST_CASE("a body that ends with the connection needs a close_notify") {
    const auto begin = [](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send("HTTP/1.1 200 OK\r\n\r\nto the end");
    };
    trusted_server silent({"127.0.0.1"}, begin);
    CHECK(silent.ask("127.0.0.1").error().detail == "the connection was cut off");
    trusted_server polite({"127.0.0.1"}, [begin](raw_connection& peer) {
        begin(peer);
        peer.notify_close();
    });
    CHECK(polite.ask("127.0.0.1")->body == "to the end");
}
