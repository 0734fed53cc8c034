// SPDX-License-Identifier: MPL-2.0
// TLS on the listener, tested with independent clients: curl and openssl s_client.
#include <ctms/net/http_client.hpp>
#include <persistence/postgres/connection.hpp>
#include <support/certificate.hpp>
#include <support/server_process.hpp>
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
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

std::string text_of(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Certificates in a directory, NAME.pem with NAME.key: a root, an intermediate CA that it signed, a client of the intermediate CA,
/// a client of the root ("cousin"), and a client with a self-signed certificate that is not a CA ("other").
class client_authority {
public:
    client_authority() {
        std::ofstream(at("ca.cnf")) << "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
        std::ofstream(at("client.cnf")) << "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n";
        make("root", "ca", "");
        make("inter", "ca", "root");
        make("client", "client", "inter");
        make("cousin", "client", "root");
        make("other", "client", "");
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (place_.path() / name).string(); }
    /// The file of another CA certificate, whose name has 6 KB.
    [[nodiscard]] std::string long_named(int number) const {
        std::string subject = "/CN=" + std::to_string(number);
        for (int i = 0; i < 100; ++i) subject += "/OU=" + std::string(60, 'x');
        make("long" + std::to_string(number), "ca", "", subject);
        return at("long" + std::to_string(number) + ".pem");
    }

private:
    void make(const std::string& name, const std::string& kind, const std::string& signer, const std::string& subject = {}) const {
        const auto request =
            run("openssl", {"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                            subject.empty() ? "/CN=" + name : subject, "-keyout", at(name + ".key"), "-out", at(name + ".csr")});
        CAPTURE(request.output);
        REQUIRE(request.code == 0);
        std::vector<std::string> sign{"x509", "-req",           "-in", at(name + ".csr"), "-days", "2", "-extfile", at(kind + ".cnf"),
                                      "-out", at(name + ".pem")};
        if (signer.empty()) {
            sign.insert(sign.end(), {"-signkey", at(name + ".key")});
        } else {
            sign.insert(sign.end(), {"-CA", at(signer + ".pem"), "-CAkey", at(signer + ".key"), "-CAcreateserial"});
        }
        const auto made = run("openssl", sign);
        CAPTURE(made.output);
        REQUIRE(made.code == 0);
    }
    temporary_directory place_;
};

std::vector<std::string> process_environment(const test_database& where, const certificate_files& files) {
    return {"CTMS_DB_URL=" + where.url(ctms::persistence::program_account::web), "CTMS_SECRET_KEY=a key of the tests that is long enough",
            "CTMS_TLS_CERT=" + files.cert.path(), "CTMS_TLS_KEY=" + files.key.path()};
}

} // namespace

TEST_CASE("TLS: curl gets responses to two requests on one connection") {
    const certificate_files files;
    web_fixture web(with_tls(files));
    const auto answer = curl(web.port(), files, {"-v", url_of(web.port()) + "/__version__"});
    CAPTURE(answer.output);
    CHECK(answer.code == 0);
    CHECK(answer.output.find(R"({"status":"OK"})") != std::string::npos);
    CHECK(answer.output.find("Re-using existing ") != std::string::npos);
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
    options.limits.header_time = 2s; // also for curl
    web_fixture web(options);
    http_connection silent(web.port());
    http_connection begun(web.port());
    REQUIRE(begun.send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
    CHECK(curl(web.port(), files).code == 0);
    CHECK(silent.ends_within(20s));
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
    server_process server(CTMS_WEB, {"CTMS_DB_URL=" + database.url(ctms::persistence::program_account::web),
                                     "CTMS_SECRET_KEY=a key of the tests that is long enough"});
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
        child_process child(CTMS_WEB, {{"CTMS_DB_URL", database.url(ctms::persistence::program_account::web)},
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

TEST_CASE("TLS: files that are not regular or too large are refused at once, and the server continues") {
    const certificate_files good;
    const auto cert = text_of(good.cert.path());
    const auto key = text_of(good.key.path());
    const temporary_directory place;
    const auto at = [&](const std::string& name) { return (place.path() / name).string(); };
    const auto put_back = [&] {
        for (const std::string name : {"cert", "key", "ca"}) {
            std::filesystem::remove(at(name));
            std::ofstream(at(name)) << (name == "key" ? key : cert);
        }
    };
    put_back();
    const test_database database;
    server_process server(CTMS_WEB, {"CTMS_DB_URL=" + database.url(ctms::persistence::program_account::web),
                                     "CTMS_SECRET_KEY=a key of the tests that is long enough", "CTMS_TLS_CERT=" + at("cert"),
                                     "CTMS_TLS_KEY=" + at("key"), "CTMS_TLS_CLIENT_CA=" + at("ca")});
    const auto check_served = [&] { CHECK(curl(server.port(), good, {"--cert", good.cert.path(), "--key", good.key.path()}).code == 0); };
    const auto check_refused = [&](const std::string& name, const std::string& why) {
        CAPTURE(name);
        CAPTURE(why);
        const auto before = server.log().size();
        const auto begin = std::chrono::steady_clock::now();
        server.signal(SIGHUP);
        CHECK(becomes_true([&] { return server.log().find(at(name) + " cannot be used: " + why, before) != std::string::npos; }));
        CHECK(std::chrono::steady_clock::now() - begin < 5s);
        check_served();
        put_back();
    };
    for (const std::string name : {"cert", "key", "ca"}) {
        std::filesystem::remove(at(name));
        REQUIRE(::mkfifo(at(name).c_str(), 0600) == 0);
        check_refused(name, "Not a regular file");
        std::filesystem::remove(at(name));
        std::filesystem::create_symlink("/dev/zero", at(name));
        check_refused(name, "Not a regular file");
        std::filesystem::remove(at(name));
        std::filesystem::create_directory(at(name));
        check_refused(name, "Not a regular file");
        std::string many;
        while (many.size() <= std::size_t{1024} * 1024) many += cert;
        std::ofstream(at(name), std::ios::trunc) << many;
        check_refused(name, "File too large");
    }
    const auto before = server.log().size();
    server.signal(SIGHUP);
    CHECK(becomes_true([&] { return server.log().find("The certificate was reloaded", before) != std::string::npos; }));
    check_served();
    server.signal(SIGTERM);
    CHECK(server.wait(20s) == 0);
}

TEST_CASE("TLS: an intermediate CA in CTMS_TLS_CLIENT_CA admits the clients that it signed, without its root") {
    const certificate_files files;
    const client_authority authority;
    web_fixture web(with_tls(files, authority.at("inter.pem")));
    const auto code_with = [&](const std::string& name) {
        return curl(web.port(), files, {"--cert", authority.at(name + ".pem"), "--key", authority.at(name + ".key")}).code;
    };
    CHECK(code_with("client") == 0);
    CHECK(code_with("cousin") != 0); // signed by the root
    CHECK(code_with("other") != 0);
}

TEST_CASE("TLS: a CTMS_TLS_CLIENT_CA without a CA certificate is refused, and other certificates in it admit no one") {
    const certificate_files files;
    const client_authority authority;
    const test_database database;
    const auto refused = [&](const std::string& file) {
        child_process child(CTMS_WEB, {{"CTMS_DB_URL", database.url(ctms::persistence::program_account::web)},
                                       {"CTMS_SECRET_KEY", "a key of the tests that is long enough"},
                                       {"HOST", "127.0.0.1"},
                                       {"PORT", "0"},
                                       {"CTMS_TLS_CERT", files.cert.path()},
                                       {"CTMS_TLS_KEY", files.key.path()},
                                       {"CTMS_TLS_CLIENT_CA", file}});
        CHECK(child.wait() == 78);
        return child.log();
    };
    const temporary_file nothing("");
    const temporary_file broken(text_of(authority.at("root.pem")) + text_of(authority.at("inter.pem")).substr(0, 200));
    CHECK(refused(authority.at("client.pem")).find("it contains no CA certificate") != std::string::npos);
    CHECK(refused(files.key.path()).find("it contains no CA certificate") != std::string::npos);
    CHECK(refused(nothing.path()).find("it contains no CA certificate") != std::string::npos);
    CHECK(refused(broken.path()).find("CTMS_TLS_CLIENT_CA: ") != std::string::npos);
    const temporary_file mixed(text_of(authority.at("other.pem")) + text_of(authority.at("inter.pem")));
    web_fixture web(with_tls(files, mixed.path()));
    CHECK(curl(web.port(), files, {"--cert", authority.at("client.pem"), "--key", authority.at("client.key")}).code == 0);
    CHECK(curl(web.port(), files, {"--cert", authority.at("other.pem"), "--key", authority.at("other.key")}).code != 0);
}

TEST_CASE("TLS: a long CTMS_TLS_CLIENT_CA, whose names would not fit in a handshake, works") {
    const certificate_files files;
    const client_authority authority;
    std::string many;
    for (int i = 0; i < 20; ++i) many += text_of(authority.at("root.pem"));
    for (int i = 0; i < 12; ++i) many += text_of(authority.long_named(i));
    const temporary_file bundle(many + text_of(authority.at("inter.pem")));
    web_fixture web(with_tls(files, bundle.path()));
    for (const auto* version : {"--tlsv1.3", "--tls-max"}) {
        std::vector<std::string> arguments{"--cert", authority.at("client.pem"), "--key", authority.at("client.key"), version};
        if (version == std::string("--tls-max")) arguments.emplace_back("1.2");
        const auto answer = curl(web.port(), files, arguments);
        CAPTURE(answer.output);
        CHECK(answer.code == 0);
    }
}
