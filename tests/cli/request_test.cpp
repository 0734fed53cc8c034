// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/certificate.hpp>
#include <support/pseudo_terminal.hpp>
#include <support/raw_server.hpp>
#include <support/server_process.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <fstream>
#include <string>
#include <vector>

using namespace ctms::test;

namespace {

/// ctms-admin and a server on the same database.
class admin {
public:
    admin() {
        link_.execute("insert into api_client (client_id, email, enabled, hashed_secret, update_timestamp)"
                      " values ('id_basket', 'team@example.com', true, 'x', now()), ('id_gone', 'team@example.com', false, 'x', now())");
    }
    outcome operator()(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "request");
        return run_admin(arguments, environment());
    }
    [[nodiscard]] std::vector<std::string> environment() const {
        return {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin),
                "CTMS_SECRET_KEY=key of these tests, of 32 bytes or more",
                fmt::format("CTMS_SERVER_PREFIX=http://127.0.0.1:{}", server_.port())};
    }
    std::string select(const std::string& query) {
        const auto found = link_.execute(query);
        return found.empty() ? "none" : std::string(found.text(0, 0));
    }
    std::string audit() {
        return select("select command || ' ' || exit_code || ' ' || details from ctms_audit_log order by id desc limit 1");
    }
    std::string file(const std::string& text) {
        const auto path = (files_.path() / "body.json").string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

private:
    test_database database_;
    temporary_directory files_;
    ctms::persistence::connection link_{database_.options()};
    server_process server_{CTMS_WEB,
                           {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::web),
                            "CTMS_SECRET_KEY=key of these tests, of 32 bytes or more"}};
};

std::string contact(int number) { return fmt::format(R"({{"email":{{"primary_email":"jane{}@example.com"}}}})", number); }

} // namespace

TEST_CASE("request calls the server as a client, with a body from an argument, a file or standard input") {
    admin run;
    const auto made = run({"POST", "/ctms", contact(1), "--client", "basket"});
    CHECK(made.exit_code == 0);
    CHECK(made.err == "HTTP/1.1 201 Created\n");
    CHECK(boost::json::parse(made.out).at("email").at("primary_email") == "jane1@example.com");
    CHECK(made.out.find('\n') == std::string::npos); // exactly as the server sent it
    CHECK(run({"post", "/ctms", "@" + run.file(contact(2)), "-c", "id_basket"}).exit_code == 0);
    const auto piped =
        run_program({"/bin/sh", "-c", fmt::format("exec '{}' request POST /ctms - -c basket < '{}'", CTMS_ADMIN, run.file(contact(3)))},
                    run.environment());
    CHECK(piped.exit_code == 0);
    CHECK(run.select("select string_agg(primary_email, ' ' order by primary_email) from emails") ==
          "jane1@example.com jane2@example.com jane3@example.com");
    const auto found = run({"GET", "/ctms?primary_email=jane2@example.com", "-c", "basket", "--json"});
    CHECK(boost::json::parse(found.out).as_array().size() == 1);
}

TEST_CASE("unsuccessful answers exit with 1 and are shown unchanged") {
    admin run;
    const auto missing = run({"GET", "/ctms/332de237-cab7-4461-bcc3-48e68f42bd5c", "-c", "basket"});
    CHECK(missing.exit_code == 1);
    CHECK(missing.err == "HTTP/1.1 404 Not Found\n");
    CHECK(missing.out == R"({"detail":"Unknown email_id"})");
    const auto nobody = run({"GET", "/ctms"});
    CHECK(nobody.exit_code == 1);
    CHECK(nobody.err.starts_with("HTTP/1.1 401 Unauthorized\n"));
    CHECK(nobody.err.find("--client NAME") != std::string::npos);
    const auto open = run({"GET", "/__lbheartbeat__"}); // needs no client
    CHECK(open.err == "HTTP/1.1 200 OK\n");
    CHECK(run({"GET", "/__lbheartbeat__"}).exit_code == 0);
    const auto disabled = run({"GET", "/ctms", "-c", "gone"});
    CHECK(disabled.exit_code == 1);
    CHECK(disabled.err.find("clients enable id_gone") != std::string::npos);
    const auto away = run({"GET", "/__heartbeat__", "--url", "http://127.0.0.1:1"});
    CHECK(away.exit_code == 69);
    CHECK(away.out.empty());
    CHECK(away.err.find("cannot connect") != std::string::npos);
    CHECK(away.err.find("CTMS_SERVER_PREFIX") != std::string::npos);
}

TEST_CASE("a certificate of a private CA is refused with advice, and accepted with SSL_CERT_FILE") {
    admin run;
    const auto pair = make_certificate({"127.0.0.1"});
    const temporary_file trusted(pair.cert_pem);
    const raw_server server(
        [](raw_connection& peer) {
            if (!peer.read_request().empty()) peer.send(answer_text("secret"));
        },
        pair);
    const std::vector<std::string> call{"request", "GET", "/__lbheartbeat__", "--url", server.url()};
    const auto refused = run_admin(call, run.environment());
    CHECK(refused.exit_code == 69);
    CHECK(refused.out.empty());
    CHECK(refused.err.find("certificate verify failed") != std::string::npos);
    CHECK(refused.err.find("set SSL_CERT_FILE to") != std::string::npos);
    CHECK(refused.err.find("CTMS_SERVER_PREFIX") == std::string::npos);
    auto environment = run.environment();
    environment.push_back("SSL_CERT_FILE=" + trusted.path());
    const auto accepted = run_admin(call, environment);
    CHECK(accepted.exit_code == 0);
    CHECK(accepted.out == "secret");
}

TEST_CASE("a call leaves an audit record without addresses") {
    admin run;
    CHECK(run({"GET", "/ctms?primary_email=jane@example.com", "-c", "basket"}).exit_code == 0);
    CHECK(run.audit() == R"(request 0 {"path": "/ctms", "method": "GET", "status": "200", "client_id": "id_basket"})");
    CHECK(run({"GET", "/ctms/jane@example.com/x", "-c", "basket"}).exit_code == 1);
    CHECK(run({"GET", "/ctms/jane%40example.com", "-c", "basket"}).exit_code == 1);
    CHECK(run.select("select count(*) from ctms_audit_log where details::text like '%example.com%'") == "0");
    CHECK(run.audit().find("/ctms/[address]") != std::string::npos);
}

TEST_CASE("wrong calls of request are usage errors") {
    admin run;
    for (const auto& call : std::vector<std::vector<std::string>>{{},
                                                                  {"GET"},
                                                                  {"GET", "ctms"},
                                                                  {"GET", "/a b"},
                                                                  {"G ET", "/"},
                                                                  {"GET", "/", "{}", "x"},
                                                                  {"GET", "/", "--url", "ftp://x"},
                                                                  {"GET", "/", "--unknown"}}) {
        CAPTURE(call.size());
        const auto wrong = run(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.err.find("see ctms-admin request --help") != std::string::npos);
    }
    CHECK(run({"POST", "/ctms", "@/nowhere/file", "-c", "basket"}).exit_code == 66);
}

TEST_CASE("an answer is pretty-printed on a terminal") {
    admin run;
    pseudo_terminal terminal({CTMS_ADMIN, "request", "GET", "/ctms/none", "-c", "basket"}, run.environment());
    CHECK(terminal.wait() == 1);
    CHECK(terminal.output().find("{\r\n  \"detail\": ") != std::string::npos);
    CHECK(terminal.output().ends_with("}\r\n"));
}
