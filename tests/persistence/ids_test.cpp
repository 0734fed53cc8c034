// SPDX-License-Identifier: MPL-2.0
// The ids of rows come from sequences of 31 bits: a row that exists must not use another one each time it is written.
#include <support/queue_database.hpp>

#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_dump_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/contacts/id_usage.hpp>

#include <ctms/model/contact.hpp>
#include <model/stored_rows.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ctms::test {
namespace {

using persistence::contact_change;

model::contact full_contact(int number, const std::string& text) {
    model::contact out;
    out.email.email_id = queue_database::contact(number);
    out.email.primary_email = fmt::format("{}@example.com", number);
    out.amo.emplace().username = text;
    out.fxa.emplace().lang = text;
    out.mofo.emplace().mofo_contact_id = text;
    for (const std::string name : {"a", "b"}) {
        auto& newsletter = out.newsletters.emplace_back();
        newsletter.name = name;
        newsletter.source = text;
        auto& waitlist = out.waitlists.emplace_back();
        waitlist.name = name;
        waitlist.source = text;
    }
    return out;
}

persistence::change_function to(model::contact after) {
    return [after = std::move(after)](const auto&) -> result<contact_change> { return contact_change{after, true, true, true}; };
}

/// The last ids that the sequences gave, and the ids in use.
std::string last_ids(queue_database& db) {
    return db.value("select string_agg(sequencename || ' ' || coalesce(last_value, 0), ', ' order by sequencename) from pg_sequences"
                    " where sequencename ~ '^(amo|fxa|mofo|newsletters|waitlists|pending_acoustic)_id_seq$'");
}

} // namespace

TEST_CASE("rows that exist use no new ids, whoever writes them") {
    queue_database db;
    persistence::contact_repository contacts(db.pool);
    persistence::contact_bulk_repository bulk(db.pool);
    for (int n = 1; n <= 3; ++n) REQUIRE(contacts.create(full_contact(n, "first")).has_value());
    const auto ids_in_use = [&] { return db.value("select string_agg(id || name, ',' order by id) from newsletters"); };
    const auto before = last_ids(db);
    const auto used = ids_in_use();
    REQUIRE(before.find("amo_id_seq 3, fxa_id_seq 3, mofo_id_seq 3, newsletters_id_seq 6") != std::string::npos);
    SUBCASE("single changes") {
        for (int n = 0; n < 5; ++n) CHECK(contacts.change(queue_database::contact(1), to(full_contact(1, std::to_string(n)))).has_value());
    }
    SUBCASE("changes that share a statement") {
        std::vector<persistence::contact_to_change> several;
        for (int n = 1; n <= 3; ++n) several.push_back({queue_database::contact(n), to(full_contact(n, "together"))});
        for (const auto& done : contacts.change(several)) CHECK(done.has_value());
    }
    SUBCASE("a creation that finds the contact") {
        CHECK(contacts.create(full_contact(1, "again")).error().code == errc::conflict);
        auto other_id = full_contact(9, "again");
        other_id.email.primary_email = "1@example.com";
        CHECK(contacts.create(other_id).error().code == errc::conflict);
    }
    SUBCASE("an import") {
        persistence::contact_dump_repository dumps(db.pool);
        std::vector<model::stored_rows> rows;
        for (int n = 1; n <= 3; ++n) {
            const auto id = queue_database::id(n);
            const auto group = [&](const std::string& members) { return R"({"email_id":")" + id + "\"," + members + "}"; };
            const auto list = group(R"("name":"a","source":"import")") + "," + group(R"("name":"b","source":"import")");
            rows.push_back({queue_database::contact(n), fmt::format("{}@example.com", n),
                            group(fmt::format(R"("primary_email":"{}@example.com")", n)), group(R"("username":"import")"),
                            group(R"("lang":"import")"), group(R"("mofo_contact_id":"import")"), list, list});
        }
        CHECK(bulk.replace(rows, {}).value().empty()); // without the versions
        std::vector<uuid> all;
        for (const auto& one : rows) all.push_back(one.email_id);
        const auto versions = bulk.find_versions(all).value();
        for (auto& one : rows) one.version = versions.at(one.email_id);
        CHECK(bulk.replace(rows, {}).value().size() == 3);
        CHECK(db.value("select string_agg(distinct source, ',') from newsletters") == "import");
        CHECK(bulk.create(rows, {}).value().empty());
    }
    SUBCASE("an opt-out") {
        const std::vector<std::string> addresses{"1@example.com", "2@example.com"};
        CHECK(bulk.suppress(addresses).value().at(0).changed == 1);
    }
    CHECK(last_ids(db) == before);
    CHECK(ids_in_use() == used);
    // A new row uses one.
    auto more = full_contact(1, "more");
    more.newsletters.emplace_back().name = "c";
    CHECK(contacts.change(queue_database::contact(1), to(more)).has_value());
    CHECK(db.value("select id from newsletters where name = 'c'") == "7");
}

TEST_CASE("when the ids of a table run out, writes that need one are unavailable, and others still work") {
    queue_database db;
    persistence::contact_repository contacts(db.pool);
    REQUIRE(contacts.create(full_contact(1, "first")).has_value());
    db.link.execute("select setval('newsletters_id_seq', 2147483647); update newsletters set id = 2147483647 where name = 'b'");
    auto more = full_contact(1, "more");
    CHECK(contacts.change(queue_database::contact(1), to(more)).has_value());
    more.newsletters.emplace_back().name = "c";
    auto failed = contacts.change(queue_database::contact(1), to(more));
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().code == errc::unavailable);
    CHECK(failed.error().detail.find("newsletters_id_seq") != std::string::npos);
    CHECK(failed.error().detail.find("2200H") != std::string::npos);
    // A sequence that was widened without its column.
    db.link.execute("alter sequence newsletters_id_seq as bigint maxvalue 9223372036854775807");
    failed = contacts.change(queue_database::contact(1), to(more));
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().code == errc::unavailable);
    db.link.execute("alter table newsletters alter column id type bigint");
    persistence::database fresh(db.db.options()); // the type of a column of prepared statements changed
    CHECK(persistence::contact_repository(fresh).change(queue_database::contact(1), to(more)).has_value());
    CHECK(db.value("select max(id) > 2147483647 from newsletters") == "t");
}

TEST_CASE("the used share of the ids is that of the narrower of sequence and column") {
    queue_database db;
    const auto share = [&](const std::string& table) {
        const auto all = persistence::read_id_usage(db.pool).value();
        REQUIRE(all.size() == 6);
        return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.table == table; })->share;
    };
    CHECK(share("newsletters") == 0);
    db.link.execute("select setval('newsletters_id_seq', 1073741824), setval('amo_id_seq', 2147483647)");
    CHECK(share("newsletters") == doctest::Approx(0.5).epsilon(0.001));
    CHECK(share("amo") == doctest::Approx(1).epsilon(0.001));
    db.link.execute("alter sequence newsletters_id_seq as bigint maxvalue 9223372036854775807");
    CHECK(share("newsletters") == doctest::Approx(0.5).epsilon(0.001));
    db.link.execute("alter table newsletters alter column id type bigint");
    CHECK(share("newsletters") < 0.001);
    // Without rights on a sequence, its table is missing, and nothing fails.
    const auto reader = "reader_" + db.db.name();
    db.link.execute("create role " + reader + "; alter role current_user in database " + db.db.name() + " set role = " + reader);
    persistence::database as_reader(db.db.options());
    CHECK(persistence::read_id_usage(as_reader).value().empty());
    db.link.execute("alter role current_user in database " + db.db.name() + " reset role; drop role " + reader);
}

} // namespace ctms::test
