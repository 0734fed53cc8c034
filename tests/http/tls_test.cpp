// SPDX-License-Identifier: MPL-2.0
// TLS on the listener, tested with independent clients: curl and openssl s_client.
#include <ctms/net/http_client.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/certificate.hpp>
#include <support/server_process.hpp>
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// A certificate and its key in files.
struct certificate_files {
    explicit certificate_files(const certificate& made = make_certificate({"localhost", "127.0.0.1"}))
        : cert(made.cert_pem), key(made.key_pem) {}
    temporary_file cert;
    temporary_file key;
};

void overwrite(const temporary_file& file, const std::string& text) { std::ofstream(file.path(), std::ios::trunc) << text; }

web_fixture::options with_tls(const certificate_files& files, const std::string& client_ca = {}) {
    return {.limits = {}, .change_settings = [&files, client_ca](ctms::config::settings& settings) {
                settings.tls_cert = files.cert.path();
                settings.tls_key = files.key.path();
                if (!client_ca.empty()) settings.tls_client_ca = client_ca;
            }};
}

std::string url_of(std::uint16_t port) { return "https://localhost:" + std::to_string(port); }

struct ran {
    int code;
    std::string output;
};

ran run(const std::string& program, std::vector<std::string> arguments) {
    child_process child(program, {}, std::move(arguments));
    const auto code = child.wait();
    return {code, child.output() + child.log()};
}

ran curl(std::uint16_t port, const certificate_files& files, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"-sS", "--max-time", "10", "--cacert", files.cert.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back(url_of(port) + "/__lbheartbeat__");
    return run("curl", arguments);
}

/// Returns the result of a handshake; openssl s_client ends immediately because its input is empty.
ran s_client(std::uint16_t port, std::vector<std::string> more) {
    std::vector<std::string> arguments{"s_client", "-connect", "127.0.0.1:" + std::to_string(port), "-cipher", "ALL:@SECLEVEL=0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run("openssl", arguments);
}

std::vector<std::string> process_environment(const test_database& where, const certificate_files& files) {
    return {"CTMS_DB_URL=" + where.url(), "CTMS_SECRET_KEY=a key of the tests that is long enough", "CTMS_TLS_CERT=" + files.cert.path(),
            "CTMS_TLS_KEY=" + files.key.path()};
}

} // namespace

TEST_CASE("TLS: curl gets responses to two requests on one connection") {
    const certificate_files files;
    web_fixture web(with_tls(files));
    const auto answer = curl(web.port(), files, {"-v", url_of(web.port()) + "/__version__"});
    CAPTURE(answer.output);
    CHECK(answer.code == 0);
    CHECK(answer.output.find(R"({"status":"OK"})") != std::string::npos);
    CHECK(answer.output.find("Re-using existing connection") != std::string::npos);
    CHECK(answer.output.find("ALPN: server accepted http/1.1") != std::string::npos);
}

TEST_CASE("TLS: versions 1.2 and 1.3 are accepted and 1.1 is not") {
    const certificate_files files;
    web_fixture web(with_tls(files));
    CHECK(s_client(web.port(), {"-tls1_2"}).code == 0);
    CHECK(s_client(web.port(), {"-tls1_3"}).code == 0);
    const auto old = s_client(web.port(), {"-tls1_1"});
    CAPTURE(old.output);
    CHECK(old.code != 0);
    CHECK(old.output.find("protocol version") != std::string::npos);
}

TEST_CASE("TLS: a client that uses plain HTTP or only HTTP/2 gets no response") {
    const certificate_files files;
    web_fixture web(with_tls(files));
    http_connection plain(web.port());
    REQUIRE(plain.send(request_text("GET", "/__lbheartbeat__")));
    CHECK(becomes_true([&] { return !plain.send("x"); }));
    CHECK(s_client(web.port(), {"-alpn", "h2"}).code != 0);
    CHECK(curl(web.port(), files).code == 0);
}

TEST_CASE("TLS: a handshake that does not complete ends and delays no one else") {
    const certificate_files files;
    auto options = with_tls(files);
    options.limits.header_time = 300ms;
    web_fixture web(options);
    http_connection silent(web.port());
    http_connection begun(web.port());
    REQUIRE(begun.send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
    CHECK(curl(web.port(), files).code == 0);
    CHECK(silent.ends_within(5s));
    CHECK(becomes_true([&] { return !begun.send("x"); }));
}

TEST_CASE("TLS: large responses and streams arrive whole") {
    const certificate_files files;
    web_fixture web(with_tls(files));
    ctms::net::http_client client(url_of(web.port()), {.ca_file = files.cert.path()});
    const auto answer = client.send({.target = "/openapi.json"});
    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    CHECK(answer->body.size() > 20'000);
    const auto lines = client.send(
        {.target = "/updates?start=2020-01-01T00:00:00Z", .headers = {web.authorization(), {"Accept", "application/x-ndjson"}}});
    REQUIRE(lines.has_value());
    CHECK(lines->status == 200);
}

TEST_CASE("TLS: a client that is refused while it sends a large body can read the response") {
    const certificate_files files;
    web_fixture web(with_tls(files));
    ctms::net::http_client client(url_of(web.port()), {.ca_file = files.cert.path()});
    const auto answer = client.send({.method = "POST", .target = "/ctms", .body = std::string(3'000'000, ' ')});
    REQUIRE(answer.has_value());
    CHECK(answer->status == 413);
}

TEST_CASE("TLS: with CTMS_TLS_CLIENT_CA only clients with a certificate from that CA are served") {
    const certificate_files files;
    const certificate_files client;
    const certificate_files stranger;
    web_fixture web(with_tls(files, client.cert.path()));
    CHECK(curl(web.port(), files, {"--cert", client.cert.path(), "--key", client.key.path()}).code == 0);
    CHECK(curl(web.port(), files).code != 0);
    CHECK(curl(web.port(), files, {"--cert", stranger.cert.path(), "--key", stranger.key.path()}).code != 0);
}

TEST_CASE("TLS: SIGHUP reloads the certificate, and open connections continue") {
    const auto first = make_certificate({"localhost"});
    const certificate_files files(first);
    const temporary_file trusted(first.cert_pem);
    const test_database database;
    server_process server(CTMS_WEB, process_environment(database, files));
    ctms::net::http_client client(url_of(server.port()), {.ca_file = trusted.path()});
    const ctms::net::http_request ping{.target = "/__lbheartbeat__"};
    REQUIRE(client.send(ping).has_value());
    const auto renewed = make_certificate({"localhost"});
    overwrite(files.cert, renewed.cert_pem);
    overwrite(files.key, renewed.key_pem);
    server.signal(SIGHUP);
    CHECK(becomes_true([&] { return curl(server.port(), files).code == 0; }));
    // A new connection would get a certificate that this client does not trust.
    CHECK(client.send(ping).has_value());
    ctms::net::http_client fresh(url_of(server.port()), {.ca_file = trusted.path()});
    CHECK_FALSE(fresh.send(ping).has_value());

    overwrite(files.key, "not a key");
    server.signal(SIGHUP);
    CHECK(becomes_true([&] { return server.log().find("CTMS_TLS_KEY") != std::string::npos; }));
    CHECK(curl(server.port(), files).code == 0);
    server.signal(SIGTERM);
    CHECK(server.wait(20s) == 0);
}

TEST_CASE("SIGHUP does not end a server without TLS") {
    const test_database database;
    server_process server(CTMS_WEB, {"CTMS_DB_URL=" + database.url(), "CTMS_SECRET_KEY=a key of the tests that is long enough"});
    server.signal(SIGHUP);
    CHECK(becomes_true([&] { return server.log().find("SIGHUP") != std::string::npos; }));
    CHECK(ask(server.port(), "GET", "/__lbheartbeat__").status == 200);
    server.signal(SIGTERM);
    CHECK(server.wait(20s) == 0);
}

TEST_CASE("TLS: unusable files are refused at start") {
    const certificate_files files;
    const certificate_files other;
    const test_database database;
    const auto refused = [&](const std::string& cert, const std::string& key) {
        child_process child(CTMS_WEB, {{"CTMS_DB_URL", database.url()},
                                       {"CTMS_SECRET_KEY", "a key of the tests that is long enough"},
                                       {"HOST", "127.0.0.1"},
                                       {"PORT", "0"},
                                       {"CTMS_TLS_CERT", cert},
                                       {"CTMS_TLS_KEY", key}});
        CHECK(child.wait() == 78);
        return child.log();
    };
    CHECK(refused("/no/such/file", files.key.path()).find("CTMS_TLS_CERT: /no/such/file") != std::string::npos);
    CHECK(refused(files.cert.path(), other.key.path()).find("CTMS_TLS_KEY: ") != std::string::npos);
    CHECK(refused(files.cert.path(), "").find("CTMS_TLS_KEY") != std::string::npos);
    const temporary_file encrypted("");
    REQUIRE(run("openssl", {"pkey", "-in", files.key.path(), "-aes256", "-passout", "pass:secret", "-out", encrypted.path()}).code == 0);
    CHECK(refused(files.cert.path(), encrypted.path()).find("CTMS_TLS_KEY: ") != std::string::npos); // and no one is asked for a password
}
