// SPDX-License-Identifier: MPL-2.0
#include "change_rounds.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

namespace ctms::persistence {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How many rounds a contact that waits alone is tried without being locked.
constexpr int quick_tries = 3;

/// A list with a duplicate name violates a unique key, as an id that is already in use does.
bool has_duplicates(const auto& list) {
    std::set<std::string_view> names;
    for (const auto& item : list) {
        if (!names.insert(item.name).second) return true;
    }
    return false;
}

/// Begins a transaction whose statements wait at most this long for each lock.
void begin_with_limit(connection& db, milliseconds limit) {
    db.begin();
    db.execute(fmt::format("set local lock_timeout = {}", limit.count()));
}

/// Whether a write stores another address, or lets its owner get email again.
bool may_be_kept_out(const contact_write& one) {
    if (one.before == nullptr) return true;
    const auto& before = one.before->contact.email;
    const auto& after = one.change->after.email;
    return before.primary_email != after.primary_email || (before.has_opted_out_of_email && !after.has_opted_out_of_email);
}

written_contacts write_once(connection& db, write_kind kind, std::span<const contact_write> contacts, const write_options& how) {
    auto records = records_of(contacts, how.keeps_history);
    const auto& what = write_contacts_statement(kind, records.tables, how.keeps_history);
    const auto written =
        db.query(what, {std::move(records.json), std::to_string(how.longest_wait.count()), std::move(records.documents)}, true);
    written_contacts out;
    for (std::size_t row = 0; row < written.size(); ++row) {
        const auto id = uuid::parse(written.text(row, 0)).value_or(uuid{});
        written.is_null(row, 1) ? void(out.kept_out.insert(id)) : void(out.times.emplace(id, read_time(written, row, 1)));
    }
    return out;
}

} // namespace

/// A change that is ready to be written.
struct change_rounds::prepared_change {
    std::size_t place;
    const stored_contact* before; ///< null for a new contact
    contact_change change;
};

/// How far one transaction came.
struct change_rounds::attempt {
    std::vector<stored_contact> found{};
    std::vector<prepared_change> ready{};
    std::vector<prepared_change> new_contacts{};
    std::vector<change_outcome> known{};
    std::size_t left = 0; ///< those in `known` that needed no write
    bool failed = false;  ///< nothing was written, perhaps because of only one of the changes
};

change_rounds::change_rounds(database& db, std::span<const contact_to_change> several, const changes_done& done)
    : db_(db), several_(several), done_(done) {
    for (std::size_t place = 0; place < several.size(); ++place) waiting_.push_back(place);
}

void change_rounds::make() {
    while (!waiting_.empty()) {
        const auto before = waiting_.size();
        const auto turn = first_of_each_contact();
        make_round(turn);
        report();
        fruitless_ = waiting_.size() < before ? 0 : fruitless_ + 1;
        if (fruitless_ > (turn.size() == 1 ? quick_tries : 0)) pause();
        if (waiting_.empty() || !is_over()) continue;
        const sql_error held(sql_error::kind::timeout, "55P03", "", "other transactions kept the contact or its place in the queue locked");
        settle_all(to_error(held, db_.recorder()));
        report();
    }
}

change_rounds::places change_rounds::first_of_each_contact() const {
    places out;
    std::set<uuid> seen;
    for (const auto place : waiting_) {
        if (seen.insert(several_[place].email_id).second) out.push_back(place);
    }
    return out;
}

void change_rounds::make_round(const places& turn) {
    // How long several changes wait because of one of them.
    constexpr milliseconds longest_together{100};
    constexpr milliseconds longest_of_each{50};
    if (turn.size() == 1) return try_together(turn, time_left(), fruitless_ >= quick_tries);
    if (!each_alone_) return try_together(turn, longest_together, false);
    for (const auto place : turn) try_together({place}, longest_of_each, false);
    each_alone_ =
        std::any_of(turn.begin(), turn.end(), [&](auto place) { return std::binary_search(waiting_.begin(), waiting_.end(), place); });
}

void change_rounds::try_together(const places& turn, milliseconds longest_wait, bool lock) {
    const auto wait = std::min(longest_wait, time_left());
    attempt last;
    const auto tried = run(db_, [&](connection& db) {
        last = {};
        try {
            read_and_write(db, turn, wait, lock, last);
        } catch (const sql_error& failure) {
            using kind = sql_error::kind;
            const auto why = failure.reason();
            const bool may_be_of_one = why == kind::unique || why == kind::bad_value || why == kind::other || why == kind::retryable;
            if (!(why == kind::timeout && !is_over()) && !(may_be_of_one && turn.size() > 1)) throw;
            last.failed = true;
        }
    });
    for (auto& one : last.known) settle(one.index, std::move(one.contact));
    left_ += last.left;
    if (!tried && turn.size() > 1) return settle_all(tried.error());
    if (!tried) {
        auto failure = last.ready.empty() ? tried.error() : with_conflicts(db_, tried.error(), last.ready.front().change.after);
        std::erase(failure.conflicts, "email_id"); // the id belongs to this contact
        return settle(turn.front(), std::move(failure));
    }
    each_alone_ = each_alone_ || (last.failed && turn.size() > 1);
    for (const auto& one : last.new_contacts) insert(one, wait);
}

void change_rounds::read_and_write(connection& db, const places& turn, milliseconds longest_wait, bool lock, attempt& into) const {
    bool limited = lock || is_late();
    if (limited) begin_with_limit(db, time_left());
    if (lock) lock_contact(db, several_[turn.front()].email_id);
    if (turn.size() == 1) {
        into.found = read_by_id(db, several_[turn.front()].email_id);
    } else {
        std::vector<uuid> ids;
        for (const auto place : turn) ids.push_back(several_[place].email_id);
        into.found = read_by_ids(db, ids);
    }
    if (!limited && is_late()) return; // the read waited; the next round limits how long it waits
    prepare(turn, into);
    if (into.ready.empty()) return;
    std::vector<contact_write> writes;
    for (const auto& one : into.ready) writes.push_back({one.before, &one.change, several_[one.place].by});
    const auto how = write_options_of(db_, longest_wait);
    // Contacts that the first statement keeps out are written by a second one, which may fail.
    if (!limited && how.suppression.opts_out && writes.size() > 1) {
        begin_with_limit(db, time_left());
        limited = true;
    }
    const auto written = write_contacts(db, write_kind::update, writes, how);
    if (limited && !written.times.empty()) db.commit();
    for (std::size_t i = 0; i < writes.size(); ++i) {
        const auto& id = writes[i].before->contact.email.email_id;
        const auto time = written.times.find(id);
        if (time != written.times.end()) into.known.push_back({into.ready[i].place, after_write(writes[i], time->second)});
        if (written.kept_out.contains(id)) into.known.push_back({into.ready[i].place, suppressed_address()});
    }
}

/// Computes the new content of the contacts that were found.
void change_rounds::prepare(const places& turn, attempt& into) const {
    std::map<uuid, const stored_contact*> by_id;
    for (const auto& one : into.found) by_id.emplace(one.contact.email.email_id, &one);
    for (const auto place : turn) {
        const auto& wanted = several_[place];
        const auto stored = by_id.find(wanted.email_id);
        const bool exists = stored != by_id.end();
        auto change = wanted.compute(exists ? std::optional(stored->second->contact) : std::nullopt);
        if (!change) {
            into.known.push_back({place, change.error()});
        } else if (exists && change->leave) {
            into.known.push_back({place, stored->second->contact});
            ++into.left;
        } else if (exists) {
            into.ready.push_back({place, stored->second, std::move(*change)});
        } else {
            into.new_contacts.push_back({place, nullptr, std::move(*change)});
        }
    }
}

void change_rounds::insert(const prepared_change& one, milliseconds longest_wait) {
    contact_write wanted{nullptr, &one.change, several_[one.place].by};
    const auto written = run(db_, [&](connection& db) {
        const bool limited = is_late();
        if (limited) begin_with_limit(db, time_left());
        auto done = write_contacts(db, write_kind::insert, {&wanted, 1}, write_options_of(db_, longest_wait));
        if (limited) db.commit();
        return done;
    });
    if (written && !written->kept_out.empty()) return settle(one.place, suppressed_address());
    if (written) return settle(one.place, after_write(wanted, written->times.begin()->second));
    if (fruitless_ < quick_tries && is_race_of_inserts(written.error())) return; // stays waiting
    auto failure = with_conflicts(db_, written.error(), one.change.after);
    std::erase(failure.conflicts, "email_id");
    settle(one.place, std::move(failure));
}

/// Lets other writers finish. Writers that collided must not try again at the same moment.
void change_rounds::pause() const {
    constexpr int most_doublings = 5;
    std::minstd_rand random(std::random_device{}());
    std::uniform_int_distribution<int> chosen(1, 2 << std::min(fruitless_, most_doublings));
    std::this_thread::sleep_for(std::min(milliseconds(chosen(random)), time_left()));
}

void change_rounds::settle(std::size_t place, result<model::contact> outcome) {
    std::erase(waiting_, place);
    known_.push_back({place, std::move(outcome)});
}

void change_rounds::settle_all(const error& failure) {
    for (const auto place : waiting_) known_.push_back({place, failure});
    waiting_.clear();
}

void change_rounds::report() {
    if (known_.empty()) return;
    const auto made = std::count_if(known_.begin(), known_.end(), [](const auto& one) { return one.contact.has_value(); });
    const auto written = static_cast<std::size_t>(made) - std::exchange(left_, 0);
    if (written > 0) db_.recorder().sync_scheduled(written);
    std::sort(known_.begin(), known_.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    done_(known_);
    known_.clear();
}

milliseconds change_rounds::time_left() const {
    constexpr std::chrono::hours unlimited{24}; // for PostgreSQL, no timeout is a timeout of 0
    const auto timeout = db_.connections().options().lock_timeout;
    const auto limit = timeout.count() == 0 ? milliseconds(unlimited) : timeout;
    const auto spent = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun_);
    return std::max(limit - spent, milliseconds{1});
}

/// Whether enough time has passed that the server's own limit, which starts anew for each lock, would be too long.
bool change_rounds::is_late() const {
    constexpr milliseconds negligible{100};
    return steady_clock::now() - begun_ > negligible;
}

bool is_race_of_inserts(const error& failure) {
    return failure.code == errc::conflict && failure.detail.find("emails_pkey") != std::string::npos;
}

void lock_contact(connection& db, const uuid& email_id) {
    static const statement lock{"lock_contact", "select 1 from emails where email_id = $1::uuid for update"};
    db.query(lock, {email_id.to_string()});
}

std::vector<stored_contact> read_by_id(connection& db, const uuid& email_id) {
    static const statement by_id{"contact_by_id", contact_by_id_sql()};
    return read_stored_contacts(db.query(by_id, {email_id.to_string()}));
}

std::vector<stored_contact> read_by_ids(connection& db, std::span<const uuid> email_ids) {
    static const statement by_ids{"contacts_by_ids", contacts_sql("select distinct unnest($1::uuid[]) as email_id")};
    return read_stored_contacts(db.query(by_ids, {array_of(email_ids)}));
}

written_contacts write_contacts(connection& db, write_kind kind, std::span<contact_write> contacts, const write_options& how) {
    if (how.suppression.hashes) {
        for (auto& one : contacts) {
            if (may_be_kept_out(one)) one.hashes = hashes_of_address(db, how.suppression, one.change->after.email.primary_email);
        }
    }
    auto out = write_once(db, kind, contacts, how);
    if (out.kept_out.empty() || !how.suppression.opts_out) return out;
    std::vector<contact_write> again;
    for (auto& one : contacts) {
        if (!out.kept_out.contains(one.change->after.email.email_id)) continue;
        one.hashes.clear();
        one.opt_out = true;
        again.push_back(one);
    }
    out.times.merge(write_once(db, kind, again, how).times);
    out.kept_out.clear();
    return out;
}

error with_conflicts(database& db, error failure, const model::contact& contact) {
    if (failure.code != errc::conflict) return failure;
    const auto taken =
        run(db, [&](connection& link) { return link.query(find_conflicts_statement(), find_conflicts_parameters(contact)); });
    if (!taken) return taken.error();
    failure.conflicts.clear();
    for (std::size_t row = 0; row < taken->size(); ++row) failure.conflicts.emplace_back(taken->text(row, 0));
    if (has_duplicates(contact.newsletters)) failure.conflicts.emplace_back("newsletters");
    if (has_duplicates(contact.waitlists)) failure.conflicts.emplace_back("waitlists");
    return failure;
}

} // namespace ctms::persistence
