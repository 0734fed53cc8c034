// SPDX-License-Identifier: MPL-2.0
#include <support/test_database.hpp>

#include <persistence/sync/acoustic_configuration_repository.hpp>

#include <doctest/doctest.h>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

TEST_CASE("a field to send can be added once and removed once") {
    test_database db;
    database base(db.options());
    acoustic_configuration_repository configuration(base);
    const auto before = configuration.read().value();
    CHECK(configuration.add_field("other", "x").has_value());
    CHECK(configuration.add_field("other", "x").has_value());
    CHECK(configuration.read().value().sync_fields.at("other") == std::set<std::string>{"x"});
    CHECK(configuration.remove_field("main", "x").error().code == errc::not_found);
    CHECK(configuration.remove_field("other", "x").has_value());
    CHECK(configuration.remove_field("other", "x").error().code == errc::not_found);
    CHECK(configuration.read().value().sync_fields == before.sync_fields);
}

TEST_CASE("a mapping can be added, kept, replaced and removed") {
    test_database db;
    database base(db.options());
    acoustic_configuration_repository configuration(base);
    CHECK(configuration.add_mapping("a", "one", false).has_value());
    const auto again = configuration.add_mapping("a", "two", false);
    CHECK(again.error().code == errc::conflict);
    CHECK(again.error().conflicts == std::vector<std::string>{"source"});
    CHECK(configuration.read().value().newsletter_mappings.at("a") == "one");
    CHECK(configuration.add_mapping("a", "two", true).has_value());
    CHECK(configuration.read().value().newsletter_mappings.at("a") == "two");
    CHECK(configuration.remove_mapping("a").value() == "two");
    CHECK(configuration.remove_mapping("a").error().code == errc::not_found);
}
