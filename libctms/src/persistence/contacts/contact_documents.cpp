// SPDX-License-Identifier: MPL-2.0
#include "contact_documents.hpp"

#include "change_rounds.hpp"

#include <json/contact_document.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace ctms::persistence {
namespace {

// The columns of a statement.
constexpr std::size_t id = 0;
constexpr std::size_t number = 1;
constexpr std::size_t is_noted = 2;
constexpr std::size_t document = 3;

// `lateral` and `offset 0` make the server look each document up, instead of reading the whole table.
constexpr std::string_view find_documents = R"(
with wanted as materialized ({}),
noted as materialized (select ctms_noted(array(select email_id from wanted)) as ids)
select w.email_id::text, {}, w.email_id = any (noted.ids), d.document
from wanted w cross join noted left join lateral (
  select known.document from ctms_documents known
  where known.email_id = w.email_id and known.version = w.version and known.format = {} and w.email_id <> all (noted.ids) offset 0) d on true
{})";

// The columns of a page: the document; its place, from 1; and where they are needed (without a document, and at the last place) the id and
// the time, otherwise null.
constexpr std::size_t page_document = 0;
constexpr std::size_t page_place = 1;
constexpr std::size_t page_id = 2;
constexpr std::size_t page_time = 3;
constexpr std::size_t page_is_noted = 4;

// The bytes of documents after which a page ends: a contact with long lists has a large one, and a page is in memory as a whole.
constexpr std::size_t most_bytes_of_page = 16'000'000;

// The documents are looked up in order of their key, in which those of neighbours are in the same pages of the index and often of the
// table. {3} is most_bytes_of_page; few pages have so much, and only these are sorted to find where they end.
constexpr std::string_view find_page = R"(
with wanted as materialized (
  select selected.*, row_number() over (order by update_timestamp, email_id) as place from ({0}) as selected order by email_id),
noted as materialized (select ctms_noted(array(select email_id from wanted)) as ids),
last as materialized (select max(place) as last_place from wanted),
found as materialized (
  select d.document, w.place, w.email_id, w.update_timestamp, w.email_id = any (noted.ids) as is_noted, octet_length(d.document) as bytes
  from wanted w cross join noted left join lateral (
    select known.document from ctms_documents known
    where known.email_id = w.email_id and known.version = w.version and known.format = {2} and w.email_id <> all (noted.ids) offset 0) d
    on true),
fits as materialized (select coalesce(sum(bytes), 0) < {3} as page_fits from found),
page as (
  select *, false as page_ends from found where (select page_fits from fits)
  union all
  select document, place, email_id, update_timestamp, is_noted, bytes, bytes_before + coalesce(bytes, 0) >= {3}
  from (select *, sum(coalesce(bytes, 0)) over (order by place) - coalesce(bytes, 0) as bytes_before
    from found where not (select page_fits from fits)) as summed
  where bytes_before < {3})
select w.document, w.place, case when w.document is null or w.page_ends or w.place = last_place then w.email_id end,
  case when w.document is null or w.page_ends or w.place = last_place then {1} end, w.document is null and w.is_noted
from page w cross join last)";

// Locks the rows of emails, so that a deletion cannot pass it, and skips those that others are changing. It need not be durable.
constexpr std::string_view store_documents = R"(
with wanted as materialized (
  select r.* from (select set_config('lock_timeout', '50', true), set_config('synchronous_commit', 'off', true) offset 0) as limited,
    json_to_recordset($1::json) as r(email_id uuid, version xid, seen xid, document text)),
held as materialized (
  select w.* from wanted w join emails e on e.email_id = w.email_id and e.xmin = w.version
  order by w.email_id for key share of e skip locked),
replaced as (
  update ctms_documents known set format = {0}, version = held.version, document = held.document
  from held where known.email_id = held.email_id and known.xmin = held.seen returning known.email_id),
added as (
  insert into ctms_documents (email_id, format, version, document)
  select email_id, {0}, version, document from held where seen is null order by email_id on conflict do nothing returning email_id)
select (select count(*) from replaced) + (select count(*) from added))";

const statement& store_statement() {
    static const statement made{"store_documents", fmt::format(store_documents, json::document_format())};
    return made;
}

constexpr std::string_view next_contacts =
    "select email_id, xmin as version from emails where email_id > $1::uuid order by email_id limit $2::integer";

// The rows between two contacts. $2: the last contact of the page; null for all that follow.
const statement find_left_behind{"documents_left_behind",
                                 "select d.email_id::text from ctms_documents d where d.email_id > $1::uuid"
                                 " and ($2::uuid is null or d.email_id <= $2::uuid)"
                                 " and not exists (select from emails e where e.email_id = d.email_id) order by d.email_id limit 1000"};
const statement forget_documents{"forget_documents", "update ctms_documents set format = 0, version = '0', document = ''"
                                                     " where email_id = any ($1::uuid[])"};
const statement remove_documents{"remove_documents", "delete from ctms_documents d where d.email_id = any ($1::uuid[])"
                                                     " and not exists (select from emails e where e.email_id = d.email_id)"};

const statement& next_documents_statement() {
    static const statement made{"next_documents", documents_sql(next_contacts)};
    return made;
}

uuid id_of(const rows& found, std::size_t row) { return uuid::parse(found.text(row, id)).value_or(uuid{}); }

std::vector<stored_contact> read_tables(connection& db, const std::vector<uuid>& ids) {
    if (ids.empty()) return {};
    return ids.size() == 1 ? read_by_id(db, ids.front()) : read_by_ids(db, ids);
}

/// Makes the documents that are missing, from the tables.
std::vector<new_document> make_missing(connection& db, const rows& found) {
    std::set<uuid> missing;
    for (std::size_t row = 0; row < found.size(); ++row) {
        if (found.is_null(row, document)) missing.insert(id_of(found, row));
    }
    std::vector<new_document> out;
    for (const auto& one : read_tables(db, {missing.begin(), missing.end()})) out.push_back(document_of(one));
    return out;
}

/// Returns those contacts whose documents need not be stored: they have one, or the inbox has rows of them, which would make it invalid.
std::set<uuid> unfit_to_store(const rows& found) {
    std::set<uuid> out;
    for (std::size_t row = 0; row < found.size(); ++row) {
        if (found.boolean(row, is_noted) || !found.is_null(row, document)) out.insert(id_of(found, row));
    }
    return out;
}

/// Returns how many were stored.
std::size_t store_all(connection& db, std::span<const new_document> documents) {
    const auto records = json_rows(documents, [](object_writer& writer, const new_document& one) {
        writer.add("email_id", std::string_view(one.email_id.to_string()));
        writer.add("version", std::string_view(one.version));
        if (!one.seen.empty()) writer.add("seen", std::string_view(one.seen));
        writer.add("document", std::string_view(one.json)); // as text: old rows have escapes that the server cannot store (\u0000)
    });
    return static_cast<std::size_t>(db.query(store_statement(), {records}, true).integer(0, 0));
}

} // namespace

std::string documents_sql(std::string_view selection, std::string_view number_sql, std::string_view order) {
    return fmt::format(find_documents, selection, number_sql, json::document_format(), order);
}

found_documents read_documents(connection& db, const statement& what, std::span<const parameter> parameters) {
    found_documents out;
    const auto found = db.query(what, parameters);
    for (std::size_t row = 0; row < found.size(); ++row) {
        const auto& match = out.matches.emplace_back(found_documents::match{id_of(found, row), found.integer(row, number)});
        if (!found.is_null(row, document)) out.json.try_emplace(match.email_id, found.text(row, document));
    }
    const auto unfit = unfit_to_store(found);
    for (auto& made : make_missing(db, found)) {
        out.json.try_emplace(made.email_id, made.json);
        if (!unfit.contains(made.email_id)) out.to_store.push_back(std::move(made));
    }
    return out;
}

std::string document_page_sql(std::string_view selection) {
    return fmt::format(find_page, selection, microseconds_sql("w.update_timestamp"), json::document_format(), most_bytes_of_page);
}

namespace {

/// A contact of a page that has no document.
struct missing_document {
    std::size_t place;
    timestamp updated;
    bool is_noted;
};

/// What the views of a page refer to.
struct page_texts {
    rows found;
    std::vector<new_document> made{};
};

/// Makes the documents that are missing and may be on the page. Those that can be stored come first; returns how many they are.
std::size_t make_missing(connection& db, const std::map<uuid, missing_document>& missing, std::vector<new_document>& made) {
    std::vector<uuid> ids;
    for (const auto& [email_id, one] : missing) ids.push_back(email_id);
    for (const auto& one : read_tables(db, ids)) {
        const auto& email = one.contact.email;
        if (email.update_timestamp == missing.at(email.email_id).updated) made.push_back(document_of(one));
    }
    const auto unfit = std::stable_partition(made.begin(), made.end(), [&](const auto& one) { return !missing.at(one.email_id).is_noted; });
    return static_cast<std::size_t>(unfit - made.begin());
}

} // namespace

found_page read_document_page(connection& db, const statement& what, std::span<const parameter> parameters) {
    const auto texts = std::make_shared<page_texts>(page_texts{db.query(what, parameters)});
    const auto& found = texts->found;
    found_page out;
    out.matches = found.size();
    out.page.texts = texts;
    auto& documents = out.page.documents;
    documents.resize(found.size());
    std::map<uuid, missing_document> missing;
    for (std::size_t row = 0; row < found.size(); ++row) {
        const auto place = static_cast<std::size_t>(found.integer(row, page_place)) - 1;
        documents.at(place) = found.text(row, page_document);
        if (found.is_null(row, page_id)) continue;
        const auto email_id = uuid::parse(found.text(row, page_id)).value_or(uuid{});
        const auto updated = read_time(found, row, page_time);
        if (place + 1 == found.size()) out.last = {updated, email_id};
        if (!found.is_null(row, page_document)) continue;
        missing.emplace(email_id, missing_document{place, updated, found.boolean(row, page_is_noted)});
    }
    if (!missing.empty()) {
        const auto fit = make_missing(db, missing, texts->made);
        out.to_store = std::span(texts->made).first(fit);
        for (const auto& one : texts->made) documents[missing.at(one.email_id).place] = one.json;
        std::erase(documents, std::string_view());
    }
    for (const auto& one : documents) out.page.bytes += one.size();
    out.is_cut_off = out.page.bytes >= most_bytes_of_page;
    return out;
}

new_document document_of(const stored_contact& one) {
    return {one.contact.email.email_id, json::write_document(one.contact), one.version, one.document};
}

void document_store::store(std::span<const new_document> documents) noexcept {
    constexpr std::chrono::seconds rest{5};
    if (documents.empty() || clock::now().time_since_epoch().count() < rests_until_) return;
    try {
        const auto held = primary_.connections().acquire();
        store_all(*held, documents);
    } catch (const std::exception&) {
        rests_until_ = (clock::now() + rest).time_since_epoch().count();
    }
}

namespace {

/// Counts the contacts of a page, and sets where the next begins.
void count(documents_page& page, const rows& found, int limit) {
    page.contacts = static_cast<std::int64_t>(found.size());
    for (std::size_t row = 0; row < found.size(); ++row) {
        if (!found.is_null(row, document)) ++page.with_document;
        const auto email_id = id_of(found, row);
        if (found.size() == static_cast<std::size_t>(limit)) page.last = std::max(page.last.value_or(uuid{}), email_id);
    }
}

documents_page compare(connection& db, const uuid& after, int limit) {
    static const statement next_contacts_of_tables{"next_contacts", contacts_sql(next_contacts)};
    const std::vector<parameter> parameters{after.to_string(), std::to_string(limit)};
    db.begin();
    db.execute("set transaction isolation level repeatable read, read only; set local enable_seqscan = off");
    const auto found = db.query(next_documents_statement(), parameters);
    std::map<uuid, std::string_view> documents;
    for (std::size_t row = 0; row < found.size(); ++row) {
        if (!found.is_null(row, document)) documents.emplace(id_of(found, row), found.text(row, document));
    }
    documents_page page;
    count(page, found, limit);
    for (const auto& one : read_stored_contacts(db.query(next_contacts_of_tables, parameters))) {
        const auto stored = documents.find(one.contact.email.email_id);
        if (stored != documents.end() && stored->second != json::write_document(one.contact)) page.stale.push_back(stored->first);
    }
    const auto left = db.query(find_left_behind, {after.to_string(), page.last ? parameter(page.last->to_string()) : std::nullopt});
    for (std::size_t row = 0; row < left.size(); ++row) page.left_behind.push_back(id_of(left, row));
    db.rollback();
    return page;
}

} // namespace

result<documents_page> verify_documents(database& db, const uuid& after, int limit, bool fix) {
    auto page = run(db, [&](connection& link) { return compare(link, after, limit); });
    if (!page || !fix) return page;
    const auto fixed = run(db, [&](connection& link) {
        if (!page->stale.empty()) link.query(forget_documents, {array_of(page->stale)}, true);
        if (!page->left_behind.empty()) link.query(remove_documents, {array_of(page->left_behind)}, true);
    });
    if (!fixed) return fixed.error();
    return page;
}

result<documents_page> build_documents(database& db, const uuid& after, int limit) {
    const std::vector<parameter> parameters{after.to_string(), std::to_string(limit)};
    return run(db, [&](connection& link) {
        documents_page page;
        const auto found = link.query(next_documents_statement(), parameters);
        count(page, found, limit);
        const auto made = make_missing(link, found);
        if (made.empty()) return page;
        try {
            page.stored = static_cast<std::int64_t>(store_all(link, made));
        } catch (const sql_error& busy) { // rows that another transaction holds for long: reads store these documents later
            if (busy.sqlstate() != "55P03") throw;
        }
        return page;
    });
}

} // namespace ctms::persistence
