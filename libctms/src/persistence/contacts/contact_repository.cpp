// SPDX-License-Identifier: MPL-2.0
#include "contact_repository.hpp"

#include "change_rounds.hpp"
#include "contact_rows.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"
#include "updates_horizon.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/replica_reads.hpp>

#include <algorithm>
#include <utility>

namespace ctms::persistence {
namespace {

/// Accepts an answer of the replica only if it is not empty: a contact that has just been stored may still be missing there.
constexpr auto found_any = [](const auto& found) { return !found.empty(); };

} // namespace

contact_repository::contact_repository(database& db, database* replica)
    : db_(db),
      replica_(replica == nullptr ? nullptr : std::make_shared<replica_reads>(*replica)),
      horizon_(std::make_shared<shared_horizon>()) {}

result<model::contact> contact_repository::find(const uuid& email_id) {
    auto found = run(db_, [&](connection& db) { return read_by_id(db, email_id); });
    if (!found) return found.error();
    if (found->empty()) return not_found("Unknown email_id");
    return std::move(found->front().contact);
}

result<std::vector<model::contact>> contact_repository::find(std::span<const uuid> email_ids) {
    auto found = run(db_, [&](connection& db) { return read_by_ids(db, email_ids); });
    if (!found) return found.error();
    std::vector<model::contact> out;
    for (auto& one : *found) out.push_back(std::move(one.contact));
    return out;
}

result<std::vector<model::contact>> contact_repository::find(const model::identity_query& query) {
    if (query == model::identity_query{}) return std::vector<model::contact>(); // not all contacts
    const auto ids = ids_lookup(query);
    const statement what{ids.name, contacts_sql(ids.sql)};
    return run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_contacts(db.query(what, ids.parameters)); },
        found_any);
}

result<std::vector<std::vector<model::contact>>> contact_repository::find_by_addresses(std::span<const std::string> primary_emails) {
    static const statement by_addresses{"contacts_by_addresses", contacts_by_addresses_sql()};
    const auto read = [&](connection& db) {
        return read_contacts_by_address(db.query(by_addresses, {json_names(primary_emails)}), primary_emails.size());
    };
    return run_read(db_, replica_.get(), read, [](const auto& found) { return std::all_of(found.begin(), found.end(), found_any); });
}

result<std::vector<model::identity>> contact_repository::find_identities(const model::identity_query& query) {
    if (query == model::identity_query{}) return std::vector<model::identity>(); // not all contacts
    auto ids = identities_lookup(query);
    const statement what{std::move(ids.name), std::move(ids.sql)};
    return run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_identities(db.query(what, ids.parameters)); },
        found_any);
}

result<updates_horizon> contact_repository::horizon() { return horizon_->get(db_); }

result<std::size_t> contact_repository::visit_updates(const model::updates_query& query,
                                                      const std::function<void(const model::contact&)>& visit) {
    const auto page = updates_lookup(query);
    const statement what{page.name, contacts_sql(page.sql)};
    if (replica_) {
        const auto position = run(db_, [](connection& db) { return log_position(db); });
        if (!position) return position.error();
        const auto answer = replica_->ask([&](connection& replica) -> std::optional<rows> {
            if (!has_replayed(replica, *position)) return std::nullopt;
            return replica.query(what, page.parameters);
        });
        if (answer && *answer) return visit_contacts(**answer, visit);
    }
    const auto found = run(db_, [&](connection& db) { return db.query(what, page.parameters); });
    if (!found) return found.error();
    return visit_contacts(*found, visit);
}

result<model::contact> contact_repository::create(const model::contact& contact, std::string_view client) {
    const contact_change change{contact};
    const contact_write one{nullptr, &change, client};
    const auto limit = db_.connections().options().lock_timeout;
    const auto times = run(db_, [&](connection& db) { return write_contacts(db, write_kind::insert, {&one, 1}, limit); });
    if (!times) return with_conflicts(db_, times.error(), contact);
    db_.recorder().sync_scheduled(1);
    return after_write(one, times->begin()->second);
}

result<model::contact> contact_repository::change(const uuid& email_id, const change_function& compute, std::string_view client) {
    const contact_to_change one{email_id, compute, client};
    return std::move(change({&one, 1}).front());
}

void contact_repository::change(std::span<const contact_to_change> several, const changes_done& done) {
    change_rounds(db_, several, done).make();
}

std::vector<result<model::contact>> contact_repository::change(std::span<const contact_to_change> several) {
    std::vector<result<model::contact>> out(several.size(), result<model::contact>(model::contact{}));
    change(several, [&](std::span<change_outcome> some) {
        for (auto& one : some) out[one.index] = std::move(one.contact);
    });
    return out;
}

result<std::vector<model::identity>> contact_repository::remove(const std::string& primary_email, std::string_view client) {
    auto removed = run(db_, [&](connection& db) {
        return read_identities(db.query(delete_contacts_statement(), {primary_email, std::string(client)}, true));
    });
    if (removed) db_.recorder().sync_scheduled(removed->size());
    return removed;
}

} // namespace ctms::persistence
