// SPDX-License-Identifier: MPL-2.0
// No statement that ctms-web or ctms-sync runs for a request or a contact scans a large table completely. The test runs
// all of them on tables of a realistic size while PostgreSQL writes the plans that it uses into its log.
#include <support/becomes_true.hpp>
#include <support/queue_database.hpp>

#include <ctms/json/contact_json.hpp>

#include <persistence/clients/client_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/stripe/product_repository.hpp>
#include <persistence/stripe/stripe_repository.hpp>
#include <persistence/sync/acoustic_configuration_repository.hpp>
#include <persistence/sync/vendor_slots.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ctms::test {
namespace {

namespace stripe = model::stripe;

constexpr int contacts = 20'000;

const std::set<std::string> large_tables{"emails",
                                         "amo",
                                         "fxa",
                                         "mofo",
                                         "newsletters",
                                         "waitlists",
                                         "pending_acoustic",
                                         "ctms_sync_queue",
                                         "ctms_vendor_state",
                                         "ctms_documents",
                                         "stripe_customer",
                                         "stripe_subscription",
                                         "stripe_subscription_item",
                                         "stripe_price",
                                         "stripe_invoice",
                                         "stripe_invoice_line_item"};

/// Realistic contacts: a third has amo, fxa and mofo data, and half are waiting for the sync. {0}: the number of contacts.
constexpr std::string_view fill = R"(
create function pg_temp.id(n bigint) returns uuid language sql immutable as
  $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
insert into emails (email_id, primary_email, basket_token, sfdc_id, email_format, email_lang, has_opted_out_of_email, double_opt_in,
    update_timestamp)
  select pg_temp.id(n), 'C' || n || '@example.com', pg_temp.id(n)::text, 's' || n, 'H', 'de', false, true, now() - n * interval '1 second'
  from generate_series(1, {0}) n;
insert into amo (email_id, user_id, "user", update_timestamp) select pg_temp.id(n), 'u' || n, true, now() from generate_series(1, {0}, 3) n;
insert into fxa (email_id, fxa_id, primary_email, account_deleted, update_timestamp)
  select pg_temp.id(n), 'f' || n, 'F' || n || '@example.com', false, now() from generate_series(1, {0}) n;
insert into mofo (email_id, mofo_email_id, mofo_contact_id, mofo_relevant)
  select pg_temp.id(n), 'me' || n, 'mc' || n, n % 2 = 0 from generate_series(1, {0}, 3) n;
insert into newsletters (email_id, name, subscribed, format, lang, update_timestamp)
  select pg_temp.id(n), name, true, 'H', 'de', now() from generate_series(1, {0}) n, unnest(array['a', 'b', 'c']) name;
insert into waitlists (email_id, name, fields, update_timestamp) select pg_temp.id(n), 'vpn', '{{}}', now() from generate_series(1, {0}, 3) n;
insert into pending_acoustic (email_id, retry, update_timestamp) select pg_temp.id(n), 0, now() from generate_series(2, {0}, 2) n;
insert into ctms_sync_queue (email_id) select email_id from ctms_inbox where what = 'upsert';
update ctms_sync_queue set state = 'parked', retry = 6, last_error = 'failed' where email_id < pg_temp.id(200);
update ctms_sync_queue set retry = 1, last_error = 'failed', next_attempt_at = now() + interval '1 hour' where email_id > pg_temp.id({0} - 3000);
insert into ctms_vendor_state (email_id, main_hash) select pg_temp.id(n), md5('h' || n) from generate_series(1, {0}) n;
insert into stripe_customer (stripe_id, fxa_id, stripe_created, deleted, update_timestamp)
  select 'cus' || n, 'f' || n, now(), false, now() from generate_series(1, {0}) n;
insert into stripe_price (stripe_id, stripe_product_id, stripe_created, active, currency, recurring_interval, recurring_interval_count)
  select 'price' || n, 'prod' || n % 50, now(), true, 'usd', 'month', 1 from generate_series(1, {0} / 4) n;
insert into stripe_subscription (stripe_id, stripe_customer_id, stripe_created, cancel_at_period_end, current_period_end,
    current_period_start, start_date, status)
  select 'sub' || n, 'cus' || n, now(), false, now(), now(), now(), 'active' from generate_series(1, {0}) n;
insert into stripe_subscription_item (stripe_id, stripe_subscription_id, stripe_price_id, stripe_created)
  select 'si' || n, 'sub' || n, 'price' || 1 + n % ({0} / 4), now() from generate_series(1, {0}) n;
insert into stripe_invoice (stripe_id, stripe_customer_id, stripe_created, currency, total, status)
  select 'in' || n, 'cus' || n, now(), 'usd', 1, 'paid' from generate_series(1, {0}) n;
insert into stripe_invoice_line_item (stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, amount, currency)
  select 'il' || n, 'in' || n, 'subscription', 'price' || 1 + n % ({0} / 4), 1, 'usd' from generate_series(1, {0}) n;
insert into ctms_documents (email_id, format, version, document) select email_id, 0, '0', '' from emails;
analyze)";

/// A filled database whose new connections write plans into the server's log.
class explained_database {
public:
    explained_database() {
        scene_.link.execute(fmt::format(fmt::runtime(fill), contacts));
        scene_.link.execute(fmt::format("alter database {0} set session_preload_libraries = auto_explain;"
                                        "alter database {0} set auto_explain.log_min_duration = 0;"
                                        "alter database {0} set auto_explain.log_nested_statements = on",
                                        scene_.db.name()));
        began_ = log().tellg();
    }

    [[nodiscard]] persistence::database_options options() const { return scene_.db.options(); }
    /// Uses a connection with older settings, whose statements are not checked.
    void execute(const std::string& sql) { scene_.link.execute(sql); }

    /// Returns the tables that were scanned completely, each once with the start of the statement.
    [[nodiscard]] std::set<std::string> full_reads(std::size_t& statements) const {
        auto in = log();
        in.seekg(began_);
        static const std::regex scan(R"(Seq Scan on (\w+))");
        static constexpr std::string_view query = "Query Text: ";
        std::set<std::string> out;
        std::string text;
        bool is_ours = false;
        for (std::string line; std::getline(in, line);) {
            if (!line.starts_with('\t')) is_ours = line.find(own_) != std::string::npos; // otherwise the message above goes on
            if (!is_ours) continue;
            if (const auto at = line.find(query); at != std::string::npos) {
                text = line.substr(at + query.size(), 300);
                ++statements;
            }
            std::smatch found;
            if (std::regex_search(line, found, scan) && large_tables.contains(found[1])) out.insert(found[1].str() + ": " + text);
        }
        return out;
    }

private:
    static std::ifstream log() { return std::ifstream(test_data_directory() / "log", std::ios::ate); }

    queue_database scene_;
    std::string own_ = fmt::format("] {} ", scene_.db.name()); ///< in the first line of each message (test_database.cpp)
    std::ifstream::pos_type began_;
};

uuid id(int number) { return queue_database::contact(number); }

std::vector<model::identity_query> every_identity() {
    std::vector<model::identity_query> out(10);
    auto& all = out[9];
    out[0].email_id = all.email_id = id(4);
    out[1].primary_email = all.primary_email = "c4@example.com";
    out[2].basket_token = all.basket_token = id(4);
    out[3].sfdc_id = all.sfdc_id = "s4";
    out[4].mofo_contact_id = all.mofo_contact_id = "mc4";
    out[5].mofo_email_id = all.mofo_email_id = "me4";
    out[6].amo_user_id = all.amo_user_id = "u4";
    out[7].fxa_id = all.fxa_id = "f4";
    out[8].fxa_primary_email = all.fxa_primary_email = "f4@example.com";
    return out;
}

void read_contacts(persistence::contact_repository& repository) {
    const std::vector<uuid> ids{id(1), id(2), id(3)};
    CHECK(repository.find(id(1)).has_value());
    CHECK(repository.find(ids).value().size() == 3);
    CHECK(repository.documents(std::span(ids).first(1)).value().size() == 1);
    CHECK(repository.documents(ids).value().size() == 3);
    for (const auto& query : every_identity()) {
        CHECK(repository.find(query).has_value());
        CHECK(repository.documents(query).has_value());
        CHECK(repository.find_identities(query).has_value());
        const std::vector several(2, query);
        for (const auto& found : repository.documents(several)) CHECK(found.value().size() == 1);
    }
}

void read_updates(persistence::contact_repository& repository) {
    for (const auto relevant : {std::optional<bool>(), std::optional(true), std::optional(false)}) {
        model::updates_query query;
        query.start.when = timestamp(std::chrono::hours(1));
        query.end = model::moment{now() + std::chrono::hours(1), std::nullopt};
        query.mofo_relevant = relevant;
        for (const int limit : {100, 500}) {
            query.limit = limit;
            query.after.reset();
            const auto visited = [&] {
                int count = 0;
                CHECK(repository.visit_updates(query, [&](const model::contact&) { ++count; }).value().has_value());
                return count;
            };
            CHECK(visited() == limit);
            CHECK(repository.update_documents(query).value().documents.size() == static_cast<std::size_t>(limit));
            query.after = model::updates_cursor{now() - std::chrono::hours(1), id(3600)};
            CHECK(visited() == limit);
        }
    }
}

model::contact new_contact(int number) {
    model::contact out;
    out.email.email_id = id(number);
    out.email.primary_email = fmt::format("new{}@example.com", number);
    out.amo.emplace().user_id = "new";
    out.fxa.emplace().fxa_id = fmt::format("new{}", number);
    out.mofo.emplace().mofo_email_id = fmt::format("new{}", number);
    out.newsletters.emplace_back().name = "a";
    out.waitlists.emplace_back().name = "vpn";
    return out;
}

void write_contacts(explained_database& where, persistence::contact_repository& repository) {
    CHECK(repository.create(new_contact(contacts + 1)).has_value());
    auto taken = new_contact(contacts + 2);
    taken.email.primary_email = "C1@example.com";
    CHECK(repository.create(taken).error().conflicts.size() == 1);
    const auto to_new = [](int number) {
        return [number](const auto&) -> result<persistence::contact_change> { return persistence::contact_change{new_contact(number)}; };
    };
    CHECK(repository.change(id(contacts + 3), to_new(contacts + 3)).has_value());
    CHECK(repository.change(id(5), to_new(5)).has_value());
    const std::vector<persistence::contact_to_change> several{{id(8), to_new(8)}, {id(9), to_new(9)}, {id(10), to_new(10)}};
    for (const auto& done : repository.change(several)) CHECK(done.has_value());
    int overtaken = 0; // until the row is locked
    CHECK(repository
              .change(id(6),
                      [&](const auto&) -> result<persistence::contact_change> {
                          if (++overtaken <= 3)
                              where.execute(fmt::format("update emails set first_name = 'x' where email_id = '{}'", queue_database::id(6)));
                          return persistence::contact_change{new_contact(6)};
                      })
              .has_value());
    CHECK(overtaken == 4);
    CHECK(repository.remove("c7@example.com").value().size() == 1);
}

void work_the_queue(persistence::sync_queue_repository& queue, persistence::vendor_slots& slots) {
    constexpr std::chrono::seconds lease{60};
    const auto worker = uuid::random();
    CHECK(slots.take(worker, 2, lease).value() == 2);
    CHECK(queue.any_due().value());
    CHECK_FALSE(queue.drain_inbox(1).value());
    CHECK(queue.count().has_value());
    CHECK(queue.peek(100).value().size() == 100);
    const auto claimed = queue.claim(worker, 100, lease).value();
    REQUIRE(claimed.size() == 100);
    CHECK(queue.renew(worker, lease).value() == 100);
    const persistence::vendor_state state{"m", "n", "p", {"a"}, {"b"}};
    using sent = std::vector<persistence::sent_contact>;
    CHECK(queue.note_states(worker, sent{{claimed[0].email_id, 1, state}}).has_value());
    CHECK(queue.complete(worker, sent{{claimed[0].email_id, claimed[0].version, state}}).value() == 1);
    CHECK(queue.complete(worker, sent{{claimed[1].email_id, claimed[1].version, std::nullopt}}).value() == 0); // the contact exists
    CHECK_FALSE(queue.fail(worker, claimed[2], {"why"}, state).value());
    CHECK_FALSE(queue.fail(worker, claimed[3], {"why"}).value());
    CHECK(queue.release(worker, std::vector<uuid>{claimed[4].email_id, claimed[5].email_id}).has_value());
    CHECK(queue.discard(100).value() == 100);
    CHECK(slots.give_back(worker).has_value());
}

void ingest_objects(persistence::stripe_repository& repository) {
    const timestamp when{std::chrono::seconds(100)};
    const stripe::price price{"price1", "prod1", when, true, "usd", "year", 1, 5};
    const stripe::subscription_item item{"si1", when, "sub1", price};
    stripe::subscription subscription;
    subscription.id = "sub1";
    subscription.customer_id = "cus1";
    subscription.status = "canceled";
    subscription.items = {item, {"si-new", when, "sub1", price}};
    const stripe::invoice invoice{
        "in1", when, "cus1", "usd", 7, "open", {}, {}, {{"il-new", "subscription", price, {}, "sub1", "si1", 7, "usd"}}, false};
    const std::vector<stripe::object> objects{stripe::customer{"cus1", when, "f1", {}, "pm", {}},
                                              stripe::customer{"cus-new", when, "f2", {}, "pm", {}}, // another customer has its account
                                              price,
                                              subscription,
                                              item,
                                              invoice,
                                              stripe::deleted_customer{"cus3"}};
    for (const auto& object : objects) {
        CHECK(repository.ingest(object).has_value());
        CHECK(repository.queue_contacts(object).has_value());
    }
}

} // namespace

TEST_CASE("a list of ids of one kind takes as many statements as two of them, whatever the kind") {
    explained_database where;
    persistence::database db(where.options());
    persistence::contact_repository repository(db, nullptr, false);
    const auto statements_for = [&](const model::identity_query& like, int count) {
        std::size_t before = 0;
        std::size_t after = 0;
        (void)where.full_reads(before);
        std::vector<model::identity_query> queries;
        for (int number = 1; number <= count; ++number) {
            auto& query = queries.emplace_back();
            const auto other = [&](const char* letters) { return fmt::format("{}{}", letters, 3 * number + 1); };
            if (like.email_id) query.email_id = id(3 * number + 1);
            if (like.primary_email) query.primary_email = other("C") + "@example.com";
            if (like.basket_token) query.basket_token = id(3 * number + 1);
            if (like.sfdc_id) query.sfdc_id = other("s");
            if (like.mofo_contact_id) query.mofo_contact_id = other("mc");
            if (like.mofo_email_id) query.mofo_email_id = other("me");
            if (like.amo_user_id) query.amo_user_id = other("u");
            if (like.fxa_id) query.fxa_id = other("f");
            if (like.fxa_primary_email) query.fxa_primary_email = other("f") + "@example.com";
        }
        const auto found = repository.documents(queries);
        REQUIRE(found.size() == queries.size());
        for (int number = 1; number <= count; ++number) {
            const auto& one = found[static_cast<std::size_t>(number) - 1].value();
            REQUIRE(one.size() == 1);
            CHECK(one.front().email_id == id(3 * number + 1));
        }
        (void)where.full_reads(after);
        return after - before;
    };
    const auto kinds = every_identity();
    for (std::size_t kind = 0; kind + 1 < kinds.size(); ++kind) { // the last one has all ids
        CAPTURE(kind);
        const auto of_two = statements_for(kinds[kind], 2);
        CHECK(of_two > 0);
        CHECK(statements_for(kinds[kind], 100) == of_two);
    }
}

TEST_CASE("no statement of a request or of the sync scans a large table completely") {
    explained_database where;
    {
        persistence::database db(where.options());
        persistence::contact_repository repository(db);
        read_contacts(repository);
        read_updates(repository);
        write_contacts(where, repository);
        persistence::sync_queue_repository queue(db);
        persistence::vendor_slots slots(db, 4);
        work_the_queue(queue, slots);
        persistence::stripe_repository payments(db);
        ingest_objects(payments);
        const std::vector<uuid> ids{id(1), id(2), id(3)};
        CHECK(persistence::product_repository(db).find(ids).value().size() == 3);
        persistence::client_repository clients(db);
        CHECK_FALSE(clients.find("x").has_value());
        CHECK(persistence::acoustic_configuration_repository(db).read().has_value());
    }
    std::size_t statements = 0;
    const auto found = where.full_reads(statements);
    CHECK(statements > 60);
    for (const auto& one : found) FAIL_CHECK(one);
    // A statement that scans a table is detected.
    persistence::connection(where.options()).execute("select count(*) from emails where first_name = 'x'");
    CHECK(where.full_reads(statements).size() == found.size() + 1);
}

TEST_CASE("changes look contacts up by index, also if the plans were made while the tables and the queue were empty") {
    constexpr int first_contacts = 2;
    constexpr int changed_contacts = 100;
    constexpr int all_contacts = 2'000;
    queue_database scene;
    scene.link.execute("set ctms.writer = 'library'");
    scene.insert_contacts(1, first_contacts);
    scene.link.execute("vacuum analyze ctms_sync_queue"); // its plans assume that it has no page
    {
        persistence::database db(scene.db.options());
        persistence::contact_repository repository(db, nullptr, false);
        const auto change_up_to = [&](int last) {
            std::vector<persistence::contact_to_change> several;
            for (int number = 1; number <= last; ++number) {
                several.push_back({id(number), [last](const auto& stored) -> result<persistence::contact_change> {
                                       persistence::contact_change out{stored.value()};
                                       out.after.email.first_name = std::to_string(last);
                                       return out;
                                   }});
            }
            for (const auto& done : repository.change(several)) CHECK(done.has_value());
        };
        change_up_to(first_contacts);
        scene.insert_contacts(first_contacts + 1, all_contacts);
        scene.link.execute(
            fmt::format("insert into ctms_sync_queue (email_id) select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))"
                        "::uuid from generate_series({}, {}) n",
                        first_contacts + 1, all_contacts));
        change_up_to(changed_contacts);
    } // a session reports what it read when it ends
    const auto sum_of = [&](const std::string& columns) {
        return std::stoi(
            scene.value(fmt::format("select sum({}) from pg_stat_user_tables where relname in ('emails', 'ctms_sync_queue')", columns)));
    };
    CHECK(becomes_true([&] { return sum_of("n_tup_upd") == 2 * (first_contacts + changed_contacts) - first_contacts; }));
    CHECK(sum_of("seq_tup_read") < all_contacts);
}

namespace {

/// Contacts that were changed in order of their numbers, and of which some are relevant.
struct relevant_database : queue_database {
    static constexpr int most = 60'000;

    relevant_database() {
        link.execute("set ctms.writer = 'library'");
        insert_contacts(1, most);
        link.execute(
            "update emails set update_timestamp = timestamptz '2020-01-01' + right(email_id::text, 12)::int * interval '1 second';"
            "insert into mofo (email_id, mofo_relevant) select email_id, false from emails where right(email_id::text, 12)::int % 10 <> 9;"
            "analyze emails, mofo");
    }
    /// Makes the contacts relevant whose number n satisfies the condition, and no others. Not all contacts have a row that says so.
    void set_relevant(const std::string& condition) {
        link.execute(fmt::format("update mofo set mofo_relevant = ({0}) from (select email_id, right(email_id::text, 12)::int as n"
                                 " from emails) e where e.email_id = mofo.email_id and mofo_relevant <> ({0})",
                                 condition));
        link.execute("vacuum (index_cleanup on) mofo"); // entries of old rows would count as read
    }
    /// The numbers of the relevant contacts, in the order of /updates.
    std::vector<int> relevant() {
        const auto found = link.execute("select right(email_id::text, 12)::int from mofo where mofo_relevant order by 1");
        std::vector<int> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(static_cast<int>(found.integer(row, 0)));
        return out;
    }
    /// When a contact was changed.
    static timestamp time_of(int number) {
        return timestamp(std::chrono::sys_days(std::chrono::year(2020) / 1 / 1)) + std::chrono::seconds(number);
    }
    /// How many rows and index entries of the two tables were read so far, and how often a table was read completely.
    std::pair<std::int64_t, std::int64_t> reads() {
        const auto found = link.execute("select sum(idx_tup_read) + (select sum(idx_scan) from pg_stat_user_indexes where relname in"
                                        " ('emails', 'mofo')), (select sum(seq_scan) from pg_stat_user_tables where relname in"
                                        " ('emails', 'mofo')) from pg_stat_user_indexes where relname in ('emails', 'mofo')");
        return {found.integer(0, 0), found.integer(0, 1)};
    }
};

} // namespace

TEST_CASE("a page of relevant contacts reads few rows wherever these are, whatever the statistics say") {
    struct shape {
        std::string relevant;
        std::int64_t most_reads; ///< of a page
        std::ptrdiff_t page = 20;
    };
    // Of contacts that do not fill the page, the first 5,000 are read with their rows of mofo, and then counted once more.
    constexpr std::int64_t window = 20'000;
    constexpr std::int64_t of_each = 4; // lookups and rows in both tables
    const std::vector<shape> shapes{{"n % 3 = 0", 500},
                                    {"false", window},
                                    {"n <= 50", 500},
                                    {"n > 59950", window},
                                    {"n > 30000 and n % 200 = 0", window + of_each * 150},
                                    {"n > 35000", window + of_each * 25'000},
                                    {"n > 20000", window + 25'000 + of_each * 21'000},
                                    // The page ends before the first one. Its end takes another 50,000 entries of indexes.
                                    {"n > 25000", window + 25'000 + of_each * 26'000 + 50'000, 0}};
    const std::vector<std::string> statistics{
        "", "analyze emails, mofo", "delete from pg_statistic where starelid in ('emails'::regclass, 'mofo'::regclass)",
        "update pg_class set reltuples = 3, relpages = 1 where relname in ('emails', 'mofo', 'ctms_documents')"};
    relevant_database scene;
    for (const auto& one : shapes) {
        CAPTURE(one.relevant);
        scene.set_relevant(one.relevant);
        const auto expected = scene.relevant();
        for (const auto& planted : statistics) {
            CAPTURE(planted);
            if (!planted.empty()) scene.link.execute(planted);
            scene.link.execute("select pg_stat_force_next_flush()");
            const auto before = scene.reads();
            model::updates_query query;
            query.start.when = timestamp(std::chrono::hours(1));
            query.end = model::moment{now(), std::nullopt};
            query.mofo_relevant = true;
            query.limit = 20;
            std::vector<int> numbers;
            {
                persistence::database db(scene.db.options());
                const auto note = [&](const model::contact& found) { numbers.push_back(queue_database::number(found.email.email_id)); };
                CHECK(persistence::contact_repository(db).visit_updates(query, note).has_value());
            } // a connection reports its statistics at its end, at the latest
            CHECK(numbers == std::vector<int>(expected.begin(), expected.begin() + std::min(one.page, std::ssize(expected))));
            REQUIRE(becomes_true([&] { return scene.reads().first > before.first; }));
            const auto after = scene.reads();
            CHECK(after.first - before.first <= one.most_reads);
            CHECK(after.second == before.second);
        }
    }
}

namespace {

std::vector<int> numbers_of(const persistence::document_page& page) {
    std::vector<int> out;
    for (const auto document : page.documents)
        out.push_back(queue_database::number(json::read_answered_contact(document).value().email.email_id));
    return out;
}

} // namespace

TEST_CASE("a page examines a bounded number of contacts, and says where the next one begins") {
    relevant_database scene;
    persistence::database db(scene.db.options());
    persistence::contact_repository repository(db);
    struct visit {
        int after;              ///< number of the contact; 0: none
        std::vector<int> found; ///< numbers
        int next;               ///< number; 0: the last page
    };
    const auto try_all = [&](const std::vector<visit>& visits) {
        for (const auto& one : visits) {
            CAPTURE(one.after);
            model::updates_query query;
            query.start.when = timestamp(std::chrono::hours(1));
            query.end = model::moment{now(), std::nullopt};
            query.mofo_relevant = true;
            query.limit = 20;
            if (one.after > 0) query.after = {scene.time_of(one.after), id(one.after)};
            const auto next = one.next > 0 ? std::optional(model::updates_cursor{scene.time_of(one.next), id(one.next)}) : std::nullopt;
            const auto page = repository.update_documents(query).value();
            CHECK(numbers_of(page) == one.found);
            CHECK(page.next == next);
            std::vector<int> visited;
            const auto note = [&](const model::contact& found) { visited.push_back(queue_database::number(found.email.email_id)); };
            CHECK(repository.visit_updates(query, note).value() == next);
            CHECK(visited == one.found);
        }
    };
    scene.set_relevant("n <= 28000 or n between 56001 and 56003"); // more than can be sorted
    try_all({{28'000, {}, 53'000},
             {53'000, {56'001, 56'002, 56'003}, 0},
             {56'003, {}, 0},
             {27'998, {28'000}, 52'998}});    // 27,999 has no row in mofo
    scene.set_relevant("n = 1 or n = 60000"); // few, which are found at once
    try_all({{1, {60'000}, 0}, {0, {1, 60'000}, 0}});
}

TEST_CASE("pages of relevant contacts, and of the others, list each of them once") {
    relevant_database scene;
    scene.set_relevant("n > 20000 and n % 7 in (1, 2)");
    persistence::database db(scene.db.options());
    persistence::contact_repository repository(db);
    const auto relevant = scene.relevant();
    for (const bool wanted : {true, false}) {
        model::updates_query query;
        query.start.when = timestamp(std::chrono::hours(1));
        query.end = model::moment{now(), std::nullopt};
        query.mofo_relevant = wanted;
        query.limit = 1000;
        std::vector<int> numbers;
        do {
            const auto page = repository.update_documents(query).value();
            for (const auto number : numbers_of(page)) numbers.push_back(number);
            query.after = page.next;
        } while (query.after);
        std::vector<int> expected;
        for (int n = 1; n <= relevant_database::most; ++n) {
            if (std::binary_search(relevant.begin(), relevant.end(), n) == wanted) expected.push_back(n);
        }
        CHECK(numbers == expected);
    }
}

} // namespace ctms::test
