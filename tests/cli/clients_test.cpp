// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <auth/secrets.hpp>
#include <support/web_fixture.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace ctms::test;
using ctms::auth::verify_secret;

namespace {

/// ctms-admin on its own database.
class admin {
public:
    outcome operator()(const std::vector<std::string>& arguments) {
        return run_admin(arguments, {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin)});
    }

    std::string select(const std::string& query) {
        ctms::persistence::connection link(database_.options());
        const auto found = link.execute(query);
        return found.empty() ? "none" : std::string(found.text(0, 0));
    }
    std::string hash_of(const std::string& id) { return select("select hashed_secret from api_client where client_id = '" + id + "'"); }
    std::string enabled(const std::string& id) { return select("select enabled from api_client where client_id = '" + id + "'"); }

private:
    test_database database_;
};

/// What follows `label` on its line.
std::string line_of(const std::string& text, const std::string& label) {
    const auto at = text.find(label);
    if (at == std::string::npos) return "none";
    const auto begin = text.find_first_not_of(' ', at + label.size());
    return text.substr(begin, text.find('\n', begin) - begin);
}

void check_failed(const outcome& run, int exit_code, const std::string& message) {
    CHECK(run.exit_code == exit_code);
    CHECK(run.out.empty());
    CHECK(run.err.starts_with("ctms-admin: "));
    CHECK(run.err.find(message) != std::string::npos);
}

} // namespace

TEST_CASE("a new client is printed with its secret and stored with its hash") {
    admin run;
    const auto made = run({"clients", "create", "basket", "-e", "team@example.com"});
    REQUIRE(made.exit_code == 0);
    CHECK(made.err.empty());
    CHECK(line_of(made.out, "client_id:") == "id_basket");
    const auto secret = line_of(made.out, "client_secret:");
    CHECK(secret.starts_with("secret_"));
    CHECK(made.out.find("not shown again") != std::string::npos);
    CHECK(run.enabled("id_basket") == "t");
    const auto hash = run.hash_of("id_basket");
    CHECK(hash.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"));
    CHECK(verify_secret(secret, hash));
}

TEST_CASE("a name that is already an id is not changed") {
    admin run;
    const auto made = run({"clients", "create", "id_My-Client_1.0", "--email", "team@example.com"});
    REQUIRE(made.exit_code == 0);
    CHECK(line_of(made.out, "client_id:") == "id_My-Client_1.0");
}

TEST_CASE("a new client can be printed as JSON and created disabled") {
    admin run;
    const auto made = run({"--json", "clients", "create", "basket", "-e", "team@example.com", "--disabled"});
    REQUIRE(made.exit_code == 0);
    const auto printed = boost::json::parse(made.out).as_object();
    CHECK(made.out.starts_with(R"({"client_id":"id_basket","client_secret":"secret_)"));
    CHECK(made.out.ends_with("\",\"email\":\"team@example.com\",\"enabled\":false}\n"));
    CHECK(verify_secret(std::string(printed.at("client_secret").as_string()), run.hash_of("id_basket")));
    CHECK(run.enabled("id_basket") == "f");
}

TEST_CASE("the printed curl commands work") {
    web_fixture web;
    const auto made = run_admin({"clients", "create", "curl", "-e", "team@example.com"},
                                {"CTMS_DB_URL=" + web.database().url(ctms::persistence::program_account::admin),
                                 "CTMS_SERVER_PREFIX=http://127.0.0.1:" + std::to_string(web.port())});
    REQUIRE(made.exit_code == 0);
    const auto commands = made.out.substr(made.out.find("TOKEN="));
    CHECK(commands.find("curl ") != std::string::npos);
    const auto tried = run_program({"/bin/bash", "-euo", "pipefail", "-c", commands});
    CHECK(tried.exit_code == 0);
    CHECK(tried.err.empty());
    const auto newline = tried.out.find('\n');
    REQUIRE(newline != std::string::npos);
    CHECK(tried.out.substr(0, newline).ends_with(R"("status":"ok"})"));
    const auto contact = tried.out.substr(0, newline + 1);
    CHECK(tried.out.substr(newline + 1, contact.size()) == contact);
    CHECK(tried.out.substr(2 * contact.size()).starts_with(R"({"start":)"));
    const auto log = web.log_text();
    CHECK(log.find("id_curl 'POST /token HTTP/1.1' 200") != std::string::npos);
    CHECK(log.find("id_curl 'POST /ctms HTTP/1.1' 201") != std::string::npos);
    CHECK(log.find("id_curl 'GET /ctms/") != std::string::npos);
    CHECK(log.find("id_curl 'GET /updates") != std::string::npos);
    CHECK(web.sql("select from newsletters where name = 'hubs'").size() == 1);
}

TEST_CASE("curl commands that cannot work are not printed") {
    admin run;
    CHECK(run({"clients", "create", "a", "-e", "team@example.com", "--disabled"}).out.find("curl") == std::string::npos);
    CHECK(run({"clients", "create", "b", "-e", "team@example.com", "--json"}).out.find("curl") == std::string::npos);
}

TEST_CASE("the printed curl commands are those that the roles of the client allow") {
    web_fixture web;
    const std::vector<std::string> environment{"CTMS_DB_URL=" + web.database().url(ctms::persistence::program_account::admin),
                                               "CTMS_SERVER_PREFIX=http://127.0.0.1:" + std::to_string(web.port())};
    const auto commands = [&](const std::string& name, const std::vector<std::string>& roles) {
        std::vector<std::string> call{"clients", "create", name, "-e", "team@example.com"};
        for (const auto& role : roles) call.insert(call.end(), {"--role", role});
        const auto made = run_admin(call, environment);
        REQUIRE(made.exit_code == 0);
        return made.out.substr(made.out.find("TOKEN="));
    };
    const auto tried = [](const std::string& script) {
        const auto run = run_program({"/bin/bash", "-euo", "pipefail", "-c", script});
        CHECK(run.exit_code == 0);
        CHECK(run.err.empty());
        return run.out;
    };
    const auto reads = commands("reads", {"read"});
    CHECK(reads.find("-d '{") == std::string::npos);
    CHECK(tried(reads) == "[]\n");
    const auto writes = tried(commands("writes", {"write"}));
    CHECK(writes.find(R"("status":"ok"})") != std::string::npos);
    CHECK(std::count(writes.begin(), writes.end(), '\n') == 1);
    CHECK(tried(commands("updates", {"updates"})).starts_with(R"({"start":)"));
    CHECK(tried(commands("deletes", {"delete", "stripe"})).empty());
}

TEST_CASE("a client that exists is not created again") {
    admin run;
    REQUIRE(run({"clients", "create", "basket", "-e", "team@example.com"}).exit_code == 0);
    const auto hash = run.hash_of("id_basket");
    check_failed(run({"clients", "create", "id_basket", "-e", "other@example.com"}), 65, "client 'id_basket' already exists");
    CHECK(run.hash_of("id_basket") == hash);
}

TEST_CASE("every command refuses invalid client names") {
    admin run;
    for (const auto& name : {std::string("a b"), std::string("id_"), std::string("\xC3\xA9"), std::string("a/b"), std::string("a'b"),
                             std::string("a@b"), std::string(253, 'a')}) {
        CAPTURE(name);
        check_failed(run({"clients", "create", name, "-e", "team@example.com"}), 65, "is not a valid client name");
        for (const std::string command : {"show", "enable", "disable", "rotate-secret", "delete"}) {
            check_failed(run({"clients", command, name}), 65, "is not a valid client name");
        }
    }
    CHECK(run.select("select count(*) from api_client") == "0");
    CHECK(run({"clients", "create", std::string(252, 'a'), "-e", "team@example.com"}).exit_code == 0);
}

TEST_CASE("wrong calls of the clients commands are usage errors") {
    admin run;
    const std::vector<std::vector<std::string>> calls{{"clients", "create", "a"},
                                                      {"clients", "create", "-e", "team@example.com"},
                                                      {"clients", "create", "a", "-e"},
                                                      {"clients", "create", "a", "b", "-e", "team@example.com"},
                                                      {"clients", "create", "a", "-e", "team@example.com", "--unknown"},
                                                      {"clients", "show"},
                                                      {"clients", "show", "a", "b"},
                                                      {"clients", "enable", "a", "--yes"},
                                                      {"clients", "set-roles", "a"},
                                                      {"clients", "set-roles", "a", "--all", "--role", "read"},
                                                      {"clients", "set-roles", "--all"},
                                                      {"clients", "delete", "--yes"}};
    for (const auto& call : calls) {
        CAPTURE(call.back());
        check_failed(run(call), 64, "see ctms-admin");
    }
    CHECK(run.select("select count(*) from api_client") == "0");
}

TEST_CASE("clients are listed in order, as text and as JSON") {
    admin run;
    CHECK(run({"clients", "list", "--json"}).out == "[]\n");
    REQUIRE(run({"clients", "create", "b", "-e", "b@example.com", "--disabled"}).exit_code == 0);
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    CHECK(
        run({"clients", "list", "--json"}).out ==
        R"([{"client_id":"id_a","email":"a@example.com","enabled":true,"roles":null,"require_if_match":false,"limits":null,"last_used_at":null},)"
        R"({"client_id":"id_b","email":"b@example.com","enabled":false,"roles":null,"require_if_match":false,"limits":null,"last_used_at":null}])"
        "\n");
    const auto table = run({"clients", "list"}).out;
    CHECK(table.starts_with("CLIENT  EMAIL          ENABLED  ROLES  CREATED  "));
    CHECK(table.substr(0, table.find('\n')).ends_with("  LAST USED"));
    CHECK(table.find("\nid_a    a@example.com  yes      all    20") != std::string::npos);
    CHECK(table.find("\nid_b    b@example.com  no       all    20") != std::string::npos);
}

TEST_CASE("a client is shown without its secret") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    CHECK(run({"clients", "show", "a", "--json"}).out ==
          R"({"client_id":"id_a","email":"a@example.com","enabled":true,)"
          R"("roles":null,"require_if_match":false,"limits":null,"last_used_at":null,"old_secrets_valid_until":[]})"
          "\n");
    const auto text = run({"clients", "show", "id_a"}).out;
    CHECK(line_of(text, "CLIENT") == "id_a");
    CHECK(line_of(text, "EMAIL") == "a@example.com");
    CHECK(line_of(text, "ENABLED") == "yes");
    CHECK(line_of(text, "ROLES") == "all");
    CHECK(line_of(text, "OLD SECRET") == "-");
    CHECK(line_of(text, "CREATED").starts_with("20"));
    CHECK(text.find("argon2") == std::string::npos);
}

TEST_CASE("a client is disabled and enabled") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    CHECK(run({"clients", "disable", "a"}).out == "Disabled 'id_a'.\n");
    CHECK(run.enabled("id_a") == "f");
    CHECK(run({"clients", "disable", "a"}).exit_code == 0);
    CHECK(run({"clients", "enable", "id_a"}).out == "Enabled 'id_a'.\n");
    CHECK(run.enabled("id_a") == "t");
}

TEST_CASE("a new secret replaces the old one") {
    admin run;
    const auto old_secret = line_of(run({"clients", "create", "a", "-e", "a@example.com"}).out, "client_secret:");
    const auto rotated = run({"clients", "rotate-secret", "a"});
    REQUIRE(rotated.exit_code == 0);
    const auto secret = line_of(rotated.out, "client_secret:");
    CHECK(secret != old_secret);
    const auto hash = run.hash_of("id_a");
    CHECK(verify_secret(secret, hash));
    CHECK_FALSE(verify_secret(old_secret, hash));
    CHECK(rotated.out.find("\nThe old secret is no longer valid.\n") != std::string::npos);
    const auto json = run({"clients", "rotate-secret", "a", "--json"}).out;
    CHECK(json.starts_with(R"({"client_id":"id_a","client_secret":"secret_)"));
    CHECK(json.ends_with("\"enabled\":true,\"old_secrets_valid_until\":[]}\n"));
}

TEST_CASE("a client is deleted only with --yes") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    check_failed(run({"clients", "delete", "a"}), 1, "nothing was deleted");
    CHECK(run.enabled("id_a") == "t");
    CHECK(run({"clients", "delete", "a", "--yes"}).out == "Deleted 'id_a'.\n");
    CHECK(run.enabled("id_a") == "none");
}

TEST_CASE("every command refuses an unknown client") {
    admin run;
    for (const std::string command : {"show", "enable", "disable", "rotate-secret"}) {
        CAPTURE(command);
        check_failed(run({"clients", command, "nobody"}), 65, "Unknown client_id");
    }
    check_failed(run({"clients", "delete", "nobody", "--yes"}), 65, "Unknown client_id");
}

TEST_CASE("a client's address that is too long is refused") {
    admin run;
    check_failed(run({"clients", "create", "a", "-e", std::string(300, 'x')}), 65, "");
    CHECK(run.select("select count(*) from api_client") == "0");
}

TEST_CASE("a client can be created with roles, which are shown") {
    admin run;
    const auto made = run({"clients", "create", "a", "-e", "a@example.com", "--role", "write", "--role", "read", "--role=read", "--json"});
    REQUIRE(made.exit_code == 0);
    CHECK(made.out.ends_with("\",\"email\":\"a@example.com\",\"enabled\":true}\n"));
    CHECK(made.out.find("roles") == std::string::npos);
    CHECK(run({"clients", "list", "--json"}).out ==
          "[{\"client_id\":\"id_a\",\"email\":\"a@example.com\",\"enabled\":true,\"roles\":["
          "\"read\",\"write\"],\"require_if_match\":false,\"limits\":null,\"last_used_at\":null}]\n");
    CHECK(run({"clients", "show", "a", "--json"}).out.find(R"("roles":["read","write"])") != std::string::npos);
    CHECK(line_of(run({"clients", "show", "a"}).out, "ROLES") == "read, write");
    CHECK(run({"clients", "list"}).out.find("  read, write  ") != std::string::npos);
    CHECK(run.select("select details->>'roles' from ctms_audit_log") == "read, write");
}

TEST_CASE("roles are set and removed") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    const auto set = run({"clients", "set-roles", "a", "--role", "delete", "--role", "admin"});
    CHECK(set.exit_code == 0);
    CHECK(set.out == "Roles of 'id_a': delete, admin.\n");
    CHECK(line_of(run({"clients", "show", "a"}).out, "ROLES") == "delete, admin");
    CHECK(run({"clients", "set-roles", "a", "--role", "updates"}).exit_code == 0);
    CHECK(line_of(run({"clients", "show", "a"}).out, "ROLES") == "updates");
    CHECK(run({"clients", "set-roles", "a", "--all"}).out == "Roles of 'id_a': all.\n");
    CHECK(line_of(run({"clients", "show", "a"}).out, "ROLES") == "all");
    check_failed(run({"clients", "set-roles", "nobody", "--all"}), 65, "Unknown client_id");
}

TEST_CASE("an unknown role is refused") {
    admin run;
    for (const std::string role : {"remove", "READ", "", "read,write"}) {
        CAPTURE(role);
        check_failed(run({"clients", "create", "a", "-e", "a@example.com", "--role", role}), 64,
                     "is not a role; the roles are read, write, delete");
        check_failed(run({"clients", "set-roles", "a", "--role", role}), 64, "is not a role; the roles are read, write, delete");
    }
    CHECK(run.select("select count(*) from api_client") == "0");
}

TEST_CASE("an old secret stays valid for a while with --keep-old") {
    admin run;
    const auto old_secret = line_of(run({"clients", "create", "a", "-e", "a@example.com"}).out, "client_secret:");
    const auto kept = [&] { return run.select("select string_agg(hashed_secret, ' ') from ctms_client_old_secrets"); };
    const auto lasts = [&](const std::string& least, const std::string& most) {
        return run.select("select max(valid_until) between now() + interval '" + least + "' and now() + interval '" + most +
                          "' from ctms_client_old_secrets") == "t";
    };
    const auto rotated = run({"clients", "rotate-secret", "a", "--keep-old", "3600"});
    REQUIRE(rotated.exit_code == 0);
    CHECK(verify_secret(old_secret, kept()));
    CHECK(lasts("59 minutes", "60 minutes"));
    const auto shown = line_of(run({"clients", "show", "a"}).out, "OLD SECRET");
    CHECK(shown.starts_with("valid until 20"));
    CHECK(line_of(rotated.out, "Old secret:") == shown + '.');
    CHECK(run({"clients", "show", "a", "--json"}).out.find(R"("old_secrets_valid_until":[")" + shown.substr(12) + "\"]") !=
          std::string::npos);
    REQUIRE(run({"clients", "rotate-secret", "a", "--keep-old", "P1D"}).exit_code == 0);
    CHECK(lasts("1439 minutes", "1440 minutes"));
    REQUIRE(run({"clients", "rotate-secret", "a", "--keep-old", "72:00:00"}).exit_code == 0);
    CHECK(lasts("4319 minutes", "4320 minutes"));
    REQUIRE(run({"clients", "rotate-secret", "a"}).exit_code == 0);
    CHECK(run.select("select count(*) from ctms_client_old_secrets") == "0");
    CHECK(line_of(run({"clients", "show", "a"}).out, "OLD SECRET") == "-");
}

TEST_CASE("an invalid duration is refused and the secret stays valid") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    const auto hash = run.hash_of("id_a");
    for (const std::string text : {"", "0", "-5", "soon", "P366D", "P1M", "1.5"}) {
        CAPTURE(text);
        check_failed(run({"clients", "rotate-secret", "a", "--keep-old=" + text}), 64, "--keep-old");
    }
    CHECK(run.hash_of("id_a") == hash);
}

TEST_CASE("a client can be required to send If-Match") {
    const test_database database;
    const std::vector<std::string> settings{"CTMS_DB_URL=" + database.url()};
    REQUIRE(run_admin({"clients", "create", "a", "-e", "a@example.com"}, settings).exit_code == 0);
    const auto shown = [&] { return run_admin({"clients", "show", "a", "--json"}, settings).out; };
    const auto set = [&](const std::string& value) {
        return run_admin({"clients", "set-rules", "a", "--require-if-match", value}, settings);
    };
    CHECK(set("true").out == "'id_a' must send If-Match with changes of contacts.\n");
    CHECK(shown().find(R"("require_if_match":true)") != std::string::npos);
    CHECK(run_admin({"clients", "show", "a"}, settings).out.find("REQUIRES IF-MATCH  yes") != std::string::npos);
    CHECK(set("perhaps").exit_code == 64);
    CHECK(set("false").exit_code == 0);
    CHECK(shown().find(R"("require_if_match":false)") != std::string::npos);
    CHECK(run_admin({"clients", "set-rules", "a"}, settings).exit_code == 64);
    CHECK(run_admin({"clients", "set-rules", "b", "--require-if-match", "true"}, settings).exit_code == 65);

    REQUIRE(set("true").exit_code == 0); // a client that is deleted and created again has no rules
    REQUIRE(run_admin({"clients", "delete", "a", "--yes"}, settings).exit_code == 0);
    REQUIRE(run_admin({"clients", "create", "a", "-e", "a@example.com"}, settings).exit_code == 0);
    CHECK(shown().find(R"("require_if_match":false)") != std::string::npos);
}

TEST_CASE("the limits of a client are set, replaced, shown and removed") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    const auto set = [&](std::vector<std::string> options) {
        options.insert(options.begin(), {"clients", "set-limit", "a"});
        return run(options);
    };
    const auto shown = [&] {
        const auto text = run({"clients", "show", "a", "--json"}).out;
        return text.substr(text.find("\"limits\":"), text.find(",\"last_used_at") - text.find("\"limits\":"));
    };
    CHECK(set({"--rate", "100/s", "--burst", "200", "--concurrency", "20"}).out ==
          "Limits of 'id_a' for each server: 100/s, 200 at once, 20 at the same time.\n");
    CHECK(shown() == R"("limits":{"requests":100,"seconds":1,"burst":200,"concurrency":20})");
    CHECK(line_of(run({"clients", "show", "a"}).out, "LIMITS") == "100/s, 200 at once, 20 at the same time");
    CHECK(run.select("select details->>'limits' from ctms_audit_log order by id desc limit 1") ==
          "100/s, 200 at once, 20 at the same time");
    CHECK(set({"--rate", "600/min"}).exit_code == 0); // without --burst, what the rate allows in a second
    CHECK(shown() == R"("limits":{"requests":600,"seconds":60,"burst":10})");
    CHECK(set({"--rate=10/h", "--json"}).out.find(R"("limits":{"requests":10,"seconds":3600,"burst":1})") != std::string::npos);
    CHECK(set({"--concurrency", "3"}).exit_code == 0);
    CHECK(shown() == R"("limits":{"concurrency":3})");
    CHECK(line_of(run({"clients", "show", "a"}).out, "LIMITS") == "3 at the same time");
    CHECK(set({"--none"}).out == "Limits of 'id_a' for each server: none.\n");
    CHECK(shown() == R"("limits":null)");
    CHECK(line_of(run({"clients", "show", "a"}).out, "LIMITS") == "none");
    REQUIRE(run({"clients", "set-rules", "a", "--require-if-match", "true"}).exit_code == 0); // independent of each other
    REQUIRE(set({"--concurrency", "3"}).exit_code == 0);
    CHECK(run({"clients", "show", "a", "--json"}).out.find(R"("require_if_match":true,"limits":{"concurrency":3})") != std::string::npos);
    REQUIRE(run({"clients", "delete", "a", "--yes"}).exit_code == 0);
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    CHECK(shown() == R"("limits":null)");
}

TEST_CASE("a limit that is not possible is refused") {
    admin run;
    REQUIRE(run({"clients", "create", "a", "-e", "a@example.com"}).exit_code == 0);
    for (const std::string rate :
         {"/", "100", "100/", "/s", "0/s", "-1/s", "1.5/s", "100/d", "100/S", "100 /s", "1000001/s", "99999999999/s"}) {
        CAPTURE(rate);
        check_failed(run({"clients", "set-limit", "a", "--rate=" + rate}), 64, "--rate takes a number from 1 to 1000000 and a time");
    }
    for (const std::string number : {"0", "-1", "x", "1000001"}) {
        CAPTURE(number);
        check_failed(run({"clients", "set-limit", "a", "--rate=1/s", "--burst=" + number}), 64,
                     "--burst takes a whole number from 1 to 1000000");
        check_failed(run({"clients", "set-limit", "a", "--concurrency=" + number}), 64,
                     "--concurrency takes a whole number from 1 to 1000000");
    }
    check_failed(run({"clients", "set-limit", "a", "--burst=5"}), 64, "--burst needs --rate");
    check_failed(run({"clients", "set-limit", "a"}), 64, "set-limit takes --rate");
    check_failed(run({"clients", "set-limit", "a", "--none", "--rate=1/s"}), 64, "set-limit takes --rate");
    check_failed(run({"clients", "set-limit", "nobody", "--none"}), 65, "Unknown client_id");
    CHECK(run.select("select count(*) from ctms_client_rules") == "0");
}

TEST_CASE("a client's last use is listed and shown") {
    web_fixture web;
    const std::vector<std::string> settings{"CTMS_DB_URL=" + web.database().url(ctms::persistence::program_account::admin)};
    web.sql("insert into ctms_client_use values ('id_enabled', '2026-01-02T03:04:05Z')");
    const auto listed = run_admin({"clients", "list", "--json"}, settings).out;
    CHECK(listed.find(R"("last_used_at":"2026-01-02T03:04:05+00:00"})") != std::string::npos);
    CHECK(run_admin({"clients", "list"}, settings).out.find("  2026-01-02T03:04:05+00:00\n") != std::string::npos);
    CHECK(line_of(run_admin({"clients", "show", "enabled"}, settings).out, "LAST USED") == "2026-01-02T03:04:05+00:00");
    CHECK(line_of(run_admin({"clients", "show", "disabled"}, settings).out, "LAST USED") == "-");
}

TEST_CASE("the address of a client is checked and can be changed") {
    const test_database database;
    const std::vector<std::string> settings{"CTMS_DB_URL=" + database.url()};
    for (const std::string wrong : {"nobody", "a@", "a b@example.com"})
        CHECK(run_admin({"clients", "create", "a", "-e", wrong}, settings).exit_code == 65);
    REQUIRE(run_admin({"clients", "create", "a", "-e", "a@example.com"}, settings).exit_code == 0);
    CHECK(run_admin({"clients", "set-email", "a", "nobody"}, settings).exit_code == 65);
    CHECK(run_admin({"clients", "set-email", "b", "b@example.com"}, settings).exit_code == 65);
    CHECK(run_admin({"clients", "set-email", "a", "b@example.com"}, settings).exit_code == 0);
    CHECK(run_admin({"clients", "show", "a", "--json"}, settings).out.find(R"("email":"b@example.com")") != std::string::npos);
}
