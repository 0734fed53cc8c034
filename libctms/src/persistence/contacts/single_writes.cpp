// SPDX-License-Identifier: MPL-2.0
#include "single_writes.hpp"

#include "change_rounds.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"

#include <boost/throw_exception.hpp>

#include <optional>
#include <thread>

namespace ctms::persistence {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const statement lock_address{"lock_address", "select email_id::text from emails where lower(primary_email) = lower($1)"
                                             " order by email_id for update"};

/// Writes an existing contact whose row is locked. The statement skips it while another transaction has locked its row in the queue.
timestamp update_locked(connection& db, const contact_write& one, milliseconds longest_wait) {
    constexpr milliseconds pause{5};
    const auto until = steady_clock::now() + longest_wait;
    for (;;) {
        const auto times = write_contacts(db, write_kind::update, {&one, 1}, longest_wait);
        if (!times.empty()) return times.begin()->second;
        if (steady_clock::now() > until)
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

model::contact insert_contact(connection& db, const model::contact& contact, std::string_view client, milliseconds longest_wait) {
    const contact_change change{contact};
    const contact_write one{nullptr, &change, client};
    const auto times = write_contacts(db, write_kind::insert, {&one, 1}, longest_wait);
    return after_write(one, times.begin()->second);
}

result<model::contact> change_contact(connection& db, const contact_to_change& wanted, milliseconds longest_wait) {
    lock_contact(db, wanted.email_id);
    const auto found = read_by_id(db, wanted.email_id);
    const auto* before = found.empty() ? nullptr : &found.front();
    const auto change = wanted.compute(before == nullptr ? std::nullopt : std::optional(before->contact));
    if (!change) return change.error();
    if (before == nullptr) return insert_contact(db, change->after, wanted.client, longest_wait);
    const contact_write one{before, &*change, wanted.client};
    return after_write(one, update_locked(db, one, longest_wait));
}

result<std::vector<model::identity>> remove_contacts(connection& db, const std::string& primary_email, std::string_view client,
                                                     const removal_check& check) {
    std::optional<std::size_t> expected;
    if (check) {
        const auto found = lock_by_address(db, primary_email);
        if (const auto allowed = check(found); !allowed) return allowed.error();
        expected = found.size();
    }
    auto removed = read_identities(db.query(delete_contacts_statement(), {primary_email, std::string(client)}, true));
    if (expected && removed.size() != *expected)
        boost::throw_with_location(
            sql_error(sql_error::kind::retryable, "40001", "", "a contact with the address was stored after the others were checked"));
    return removed;
}

} // namespace ctms::persistence
