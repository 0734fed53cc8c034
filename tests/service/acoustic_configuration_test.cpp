// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/acoustic_configuration.hpp>

#include <support/test_database.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace ctms;
using service::newsletter_mapping;

TEST_CASE("a mapping is read from text with exactly one colon") {
    CHECK(service::parse_newsletter_mapping("a:b").value() == newsletter_mapping{"a", "b"});
    for (const auto* text : {"", "a", "a:b:c", "\xFF:b"}) {
        CAPTURE(text);
        CHECK(service::parse_newsletter_mapping(text).error().code == errc::invalid);
    }
    CHECK(service::parse_newsletter_mapping(std::string_view("a\0:b", 4)).error().code == errc::invalid);
}

TEST_CASE("a C++ caller cannot store names that ctms-admin refuses") {
    test::test_database where;
    persistence::database db(where.options());
    service::acoustic_configuration configuration(db);
    const auto before = configuration.read().value();
    CHECK(configuration.add_field("main", "\xFF").error().code == errc::invalid);
    CHECK(configuration.add_field(std::string("a\0b", 3), "x").error().code == errc::invalid);
    CHECK(configuration.remove_field("\xFF", "x").error().code == errc::invalid);
    CHECK(configuration.add_mapping({"a:b", "c"}).error().code == errc::invalid);
    CHECK(configuration.add_mapping({"a", "b:c"}, true).error().code == errc::invalid);
    CHECK(configuration.remove_mapping("\xFF").error().code == errc::invalid);
    CHECK(configuration.read().value() == before);
}

TEST_CASE("fields and mappings are added and removed") {
    test::test_database where;
    persistence::database db(where.options());
    service::acoustic_configuration configuration(db);
    CHECK(configuration.add_field("main", "new").has_value());
    CHECK(configuration.add_field("main", "new").has_value());
    CHECK(configuration.read().value().sync_fields.at("main").contains("new"));
    CHECK(configuration.remove_field("main", "new").has_value());
    CHECK(configuration.remove_field("main", "new").error().code == errc::not_found);
    CHECK(configuration.add_mapping({"news", "sub_news"}).has_value());
    CHECK(configuration.add_mapping({"news", "other"}).error().code == errc::conflict);
    CHECK(configuration.add_mapping({"news", "other"}, true).has_value());
    CHECK(configuration.remove_mapping("news").value() == newsletter_mapping{"news", "other"});
    CHECK(configuration.remove_mapping("news").error().code == errc::not_found);
}
