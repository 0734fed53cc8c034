// SPDX-License-Identifier: MPL-2.0
// A few statements in one transaction store each object. To keep concurrent transactions from deadlocking or overtaking each
// other, all of them take their locks in the same order: the objects that the message is about and their customer (advisory locks),
// prices by id, the parent, its parts by id, and finally the sync queue by email_id.
#include "stripe_repository.hpp"

#include "stripe_sql.hpp"

#include <base/storable.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace ctms::persistence {
namespace {

namespace stripe = model::stripe;

using namespace stripe_sql;

parameter seconds(timestamp when) { return std::to_string(std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count()); }
parameter seconds(const std::optional<timestamp>& when) { return when ? seconds(*when) : std::nullopt; }

using names = std::set<std::string>;

template <class Items>
names ids_of(const Items& items) {
    names out;
    for (const auto& item : items) out.insert(item.id);
    return out;
}

const stripe::price* price_in(const stripe::subscription_item& item) { return &item.price; }
const stripe::price* price_in(const stripe::line_item& line) { return line.price ? &*line.price : nullptr; }

template <class Items>
std::vector<stripe::price> prices_of(const Items& items) {
    std::map<std::string, stripe::price> out; // each price once, even if several items have it
    for (const auto& item : items) {
        if (const auto* price = price_in(item)) out[price->id] = *price;
    }
    std::vector<stripe::price> list;
    for (auto& [id, price] : out) list.push_back(std::move(price));
    return list;
}

/// The id of a line's price; nullopt if it has none.
model::text price_id_of(const stripe::line_item& line) { return line.price ? model::text(line.price->id) : line.price_id; }

/// Whether a subscription with this status has ended for good (https://docs.stripe.com/api/subscriptions/object: `status`).
bool is_final_subscription(std::string_view status) { return status == "canceled" || status == "incomplete_expired"; }

/// How far an invoice has come; it never goes back (https://docs.stripe.com/invoicing/overview: invoice lifecycle). 0: unknown.
int stage_of_invoice(std::string_view status) {
    if (status == "draft") return 1;
    if (status == "open") return 2;
    if (status == "uncollectible" || status == "uncollectable") return 3;
    return status == "paid" || status == "void" ? 4 : 0;
}

bool is_older_invoice(std::string_view status, std::string_view stored) {
    return stage_of_invoice(status) != 0 && stage_of_invoice(status) < stage_of_invoice(stored);
}

/// Whether a subscription is an older state than the one that is stored, as far as the objects tell. Stripe's objects have no time of
/// change, but an ended subscription stays ended, only a new one is incomplete, and the period of one item does not go back.
bool is_older(const stripe::subscription& one, const rows& stored) {
    const auto status = stored.text(0, 1);
    if (is_final_subscription(status) && !is_final_subscription(one.status)) return true;
    if (one.status == "incomplete" && status != "incomplete") return true;
    const bool same_item = one.items.size() == 1 && !one.has_more_items && stored.boolean(0, 3);
    return same_item && one.current_period_start < timestamp(std::chrono::seconds(stored.integer(0, 2)));
}

/// Whose contacts must be sent again.
struct concerned {
    names accounts; ///< ids of Firefox accounts
    names customers;
    names prices; ///< means everybody with a subscription at one of these prices

    /// Queues the contacts and returns how many there were.
    std::size_t schedule(connection& db) const {
        if (accounts.empty() && customers.empty() && prices.empty()) return 0;
        static const statement queue{"stripe_schedule", fmt::format(schedule_contacts, request_sync_sql("priority", "contacts"))};
        const auto number = [](queue_priority priority) { return std::to_string(static_cast<int>(priority)); };
        const std::vector<parameter> values{json_names(accounts), json_names(customers), json_names(prices), number(queue_priority::write),
                                            number(queue_priority::bulk)};
        return static_cast<std::size_t>(db.query(queue, values, true).integer(0, 0));
    }
};

/// Finds out whom an object concerns according to the stored data, whether or not the object itself is stored.
class concerned_by {
public:
    explicit concerned_by(connection& db) : db_(db) {}

    concerned operator()(const stripe::customer& customer) { return {{customer.fxa_id}, {customer.id}, {}}; }
    concerned operator()(const stripe::deleted_customer& customer) { return {{}, {customer.id}, {}}; }
    concerned operator()(const stripe::unattached_object&) { return {}; }
    concerned operator()(const stripe::price& price) { return {{}, {}, {price.id}}; }
    concerned operator()(const stripe::subscription& subscription) {
        auto out = holder_of(subscription.id);
        out.customers.insert(subscription.customer_id);
        return out;
    }
    concerned operator()(const stripe::subscription_item& item) { return holder_of(item.subscription_id); }
    concerned operator()(const stripe::invoice& invoice) { return {{}, {invoice.customer_id}, {}}; }

private:
    concerned holder_of(const std::string& subscription_id) {
        const auto found = db_.query(subscription_customer, {subscription_id});
        return found.empty() ? concerned{} : concerned{{}, {std::string(found.text(0, 0))}, {}};
    }

    connection& db_;
};

/// Stores one message and records everything that it changed.
class ingest_transaction {
public:
    /// `keeps_history`: see record().
    ingest_transaction(connection& db, const suppression_options& how, bool keeps_history)
        : db_(db), how_(how), keeps_history_(keeps_history) {}

    void operator()(const stripe::customer& customer) {
        lock({"customer:" + customer.id, "fxa:" + customer.fxa_id});
        if (is_kept_out(customer.id, customer.fxa_id, customer.email)) return add("skipped", "customer", customer.id);
        const auto before = db_.query(customer_account, {customer.id});
        if (!before.empty() && before.boolean(0, 1)) return add("skipped", "customer", customer.id); // a deletion cannot be undone
        const auto displaced = db_.query(delete_other_customer, {customer.id, customer.fxa_id}, true);
        note_deleted("customer", displaced);
        if (!displaced.empty()) report_.fxa_id_conflict = customer.fxa_id;
        for (std::size_t row = 0; row < displaced.size(); ++row) note_history("customer", displaced.text(row, 0));
        const auto written = db_.query(
            upsert_customer,
            {customer.id, seconds(customer.created), customer.fxa_id, customer.default_source_id, customer.default_payment_method_id},
            true);
        if (!note("customer", {customer.id}, written).empty()) {
            concerned_.accounts.insert(customer.fxa_id);
            note_history("customer", customer.id);
        }
        if (!before.empty() && before.text(0, 0) != customer.fxa_id) concerned_.accounts.emplace(before.text(0, 0));
    }

    void operator()(const stripe::deleted_customer& customer) {
        lock({"customer:" + customer.id});
        const auto known = db_.query(customer_account, {customer.id});
        if (known.empty()) return add("skipped", "customer", customer.id);
        if (note("customer", {customer.id}, db_.query(mark_customer_deleted, {customer.id}, true)).empty()) return;
        concerned_.customers.insert(customer.id);
        note_history("customer", customer.id);
    }

    void operator()(const stripe::unattached_object& one) { add("skipped", one.kind, one.id); }

    void operator()(const stripe::price& price) { store_prices({price}); }

    void operator()(const stripe::subscription& subscription) {
        lock({"customer:" + subscription.customer_id, "subscription:" + subscription.id});
        if (is_kept_out(subscription.customer_id)) return add("skipped", "subscription", subscription.id);
        const auto before =
            db_.query(stored_subscription, {subscription.id, subscription.items.empty() ? std::string() : subscription.items.front().id});
        if (!before.empty() && is_older(subscription, before)) return add("skipped", "subscription", subscription.id);
        store_prices(prices_of(subscription.items));
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
        concerned_.customers.insert(subscription.customer_id);
        if (!before.empty()) concerned_.customers.emplace(before.text(0, 0));
        note_history("subscription", subscription.id, before.empty() ? model::text() : model::text(before.text(0, 1)), subscription.status);
    }

    void operator()(const stripe::subscription_item& item) {
        lock({"subscription:" + item.subscription_id});
        store_prices({item.price});
        const auto subscription = db_.query(subscription_customer, {item.subscription_id});
        // Nothing is lost: when the subscription arrives, it contains all its items.
        if (subscription.empty()) return add("skipped", "subscription_item", item.id);
        if (!store_items({item})) return;
        concerned_.customers.emplace(subscription.text(0, 0));
        note_history("subscription", item.subscription_id);
    }

    void operator()(const stripe::invoice& invoice) {
        lock({"customer:" + invoice.customer_id, "invoice:" + invoice.id});
        if (is_kept_out(invoice.customer_id)) return add("skipped", "invoice", invoice.id);
        const auto before = db_.query(stored_invoice, {invoice.id});
        if (!before.empty() && is_older_invoice(invoice.status, before.text(0, 0))) return add("skipped", "invoice", invoice.id);
        store_prices(prices_of(invoice.lines));
        const auto written = db_.query(upsert_invoice,
                                       {invoice.id, invoice.customer_id, invoice.default_payment_method_id, invoice.default_source_id,
                                        seconds(invoice.created), invoice.currency, std::to_string(invoice.total), invoice.status},
                                       true);
        bool changed = !note("invoice", {invoice.id}, written).empty();
        changed |= store_lines(invoice);
        if (!invoice.has_more_lines) {
            const auto listed = json_names(ids_of(invoice.lines));
            changed |= note_deleted("line_item", db_.query(delete_other_lines, {invoice.id, listed}, true));
            changed |= note_deleted("line_item", db_.query(delete_other_waiting_lines, {invoice.id, listed}, true));
        }
        if (!changed) return;
        concerned_.customers.insert(invoice.customer_id);
        note_history("invoice", invoice.id, before.empty() ? model::text() : model::text(before.text(0, 0)), invoice.status);
    }

    /// Queues the contacts concerned and returns how many there were.
    std::size_t schedule() { return concerned_.schedule(db_); }

    /// Records in the history of the contacts concerned which of their objects changed. A price is not an object of a contact.
    void record() {
        if (history_.empty()) return;
        std::string changes;
        append_json_array(changes, history_, [](std::string& to, const auto& one) { to += one.second; });
        db_.query(record_objects, {json_names(concerned_.accounts), json_names(concerned_.customers), std::move(changes)}, true);
    }

    [[nodiscard]] stripe::ingest_report report() && { return std::move(report_); }

private:
    /// Whether the objects of a customer are those of a person who was erased. Call it when the customer is locked: an erasure that holds
    /// the customer is then complete. Where contacts are stored and opted out instead, Stripe's
    /// objects are stored, too.
    bool is_kept_out(const std::string& customer, const std::string& account = {}, const model::text& address = {}) {
        if (how_.opts_out) return false;
        auto hashes = hashes_of(how_, suppressed_kind::customer, customer);
        const auto more = [&](std::vector<std::string> others) { hashes.insert(hashes.end(), others.begin(), others.end()); };
        if (!account.empty()) more(hashes_of(how_, suppressed_kind::account, account));
        if (address && is_storable(*address)) more(hashes_of_address(db_, how_, *address));
        return is_suppressed(db_, hashes);
    }

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
        const auto written = db_.query(upsert_prices, {list}, true);
        names added;
        for (std::size_t row = 0; row < written.size(); ++row) {
            if (written.boolean(row, 1)) added.emplace(written.text(row, 0));
        }
        concerned_.prices.merge(note("price", ids_of(prices), written));
        if (added.empty()) return;
        lock_prices(added);
        db_.query(move_waiting_lines(keeps_history_), {json_names(added)}, true);
    }

    /// A transaction that adds prices and one whose lines wait for them take turns, so that no line misses its price.
    void lock_prices(const names& ids) {
        names objects;
        for (const auto& id : ids) objects.insert("price:" + id);
        lock(objects);
    }

    /// Which of these prices are stored. Those that are not cannot be added before the end of the transaction.
    names find_prices(const names& ids) {
        const auto find = [&] {
            names out;
            const auto found = db_.query(known_prices, {json_names(ids)});
            for (std::size_t row = 0; row < found.size(); ++row) out.emplace(found.text(row, 0));
            return out;
        };
        auto known = find();
        if (known.size() == ids.size()) return known;
        names missing;
        std::set_difference(ids.begin(), ids.end(), known.begin(), known.end(), std::inserter(missing, missing.end()));
        lock_prices(missing);
        return find();
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
        names prices;
        for (const auto& line : invoice.lines) {
            if (!line.price && line.price_id) prices.insert(*line.price_id);
        }
        if (!prices.empty()) prices = find_prices(prices);
        std::vector<stripe::line_item> ready;
        std::vector<stripe::line_item> waiting;
        for (const auto& line : invoice.lines) {
            const bool has_price = line.price || (line.price_id && prices.contains(*line.price_id));
            (has_price ? ready : waiting).push_back(line);
        }
        bool changed = store_lines(invoice.id, ready, upsert_lines);
        changed |= store_lines(invoice.id, waiting, upsert_waiting_lines);
        // A line may have changed its place.
        if (!ready.empty()) db_.query(forget_waiting_lines, {json_names(ids_of(ready))}, true);
        if (!waiting.empty()) db_.query(forget_lines, {json_names(ids_of(waiting))}, true);
        return changed;
    }

    bool store_lines(const std::string& invoice_id, const std::vector<stripe::line_item>& lines, const statement& upsert) {
        if (lines.empty()) return false;
        const auto list = json_rows(lines, [](object_writer& writer, const stripe::line_item& line) {
            writer.add("id", std::string_view(line.id));
            writer.add("type", std::string_view(line.type));
            writer.add_optional("price", price_id_of(line));
            writer.add_optional("invoice_item", line.invoice_item_id);
            writer.add_optional("subscription", line.subscription_id);
            writer.add_optional("subscription_item", line.subscription_item_id);
            writer.add("amount", line.amount);
            writer.add("currency", std::string_view(line.currency));
        });
        return !note("line_item", ids_of(lines), db_.query(upsert, {list, invoice_id}, true)).empty();
    }

    void add(std::string_view action, std::string_view kind, std::string_view id) {
        report_.actions[std::string(action)].insert(fmt::format("{}:{}", kind, id));
    }

    /// Records what happened to the objects `ids`; `written` are the rows created or updated. Returns the ids of these.
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

    /// Notes a change of an object, for record(). The statuses are given if the object has one; `old` is empty for a new object.
    void note_history(std::string_view kind, std::string_view id, const model::text& old = {}, const model::text& status = {}) {
        if (!keeps_history_) return;
        auto& text = history_[fmt::format("{}:{}", kind, id)];
        text.clear();
        object_writer writer(text);
        writer.add("field", std::string_view(fmt::format("stripe.{}", kind)));
        writer.add("name", id);
        if (status && status != old) {
            writer.add_optional("old", old);
            writer.add_optional("new", status);
        }
        writer.close();
    }

    connection& db_;
    const suppression_options& how_;
    bool keeps_history_;
    stripe::ingest_report report_;
    concerned concerned_;
    std::map<std::string, std::string> history_; ///< by kind and id
};

constexpr refusal given_up{errc::conflict, "Others kept writing the same objects, send it again"};

struct outcome {
    stripe::ingest_report report;
    std::size_t scheduled = 0;
};

} // namespace

result<stripe::ingest_report> stripe_repository::ingest(const stripe::object& object) {
    auto done = run(
        db_,
        [&](connection& db) {
            ingest_transaction work(db, db_.connections().options().suppression, keeps_history(db_));
            db.begin();
            std::visit(work, object);
            const auto scheduled = work.schedule();
            work.record();
            db.commit();
            return outcome{std::move(work).report(), scheduled};
        },
        given_up);
    if (!done) return done.error();
    db_.recorder().sync_scheduled(done->scheduled);
    return std::move(done->report);
}

result<std::size_t> stripe_repository::queue_contacts(const stripe::object& object) {
    auto done = run(
        db_,
        [&](connection& db) {
            db.begin();
            const auto scheduled = std::visit(concerned_by(db), object).schedule(db);
            db.commit();
            return scheduled;
        },
        given_up);
    if (done) db_.recorder().sync_scheduled(*done);
    return done;
}

result<std::size_t> stripe_repository::move_ready_lines(int limit) {
    return run(
        db_,
        [&](connection& db) { return db.query(stripe_sql::move_ready_lines(keeps_history(db_)), {std::to_string(limit)}, true).size(); },
        given_up);
}

} // namespace ctms::persistence
