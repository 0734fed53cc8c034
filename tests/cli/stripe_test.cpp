// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <support/pubsub_messages.hpp>
#include <support/stripe_objects.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <fstream>
#include <string>
#include <vector>

using namespace ctms::test;
using namespace ctms::test::stripe_objects;
using boost::json::object;
using boost::json::serialize;

namespace {

/// ctms-admin with its own files and database, which has one contact with the account fxa_1.
class admin {
public:
    admin() {
        link_.execute("insert into emails (email_id, primary_email, update_timestamp)"
                      " values ('00000000-0000-4000-8000-000000000001', 'jane@example.com', now());"
                      "insert into fxa (email_id, fxa_id, account_deleted, update_timestamp)"
                      " values ('00000000-0000-4000-8000-000000000001', 'fxa_1', false, now())");
    }

    /// Writes a file and returns its path.
    std::string file(const std::string& name, const std::string& text) {
        const auto path = (files_.path() / name).string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    outcome operator()(const std::vector<std::string>& arguments) {
        return run_admin(arguments, {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin)});
    }

    outcome ingest(const std::string& path) { return (*this)({"--json", "stripe", "ingest", path}); }
    outcome queue(const std::string& path) { return (*this)({"--json", "stripe", "queue", path}); }

    std::string select(const std::string& query) {
        const auto found = link_.execute(query);
        return found.empty() ? "none" : std::string(found.text(0, 0));
    }
    std::string stored() {
        return select("select concat_ws(' ', (select string_agg(stripe_id, ',' order by stripe_id) from stripe_customer),"
                      " (select string_agg(stripe_id, ',' order by stripe_id) from stripe_price))");
    }
    std::string directory() { return files_.path().string(); }
    const std::string& url() { return database_.url(); }

private:
    test_database database_;
    temporary_directory files_;
    ctms::persistence::connection link_{database_.options()};
};

object summary(const outcome& run) { return boost::json::parse(run.out).as_object(); }

object ingested(int objects, int created, int no_change, int skipped, int failed) {
    return {{"objects", objects}, {"created", created}, {"updated", 0},    {"no_change", no_change},
            {"deleted", 0},       {"skipped", skipped}, {"failed", failed}};
}

/// Formats a value over several lines, as jq does.
std::string over_lines(const object& value) {
    std::string out = "{\n";
    for (const auto& member : value) {
        if (out.size() > 2) out += ",\n";
        out += "  " + serialize(boost::json::string(member.key())) + ": " + serialize(member.value());
    }
    return out + "\n}\n";
}

} // namespace

TEST_CASE("every form of an export is stored") {
    const auto one = serialize(customer("cus_1", "fxa_1"));
    const auto two = serialize(customer("cus_2", "fxa_2"));
    struct form {
        std::string text;
        int objects;
    };
    for (const auto& [content, objects] :
         std::vector<form>{{one, 1},
                           {one + "\n", 1},
                           {over_lines(customer("cus_1", "fxa_1")), 1},
                           {"\xEF\xBB\xBF" + one + "\r\n\r\n  " + two + "\r\n", 2}, // with a byte order mark, empty lines and CRLF
                           {"[" + one + "," + two + "]", 2},
                           {"\n[\n" + over_lines(customer("cus_1", "fxa_1")) + ",\n" + two + "\n]\n", 2},
                           {R"({"object":"list","url":"/v1/customers","has_more":false,"data":[)" + one + "," + two + "]}", 2},
                           {"{\n\"object\": \"list\",\n\"data\": [" + one + ",\n" + two + "]\n}", 2},
                           {"[" + one + "]\n", 1},
                           {R"({"object":"list","data":[)" + one + "]}\n" + R"({"object":"list","data":[)" + two + "]}\n", 2}}) {
        const auto& text = content; // Clang 14 cannot capture a structured binding in a lambda
        CAPTURE(text);
        admin run;
        const auto done = run.ingest(run.file("export.json", text));
        CHECK(done.exit_code == 0);
        CHECK(done.err.empty());
        CHECK(summary(done) == ingested(objects, objects, 0, 0, 0));
        CHECK(run.stored() == (objects == 1 ? "cus_1" : "cus_1,cus_2"));
    }
}

TEST_CASE("parked objects are listed, shown, tried again and forgotten") {
    admin run;
    const auto park = [&](const std::string& object, const std::string& payload) {
        return run.select("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values ('" + object +
                          "', 'test', convert_to('" + payload + "', 'UTF8'), sha256(convert_to('" + payload + "', 'UTF8'))) returning id");
    };
    const auto good = park("customer:cus_1", serialize(customer()));
    const auto bad = park("price:price_1", serialize(without(price(), "product")));
    const auto message = park("message", envelope_of("{\"price:price_9\":" + serialize(price("price_9")) +
                                                     ",\"price:price_8\":" + serialize(without(price("price_8"), "active")) + "}"));
    const auto listed = run({"stripe", "parked"});
    CHECK(listed.exit_code == 0);
    CHECK(listed.out.find("customer:cus_1") != std::string::npos);
    CHECK(listed.out.find("example.com") == std::string::npos);
    CHECK(boost::json::parse(run({"--json", "stripe", "parked", "--limit", "2"}).out).as_array().size() == 2);
    CHECK(boost::json::parse(run({"stripe", "parked", good}).out) == customer());
    CHECK(run({"stripe", "parked", "4711"}).exit_code != 0);
    CHECK(run({"stripe", "parked", "x"}).exit_code == 64);

    CHECK(run({"stripe", "retry"}).exit_code == 64);
    const auto tried = run({"--json", "stripe", "retry", "--all"});
    CHECK(tried.exit_code == 65);
    CHECK(tried.err.find("price:price_1: price.product: missing") != std::string::npos);
    CHECK(run.stored() == "cus_1 price_9");
    // What could not be stored of the message is parked by itself, perhaps after the command looked.
    CHECK(run.select("select string_agg(object, ',' order by object) from ctms_stripe_parked") == "price:price_1,price:price_8");
    CHECK(run({"stripe", "forget", bad}).exit_code == 1);
    CHECK(run({"stripe", "forget", bad, "--yes"}).exit_code == 0);
    CHECK(run({"stripe", "forget", bad, "--yes"}).exit_code == 65);
    CHECK(run({"stripe", "forget", "--all", "--yes"}).exit_code == 0);
    CHECK(run.select("select count(*) from ctms_stripe_parked") == "0");
    CHECK(message != good);
}

TEST_CASE("a parked object of which another state was stored later stays parked") {
    admin run;
    const auto old = with(price(), "unit_amount", 5);
    const auto number = run.select("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values ('price:price_1', 'test',"
                                   " convert_to('" +
                                   serialize(old) + "', 'UTF8'), '') returning id");
    CHECK(run.ingest(run.file("newer.json", serialize(price()))).exit_code == 0);
    const auto refused = run({"stripe", "retry", number});
    CHECK(refused.exit_code == 65);
    CHECK(refused.err.find("another state of price:price_1 was stored") != std::string::npos);
    CHECK(run.select("select unit_amount from stripe_price") == "999");
    CHECK(run({"stripe", "retry", number, "--even-if-older"}).exit_code == 0);
    CHECK(run.select("select unit_amount from stripe_price") == "5");

    // The same for an object in a message that could not be read.
    const auto message = run.select("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values ('message', 'test',"
                                    " convert_to('" +
                                    envelope_of(serialize(with(price(), "unit_amount", 7))) + "', 'UTF8'), '1') returning id");
    CHECK(run.ingest(run.file("newest.json", serialize(price()))).exit_code == 0);
    CHECK(run({"stripe", "retry", message}).err.find("another state of price:price_1 was stored") != std::string::npos);
    CHECK(run.select("select unit_amount from stripe_price") == "999");
    CHECK(run({"stripe", "retry", message, "--even-if-older"}).exit_code == 0);
    CHECK(run.select("select unit_amount from stripe_price") == "7");
}

TEST_CASE("an export that is an empty list is not an error") {
    admin run;
    for (const std::string text : {"[]", R"({"object":"list","data":[]})"}) {
        CAPTURE(text);
        const auto done = run.ingest(run.file("export.json", text));
        CHECK(done.exit_code == 0);
        CHECK(summary(done) == ingested(0, 0, 0, 0, 0));
    }
}

TEST_CASE("a page of a list is stored, with a warning that others follow") {
    admin run;
    const auto page = [](const object& one, bool more) {
        return boost::json::serialize(object{{"object", "list"}, {"has_more", more}, {"data", {one}}});
    };
    const auto first = run.ingest(run.file("page.json", page(customer("cus_1", "fxa_1"), true)));
    CHECK(first.exit_code == 0);
    CHECK(summary(first) == ingested(1, 1, 0, 0, 0));
    CHECK(first.err.find("page.json: Stripe says that more objects follow") != std::string::npos);
    const auto all =
        run.ingest(run.file("pages.json", page(customer("cus_1", "fxa_1"), true) + "\n" + page(customer("cus_2", "fxa_2"), false) + "\n"));
    CHECK(all.exit_code == 0);
    CHECK(all.err.empty());
}

TEST_CASE("an empty file, or one without objects that are stored, is an error") {
    admin run;
    for (const std::string text : {"", "\n\n"}) {
        CAPTURE(text);
        const auto done = run.ingest(run.file("export.json", text));
        CHECK(done.exit_code == 65);
        CHECK(done.err.find("export.json is empty") != std::string::npos);
        CHECK(summary(done) == ingested(0, 0, 0, 0, 0));
    }
    const auto events = run.file("events.json", R"({"object":"list","data":[{"object":"event","id":"evt_1","data":{"object":)" +
                                                    serialize(customer()) + R"(}},{"object":"event\n","id":"evt_2"}]})");
    const auto done = run.ingest(events);
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == ingested(2, 0, 0, 2, 0));
    CHECK(done.err ==
          "ctms-admin: nothing was done: CTMS stores objects of none of these kinds; the first object is of the kind 'event'\n");
    CHECK(run.queue(events).exit_code == 65);
    CHECK(run({"stripe", "ingest", events, run.file("customers.ndjson", serialize(customer()))}).exit_code == 0);
}

TEST_CASE("the summary counts what was done, and a file may be given twice") {
    admin run;
    const auto subscriptions = run.file("subscriptions.ndjson", serialize(subscription()) + "\n" + serialize(invoice()) + "\n");
    const auto customers = run.file("customers.ndjson", serialize(customer()) + "\n" + R"({"object":"event","id":"evt_1"})" + "\n" +
                                                            R"({"object":"customer","id":"cus_9","deleted":true})" + "\n");
    const auto done = run({"stripe", "ingest", subscriptions, customers, subscriptions});
    CHECK(done.exit_code == 0);
    CHECK(done.err.empty());
    // Created: subscription, item, price, invoice, line item, customer.
    CHECK(done.out == "WHAT       COUNT\n"
                      "objects    7\n"
                      "created    6\n"
                      "updated    0\n"
                      "no_change  7\n"
                      "deleted    0\n"
                      "skipped    2\n"
                      "failed     0\n");
    CHECK(run.select("select email_id from ctms_sync_queue") == "00000000-0000-4000-8000-000000000001");
}

TEST_CASE("invalid objects are reported with their position, and the others are stored") {
    admin run;
    const auto good = serialize(price("price_good"));
    const auto lines =
        run.file("export.ndjson", "{\"id\":\"price_cut\",\"obj\n" + good + "\n\n" + serialize(without(customer("cus_secret"), "created")) +
                                      "\nnonsense\n" + "[" + serialize(price("price_last")) + ",7]\n");
    const auto done = run.ingest(lines);
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == ingested(6, 2, 0, 0, 4));
    CHECK(run.stored() == "price_good,price_last");
    CHECK(done.err.find("ctms-admin: " + lines + ", line 1: not JSON: ") != std::string::npos);
    CHECK(done.err.find("ctms-admin: " + lines + ", line 4: customer.created: missing\n") != std::string::npos);
    CHECK(done.err.find("ctms-admin: " + lines + ", line 5: not JSON: ") != std::string::npos);
    CHECK(done.err.find("ctms-admin: " + lines + ", line 6, index 1: not an object with `object` and `id`\n") != std::string::npos);
    CHECK(done.err.find("example.com") == std::string::npos);

    const auto list = run.file("list.json", "[" + good + ",\n" + serialize(with(price("p"), "currency", "dollars")) + ",\n{}]");
    const auto listed = run.ingest(list);
    CHECK(listed.exit_code == 65);
    CHECK(summary(listed) == ingested(3, 0, 1, 0, 2));
    CHECK(listed.err.find(list + ", index 1: price.currency: not three letters\n") != std::string::npos);
    CHECK(listed.err.find(list + ", index 2: not an object") != std::string::npos);
}

TEST_CASE("text that is not JSON or not UTF-8 fails, and nothing of it is stored") {
    admin run;
    for (const auto& text : std::vector<std::string>{"{", "[" + serialize(price()), "{\"id\":\"\xFF\"}", "a,b\n"}) {
        CAPTURE(text);
        const auto done = run.ingest(run.file("export.json", text));
        CHECK(done.exit_code == 65);
        CHECK(summary(done) == ingested(1, 0, 0, 0, 1));
        CHECK(done.err.find("export.json") != std::string::npos);
    }
    CHECK(run.stored().empty());
}

TEST_CASE("a list may have more objects than a request") {
    admin run;
    std::string text = "[";
    for (int number = 0; number < 10'050; ++number) text += (number > 0 ? "," : "") + std::string(R"({"object":"event","id":"evt"})");
    const auto done = run.ingest(run.file("export.json", text + "," + serialize(customer()) + "]"));
    CHECK(done.exit_code == 0);
    CHECK(summary(done) == ingested(10'051, 1, 0, 10'050, 0));
}

TEST_CASE("an unreadable file has its own exit code, and the other files are stored") {
    admin run;
    const auto good = run.file("good.json", serialize(customer()));
    const auto done = run({"stripe", "ingest", run.directory() + "/missing.json", good});
    CHECK(done.exit_code == 66);
    CHECK(done.err.find("missing.json cannot be opened: No such file or directory\n") != std::string::npos);
    CHECK(run.stored() == "cus_1");
    const auto directory = run.ingest(run.directory());
    CHECK(directory.exit_code == 66);
    CHECK(directory.err.find("cannot be read completely") != std::string::npos);
}

TEST_CASE("objects can be read from standard input") {
    admin run;
    const auto file = run.file("export.ndjson", serialize(price("price_1")) + "\n" + serialize(price("price_2")) + "\n{}\n");
    const auto done = run_program({"/bin/sh", "-c", fmt::format("exec '{}' --json stripe ingest - < '{}'", CTMS_ADMIN, file)},
                                  {"CTMS_DB_URL=" + run.url()});
    CHECK(done.exit_code == 65);
    CHECK(summary(done) == ingested(3, 2, 0, 0, 1));
    CHECK(done.err.find("standard input, line 3: ") != std::string::npos);
    CHECK(run.stored() == "price_1,price_2");
}

TEST_CASE("without the database it stops and says how far it came") {
    admin run;
    const auto file = run.file("export.ndjson", serialize(price("price_1")) + "\n" + serialize(price("price_2")) + "\n");
    // When the second object is inserted, the server reports that it is shutting down.
    run.select("create function stop() returns trigger language plpgsql as"
               " $$begin if new.stripe_id = 'price_2' then raise sqlstate '57P01'; end if; return new; end$$;"
               " create trigger stop before insert on stripe_price for each row execute function stop()");
    for (int time = 0; time < 2; ++time) {
        const auto done = run({"stripe", "ingest", file, file});
        CHECK(done.exit_code == 75);
        CHECK(done.err.find("stopped at " + file + ", line 2: ") != std::string::npos);
        CHECK(done.err.find("\nctms-admin: 1 object was processed before it; it is safe to run the command again") != std::string::npos);
        CHECK(done.out.find(time == 0 ? "created    1\n" : "no_change  1\n") != std::string::npos);
        CHECK(done.out.find("objects    1\n") != std::string::npos);
    }
    run.select("drop trigger stop on stripe_price");
    CHECK(summary(run.ingest(file)) == ingested(2, 1, 1, 0, 0));

    const auto away = run_admin({"stripe", "ingest", file}, {"CTMS_DB_URL=postgresql://127.0.0.1:1/x"});
    CHECK(away.exit_code == 69);
    CHECK(away.out.empty());
}

TEST_CASE("queue stores nothing and queues the contacts of the objects") {
    admin run;
    REQUIRE(run.ingest(run.file("all.ndjson", serialize(customer()) + "\n" + serialize(subscription()) + "\n" + serialize(invoice())))
                .exit_code == 0);
    const std::vector<object> concerning{customer(),
                                         customer("cus_1", "fxa_unknown"),
                                         customer("cus_unknown", "fxa_1"),
                                         {{"object", "customer"}, {"id", "cus_1"}, {"deleted", true}},
                                         subscription(),
                                         subscription({}, "sub_1", "cus_unknown"),
                                         subscription({}, "sub_unknown", "cus_1"),
                                         item("si_unknown"),
                                         invoice({}),
                                         price()};
    const auto before =
        run.select("select concat(c, s, i, p) from stripe_customer c, stripe_subscription s, stripe_invoice i, stripe_price p");
    for (const auto& each : concerning) {
        CAPTURE(serialize(each));
        run.select("delete from ctms_sync_queue");
        const auto done = run.queue(run.file("one.json", serialize(each)));
        CHECK(done.exit_code == 0);
        CHECK(summary(done) == object{{"objects", 1}, {"queued", 1}, {"skipped", 0}, {"failed", 0}});
        CHECK(run.select("select email_id from ctms_sync_queue") == "00000000-0000-4000-8000-000000000001");
    }
    CHECK(run.select("select concat(c, s, i, p) from stripe_customer c, stripe_subscription s, stripe_invoice i, stripe_price p") ==
          before);
    CHECK(run.select("select count(*) from stripe_subscription_item") == "1");
}

TEST_CASE("queue counts objects that are unknown, invalid or concern no contact") {
    admin run;
    const auto file =
        run.file("mixed.ndjson", serialize(customer("cus_2", "fxa_2")) + "\n" + serialize(price()) + "\n" + serialize(item()) + "\n" +
                                     R"({"object":"event","id":"evt_1"})" + "\n{}\n" + serialize(customer("cus_new", "fxa_1")) + "\n");
    const auto done = run({"stripe", "queue", file});
    CHECK(done.exit_code == 65);
    CHECK(done.out == "WHAT     COUNT\n"
                      "objects  6\n"
                      "queued   1\n"
                      "skipped  1\n"
                      "failed   1\n");
    CHECK(done.err.find("line 5: ") != std::string::npos);
    CHECK(run.stored().empty());
}

TEST_CASE("wrong calls of the stripe commands are usage errors") {
    admin run;
    for (const auto& call : std::vector<std::vector<std::string>>{
             {"stripe", "ingest"}, {"stripe", "queue"}, {"stripe", "ingest", "--unknown"}, {"stripe"}, {"stripe", "unknown"}}) {
        CAPTURE(call.back());
        const auto wrong = run(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.out.empty());
        CHECK(wrong.err.find("see ctms-admin ") != std::string::npos);
    }
}
