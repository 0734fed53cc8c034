// SPDX-License-Identifier: MPL-2.0
#include <ctms/json/changes_json.hpp>

#include <doctest/doctest.h>

#include <base/base64.hpp>

#include <map>

namespace {

using namespace ctms;

const auto id = uuid::parse("3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93").value();

result<model::changes_query> read(const std::map<std::string, std::string, std::less<>>& parameters) {
    return json::read_changes_query([&](std::string_view name) -> std::optional<std::string> {
        const auto found = parameters.find(name);
        return found == parameters.end() ? std::nullopt : std::optional(found->second);
    });
}

std::string name_of(const error& failure) { return std::get<std::string>(failure.fields.at(0).location.back()); }

} // namespace

TEST_SUITE("changes_json") {
    TEST_CASE("a cursor is read as it was written") {
        for (const bool listing : {false, true}) {
            for (const std::uint64_t xid : {std::uint64_t{0}, std::uint64_t{4'294'967'297}, ~std::uint64_t{0}}) {
                const model::change_cursor cursor{"0123456789abcdef", listing, xid, id};
                CHECK(json::read_change_cursor(json::write_cursor(cursor)) == cursor);
            }
        }
    }

    TEST_CASE("other texts are not cursors") {
        const auto good = "1,0123456789abcdef,f,7," + id.to_string();
        CHECK(json::read_change_cursor(base64url_encode(good)).has_value());
        for (const auto& text :
             {std::string(), std::string("1"), "2" + good.substr(1), good + " ", "1,0123456789abcdef,x,7," + id.to_string(),
              "1,0123456789abcdef,f,07," + id.to_string(), "1,0123456789abcdef,f,-7," + id.to_string(),
              "1,0123456789abcdef,f,18446744073709551616," + id.to_string(), std::string("1,0123456789abcdef,f,7,x")}) {
            CAPTURE(text);
            CHECK(!json::read_change_cursor(base64url_encode(text)));
        }
        CHECK(!json::read_change_cursor("*"));
        CHECK(!json::read_change_cursor(std::string(100'000, 'A')));
    }

    TEST_CASE("the parameters of /changes have defaults and are checked") {
        CHECK(read({}).value() == model::changes_query{});
        const model::change_cursor cursor{"e", false, 1, id};
        CHECK(read({{"after", json::write_cursor(cursor)}, {"limit", "7"}, {"include", "contact"}}).value() ==
              model::changes_query{cursor, 7, true});
        CHECK(name_of(read({{"limit", "0"}}).error()) == "limit");
        CHECK(name_of(read({{"limit", "1001"}}).error()) == "limit");
        CHECK(name_of(read({{"limit", "x"}}).error()) == "limit");
        CHECK(name_of(read({{"include", "amo"}}).error()) == "include");
        CHECK(name_of(read({{"after", "x"}}).error()) == "after");
    }

    TEST_CASE("a change says only what is known") {
        model::change change{{"e", false, 1, id}, id, model::change_kind::deleted, timestamp{}, std::nullopt, std::nullopt};
        const auto cursor = json::write_cursor(change.cursor);
        std::string out;
        json::write_change(out, change, true);
        CHECK(out == R"({"cursor":")" + cursor + R"(","email_id":"3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93","change":"deleted",)" +
                         R"("time":"1970-01-01T00:00:00+00:00"})");
        change.what = model::change_kind::created;
        change.client = "id_x";
        out.clear();
        json::write_changes_page(out, {{change}, change.cursor, true}, true);
        CHECK(out == R"({"items":[{"cursor":")" + cursor +
                         R"(","email_id":"3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93","change":"created",)"
                         R"("time":"1970-01-01T00:00:00+00:00","client":"id_x","contact":null}],"next":")" +
                         cursor + R"(","more":true})");
    }
}
