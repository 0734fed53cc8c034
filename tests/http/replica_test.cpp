// SPDX-License-Identifier: MPL-2.0
// CTMS_DB_READ_URL: the calls that a replica answers. The replica is a separate database whose contact has a different name.
#include <support/web_fixture.hpp>

#include <persistence/contacts/contact_repository.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

namespace ctms::test {
namespace {

constexpr auto id = "332de237-cab7-4461-bcc3-48e68f42bd5c";

std::string named(const char* name) {
    return fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"nina@example.com","first_name":"{}"}}}})", id, name);
}

web_fixture::options reading_from(const std::string& url) {
    web_fixture::options out;
    out.change_settings = [url](config::settings& settings) { settings.db_read_url = url; };
    return out;
}

bool holds(const http_answer& answer, std::string_view text) { return answer.status == 200 && answer.body.find(text) != std::string::npos; }

} // namespace

TEST_CASE("with CTMS_DB_READ_URL lookups come from the replica, and everything that may not be old from the database") {
    const test_database replica;
    {
        persistence::database db(replica.options());
        model::contact contact;
        contact.email.email_id = *uuid::parse(id);
        contact.email.primary_email = "nina@example.com";
        contact.email.first_name = "Replica";
        contact.email.sfdc_id = "of the replica";
        REQUIRE(persistence::contact_repository(db).create(contact).has_value());
    }
    web_fixture web(reading_from(replica.url()));
    web.add_contact(named("Primary"));
    CHECK(holds(web.get("/ctms?primary_email=nina@example.com"), "\"Replica\""));
    CHECK(holds(web.get("/identities?primary_email=nina@example.com"), "\"of the replica\""));
    CHECK(holds(web.get("/updates?start=2020-01-01T00:00:00Z&limit=1"), "\"Primary\"")); // this replica is no standby
    CHECK(holds(web.get("/updates?start=2020-01-01T00:00:00Z"), "\"Primary\""));
    CHECK(holds(web.get(fmt::format("/ctms/{}", id)), "\"Primary\""));
    CHECK(holds(web.get(fmt::format("/ctms?email_id={}", id)), "\"Primary\""));
    CHECK(holds(web.get(fmt::format("/identity/{}", id)), "\"sfdc_id\":null"));
    CHECK(web.send("PATCH", fmt::format("/ctms/{}", id), R"({"email":{"first_name":"Patched"}})").status == 200);
    CHECK(holds(web.get(fmt::format("/ctms/{}", id)), "\"Patched\""));
    CHECK(holds(web.get("/metrics"), "\nctms_database_errors_total{kind=\"replica\"} 0\n"));
}

TEST_CASE("if the server in CTMS_DB_READ_URL does not exist, every call is answered and the metrics report it") {
    web_fixture web(reading_from("postgresql:///ctms?host=/nonexistent"));
    web.add_contact(named("Primary"));
    for (int n = 0; n < 5; ++n) CHECK(holds(web.get("/ctms?primary_email=nina@example.com"), "\"Primary\""));
    CHECK(holds(web.get("/updates?start=2020-01-01T00:00:00Z&limit=1"), "\"Primary\""));
    CHECK(holds(web.get("/metrics"), "\nctms_database_errors_total{kind=\"replica\"} 1\n"));
    CHECK(holds(web.ask("GET", "/__heartbeat__"), "\"up\":true"));
}

} // namespace ctms::test
