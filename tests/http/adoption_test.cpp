// SPDX-License-Identifier: MPL-2.0
// A database that the Python service made and filled, with rows that it should not have written: adopted, served and
// written, while the Python service still writes to it.
#include "support/api_document.hpp"
#include "support/becomes_true.hpp"
#include "support/web_fixture.hpp"

#include <ctms/persistence/migrations.hpp>
#include <persistence/migrations/embedded_migrations.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

namespace ctms::test {
namespace {

constexpr auto odd = "10000000-0000-4000-8000-000000000001";
constexpr auto plain = "10000000-0000-4000-8000-000000000002";

// Rows as the Python service writes them: JSON with spaces and escapes, its own times, pending rows that may repeat.
constexpr auto reference_rows = R"sql(
insert into emails (email_id, primary_email, basket_token, first_name, email_format, email_lang, has_opted_out_of_email, double_opt_in,
                    create_timestamp, update_timestamp) values
  ('10000000-0000-4000-8000-000000000001', 'odd@example.com', 'no uuid', 'Odd', null, null, null, null,
   '2019-01-01 00:00:00.5+00', '2020-01-01 00:00:00+00'),
  ('10000000-0000-4000-8000-000000000002', 'plain@example.com', '2c0ea1a7-3c9a-4b3f-8c5a-5d1b6f0f7a10', 'Plain', 'H', 'en', false, false,
   '2019-01-01 00:00:00+00', '2020-01-02 00:00:00+00');
insert into amo (email_id, email_opt_in, "user", last_login, update_timestamp) values
  ('10000000-0000-4000-8000-000000000001', null, null, '2020-02-29', '2020-01-01 00:00:00+00');
insert into fxa (email_id, fxa_id, account_deleted, update_timestamp) values
  ('10000000-0000-4000-8000-000000000001', repeat('f', 255), null, '2020-01-01 00:00:00+00');
insert into mofo (email_id, mofo_relevant) values ('10000000-0000-4000-8000-000000000001', null);
insert into newsletters (email_id, name, subscribed, format, lang, source, update_timestamp) values
  ('10000000-0000-4000-8000-000000000001', 'b', null, null, null, 'no url', now()),
  ('10000000-0000-4000-8000-000000000001', 'B', true, 'T', 'x', null, now());
insert into waitlists (email_id, name, source, fields, update_timestamp) values
  ('10000000-0000-4000-8000-000000000001', 'vpn', null, '{}', now()),
  ('10000000-0000-4000-8000-000000000001', 'relay-x', null, '{"geo": ["a list"]}', now()),
  ('10000000-0000-4000-8000-000000000001', 'w', 'no url', '{"caf\u00e9": [1, 2.50, 1e+100, -0.0, 12345678901234567890]}', now());
insert into pending_acoustic (email_id, retry, update_timestamp) values
  ('10000000-0000-4000-8000-000000000001', 0, now()), ('10000000-0000-4000-8000-000000000001', 4, now());
)sql";

web_fixture::options adopting() {
    web_fixture::options out;
    out.make_schema = [](const persistence::database_options& options) {
        persistence::connection db(options);
        db.execute(persistence::embedded_migrations().front().sql);
        db.execute(reference_rows);
        REQUIRE(persistence::inspect_schema(options).value().what == persistence::schema_state::kind::adoptable);
        REQUIRE(persistence::migrate(options).has_value());
    };
    return out;
}

boost::json::object contact_of(web_fixture& server, const std::string& id) {
    const auto answer = server.get("/ctms/" + id);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return boost::json::parse(answer.body).as_object();
}

} // namespace

TEST_CASE("unusual rows of an adopted database are returned with the valid values") {
    web_fixture server(adopting());
    leave_answers_of(server.port()); // the document describes the values that the API accepts
    const auto contact = contact_of(server, odd);
    const auto& email = contact.at("email").as_object();
    CHECK(email.at("basket_token") == "no uuid");
    CHECK(email.at("email_format") == "H");
    CHECK(email.at("email_lang").is_null());
    CHECK(email.at("double_opt_in") == false);
    CHECK(email.at("create_timestamp") == "2019-01-01T00:00:00.500000+00:00");
    CHECK(contact.at("amo").at("last_login") == "2020-02-29");
    CHECK(contact.at("amo").at("user") == false);
    CHECK(contact.at("fxa").at("fxa_id").as_string().size() == 255);
    CHECK(contact.at("mofo").at("mofo_relevant") == false);
    CHECK(contact.at("newsletters").at(0).at("name") == "B");
    CHECK(contact.at("newsletters").at(1).at("format") == "H");
    CHECK(contact.at("newsletters").at(1).at("source") == "no url");
    CHECK(contact.at("vpn_waitlist").at("geo").is_null());
    CHECK(contact.at("relay_waitlist").at("geo").is_null());
    CHECK(server.get(fmt::format("/ctms/{}", odd)).body.find("\"fields\":{\"caf\xc3\xa9\":[1,2.50,1e+100,-0.0,12345678901234567890]}") !=
          std::string::npos);
    CHECK(server.get("/ctms?primary_email=ODD%40example.com").status == 200);
    CHECK(server.get("/updates?start=2019-01-01T00:00:00Z").status == 200);
    CHECK(server.get(fmt::format("/identity/{}", odd)).status == 200);
}

TEST_CASE("unusual rows of an adopted database can be changed and replaced") {
    web_fixture server(adopting());
    leave_answers_of(server.port()); // the document describes the values that the API accepts
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", odd), R"({"email":{"first_name":"New"},"newsletters":[{"name":"b","lang":"fr"}]})")
              .status == 200);
    const auto changed = contact_of(server, odd);
    CHECK(changed.at("email").at("first_name") == "New");
    CHECK(changed.at("email").at("basket_token") == "no uuid");
    CHECK(changed.at("newsletters").at(1).at("lang") == "fr");
    CHECK(changed.at("waitlists").as_array().size() == 3);
    const auto body = fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"odd@example.com"}}}})", odd);
    CHECK(server.send("PUT", fmt::format("/ctms/{}", odd), body).status == 201);
    CHECK(contact_of(server, odd).at("newsletters").as_array().empty());
    CHECK(server.send("DELETE", "/ctms/odd@example.com").status == 200);
}

TEST_CASE("contacts that waited for the Python service's sync wait for this one") {
    web_fixture server(adopting());
    const auto queued = server.sql("select email_id::text, retry, state from ctms_sync_queue");
    REQUIRE(queued.size() == 1);
    CHECK(queued.text(0, 0) == odd);
    CHECK(queued.integer(0, 1) == 0);
}

TEST_CASE("writes of a Python service that is still running are queued and read") {
    web_fixture server(adopting());
    // An update as the Python service makes it: the row, its time, a pending row.
    server.sql(fmt::format("begin; update emails set first_name = 'Theirs', update_timestamp = clock_timestamp() where email_id = '{0}';"
                           "insert into pending_acoustic (email_id, retry, update_timestamp) values ('{0}', 0, now()); commit",
                           plain));
    CHECK(contact_of(server, plain).at("email").at("first_name") == "Theirs");
    const auto is_queued = [&](const std::string& operation) {
        return becomes_true(
            [&] {
                return server.sql("select 1 from ctms_inbox").empty() &&
                       server.sql(fmt::format("select 1 from ctms_sync_queue where email_id = '{}' and operation = '{}'", plain, operation))
                               .size() == 1;
            },
            std::chrono::seconds(60));
    };
    CHECK(is_queued("upsert")); // the server drains the inbox, because there is no ctms-sync
    // A change by this server after it.
    CHECK(server.send("PATCH", fmt::format("/ctms/{}", plain), R"({"email":{"last_name":"Ours"}})").status == 200);
    const auto both = contact_of(server, plain);
    CHECK(both.at("email").at("first_name") == "Theirs");
    CHECK(both.at("email").at("last_name") == "Ours");
    // The Python service deletes table by table, the email last.
    server.sql(fmt::format("begin; delete from pending_acoustic where email_id = '{0}'; delete from newsletters where email_id = '{0}';"
                           "delete from waitlists where email_id = '{0}'; delete from amo where email_id = '{0}';"
                           "delete from fxa where email_id = '{0}'; delete from mofo where email_id = '{0}';"
                           "delete from emails where email_id = '{0}'; commit",
                           plain));
    CHECK(server.get(fmt::format("/ctms/{}", plain)).status == 404);
    CHECK(is_queued("delete"));
    CHECK(server.sql(fmt::format("select primary_email from ctms_sync_queue where email_id = '{}'", plain)).text(0, 0) ==
          "plain@example.com");
    // A contact of the Python service that it writes again is sent again; the sync finds that it exists.
    const auto version = [&] {
        return server.sql(fmt::format("select version from ctms_sync_queue where email_id = '{}'", plain)).integer(0, 0);
    };
    const auto before = version();
    server.sql(fmt::format("insert into emails (email_id, primary_email, update_timestamp) values ('{0}', 'plain@example.com', now());"
                           "insert into pending_acoustic (email_id, retry, update_timestamp) values ('{0}', 0, now())",
                           plain));
    CHECK(is_queued("delete"));
    CHECK(becomes_true([&] { return version() > before; }));
}

} // namespace ctms::test
