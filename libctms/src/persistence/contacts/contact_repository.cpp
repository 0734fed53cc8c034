// SPDX-License-Identifier: MPL-2.0
#include "contact_repository.hpp"

#include "change_rounds.hpp"
#include "contact_documents.hpp"
#include "contact_rows.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"
#include "single_writes.hpp"
#include "updates_horizon.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/replica_reads.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

namespace ctms::persistence {
namespace {

/// Accepts an answer of the replica only if it is not empty: a contact that has just been stored may still be missing there.
constexpr auto found_any = [](const auto& found) { return !found.empty(); };

constexpr auto found_documents_of_any = [](const found_documents& found) { return !found.matches.empty(); };

constexpr std::string_view one_selection = "select email_id, xmin as version from emails where email_id = $1::uuid";
constexpr std::string_view some_selection = "select email_id, xmin as version from emails where email_id = any ($1::uuid[])";

error too_many_matches() {
    return malformed(fmt::format("More than {} contacts match: give another identifier of the contact, too", most_matches));
}

/// What was found, unless it is more than a lookup may find.
template <class T>
result<std::vector<T>> bounded(result<std::vector<T>> found) {
    if (found && found->size() > most_matches) return too_many_matches();
    return found;
}

std::vector<model::contact_document> in_order(found_documents&& found) {
    std::vector<model::contact_document> out;
    for (auto& [email_id, json] : found.json) out.push_back({email_id, std::move(json)});
    return out;
}

/// A page of /updates as it was read.
template <class Found>
struct updates_page {
    Found found;
    std::optional<model::updates_cursor> examined_end{}; ///< where it ends if it is not full; nullopt: at the end of the period
};

/// Calls `read`, which returns what it found, and `count`, which returns how many contacts that are. If the lookup wants it, plans look
/// rows up in indexes one by one, whatever the statistics say: they may be missing, old, or silent about where the rows are that a
/// statement wants. If such a page is not full, also reads where it ends, in the same snapshot.
template <class Read, class Count>
auto read_updates(connection& db, const model::updates_query& query, const lookup& what, const Read& read, const Count& count) {
    using page = updates_page<decltype(read())>;
    if (!what.by_indexes) return page{read()};
    db.begin();
    db.execute("set transaction isolation level repeatable read; set local enable_seqscan = off; set local enable_bitmapscan = off;"
               " set local enable_hashjoin = off; set local enable_mergejoin = off");
    page out{read()};
    if (count(out.found) < static_cast<std::size_t>(query.limit)) {
        const auto end = examined_end(query);
        const auto found = db.query({end.name, end.sql}, end.parameters);
        if (!found.empty()) out.examined_end = {read_time(found, 0, 0), uuid::parse(found.text(0, 1)).value_or(uuid{})};
    }
    db.rollback();
    return out;
}

} // namespace

contact_repository::contact_repository(database& db, database* replica, bool stores_documents)
    : db_(db),
      replica_(replica == nullptr ? nullptr : std::make_shared<replica_reads>(*replica)),
      horizon_(std::make_shared<shared_horizon>()),
      store_(stores_documents ? std::make_shared<document_store>(db) : nullptr) {}

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
    return bounded(run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_contacts(db.query(what, ids.parameters)); },
        found_any));
}

result<std::vector<model::contact_document>> contact_repository::documents(std::span<const uuid> email_ids) {
    static const statement one{"document_by_id", documents_sql(one_selection)};
    static const statement some{"documents_by_ids", documents_sql(some_selection)};
    const bool is_one = email_ids.size() == 1;
    const std::vector<parameter> parameters{is_one ? email_ids.front().to_string() : array_of(email_ids)};
    auto found = run(db_, [&](connection& db) { return read_documents(db, is_one ? one : some, parameters); });
    if (!found) return found.error();
    if (store_) store_->store(found->to_store);
    return in_order(std::move(*found));
}

result<std::vector<model::contact_document>> contact_repository::documents(const model::identity_query& query) {
    if (query == model::identity_query{}) return std::vector<model::contact_document>(); // not all contacts
    const auto ids = ids_lookup(query);
    const statement what{name_around("documents", ids), documents_sql(ids.sql)};
    auto found = run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_documents(db, what, ids.parameters); },
        found_documents_of_any);
    if (!found) return found.error();
    if (found->matches.size() > most_matches) return too_many_matches();
    if (store_) store_->store(found->to_store);
    return in_order(std::move(*found));
}

std::vector<result<std::vector<model::contact_document>>> contact_repository::documents(std::span<const model::identity_query> queries) {
    struct group {
        std::vector<std::size_t> places; ///< of the queries
        std::vector<std::string> ids;
    };
    std::vector<result<std::vector<model::contact_document>>> out(queries.size(), std::vector<model::contact_document>());
    std::map<std::size_t, group> groups; // by the kind of id
    for (std::size_t place = 0; place < queries.size(); ++place) {
        auto id = lone_id_of(queries[place]);
        if (!id) {
            out[place] = documents(queries[place]);
            continue;
        }
        auto& its_group = groups[id->kind];
        its_group.places.push_back(place);
        its_group.ids.push_back(std::move(id->value));
    }
    for (const auto& [kind, one] : groups) {
        if (one.places.size() == 1) {
            out[one.places.front()] = documents(queries[one.places.front()]);
            continue;
        }
        auto found = documents_by(kind, one.ids, queries[one.places.front()].email_id ? nullptr : replica_.get());
        for (std::size_t i = 0; i < one.places.size(); ++i) {
            if (found) {
                out[one.places[i]] = bounded(result<std::vector<model::contact_document>>(std::move((*found)[i])));
            } else {
                out[one.places[i]] = found.error();
            }
        }
    }
    return out;
}

result<std::vector<std::vector<model::contact_document>>>
contact_repository::documents_by(std::size_t kind, std::span<const std::string> ids, replica_reads* replica) {
    static const auto statements = [] {
        auto all = many_lookups();
        for (auto& one : all) one = {"documents_" + one.name, documents_sql(one.sql, "w.place - 1")};
        return all;
    }();
    const std::vector<parameter> parameters{json_names(ids)};
    const auto has_all = [&](const found_documents& found) {
        std::vector<bool> has(ids.size());
        for (const auto& match : found.matches) has.at(static_cast<std::size_t>(match.number)) = true;
        return std::find(has.begin(), has.end(), false) == has.end();
    };
    const auto found = run_read(
        db_, replica, [&](connection& db) { return read_documents(db, statements.at(kind), parameters); }, has_all);
    if (!found) return found.error();
    if (store_) store_->store(found->to_store);
    std::vector<std::vector<model::contact_document>> out(ids.size());
    for (const auto& match : found->matches) {
        const auto json = found->json.find(match.email_id);
        if (json != found->json.end()) out.at(static_cast<std::size_t>(match.number)).push_back({match.email_id, json->second});
    }
    for (auto& one : out) std::sort(one.begin(), one.end(), [](const auto& a, const auto& b) { return a.email_id < b.email_id; });
    return out;
}

result<std::vector<model::identity>> contact_repository::find_identities(const model::identity_query& query) {
    if (query == model::identity_query{}) return std::vector<model::identity>(); // not all contacts
    auto ids = identities_lookup(query);
    const statement what{std::move(ids.name), std::move(ids.sql)};
    return bounded(run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_identities(db.query(what, ids.parameters)); },
        found_any));
}

result<updates_horizon> contact_repository::horizon() { return horizon_->get(db_); }

/// Reads at the replica if it has everything that the primary has at the moment, otherwise at the primary.
template <class Read>
auto contact_repository::read_page(const Read& read) -> result<decltype(read(std::declval<connection&>()))> {
    using page = decltype(read(std::declval<connection&>()));
    if (replica_) {
        const auto position = run(db_, [](connection& db) { return log_position(db); });
        if (!position) return position.error();
        auto answer = replica_->ask([&](connection& replica) -> std::optional<page> {
            if (!has_replayed(replica, *position)) return std::nullopt;
            return read(replica);
        });
        if (answer && *answer) return std::move(**answer);
    }
    return run(db_, read);
}

result<std::optional<model::updates_cursor>> contact_repository::visit_updates(const model::updates_query& query,
                                                                               const std::function<void(const model::contact&)>& visit) {
    const auto wanted = updates_lookup(query);
    const statement what{wanted.name, contacts_sql(wanted.sql)};
    const auto read = read_page([&](connection& db) {
        return read_updates(
            db, query, wanted, [&] { return db.query(what, wanted.parameters); }, count_contacts);
    });
    if (!read) return read.error();
    std::optional<model::updates_cursor> last;
    visit_contacts(read->found, [&](const stored_contact& one) {
        last = {one.contact.email.update_timestamp.value_or(timestamp{}), one.contact.email.email_id};
        visit(one.contact);
    });
    return count_contacts(read->found) == static_cast<std::size_t>(query.limit) ? last : read->examined_end;
}

result<document_page> contact_repository::update_documents(const model::updates_query& query) {
    const auto wanted = updates_lookup(query);
    const statement what{"documents_" + wanted.name, document_page_sql(wanted.sql)};
    auto read = read_page([&](connection& db) {
        return read_updates(
            db, query, wanted, [&] { return read_document_page(db, what, wanted.parameters); },
            [](const auto& one) { return one.matches; });
    });
    if (!read) return read.error();
    auto& found = read->found;
    if (store_) store_->store(found.to_store);
    const bool ends_at_last = found.is_cut_off || found.matches == static_cast<std::size_t>(query.limit);
    found.page.next = ends_at_last ? found.last : read->examined_end;
    return std::move(found.page);
}

result<model::contact> contact_repository::create(const model::contact& contact, const model::author& by) {
    const contact_change change{contact};
    contact_write one{nullptr, &change, by};
    const auto written = run(db_, [&](connection& db) { return write_contacts(db, write_kind::insert, {&one, 1}, write_options_of(db_)); });
    if (!written) return with_conflicts(db_, written.error(), contact);
    if (!written->kept_out.empty()) return suppressed_address();
    db_.recorder().sync_scheduled(1);
    return after_write(one, written->times.begin()->second);
}

result<model::contact> contact_repository::change(const uuid& email_id, const change_function& compute, const model::author& by) {
    const contact_to_change one{email_id, compute, by};
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

result<std::vector<model::identity>> contact_repository::remove(const std::string& primary_email, const model::author& by,
                                                                const removal_check& check) {
    auto removed = run(db_, [&](connection& db) {
        const auto remove = [&] { return remove_contacts(db, primary_email, by, check, keeps_history(db_)); };
        if (!check) return remove();
        db.begin();
        auto out = remove();
        db.commit();
        return out;
    });
    if (!removed) return removed.error();
    if (*removed) db_.recorder().sync_scheduled((*removed)->size());
    return *std::move(removed);
}

} // namespace ctms::persistence
