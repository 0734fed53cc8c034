// SPDX-License-Identifier: MPL-2.0
// The list of tables with personal data.
#include <support/test_database.hpp>

#include <persistence/contacts/personal_data.hpp>
#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <string>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

TEST_CASE("every table is known to hold personal data, or not to") {
    test_database db;
    connection link(db.options());
    const auto found = link.execute("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')");
    const auto sources = personal_sources();
    const auto others = impersonal_tables();
    for (std::size_t row = 0; row < found.size(); ++row) {
        const auto name = std::string(found.text(row, 0));
        CAPTURE(name);
        CHECK(std::count_if(sources.begin(), sources.end(), [&](const auto& one) { return one.table == name; }) +
                  std::count(others.begin(), others.end(), name) ==
              1);
    }
    CHECK(sources.size() + others.size() == found.size());
}

TEST_CASE("a table without personal data has no column that names a contact") {
    test_database db;
    connection link(db.options());
    for (const auto name : impersonal_tables()) {
        if (name == "ctms_webhooks" || name == "ctms_changes_state") continue; // a place in the feed of changes
        CAPTURE(name);
        const auto found = link.execute(fmt::format("select count(*) from pg_attribute where attrelid = 'public.{}'::regclass"
                                                    " and attname in ('email_id', 'primary_email', 'fxa_id', 'stripe_customer_id')",
                                                    name));
        CHECK(found.integer(0, 0) == 0);
    }
}

TEST_CASE("the conditions and keys of all tables with personal data are valid") {
    test_database db;
    connection link(db.options());
    for (const auto& one : personal_sources()) {
        CAPTURE(one.table);
        const auto sql = fmt::format("with {} select count(*) from {} t where {} and ({})::{} is not null", persons_ids_sql(), one.table,
                                     one.rows, one.key, one.key_type);
        CHECK(link.query({fmt::format("rows_of_{}", one.table), sql}, {"3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"}).integer(0, 0) == 0);
    }
}
