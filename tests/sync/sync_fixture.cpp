// SPDX-License-Identifier: MPL-2.0
#include "sync_fixture.hpp"

#include <ctms/acoustic/vendor_rows.hpp>
#include <persistence/sync/acoustic_configuration_repository.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

service::sync_options quick_options() {
    service::sync_options out;
    out.lease = 20s;
    out.first_wait = 20ms;
    out.longest_wait = 200ms;
    out.first_pause = 20ms;
    out.longest_pause = 50ms;
    return out;
}

mozlog::options log_options() {
    mozlog::options out;
    out.level = mozlog::severity::debug;
    out.hostname = "test";
    return out;
}

timestamp at(int seconds) { return timestamp(std::chrono::seconds(seconds)); }

model::stripe::subscription subscription_of(int number, const std::vector<std::string>& products) {
    model::stripe::subscription out;
    out.id = fmt::format("sub_{}", number);
    out.customer_id = fmt::format("cus_{}", number);
    out.status = "active";
    out.created = out.start_date = at(100);
    out.current_period_start = at(102);
    out.current_period_end = at(1'700'000'000);
    for (const auto& product : products) {
        const model::stripe::price price{"price_" + product, product, at(50), true, "usd", "month", 1, 999};
        out.items.push_back({fmt::format("si_{}_{}", number, product), at(200), out.id, price});
    }
    return out;
}

fake_acoustic::row row_of(const std::vector<acoustic::column>& columns) {
    fake_acoustic::row out;
    for (const auto& [name, value] : columns) out[name] = value;
    return out;
}

/// Compares only the columns that the contact sends: columns that it no longer sends stay at the vendor.
void compare_main(std::string& out, const std::string& id, const fake_acoustic::row& wanted, const fake_acoustic::row& found) {
    for (const auto& [name, value] : wanted) {
        const auto there = found.find(name);
        if (there == found.end() || there->second != value)
            out += fmt::format("{} {}: '{}', not '{}'\n", id, name, there == found.end() ? "nothing" : there->second, value);
    }
}

void compare(std::string& out, std::string_view table, const fake_acoustic::relational& wanted, const fake_acoustic::relational& found) {
    for (const auto& [key, row] : wanted) {
        const auto there = found.find(key);
        if (there == found.end()) out += fmt::format("{} {} {}: missing\n", table, key.first, key.second);
        if (there != found.end() && there->second != row) out += fmt::format("{} {} {}: differs\n", table, key.first, key.second);
    }
    for (const auto& [key, row] : found) {
        if (!wanted.contains(key)) out += fmt::format("{} {} {}: unexpected\n", table, key.first, key.second);
    }
}

} // namespace

acoustic::client_options client_options_for(const fake_acoustic& vendor) {
    const fake_acoustic_options expected;
    acoustic::client_options out;
    out.base_url = vendor.url();
    out.client_id = expected.client_id;
    out.client_secret = expected.client_secret;
    out.refresh_token = expected.refresh_token;
    out.main_table_id = expected.main_table_id;
    out.newsletter_table_id = expected.newsletter_table_id;
    out.product_table_id = expected.product_table_id;
    return out;
}

sync_fixture::sync_fixture(fake_acoustic_options vendor_options)
    : vendor(std::move(vendor_options)), options(quick_options()), log_(log_options(), std::make_unique<capturing_sink>(captured_)) {}

void sync_fixture::add(int first, int last, const std::vector<std::string>& newsletters) {
    for (int number = first; number <= last; ++number) {
        model::contact made;
        made.email.email_id = contact(number);
        made.email.primary_email = fmt::format("user{}@example.com", number);
        made.email.first_name = fmt::format("name{}", number);
        for (const auto& name : newsletters) {
            model::newsletter one;
            one.name = name;
            made.newsletters.push_back(one);
        }
        REQUIRE(contacts_.create(made).has_value());
    }
}

void sync_fixture::change(int number, const std::function<void(model::contact&)>& how) {
    const auto done = contacts_.change(contact(number), [&](const auto& stored) -> result<persistence::contact_change> {
        persistence::contact_change out{stored.value()};
        how(out.after);
        return out;
    });
    if (!done) throw std::runtime_error(done.error().message + " " + done.error().detail);
}

void sync_fixture::write(int number, const std::string& name) {
    change(number, [&](model::contact& one) { one.email.first_name = name; });
}

void sync_fixture::remove(int number) {
    const auto address = value(fmt::format("select primary_email from emails where email_id = '{}'", id(number)));
    REQUIRE(contacts_.remove(address).value().size() == 1);
}

void sync_fixture::pay(int number, const std::vector<std::string>& products) {
    const auto account = fmt::format("account{}", number);
    change(number, [&](model::contact& one) {
        if (!one.fxa) one.fxa.emplace();
        one.fxa->fxa_id = account;
    });
    REQUIRE(stripe_.ingest(model::stripe::customer{fmt::format("cus_{}", number), at(90), account, {}, {}, {}}).has_value());
    REQUIRE(stripe_.ingest(subscription_of(number, products)).has_value());
}

void sync_fixture::request(int first, int last) {
    for (int n = first; n <= last; ++n)
        link.execute(
            persistence::request_sync_sql(persistence::queue_priority::write, fmt::format("(select '{}'::uuid as email_id) c", id(n))));
}

std::unique_ptr<sync_worker> sync_fixture::make_worker() {
    auto vendor_options = client_options_for(vendor);
    vendor_options.timeout = call_timeout;
    return std::make_unique<sync_worker>(pool, log_, vendor_options, options);
}

service::sync& sync_fixture::sync() {
    if (!worker_) worker_ = make_worker();
    return worker_->sync;
}

void sync_fixture::note(const service::cycle_report& report) {
    totals.total += report.total;
    totals.synced += report.synced;
    totals.retried += report.retried;
    totals.failed += report.failed;
    totals.skipped += report.skipped;
}

service::cycle_report sync_fixture::cycle() {
    const auto report = sync().run_cycle();
    if (!report) throw std::runtime_error("the cycle failed: " + report.error().detail);
    note(*report);
    return *report;
}

bool sync_fixture::run_until_idle(milliseconds limit) {
    const auto deadline = clock::now() + limit;
    while (clock::now() < deadline) {
        const auto report = sync().run_cycle();
        if (report) note(*report);
        const auto counts = queue.count();
        if (counts && counts->backlog == 0) return true;
        if (!report || report->total == 0) std::this_thread::sleep_for(2ms);
    }
    return false;
}

std::jthread sync_fixture::begin_cycle(int more, const std::stop_token& stop) {
    const auto before = calls();
    auto& worker = sync();
    std::jthread out([&worker, stop] { (void)worker.run_cycle(stop); });
    REQUIRE(becomes_true([&] { return calls() >= before + more; }));
    return out;
}

void sync_fixture::warm_up() {
    constexpr int number = 999'999;
    add(number, number, {});
    cycle();
    remove(number);
    cycle();
    REQUIRE(waiting() == 0);
    totals = {};
}

std::string sync_fixture::difference(const std::set<int>& but_for) {
    std::vector<uuid> ids;
    const auto stored = link.execute("select email_id::text from emails");
    for (std::size_t row = 0; row < stored.size(); ++row) ids.push_back(uuid::parse(stored.text(row, 0)).value());
    std::set<std::string> left_out;
    for (const int number : but_for) left_out.insert(id(number));
    const auto found = contacts_.find(ids).value();
    const auto configuration = persistence::acoustic_configuration_repository(pool).read().value();
    const auto there = vendor.contacts();
    std::string out;
    std::size_t count = 0;
    fake_acoustic::relational newsletters;
    fake_acoustic::relational products;
    for (const auto& one : found) {
        const auto email_id = one.email.email_id.to_string();
        if (left_out.contains(email_id)) continue;
        const auto rows = acoustic::to_rows(one, products_.find(std::vector{one.email.email_id}).value().at(0), configuration);
        const auto main = there.find(email_id);
        compare_main(out, email_id, row_of(rows.main), main == there.end() ? fake_acoustic::row() : main->second);
        for (const auto& row : rows.newsletters) newsletters[{email_id, row.key}] = row_of(row.columns);
        for (const auto& row : rows.products) products[{email_id, row.key}] = row_of(row.columns);
        ++count;
    }
    const auto is_left_out = [&](const auto& row) { return left_out.contains(row.first.first); };
    auto their_newsletters = vendor.newsletters();
    auto their_products = vendor.products();
    std::erase_if(their_newsletters, is_left_out);
    std::erase_if(their_products, is_left_out);
    for (const auto& [email_id, row] : there) count -= left_out.contains(email_id) ? 0 : 1;
    if (count != 0) out += "the vendor has a different number of contacts\n";
    compare(out, "newsletter", newsletters, their_newsletters);
    compare(out, "product", products, their_products);
    return out;
}

bool sync_fixture::vendor_knows(int number) const {
    const auto has = [&](const auto& table) {
        return std::any_of(table.begin(), table.end(), [&](const auto& row) { return row.first.first == id(number); });
    };
    return vendor.contacts().contains(id(number)) || has(vendor.newsletters()) || has(vendor.products());
}

std::string sync_fixture::vendor_name(int number) const {
    const auto all = vendor.contacts();
    const auto found = all.find(id(number));
    return found == all.end() ? "" : found->second.at("first_name");
}

int sync_fixture::calls(const std::string& method) const {
    const auto counts = vendor.counts();
    const auto found = counts.calls.find(method);
    return found == counts.calls.end() ? 0 : found->second;
}

int sync_fixture::calls() const {
    int out = 0;
    for (const auto& [method, count] : vendor.counts().calls) out += method == "token" ? 0 : count;
    return out;
}

void sync_fixture::fault(fake_fault::kind what, const std::string& method, const std::string& holds, int number, int times,
                         const std::string& text) {
    fake_fault out;
    out.what = what;
    out.method = method;
    out.holds = holds;
    out.number = number;
    out.times = times;
    out.text = text;
    vendor.add_fault(out);
}

std::string sync_fixture::value(const std::string& sql) {
    const auto found = link.execute(sql);
    return found.empty() ? "" : std::string(found.text(0, 0));
}

std::string sync_fixture::row(int number) {
    return value(fmt::format("select concat_ws(' ', operation, retry, state, case when claimed_by is null then 'free' else 'claimed' end)"
                             " from ctms_sync_queue where email_id = '{}'",
                             id(number)));
}

std::vector<boost::json::object> sync_fixture::log_lines() {
    REQUIRE(log_.flush(60s));
    return captured_->lines();
}

std::string sync_fixture::log_text() {
    REQUIRE(log_.flush(60s));
    return captured_->text();
}

} // namespace ctms::test
