// SPDX-License-Identifier: MPL-2.0
// Each object is stored by a few statements in one transaction. So that transactions that run at once neither deadlock
// nor overtake each other, all take their locks in one order: the objects that the message is about (advisory locks),
// prices by id, the parent, its parts by id, and the sync's queue by email_id at last.
#include "contact_write.hpp"
#include "json_rows.hpp"
#include "pool.hpp"

#include <ctms/persistence/stripe.hpp>

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <set>
#include <utility>

namespace ctms::persistence {
namespace {

namespace stripe = model::stripe;

// ---- statements: rows come as JSON, times as Unix seconds; an answer row is an id and whether it is new ----

constexpr statement lock_objects{"stripe_lock", "select pg_advisory_xact_lock(key) from (select hashtextextended(name, 0) as key"
                                                " from json_array_elements_text($1::json) as name order by 1) as keys"};

constexpr statement upsert_prices{"stripe_prices", R"(
insert into stripe_price as stored (stripe_id, stripe_product_id, stripe_created, active, currency, recurring_interval,
                                    recurring_interval_count, unit_amount, create_timestamp, update_timestamp)
select r.id, r.product, to_timestamp(r.created), r.active, r.currency, r.recurring_interval, r.interval_count, r.unit_amount, now(), now()
from json_to_recordset($1::json) as r(id text, product text, created bigint, active boolean, currency text, recurring_interval text,
                                      interval_count integer, unit_amount integer)
order by r.id
on conflict (stripe_id) do update set
  stripe_product_id = excluded.stripe_product_id, stripe_created = excluded.stripe_created, active = excluded.active,
  currency = excluded.currency, recurring_interval = excluded.recurring_interval,
  recurring_interval_count = excluded.recurring_interval_count, unit_amount = excluded.unit_amount, update_timestamp = now()
where (stored.stripe_product_id, stored.stripe_created, stored.active, stored.currency, stored.recurring_interval,
       stored.recurring_interval_count, stored.unit_amount) is distinct from
      (excluded.stripe_product_id, excluded.stripe_created, excluded.active, excluded.currency, excluded.recurring_interval,
       excluded.recurring_interval_count, excluded.unit_amount)
returning stripe_id, xmax = 0)"};

constexpr statement customer_account{"stripe_customer_account", "select fxa_id from stripe_customer where stripe_id = $1"};

constexpr statement delete_other_customer{"stripe_customer_displace",
                                          "delete from stripe_customer where fxa_id = $2 and stripe_id <> $1 returning stripe_id"};

constexpr statement upsert_customer{"stripe_customer", R"(
insert into stripe_customer as stored (stripe_id, stripe_created, fxa_id, default_source_id, invoice_settings_default_payment_method_id,
                                       deleted, create_timestamp, update_timestamp)
values ($1, to_timestamp($2::bigint), $3, $4, $5, false, now(), now())
on conflict (stripe_id) do update set
  stripe_created = excluded.stripe_created, fxa_id = excluded.fxa_id, default_source_id = excluded.default_source_id,
  invoice_settings_default_payment_method_id = excluded.invoice_settings_default_payment_method_id, deleted = false,
  update_timestamp = now()
where (stored.stripe_created, stored.fxa_id, stored.default_source_id, stored.invoice_settings_default_payment_method_id,
       stored.deleted) is distinct from
      (excluded.stripe_created, excluded.fxa_id, excluded.default_source_id, excluded.invoice_settings_default_payment_method_id, false)
returning stripe_id, xmax = 0)"};

constexpr statement mark_customer_deleted{
    "stripe_customer_deleted",
    "update stripe_customer set deleted = true, update_timestamp = now() where stripe_id = $1 and not deleted returning stripe_id, false"};

constexpr statement subscription_customer{"stripe_subscription_customer",
                                          "select stripe_customer_id from stripe_subscription where stripe_id = $1"};

constexpr statement upsert_subscription{"stripe_subscription", R"(
insert into stripe_subscription as stored (stripe_id, stripe_customer_id, default_payment_method_id, default_source_id, stripe_created,
  cancel_at_period_end, canceled_at, current_period_end, current_period_start, ended_at, start_date, status, create_timestamp,
  update_timestamp)
values ($1, $2, $3, $4, to_timestamp($5::bigint), $6::boolean, to_timestamp($7::bigint), to_timestamp($8::bigint),
        to_timestamp($9::bigint), to_timestamp($10::bigint), to_timestamp($11::bigint), $12, now(), now())
on conflict (stripe_id) do update set
  stripe_customer_id = excluded.stripe_customer_id, default_payment_method_id = excluded.default_payment_method_id,
  default_source_id = excluded.default_source_id, stripe_created = excluded.stripe_created,
  cancel_at_period_end = excluded.cancel_at_period_end, canceled_at = excluded.canceled_at,
  current_period_end = excluded.current_period_end, current_period_start = excluded.current_period_start,
  ended_at = excluded.ended_at, start_date = excluded.start_date, status = excluded.status, update_timestamp = now()
where (stored.stripe_customer_id, stored.default_payment_method_id, stored.default_source_id, stored.stripe_created,
       stored.cancel_at_period_end, stored.canceled_at, stored.current_period_end, stored.current_period_start, stored.ended_at,
       stored.start_date, stored.status) is distinct from
      (excluded.stripe_customer_id, excluded.default_payment_method_id, excluded.default_source_id, excluded.stripe_created,
       excluded.cancel_at_period_end, excluded.canceled_at, excluded.current_period_end, excluded.current_period_start,
       excluded.ended_at, excluded.start_date, excluded.status)
returning stripe_id, xmax = 0)"};

constexpr statement upsert_items{"stripe_items", R"(
insert into stripe_subscription_item as stored (stripe_id, stripe_subscription_id, stripe_price_id, stripe_created, create_timestamp,
                                                update_timestamp)
select r.id, r.subscription, r.price, to_timestamp(r.created), now(), now()
from json_to_recordset($1::json) as r(id text, subscription text, price text, created bigint)
order by r.id
on conflict (stripe_id) do update set
  stripe_subscription_id = excluded.stripe_subscription_id, stripe_price_id = excluded.stripe_price_id,
  stripe_created = excluded.stripe_created, update_timestamp = now()
where (stored.stripe_subscription_id, stored.stripe_price_id, stored.stripe_created) is distinct from
      (excluded.stripe_subscription_id, excluded.stripe_price_id, excluded.stripe_created)
returning stripe_id, xmax = 0)"};

constexpr statement delete_other_items{"stripe_items_gone",
                                       "delete from stripe_subscription_item where stripe_subscription_id = $1"
                                       " and stripe_id not in (select json_array_elements_text($2::json)) returning stripe_id"};

constexpr statement upsert_invoice{"stripe_invoice", R"(
insert into stripe_invoice as stored (stripe_id, stripe_customer_id, default_payment_method_id, default_source_id, stripe_created, currency,
                                      total, status, create_timestamp, update_timestamp)
values ($1, $2, $3, $4, to_timestamp($5::bigint), $6, $7::integer, $8, now(), now())
on conflict (stripe_id) do update set
  stripe_customer_id = excluded.stripe_customer_id, default_payment_method_id = excluded.default_payment_method_id,
  default_source_id = excluded.default_source_id, stripe_created = excluded.stripe_created, currency = excluded.currency,
  total = excluded.total, status = excluded.status, update_timestamp = now()
where (stored.stripe_customer_id, stored.default_payment_method_id, stored.default_source_id, stored.stripe_created, stored.currency,
       stored.total, stored.status) is distinct from
      (excluded.stripe_customer_id, excluded.default_payment_method_id, excluded.default_source_id, excluded.stripe_created,
       excluded.currency, excluded.total, excluded.status)
returning stripe_id, xmax = 0)"};

constexpr statement upsert_lines{"stripe_lines", R"(
insert into stripe_invoice_line_item as stored (stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, stripe_invoice_item_id,
  stripe_subscription_id, stripe_subscription_item_id, amount, currency, create_timestamp, update_timestamp)
select r.id, $2, r.type, r.price, r.invoice_item, r.subscription, r.subscription_item, r.amount, r.currency, now(), now()
from json_to_recordset($1::json) as r(id text, type text, price text, invoice_item text, subscription text, subscription_item text,
                                      amount integer, currency text)
order by r.id
on conflict (stripe_id) do update set
  stripe_invoice_id = excluded.stripe_invoice_id, stripe_type = excluded.stripe_type, stripe_price_id = excluded.stripe_price_id,
  stripe_invoice_item_id = excluded.stripe_invoice_item_id, stripe_subscription_id = excluded.stripe_subscription_id,
  stripe_subscription_item_id = excluded.stripe_subscription_item_id, amount = excluded.amount, currency = excluded.currency,
  update_timestamp = now()
where (stored.stripe_invoice_id, stored.stripe_type, stored.stripe_price_id, stored.stripe_invoice_item_id, stored.stripe_subscription_id,
       stored.stripe_subscription_item_id, stored.amount, stored.currency) is distinct from
      (excluded.stripe_invoice_id, excluded.stripe_type, excluded.stripe_price_id, excluded.stripe_invoice_item_id,
       excluded.stripe_subscription_id, excluded.stripe_subscription_item_id, excluded.amount, excluded.currency)
returning stripe_id, xmax = 0)"};

constexpr statement delete_other_lines{"stripe_lines_gone", "delete from stripe_invoice_line_item where stripe_invoice_id = $1"
                                                            " and stripe_id not in (select json_array_elements_text($2::json))"
                                                            " returning stripe_id"};

// Contacts of Firefox accounts ($1), customers ($2), and of all customers who subscribed at some prices ($3).
constexpr std::string_view schedule_contacts = R"(
with accounts as (
  select json_array_elements_text($1::json) as fxa_id
  union select fxa_id from stripe_customer where stripe_id in (select json_array_elements_text($2::json))
  union select c.fxa_id
    from stripe_subscription_item i
    join stripe_subscription s on s.stripe_id = i.stripe_subscription_id
    join stripe_customer c on c.stripe_id = s.stripe_customer_id
    where i.stripe_price_id in (select json_array_elements_text($3::json)))
select {} from (select fxa.email_id from fxa join accounts using (fxa_id) order by fxa.email_id) as contacts)";

// ---- values ----

parameter seconds(timestamp when) { return std::to_string(std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count()); }
parameter seconds(const std::optional<timestamp>& when) { return when ? seconds(*when) : std::nullopt; }

using names = std::set<std::string>;

template <class Items>
names ids_of(const Items& items) {
    names out;
    for (const auto& item : items) out.insert(item.id);
    return out;
}

template <class Items>
std::vector<stripe::price> prices_of(const Items& items) {
    std::map<std::string, stripe::price> out; // a price that several items share counts once
    for (const auto& item : items) out[item.price.id] = item.price;
    std::vector<stripe::price> list;
    for (auto& [id, price] : out) list.push_back(std::move(price));
    return list;
}

/// One message on its way into the database, with all that it changed.
class ingest_transaction {
public:
    explicit ingest_transaction(connection& db) : db_(db) {}

    void operator()(const stripe::customer& customer) {
        lock({"customer:" + customer.id, "fxa:" + customer.fxa_id});
        const auto before = db_.query(customer_account, {customer.id});
        const auto displaced = db_.query(delete_other_customer, {customer.id, customer.fxa_id}, true);
        note_deleted("customer", displaced);
        if (!displaced.empty()) report_.fxa_id_conflict = customer.fxa_id;
        const auto written = db_.query(
            upsert_customer,
            {customer.id, seconds(customer.created), customer.fxa_id, customer.default_source_id, customer.default_payment_method_id},
            true);
        if (!note("customer", {customer.id}, written).empty()) accounts_.insert(customer.fxa_id);
        if (!before.empty() && before.text(0, 0) != customer.fxa_id) accounts_.emplace(before.text(0, 0));
    }

    void operator()(const stripe::deleted_customer& customer) {
        lock({"customer:" + customer.id});
        const auto known = db_.query(customer_account, {customer.id});
        if (known.empty()) return add("skipped", "customer", customer.id);
        if (!note("customer", {customer.id}, db_.query(mark_customer_deleted, {customer.id}, true)).empty()) customers_.insert(customer.id);
    }

    void operator()(const stripe::price& price) { store_prices({price}); }

    void operator()(const stripe::subscription& subscription) {
        lock({"subscription:" + subscription.id});
        store_prices(prices_of(subscription.items));
        const auto before = db_.query(subscription_customer, {subscription.id});
        const auto written = db_.query(upsert_subscription,
                                       {subscription.id, subscription.customer_id, subscription.default_payment_method_id,
                                        subscription.default_source_id, seconds(subscription.created),
                                        subscription.cancel_at_period_end ? "true" : "false", seconds(subscription.canceled_at),
                                        seconds(subscription.current_period_end), seconds(subscription.current_period_start),
                                        seconds(subscription.ended_at), seconds(subscription.start_date), subscription.status},
                                       true);
        bool changed = !note("subscription", {subscription.id}, written).empty();
        changed |= store_items(subscription.items);
        if (!subscription.has_more_items)
            changed |= note_deleted("subscription_item",
                                    db_.query(delete_other_items, {subscription.id, json_names(ids_of(subscription.items))}, true));
        if (!changed) return;
        customers_.insert(subscription.customer_id);
        if (!before.empty()) customers_.emplace(before.text(0, 0));
    }

    void operator()(const stripe::subscription_item& item) {
        lock({"subscription:" + item.subscription_id});
        store_prices({item.price});
        const auto subscription = db_.query(subscription_customer, {item.subscription_id});
        // Nothing is lost: the subscription brings all its items when it comes.
        if (subscription.empty()) return add("skipped", "subscription_item", item.id);
        if (store_items({item})) customers_.emplace(subscription.text(0, 0));
    }

    void operator()(const stripe::invoice& invoice) {
        lock({"invoice:" + invoice.id});
        store_prices(prices_of(invoice.lines));
        const auto written = db_.query(upsert_invoice,
                                       {invoice.id, invoice.customer_id, invoice.default_payment_method_id, invoice.default_source_id,
                                        seconds(invoice.created), invoice.currency, std::to_string(invoice.total), invoice.status},
                                       true);
        bool changed = !note("invoice", {invoice.id}, written).empty();
        changed |= store_lines(invoice);
        if (!invoice.has_more_lines)
            changed |= note_deleted("line_item", db_.query(delete_other_lines, {invoice.id, json_names(ids_of(invoice.lines))}, true));
        if (changed) customers_.insert(invoice.customer_id);
    }

    /// Queues the contacts concerned; how many there were.
    std::size_t schedule() {
        if (accounts_.empty() && customers_.empty() && prices_.empty()) return 0;
        static const std::string sql = fmt::format(schedule_contacts, schedule_sync_sql("email_id"));
        static const statement queue{"stripe_schedule", sql.c_str()};
        return db_.query(queue, {json_names(accounts_), json_names(customers_), json_names(prices_)}, true).size();
    }

    [[nodiscard]] stripe::ingest_report report() && { return std::move(report_); }

private:
    void lock(const names& objects) { db_.query(lock_objects, {json_names(objects)}); }

    void store_prices(const std::vector<stripe::price>& prices) {
        if (prices.empty()) return;
        const auto list = json_rows(prices, [](object_writer& writer, const stripe::price& price) {
            writer.add("id", std::string_view(price.id));
            writer.add("product", std::string_view(price.product_id));
            writer.add_raw("created", *seconds(price.created));
            writer.add("active", price.active);
            writer.add("currency", std::string_view(price.currency));
            writer.add_optional("recurring_interval", price.interval);
            writer.add_optional("interval_count", price.interval_count);
            writer.add_optional("unit_amount", price.unit_amount);
        });
        prices_.merge(note("price", ids_of(prices), db_.query(upsert_prices, {list}, true)));
    }

    bool store_items(const std::vector<stripe::subscription_item>& items) {
        if (items.empty()) return false;
        const auto list = json_rows(items, [](object_writer& writer, const stripe::subscription_item& item) {
            writer.add("id", std::string_view(item.id));
            writer.add("subscription", std::string_view(item.subscription_id));
            writer.add("price", std::string_view(item.price.id));
            writer.add_raw("created", *seconds(item.created));
        });
        return !note("subscription_item", ids_of(items), db_.query(upsert_items, {list}, true)).empty();
    }

    bool store_lines(const stripe::invoice& invoice) {
        if (invoice.lines.empty()) return false;
        const auto list = json_rows(invoice.lines, [](object_writer& writer, const stripe::line_item& line) {
            writer.add("id", std::string_view(line.id));
            writer.add("type", std::string_view(line.type));
            writer.add("price", std::string_view(line.price.id));
            writer.add_optional("invoice_item", line.invoice_item_id);
            writer.add_optional("subscription", line.subscription_id);
            writer.add_optional("subscription_item", line.subscription_item_id);
            writer.add("amount", line.amount);
            writer.add("currency", std::string_view(line.currency));
        });
        return !note("line_item", ids_of(invoice.lines), db_.query(upsert_lines, {list, invoice.id}, true)).empty();
    }

    void add(std::string_view action, std::string_view kind, std::string_view id) {
        report_.actions[std::string(action)].insert(fmt::format("{}:{}", kind, id));
    }

    /// Notes what became of the objects `ids`, of which `written` were created or updated; the ids of these.
    names note(std::string_view kind, const names& ids, const rows& written) {
        names changed;
        for (std::size_t row = 0; row < written.size(); ++row) {
            add(written.boolean(row, 1) ? "created" : "updated", kind, written.text(row, 0));
            changed.emplace(written.text(row, 0));
        }
        for (const auto& id : ids) {
            if (!changed.contains(id)) add("no_change", kind, id);
        }
        return changed;
    }

    bool note_deleted(std::string_view kind, const rows& gone) {
        for (std::size_t row = 0; row < gone.size(); ++row) add("deleted", kind, gone.text(row, 0));
        return !gone.empty();
    }

    connection& db_;
    stripe::ingest_report report_;
    names accounts_; ///< Firefox accounts whose contacts are concerned
    names customers_;
    names prices_;
};

struct outcome {
    stripe::ingest_report report;
    std::size_t scheduled = 0;
};

} // namespace

result<stripe::ingest_report> stripe_repository::ingest(const stripe::object& object) {
    constexpr refusal given_up{errc::conflict, "Others kept writing the same objects, send it again"};
    auto done = run(
        db_,
        [&](connection& db) {
            ingest_transaction work(db);
            db.begin();
            std::visit(work, object);
            const auto scheduled = work.schedule();
            db.commit();
            return outcome{std::move(work).report(), scheduled};
        },
        given_up);
    if (!done) return done.error();
    db_.recorder().sync_scheduled(done->scheduled);
    return std::move(done->report);
}

} // namespace ctms::persistence
