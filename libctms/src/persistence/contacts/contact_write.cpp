// SPDX-License-Identifier: MPL-2.0
#include "contact_write.hpp"

#include "contact_repository.hpp"
#include "contact_rows.hpp"
#include "contact_tables.hpp"
#include "history_sql.hpp"

#include <base/name_index.hpp>
#include <fields/tables.hpp>
#include <json/changed_fields.hpp>
#include <json/contact_document.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/postgres/time_columns.hpp>
#include <persistence/sync/note_change_sql.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

namespace ctms::persistence {
namespace {

const contact_table& emails() { return contact_tables().front(); }

/// Calls `visit` for each group and list of the set, in order.
template <class Visit>
void for_each_table(table_set tables, Visit visit) {
    for (const auto& table : std::span(contact_tables()).subspan(1)) {
        if (tables.test(static_cast<std::size_t>(table.which))) visit(table);
    }
}

/// Is between the documents of the parameter $3. No JSON text contains it.
constexpr char document_separator = '\x1e';

/// Each group and list of the set as `pattern`, whose arguments are the name and the type of what says what to delete.
std::string each_table(table_set tables, std::string_view pattern) {
    std::string out;
    for_each_table(tables, [&](const contact_table& table) {
        out += fmt::format(fmt::runtime(pattern), table.name, table.is_list ? "json" : "boolean");
    });
    return out;
}

// One record for each contact, so that one statement writes any number of them. A group or list that is missing from a
// record stays unchanged; the members that end in _gone say what to delete. Documents are not in the records, because the server would
// parse them: it has them in the same order. The setting ends with the statement's transaction. It does not limit waits for locks on
// tables, because the server takes those before it runs a statement.
std::string records_sql(table_set tables, bool keeps_history) {
    return fmt::format(
        R"(
with c as materialized (
  select r.* from (select set_config('lock_timeout', $2, true)) as limited, {0},
    rows from (
      json_to_recordset($1::json) as (email_id uuid, version xid, client text, seen xid, hashes text[], {1}{2}{3}),
      unnest(string_to_array($3, chr({4}))))
    as r(email_id, version, client, seen, hashes, {5}{6}{7}, document)),
kept_out as materialized (select email_id from c where hashes is not null and {8}),)",
        we_are_the_writer, each_column(emails().columns, "{column} {type}"), each_table(tables, ", {0} json, {0}_gone {1}"),
        keeps_history ? ", request text, history json" : "", static_cast<int>(document_separator),
        each_column(emails().columns, "{column}"), each_table(tables, ", {0}, {0}_gone"), keeps_history ? ", request, history" : "",
        is_suppressed_sql("hashes"));
}

std::string insert_emails_sql() {
    return fmt::format(R"(
written as (
  insert into emails (email_id, {0}, create_timestamp, update_timestamp)
  select email_id, {0}, moment, moment from c, (select clock_timestamp() as moment) as taken
  where email_id not in (select email_id from kept_out)
  returning email_id, update_timestamp),
e as (select c.*, written.update_timestamp from c join written using (email_id)))",
                       each_column(emails().columns, "{column}"));
}

// Skips a contact that another transaction has changed since it was read, or whose row in emails or in the queue it has locked. The moment
// of a change is taken when these rows are locked, and is later than that of the change before. `lateral` and `offset 0` make the server
// look each contact up by index, also without statistics.
std::string update_emails_sql(table_set tables, bool keeps_history) {
    return fmt::format(R"(
held as materialized (
  select found.email_id from (
    select email_id, version from c where email_id not in (select email_id from kept_out) order by email_id) as sorted
  cross join lateral (
    select emails.email_id from emails where emails.email_id = sorted.email_id and emails.xmin = sorted.version
    for update skip locked) as found),
e as (
  update emails set {}, update_timestamp = {}
  from ctms_free_in_queue(array(select email_id from held)) as free(email_id) join c using (email_id)
  where emails.email_id = free.email_id
  returning emails.email_id, emails.update_timestamp, c.client, c.seen, c.document{}{}))",
                       each_column(emails().columns, "{column} = c.{column}"), later_time_sql("emails"),
                       each_table(tables, ", c.{0}, c.{0}_gone"), keeps_history ? ", c.request, c.history" : "");
}

/// Inserts the rows of one group or list. With `may_exist`, a row that exists is inserted with the id that it has, for replace_row_sql().
std::string insert_rows_sql(const contact_table& table, bool may_exist) {
    return fmt::format(R"(
  insert into {0} ({7}email_id, {1}{2})
  select {8}e.email_id, r.*{3} from e, {4}(e.{0}) as r({5}){6})",
                       table.name, each_column(table.columns, "{column}"), table.has_times ? ", create_timestamp, update_timestamp" : "",
                       table.has_times ? ", e.update_timestamp, e.update_timestamp" : "",
                       table.is_list ? "json_to_recordset" : "json_to_record", each_column(table.columns, "{column} {type}"),
                       table.is_list ? "" : fmt::format("\n  where e.{} is not null", table.name), may_exist ? "id, " : "",
                       may_exist ? kept_id_sql(table, "e.email_id", "r.name") + ", " : "");
}

/// Changes an existing row of a group or list. The name of an item is part of its key.
std::string replace_row_sql(const contact_table& table) {
    const std::span columns(table.columns);
    return fmt::format("\n  on conflict ({}) do update set {}{}", table.key,
                       each_column(table.is_list ? columns.subspan(1) : columns, "{column} = excluded.{column}"),
                       table.has_times ? ", update_timestamp = excluded.update_timestamp" : "");
}

/// Deletes the group, or those items of the list, that a record says are gone.
std::string delete_rows_sql(const contact_table& table) {
    if (!table.is_list) return fmt::format("delete from {0} using e where {0}.email_id = e.email_id and e.{0}_gone", table.name);
    return fmt::format("delete from {0} using e, json_array_elements_text(e.{0}_gone) as gone(name)"
                       " where {0}.email_id = e.email_id and {0}.name = gone.name",
                       table.name);
}

// The documents of e, with the time of the write. Waits for the row of ctms_changes, for which a drain of the inbox waits too: so this
// statement sees whether that has replaced the document, even if it did so after the statement began.
std::string documents_sql() {
    return fmt::format(R"(,
filled as materialized (
  select email_id, seen, case when is_good then {0} else 0 end as format, pg_current_xact_id()::xid as version,
    case when is_good then replace(document, '{1}', '{2}' || {3} || '{4}') else '' end as document
  from (select count(*) from ch) as after_changes, (
    select *, document <> '' and update_timestamp >= '0001-01-01 00:00Z' and update_timestamp < '10000-01-01 00:00Z' as is_good
    from e) as written))",
                       json::document_format(), json::unfilled_time, json::before_time, iso_time_sql("update_timestamp"), json::after_time);
}

// If the document changed since the contact was read, the contact may have changed with it: then this one is not stored. The one that is
// there does not count, because its version is not that of emails any more.
constexpr std::string_view replace_documents = R"(,
replaced as (
  update ctms_documents known set format = filled.format, version = filled.version, document = filled.document
  from filled where known.email_id = filled.email_id and known.xmin = filled.seen),
added as (
  insert into ctms_documents (email_id, format, version, document)
  select email_id, format, version, document from filled where seen is null order by email_id on conflict do nothing))";

// A contact that did not exist has nothing that another transaction could have changed.
constexpr std::string_view add_documents = R"(,
added as (
  insert into ctms_documents (email_id, format, version, document)
  select email_id, format, version, document from filled order by email_id
  on conflict (email_id) do update set format = excluded.format, version = excluded.version, document = excluded.document))";

std::string write_sql(write_kind kind, table_set tables, bool keeps_history) {
    const bool update = kind == write_kind::update;
    auto out = records_sql(tables, keeps_history) + (update ? update_emails_sql(tables, keeps_history) : insert_emails_sql());
    for_each_table(tables, [&](const contact_table& table) {
        out += fmt::format(",\n{} as ({}{})", table.alias, insert_rows_sql(table, update), update ? replace_row_sql(table) : "");
        if (update) out += fmt::format(",\n{}_gone as ({})", table.alias, delete_rows_sql(table));
    });
    out += fmt::format(",\nq as ({}),\nch as ({})", request_sync_sql(queue_priority::write, "e"),
                       note_change_sql(update ? noted::updated : noted::created, "client", "e"));
    if (keeps_history) {
        const recorded_sql values{.client = "client", .request_id = "request", .changes = "history"};
        out +=
            fmt::format(",\nh as ({})", record_change_sql(update ? noted::updated : noted::created, values, "e where history is not null"));
    }
    out += documents_sql();
    out += update ? replace_documents : add_documents;
    return out + fmt::format("\nselect email_id::text, {} from e union all select email_id::text, null from kept_out",
                             microseconds_sql("update_timestamp"));
}

statement make_statement(write_kind kind, table_set tables, bool keeps_history) {
    std::string name = kind == write_kind::update ? "update_contacts" : "insert_contacts";
    if (keeps_history) name += "_recorded";
    for_each_table(tables, [&](const contact_table& table) { name += fmt::format("_{}", table.alias); });
    return {name, write_sql(kind, tables, keeps_history)};
}

// Reads the writer before it locks a row, and so before it deletes one.
std::string delete_sql(bool keeps_history) {
    return fmt::format(
        R"(
with e as (
  select email_id, primary_email, basket_token, sfdc_id from {}, emails where lower(primary_email) = lower($1) for update of emails),
q as ({}),
ch as ({}),
p as (delete from pending_acoustic using e where pending_acoustic.email_id = e.email_id),
a as (delete from amo using e where amo.email_id = e.email_id returning amo.email_id, user_id),
f as (delete from fxa using e where fxa.email_id = e.email_id returning fxa.email_id, fxa_id, fxa.primary_email),
m as (delete from mofo using e where mofo.email_id = e.email_id returning mofo.email_id, mofo_contact_id, mofo_email_id),
n as (delete from newsletters using e where newsletters.email_id = e.email_id),
w as (delete from waitlists using e where waitlists.email_id = e.email_id),
d as (delete from emails using e where emails.email_id = e.email_id){}
select e.email_id::text, e.primary_email, e.basket_token, e.sfdc_id, m.mofo_contact_id, m.mofo_email_id, a.user_id, f.fxa_id,
       f.primary_email
from e left join m using (email_id) left join a using (email_id) left join f using (email_id) order by e.email_id)",
        we_are_the_writer, request_deletion_sql("e"), note_change_sql(noted::deleted, "$2", "e"),
        keeps_history ? fmt::format(",\nh as ({})", record_change_sql(noted::deleted, {.client = "$2", .request_id = "$3"}, "e")) : "");
}

// The values of the contact itself are not conflicts, except for its id.
constexpr const char* find_conflicts = R"(
select 'email_id' from emails where email_id = $1::uuid
union all select 'primary_email' from emails where primary_email = $2 and email_id <> $1::uuid
union all select 'basket_token' from emails where basket_token = $3 and email_id <> $1::uuid
union all select 'mofo_email_id' from mofo where mofo_email_id = $4 and email_id <> $1::uuid
union all select 'fxa_id' from fxa where fxa_id = $5 and email_id <> $1::uuid)";

void add_value(object_writer& writer, std::string_view name, const fields::rules& rule, const std::string& value) {
    rule.as == fields::format::object ? writer.add_raw(name, value) : writer.add(name, std::string_view(value));
}
void add_value(object_writer& writer, std::string_view name, const fields::rules&, const model::text& value) {
    writer.add_optional(name, value);
}
void add_value(object_writer& writer, std::string_view name, const fields::rules&, bool value) { writer.add(name, value); }
void add_value(object_writer& writer, std::string_view name, const fields::rules&, const std::optional<date>& value) {
    if (value) writer.add(name, std::string_view(to_iso(*value)));
}

template <class T>
void add_members(object_writer& writer, const T& of) {
    fields::for_each_column<T>([&](const auto& field) { add_value(writer, field.name, field.rule, of.*(field.member)); });
}

/// Adds a group to be written if it differs or `touch` is set, or to be deleted if `after` is empty. Returns whether it added something.
template <class Group>
bool add_group(object_writer& writer, std::string_view name, const std::optional<Group>& before, const std::optional<Group>& after,
               bool touch) {
    if (!after) {
        if (before) writer.add(std::string(name) + "_gone", true);
        return before.has_value();
    }
    if (!touch && before == after) return false;
    object_writer group(writer.key(name));
    add_members(group, *after);
    group.close();
    return true;
}

/// Adds the items of `after` that are new or changed, and the names that only `before` contains. Returns whether there are any.
template <class Item>
bool add_list(object_writer& writer, std::string_view name, const std::vector<Item>& before, const std::vector<Item>& after) {
    std::vector<Item> written;
    const name_index was(before);
    for (const auto& item : after) {
        const auto* same = was.find(item.name);
        if (same == nullptr || *same != item) written.push_back(item);
    }
    std::vector<std::string_view> gone;
    const name_index is(after);
    for (const auto& item : before) {
        if (is.find(item.name) == nullptr) gone.push_back(item.name);
    }
    if (!written.empty()) writer.add_raw(name, json_rows(written, add_members<Item>));
    if (!gone.empty()) writer.add_raw(std::string(name) + "_gone", json_names(gone));
    return !written.empty() || !gone.empty();
}

/// What the document will be. Empty if its unfilled times, or its end, could not be told from the rest.
std::string unfilled_document(const contact_write& one) {
    const auto written = after_write(one, json::time_of_write);
    auto document = json::write_document(written);
    std::size_t found = 0;
    for (auto at = document.find(json::unfilled_time); at != std::string::npos; at = document.find(json::unfilled_time, at + 1)) ++found;
    std::size_t unfilled = 0;
    const auto count = [&](const std::optional<timestamp>& time) { unfilled += time == json::time_of_write ? 1 : 0; };
    count(written.email.create_timestamp);
    count(written.email.update_timestamp);
    if (written.amo) count(written.amo->create_timestamp);
    if (written.amo) count(written.amo->update_timestamp);
    if (found != unfilled || document.find(document_separator) != std::string::npos) document.clear();
    return document;
}

model::contact opted_out_of(model::contact contact) {
    contact.email.has_opted_out_of_email = true;
    return contact;
}

/// Adds what the history records. A write that changes nothing is not recorded.
void add_history(object_writer& writer, const contact_write& one, const model::contact& after) {
    const auto changes = json::changed_fields(one.before != nullptr ? &one.before->contact : nullptr, after);
    if (one.before == nullptr || changes != "[]") writer.add_raw("history", changes);
    if (!one.by.request_id.empty()) writer.add("request", one.by.request_id);
}

/// Returns the tables that the record changes, besides emails.
table_set add_record(object_writer& writer, const contact_write& one, bool keeps_history) {
    static const model::contact nothing;
    const auto& before = one.before != nullptr ? one.before->contact : nothing;
    const auto opted_out = one.opt_out ? std::optional(opted_out_of(one.change->after)) : std::nullopt;
    const auto& after = opted_out ? *opted_out : one.change->after;
    if (one.before != nullptr) writer.add("version", std::string_view(one.before->version));
    writer.add("email_id", std::string_view(after.email.email_id.to_string()));
    if (!one.by.client.empty()) writer.add("client", one.by.client);
    if (!one.hashes.empty()) append_json_array(writer.key("hashes"), one.hashes, append_json_string);
    add_members(writer, after.email);
    table_set out;
    const auto note = [&](table_of table, bool written) { out.set(static_cast<std::size_t>(table), written); };
    note(table_of::amo, add_group(writer, "amo", before.amo, after.amo, one.change->touch_amo));
    note(table_of::fxa, add_group(writer, "fxa", before.fxa, after.fxa, one.change->touch_fxa));
    note(table_of::mofo, add_group(writer, "mofo", before.mofo, after.mofo, one.change->touch_mofo));
    note(table_of::newsletters, add_list(writer, "newsletters", before.newsletters, after.newsletters));
    note(table_of::waitlists, add_list(writer, "waitlists", before.waitlists, after.waitlists));
    if (one.before != nullptr && !one.before->document.empty()) writer.add("seen", std::string_view(one.before->document));
    if (keeps_history) add_history(writer, one, after);
    return out;
}

} // namespace

model::contact after_write(const contact_write& one, timestamp when) {
    static const model::contact nothing;
    const auto& before = one.before != nullptr ? one.before->contact : nothing;
    auto after = one.change->after;
    // A row keeps the time of its creation.
    after.email.create_timestamp = before.email.create_timestamp.value_or(when);
    after.email.update_timestamp = when;
    after.email.has_opted_out_of_email |= one.opt_out;
    if (!after.amo) return after;
    const bool amo_written = one.before == nullptr || one.change->touch_amo || after.amo != before.amo;
    after.amo->create_timestamp = before.amo ? before.amo->create_timestamp.value_or(when) : when;
    after.amo->update_timestamp = amo_written || !before.amo ? when : before.amo->update_timestamp.value_or(when);
    return after;
}

const statement& write_contacts_statement(write_kind kind, table_set tables, bool keeps_history) {
    const auto make_all = [](bool recorded) {
        std::array<std::vector<statement>, 2> out; // for each kind, by the number of the set, in which the bit of emails is the lowest
        for (const auto one : {write_kind::insert, write_kind::update}) {
            for (std::size_t number = 0; number < (1U << table_count); number += 2)
                out.at(static_cast<std::size_t>(one)).push_back(make_statement(one, table_set(number), recorded));
        }
        return out;
    };
    static const std::array all{make_all(false), make_all(true)};
    return all.at(keeps_history ? 1 : 0).at(static_cast<std::size_t>(kind)).at(tables.to_ulong() / 2);
}

written_records records_of(std::span<const contact_write> contacts, bool keeps_history) {
    written_records out;
    out.json =
        json_rows(contacts, [&](object_writer& writer, const contact_write& one) { out.tables |= add_record(writer, one, keeps_history); });
    for (const auto& one : contacts) {
        if (&one != &contacts.front()) out.documents += document_separator;
        out.documents += unfilled_document(one);
    }
    return out;
}

const statement& delete_contacts_statement(bool keeps_history) {
    static const statement made{"delete_contacts", delete_sql(false)};
    static const statement recorded{"delete_contacts_recorded", delete_sql(true)};
    return keeps_history ? recorded : made;
}

const statement& find_conflicts_statement() {
    static const statement made{"find_conflicts", find_conflicts};
    return made;
}

std::vector<parameter> find_conflicts_parameters(const model::contact& contact) {
    return {contact.email.email_id.to_string(), contact.email.primary_email, contact.email.basket_token,
            contact.mofo ? contact.mofo->mofo_email_id : std::nullopt, contact.fxa ? contact.fxa->fxa_id : std::nullopt};
}

} // namespace ctms::persistence
