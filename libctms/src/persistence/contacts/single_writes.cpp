// SPDX-License-Identifier: MPL-2.0
#include "single_writes.hpp"

#include "change_rounds.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"

#include <persistence/postgres/suppression.hpp>

#include <boost/throw_exception.hpp>

#include <optional>
#include <thread>

namespace ctms::persistence {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const statement lock_address{"lock_address", "select email_id::text from emails where lower(primary_email) = lower($1)"
                                             " order by email_id for update"};

/// The contact after a write that was made, or the refusal of its address.
result<model::contact> outcome_of(const contact_write& one, const written_contacts& written) {
    if (!written.kept_out.empty()) return suppressed_address();
    return after_write(one, written.times.begin()->second);
}

/// Writes an existing contact whose row is locked. The statement skips it while another transaction has locked its row in the queue.
result<model::contact> update_locked(connection& db, contact_write one, const write_options& how) {
    constexpr milliseconds pause{5};
    const auto until = steady_clock::now() + how.longest_wait;
    const bool is_limited = how.longest_wait.count() > 0; // for PostgreSQL, no timeout is a timeout of 0
    for (;;) {
        const auto written = write_contacts(db, write_kind::update, {&one, 1}, how);
        if (!written.times.empty() || !written.kept_out.empty()) return outcome_of(one, written);
        if (is_limited && steady_clock::now() > until)
            boost::throw_with_location(
                sql_error(sql_error::kind::timeout, "55P03", "", "another transaction kept the place of the contact in the queue locked"));
        std::this_thread::sleep_for(pause);
    }
}

/// Locks the contacts with an address and reads them.
std::vector<model::contact> lock_by_address(connection& db, const std::string& primary_email) {
    std::vector<uuid> ids;
    const auto locked = db.query(lock_address, {primary_email});
    for (std::size_t row = 0; row < locked.size(); ++row) ids.push_back(uuid::parse(locked.text(row, 0)).value_or(uuid{}));
    std::vector<model::contact> out;
    if (ids.empty()) return out;
    for (auto& one : read_by_ids(db, ids)) out.push_back(std::move(one.contact));
    return out;
}

} // namespace

void hold_contact(connection& db, const uuid& email_id) {
    static const statement hold{"hold_contact", "select from emails where email_id = $1::uuid for key share"};
    if (db.query(hold, {email_id.to_string()}).empty())
        boost::throw_with_location(sql_error(sql_error::kind::retryable, "40001", "", "the contact was deleted after it was read"));
}

result<model::contact> insert_contact(connection& db, const model::contact& contact, const model::author& by, const write_options& how) {
    const contact_change change{contact};
    contact_write one{nullptr, &change, by};
    return outcome_of(one, write_contacts(db, write_kind::insert, {&one, 1}, how));
}

result<model::contact> change_contact(connection& db, const contact_to_change& wanted, const write_options& how) {
    lock_contact(db, wanted.email_id);
    const auto found = read_by_id(db, wanted.email_id);
    const auto* before = found.empty() ? nullptr : &found.front();
    const auto change = wanted.compute(before == nullptr ? std::nullopt : std::optional(before->contact));
    if (!change) return change.error();
    if (before == nullptr) return insert_contact(db, change->after, wanted.by, how);
    return update_locked(db, {before, &*change, wanted.by}, how);
}

result<std::vector<model::identity>> remove_contacts(connection& db, const std::string& primary_email, const model::author& by,
                                                     const removal_check& check, bool keeps_history) {
    std::optional<std::size_t> expected;
    if (check) {
        const auto found = lock_by_address(db, primary_email);
        if (const auto allowed = check(found); !allowed) return allowed.error();
        expected = found.size();
    }
    std::vector<parameter> parameters{primary_email, std::string(by.client)};
    if (keeps_history) parameters.emplace_back(std::string(by.request_id));
    auto removed = read_identities(db.query(delete_contacts_statement(keeps_history), parameters, true));
    if (expected && removed.size() != *expected)
        boost::throw_with_location(
            sql_error(sql_error::kind::retryable, "40001", "", "a contact with the address was stored after the others were checked"));
    return removed;
}

} // namespace ctms::persistence
