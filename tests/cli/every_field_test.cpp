// SPDX-License-Identifier: MPL-2.0
// Every field of the field tables on all its ways: in and out of the API, a dump, an import, CSV, and the vendor's XML. These tests
// know no field by name. They fail when a column is missing from any statement, or is given the value of another one.
#include <cli/run_admin.hpp>
#include <support/contacts_admin.hpp>
#include <support/fake_acoustic.hpp>
#include <support/null_sink.hpp>
#include <support/sample_fields.hpp>
#include <support/web_fixture.hpp>

#include <ctms/json/contact_json.hpp>
#include <ctms/service/sync.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <array>
#include <sstream>

using namespace ctms;
using namespace ctms::test;
using boost::json::object;
using boost::json::value;

namespace {

constexpr std::array both{sample::a, sample::b};

std::string id_of(sample which) { return contact_id(which == sample::a ? 1 : 2); }
std::string target_of(sample which) { return "/ctms/" + id_of(which); }

object parsed(std::string_view text) { return boost::json::parse(text).as_object(); }

/// Checks that `shown` has each member of `wanted` with the same value.
void check_members(const object& shown, const object& wanted, std::string_view group) {
    for (const auto& member : wanted) {
        const std::string name(member.key());
        CAPTURE(group);
        CAPTURE(name);
        const auto* found = shown.if_contains(name);
        REQUIRE(found != nullptr);
        CHECK(boost::json::serialize(*found) == boost::json::serialize(member.value()));
    }
}

/// Checks that a contact, as the API or a dump writes it, has all that `wanted` has.
void check_contact(const object& shown, const object& wanted) {
    for (const auto& [group, expected] : wanted) {
        REQUIRE(shown.contains(group));
        if (expected.is_object()) {
            check_members(shown.at(group).as_object(), expected.as_object(), group);
        } else {
            REQUIRE(shown.at(group).as_array().size() == 1);
            check_members(shown.at(group).at(0).as_object(), expected.at(0).as_object(), group);
        }
    }
}

/// Checks that the API writes all fields of T, each with a value.
template <class T>
void check_complete(const value& group) {
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        if (field.rule.input_only) return;
        CAPTURE(std::string(field.name));
        const auto* found = group.as_object().if_contains(field.name);
        CHECK((found != nullptr && !found->is_null()));
    });
}

void check_complete(const object& contact) {
    check_complete<model::amo>(contact.at("amo"));
    check_complete<model::email>(contact.at("email"));
    check_complete<model::fxa>(contact.at("fxa"));
    check_complete<model::mofo>(contact.at("mofo"));
    check_complete<model::newsletter>(contact.at("newsletters").at(0));
    check_complete<model::waitlist>(contact.at("waitlists").at(0));
}

void check_answer(const http_answer& answer, int status, const object& wanted) {
    CAPTURE(answer.body);
    REQUIRE(answer.status == status);
    const auto shown = parsed(answer.body);
    check_contact(shown, wanted);
    check_complete(shown);
}

/// The nine ids, from the groups in which they are.
object ids_in(const object& contact) {
    object out;
    fields::for_each_field<model::identity>([&](const auto& field, std::uint32_t) {
        const auto find = [&](std::string_view group, std::string_view name) {
            const auto* found = contact.at(group).as_object().if_contains(name);
            if (found != nullptr && !out.contains(field.name)) out[field.name] = *found;
        };
        for (const std::string_view group : {"email", "fxa", "mofo"}) find(group, field.name);
        for (const std::string_view group : {"amo", "fxa"}) {
            if (field.name.starts_with(group)) find(group, field.name.substr(group.size() + 1));
        }
    });
    return out;
}

/// All rows of the contacts' tables, one on each line, without the numbers that only count rows. `without`: columns left out.
std::string rows_of(persistence::connection& link, const std::string& without = "id") {
    std::string out;
    for (const std::string table : {"emails", "amo", "fxa", "mofo", "newsletters", "waitlists"}) {
        const auto found = link.execute("select coalesce(string_agg(row, E'\\n' order by row), '') from (select (to_jsonb(t) - '{" +
                                        without + "}'::text[])::text from " + table + " t) as r(row)");
        out += table + ": " + std::string(found.text(0, 0)) + "\n";
    }
    return out;
}

constexpr auto times = "id,create_timestamp,update_timestamp";

/// Times that no default of the database gives, as the API writes them.
constexpr auto created = "2011-02-03T04:05:06.789012+00:00";
constexpr auto updated = "2012-03-04T05:06:07.890123+00:00";

/// A server with both samples.
struct filled_server : web_fixture {
    filled_server() {
        for (const auto which : both) add_contact(boost::json::serialize(sample_contact(id_of(which), which)));
        for (const std::string table : {"emails", "amo", "fxa", "newsletters", "waitlists"})
            sql(fmt::format("update {} set create_timestamp = '{}', update_timestamp = '{}'", table, created, updated));
    }
    [[nodiscard]] outcome admin(const std::vector<std::string>& arguments) {
        return run_admin(arguments, {"CTMS_DB_URL=" + database().url(ctms::persistence::program_account::admin)});
    }
    std::string rows_with_all(const std::string& without = "id") {
        persistence::connection link(database().options());
        return rows_of(link, without);
    }
};

std::string imported(contacts_admin& to, const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"contacts", "import", "--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return to(all).out;
}

std::string rows_of(contacts_admin& admin, const std::string& without = "id") {
    persistence::database_options options;
    options.url = admin.url();
    persistence::connection link(options);
    return rows_of(link, without);
}

} // namespace

TEST_CASE("every field is stored by POST and shown by every call that shows contacts") {
    web_fixture server;
    for (const auto which : both) {
        const auto wanted = sample_contact(id_of(which), which);
        check_answer(server.post("/ctms", boost::json::serialize(wanted)), 201, wanted);
        const auto shown = server.get(target_of(which));
        check_answer(shown, 200, wanted);
        std::string again;
        json::write_contact(again, json::read_answered_contact(shown.body).value(), true);
        CHECK(again == shown.body);
        const auto list = boost::json::parse(server.get("/ctms?email_id=" + id_of(which)).body).as_array();
        REQUIRE(list.size() == 1);
        check_contact(list.at(0).as_object(), wanted);
        const auto identities = boost::json::parse(server.get("/identities?email_id=" + id_of(which)).body).as_array();
        REQUIRE(identities.size() == 1);
        check_complete<model::identity>(identities.at(0));
        check_members(identities.at(0).as_object(), ids_in(wanted), "identity");
    }
    const auto page = parsed(server.get("/updates?start=2020-01-01T00:00:00Z&limit=10").body);
    REQUIRE(page.at("items").as_array().size() == 2);
    for (const auto which : both) {
        const auto& item = page.at("items").at(static_cast<std::size_t>(which)).as_object();
        check_contact(item, sample_contact(id_of(which), which));
        check_complete(item);
    }
}

TEST_CASE("every field is stored by PUT, as a new contact and over another one") {
    web_fixture server;
    for (const auto which : both) {
        CAPTURE(static_cast<int>(which));
        for (const auto content : {which, other(which)}) {
            const auto wanted = sample_contact(id_of(which), content);
            check_answer(server.send("PUT", target_of(which), boost::json::serialize(wanted)), 201, wanted);
            check_answer(server.get(target_of(which)), 200, wanted);
        }
        const auto last = sample_contact(id_of(which), other(which));
        const std::string address(ids_in(last).at("primary_email").as_string());
        const auto deleted = boost::json::parse(server.send("DELETE", "/ctms/" + address).body).as_array();
        REQUIRE(deleted.size() == 1);
        check_complete<model::identity>(deleted.at(0));
        check_members(deleted.at(0).as_object(), ids_in(last), "identity");
    }
}

namespace {

/// Changes one field after the other from sample a to sample b, and looks at the whole contact each time.
struct patcher {
    web_fixture server;
    object wanted = sample_contact(id_of(sample::a), sample::a);
    int patches = 0;

    patcher() { server.add_contact(boost::json::serialize(wanted)); }

    template <class T>
    void patch_each() {
        fields::for_each_field<T>([&](const auto& field, std::uint32_t index) {
            if (is_settable(field)) patch(group_of<T>::name, field.name, sample_value(field, index, sample::b));
        });
    }
    void patch(std::string_view group, std::string_view name, const value& changed) {
        auto& stored = wanted.at(group);
        const bool is_list = stored.is_array();
        if (is_list && name == "name") return; // names the item
        (is_list ? stored.at(0) : stored).as_object()[name] = changed;
        object part{{name, changed}};
        if (is_list) part["name"] = stored.at(0).at("name");
        const object body{{group, is_list ? value{std::move(part)} : value(std::move(part))}};
        CAPTURE(boost::json::serialize(body));
        check_answer(server.send("PATCH", target_of(sample::a), boost::json::serialize(body)), 200, wanted);
        check_answer(server.get(target_of(sample::a)), 200, wanted);
        ++patches;
    }
};

} // namespace

TEST_CASE("every field is changed by a PATCH of it alone, and no other field changes") {
    patcher run;
    run.patch_each<model::email>();
    run.patch_each<model::amo>();
    run.patch_each<model::fxa>();
    run.patch_each<model::mofo>();
    run.patch_each<model::newsletter>();
    run.patch_each<model::waitlist>();
    CHECK(run.patches > 35);
    auto last = sample_contact(id_of(sample::a), sample::b);
    CHECK(boost::json::serialize(run.wanted) == boost::json::serialize(last));
}

TEST_CASE("every group shows the times of its own row") {
    filled_server server;
    server.sql(fmt::format("update amo set create_timestamp = '{}', update_timestamp = '{}'", updated, created));
    const auto shown = parsed(server.get(target_of(sample::a)).body);
    check_members(shown.at("email").as_object(), {{"create_timestamp", created}, {"update_timestamp", updated}}, "email");
    check_members(shown.at("amo").as_object(), {{"create_timestamp", updated}, {"update_timestamp", created}}, "amo");
}

TEST_CASE("every field of the older waitlists is stored and shown") {
    web_fixture server;
    for (const auto which : both) {
        const object older{{"vpn_waitlist", sample_group<model::vpn_waitlist>(which)},
                           {"relay_waitlist", sample_group<model::relay_waitlist>(which)}};
        auto sent = older;
        sent["email"] = {{"primary_email", "older@example.com"}, {"email_id", id_of(sample::a)}};
        if (which == sample::a) {
            CHECK(server.post("/ctms", boost::json::serialize(sent)).status == 201);
        } else {
            CHECK(server.send("PATCH", target_of(sample::a), boost::json::serialize(older)).status == 200);
        }
        const auto shown = parsed(server.get(target_of(sample::a)).body);
        check_contact(shown, older);
        check_complete<model::vpn_waitlist>(shown.at("vpn_waitlist"));
        check_complete<model::relay_waitlist>(shown.at("relay_waitlist"));
    }
}

TEST_CASE("every field survives a dump and its import, as a new contact and over another one") {
    filled_server server;
    contacts_admin to;
    REQUIRE(server.admin({"contacts", "dump", "--output", to.path("dump.ndjson")}).exit_code == 0);
    std::istringstream lines(to.content("dump.ndjson"));
    for (const auto which : both) {
        std::string line;
        REQUIRE(std::getline(lines, line));
        check_contact(parsed(line), sample_contact(id_of(which), which));
    }
    CHECK(imported(to, {to.path("dump.ndjson")}) == "{\"created\":2,\"unchanged\":0,\"replaced\":0,\"rejected\":0}\n");
    CHECK(rows_of(to) == server.rows_with_all());

    // One contact each, since the two samples cannot change places: their ids are unique.
    for (const auto which : both) {
        server.sql(
            "delete from waitlists; delete from newsletters; delete from mofo; delete from fxa; delete from amo; delete from emails");
        server.add_contact(boost::json::serialize(sample_contact(id_of(which), which)));
        contacts_admin over;
        const auto before = boost::json::serialize(sample_contact(id_of(which), other(which))) + "\n";
        CHECK(imported(over, {over.file("before.ndjson", before)}).starts_with("{\"created\":1,"));
        REQUIRE(server.admin({"contacts", "dump", "--output", over.path("dump.ndjson")}).exit_code == 0);
        CHECK(imported(over, {"--replace", "--allow-opt-in", over.path("dump.ndjson")}).find("\"replaced\":1") != std::string::npos);
        // A replaced contact has the time of the import, so that readers of changes see it.
        over.execute(
            fmt::format("update emails set update_timestamp = '{}'", server.sql("select update_timestamp from emails").text(0, 0)));
        CHECK(rows_of(over) == server.rows_with_all());
    }
}

TEST_CASE("every field in the form of the API is stored by an import, as a new contact and over another one") {
    for (const auto which : both) {
        web_fixture server;
        server.add_contact(boost::json::serialize(sample_contact(id_of(which), which)));
        persistence::connection link(server.database().options());
        const auto wanted = rows_of(link, times);
        contacts_admin to;
        for (const auto content : {which, other(which), which}) {
            const auto text = boost::json::serialize(sample_contact(id_of(which), content)) + "\n";
            const auto done = imported(to, {"--replace", "--allow-opt-in", to.file("contacts.ndjson", text)});
            CHECK(done.find("\"rejected\":0") != std::string::npos);
            CHECK((rows_of(to, times) == wanted) == (content == which));
        }
        CHECK(rows_of(to, times) == wanted);
    }
}

TEST_CASE("every field but those of the lists survives a dump as CSV and its import") {
    filled_server server;
    contacts_admin to;
    REQUIRE(server.admin({"contacts", "dump", "--csv", "--output", to.path("dump.csv")}).exit_code == 0);
    CHECK(imported(to, {to.path("dump.csv")}).starts_with("{\"created\":2,"));
    // As CSV, lists are names alone.
    const std::string lists = "delete from newsletters; delete from waitlists";
    to.execute(lists);
    server.sql(lists);
    CHECK(rows_of(to, times) == server.rows_with_all(times));
}

namespace {

std::string at_vendor(const value& wanted, bool is_date) {
    if (wanted.is_bool()) return wanted.as_bool() ? "1" : "0";
    const std::string text(wanted.as_string());
    return is_date ? text.substr(5, 2) + "/" + text.substr(8, 2) + "/" + text.substr(0, 4) : text;
}

/// The vendor's name of a field: that of the group first, where there is a group, and `email` for the address.
std::string vendor_column(std::string_view group, std::string_view name) {
    if (group == "email") return std::string(name == "primary_email" ? "email" : name);
    return name.starts_with(group) ? std::string(name) : fmt::format("{}_{}", group, name);
}

template <class T>
void configure_each(web_fixture& server) {
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        server.sql("insert into acoustic_field values ('main', '" + vendor_column(group_of<T>::name, field.name) +
                   "') on conflict do nothing");
    });
}

template <class T>
void check_each(const fake_acoustic::row& found, sample which) {
    fields::for_each_field<T>([&](const auto& field, std::uint32_t index) {
        const auto column = vendor_column(group_of<T>::name, field.name);
        CAPTURE(column);
        REQUIRE(found.contains(column));
        CHECK_FALSE(found.at(column).empty());
        if constexpr (!std::is_same_v<std::decay_t<decltype(T{}.*(field.member))>, std::optional<timestamp>>) {
            constexpr bool is_date = std::is_same_v<std::decay_t<decltype(T{}.*(field.member))>, std::optional<date>>;
            if (is_settable(field)) CHECK(found.at(column) == at_vendor(sample_value(field, index, which), is_date));
        }
    });
}

} // namespace

TEST_CASE("every field is sent to the vendor under its name there") {
    filled_server server;
    configure_each<model::email>(server);
    configure_each<model::amo>(server);
    configure_each<model::fxa>(server);
    server.sql(std::string("insert into acoustic_newsletter_mapping values ('") + sample_newsletter + "', 'sub_sample')");
    fake_acoustic vendor;
    acoustic::client_options how;
    how.base_url = vendor.url();
    how.client_id = "fake-client";
    how.client_secret = "fake-secret";
    how.refresh_token = "fake-refresh";
    how.main_table_id = "1001";
    how.newsletter_table_id = "1002";
    how.product_table_id = "1003";
    acoustic::client client(how);
    persistence::database db(server.database().options());
    mozlog::logger log(mozlog::options{}, std::make_unique<test::null_sink>());
    service::sync sync(db, client, log, {});
    CHECK(sync.run_cycle().value().synced == 2);
    for (const auto which : both) {
        const auto main = vendor.contacts().at(id_of(which));
        check_each<model::email>(main, which);
        check_each<model::amo>(main, which);
        check_each<model::fxa>(main, which);
        CHECK(main.at("email_id") == id_of(which));
        const auto wanted = sample_contact(id_of(which), which);
        const auto newsletter = wanted.at("newsletters").at(0).as_object();
        CHECK(main.at("sub_sample") == at_vendor(newsletter.at("subscribed"), false));
        // The table of newsletters has the format and the language of the contact, not those of the newsletter.
        const auto row = vendor.newsletters().at({id_of(which), sample_newsletter});
        for (const std::string name : {"name", "source", "unsub_reason"})
            CHECK(row.at("newsletter_" + name) == newsletter.at(name).as_string());
        CHECK(row.at("create_timestamp") == "2011-02-03");
        CHECK(row.at("update_timestamp") == "2012-03-04");
        CHECK(row.at("newsletter_format") == wanted.at("email").at("email_format").as_string());
        CHECK(row.at("newsletter_lang") == wanted.at("email").at("email_lang").as_string());
    }
}
