// SPDX-License-Identifier: MPL-2.0
#include "contact_write.hpp"

#include "contact_rows.hpp"

#include <ctms/persistence/contact_repository.hpp>

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/time_columns.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace ctms::persistence {
namespace {

std::string to_json(const std::vector<model::newsletter>& list) {
    return json_rows(list, [](object_writer& writer, const model::newsletter& item) {
        writer.add("name", std::string_view(item.name));
        writer.add("subscribed", item.subscribed);
        writer.add("format", std::string_view(item.format));
        writer.add_optional("lang", item.lang);
        writer.add_optional("source", item.source);
        writer.add_optional("unsub_reason", item.unsub_reason);
    });
}

std::string to_json(const std::vector<model::waitlist>& list) {
    return json_rows(list, [](object_writer& writer, const model::waitlist& item) {
        writer.add("name", std::string_view(item.name));
        writer.add_optional("source", item.source);
        writer.add_raw("fields", item.fields);
    });
}

// One record for each contact, so that one statement writes any number of them. A group or list that is missing from a
// record stays unchanged; the members that end in _gone say what to delete.
constexpr const char* records = R"(
with c as materialized (
  select * from json_to_recordset($1::json) as r(email_id uuid, version xid, primary_email text, basket_token text, double_opt_in boolean,
    sfdc_id text, first_name text, last_name text, mailing_country text, email_format text, email_lang text,
    has_opted_out_of_email boolean, unsubscribe_reason text, amo json, amo_gone boolean, fxa json, fxa_gone boolean, mofo json,
    mofo_gone boolean, newsletters json, newsletters_gone json, waitlists json, waitlists_gone json)),)";

constexpr const char* insert_emails = R"(
written as (
  insert into emails (email_id, primary_email, basket_token, double_opt_in, sfdc_id, first_name, last_name, mailing_country,
                      email_format, email_lang, has_opted_out_of_email, unsubscribe_reason, create_timestamp, update_timestamp)
  select email_id, primary_email, basket_token, double_opt_in, sfdc_id, first_name, last_name, mailing_country, email_format, email_lang,
         has_opted_out_of_email, unsubscribe_reason, now(), now() from c
  returning email_id, update_timestamp),
e as (select c.*, written.update_timestamp from c join written using (email_id)))";

// Skips a contact that another transaction has locked or changed since it was read. A batch never waits for a lock; the
// caller retries a skipped contact by itself.
constexpr const char* update_emails = R"(
held as materialized (
  select emails.email_id from emails join c on emails.email_id = c.email_id and emails.xmin = c.version
  order by emails.email_id for update of emails skip locked),
e as (
  update emails set primary_email = c.primary_email, basket_token = c.basket_token, double_opt_in = c.double_opt_in,
    sfdc_id = c.sfdc_id, first_name = c.first_name, last_name = c.last_name, mailing_country = c.mailing_country,
    email_format = c.email_format, email_lang = c.email_lang, has_opted_out_of_email = c.has_opted_out_of_email,
    unsubscribe_reason = c.unsubscribe_reason, update_timestamp = now()
  from held join c using (email_id) where emails.email_id = held.email_id
  returning emails.email_id, emails.update_timestamp, c.amo, c.amo_gone, c.fxa, c.fxa_gone, c.mofo, c.mofo_gone, c.newsletters,
    c.newsletters_gone, c.waitlists, c.waitlists_gone))";

/// The SQL of one group or list: how its rows are inserted, and how an update changes an existing row.
struct group_sql {
    const char* name;
    const char* insert;
    const char* replace;
};

constexpr group_sql groups[] = {{"a", R"(
  insert into amo (email_id, add_on_ids, display_name, email_opt_in, language, last_login, location, profile_url, "user", user_id,
                   username, create_timestamp, update_timestamp)
  select e.email_id, r.*, now(), now()
  from e, json_to_record(e.amo) as r(add_on_ids text, display_name text, email_opt_in boolean, language text, last_login date,
    location text, profile_url text, "user" boolean, user_id text, username text)
  where e.amo is not null)",
                                 R"(
  on conflict (email_id) do update set add_on_ids = excluded.add_on_ids, display_name = excluded.display_name,
    email_opt_in = excluded.email_opt_in, language = excluded.language, last_login = excluded.last_login,
    location = excluded.location, profile_url = excluded.profile_url, "user" = excluded."user", user_id = excluded.user_id,
    username = excluded.username, update_timestamp = now())"},
                                {"f", R"(
  insert into fxa (email_id, fxa_id, primary_email, created_date, lang, first_service, account_deleted, create_timestamp, update_timestamp)
  select e.email_id, r.*, now(), now()
  from e, json_to_record(e.fxa) as r(fxa_id text, primary_email text, created_date text, lang text, first_service text,
    account_deleted boolean)
  where e.fxa is not null)",
                                 R"(
  on conflict (email_id) do update set fxa_id = excluded.fxa_id, primary_email = excluded.primary_email,
    created_date = excluded.created_date, lang = excluded.lang, first_service = excluded.first_service,
    account_deleted = excluded.account_deleted, update_timestamp = now())"},
                                {"m", R"(
  insert into mofo (email_id, mofo_email_id, mofo_contact_id, mofo_relevant)
  select e.email_id, r.* from e, json_to_record(e.mofo) as r(mofo_email_id text, mofo_contact_id text, mofo_relevant boolean)
  where e.mofo is not null)",
                                 R"(
  on conflict (email_id) do update set mofo_email_id = excluded.mofo_email_id, mofo_contact_id = excluded.mofo_contact_id,
    mofo_relevant = excluded.mofo_relevant)"},
                                {"n", R"(
  insert into newsletters (email_id, name, subscribed, format, lang, source, unsub_reason, create_timestamp, update_timestamp)
  select e.email_id, r.*, now(), now()
  from e, json_to_recordset(e.newsletters) as r(name text, subscribed boolean, format text, lang text, source text, unsub_reason text))",
                                 R"(
  on conflict (email_id, name) do update set subscribed = excluded.subscribed, format = excluded.format, lang = excluded.lang,
    source = excluded.source, unsub_reason = excluded.unsub_reason, update_timestamp = now())"},
                                {"w", R"(
  insert into waitlists (email_id, name, source, fields, create_timestamp, update_timestamp)
  select e.email_id, r.*, now(), now() from e, json_to_recordset(e.waitlists) as r(name text, source text, fields json))",
                                 R"(
  on conflict (email_id, name) do update set source = excluded.source, fields = excluded.fields, update_timestamp = now())"}};

constexpr const char* delete_groups = R"(,
a_gone as (delete from amo using e where amo.email_id = e.email_id and e.amo_gone),
f_gone as (delete from fxa using e where fxa.email_id = e.email_id and e.fxa_gone),
m_gone as (delete from mofo using e where mofo.email_id = e.email_id and e.mofo_gone),
n_gone as (
  delete from newsletters using e, json_array_elements_text(e.newsletters_gone) as gone(name)
  where newsletters.email_id = e.email_id and newsletters.name = gone.name),
w_gone as (
  delete from waitlists using e, json_array_elements_text(e.waitlists_gone) as gone(name)
  where waitlists.email_id = e.email_id and waitlists.name = gone.name))";

enum class write_kind : std::uint8_t { insert, update };

std::string write_sql(write_kind kind) {
    const bool update = kind == write_kind::update;
    std::string out = std::string(records) + (update ? update_emails : insert_emails);
    for (const auto& group : groups) out += fmt::format(",\n{} as ({}{})", group.name, group.insert, update ? group.replace : "");
    if (update) out += delete_groups;
    return out + fmt::format(",\nq as ({})\nselect email_id::text, {} from e", request_sync_sql(queue_priority::write, "e"),
                             microseconds_sql("update_timestamp"));
}

// The trigger on emails queues the deletion at the vendor.
constexpr const char* delete_contacts = R"(
with e as (select email_id, primary_email, basket_token, sfdc_id from emails where lower(primary_email) = lower($1) for update),
p as (delete from pending_acoustic using e where pending_acoustic.email_id = e.email_id),
a as (delete from amo using e where amo.email_id = e.email_id returning amo.email_id, user_id),
f as (delete from fxa using e where fxa.email_id = e.email_id returning fxa.email_id, fxa_id, fxa.primary_email),
m as (delete from mofo using e where mofo.email_id = e.email_id returning mofo.email_id, mofo_contact_id, mofo_email_id),
n as (delete from newsletters using e where newsletters.email_id = e.email_id),
w as (delete from waitlists using e where waitlists.email_id = e.email_id),
d as (delete from emails using e where emails.email_id = e.email_id)
select e.email_id::text, e.primary_email, e.basket_token, e.sfdc_id, m.mofo_contact_id, m.mofo_email_id, a.user_id, f.fxa_id,
       f.primary_email
from e left join m using (email_id) left join a using (email_id) left join f using (email_id) order by e.email_id)";

// The values of the contact itself are not conflicts, except for its id.
constexpr const char* find_conflicts = R"(
select 'email_id' from emails where email_id = $1::uuid
union all select 'primary_email' from emails where primary_email = $2 and email_id <> $1::uuid
union all select 'basket_token' from emails where basket_token = $3 and email_id <> $1::uuid
union all select 'mofo_email_id' from mofo where mofo_email_id = $4 and email_id <> $1::uuid
union all select 'fxa_id' from fxa where fxa_id = $5 and email_id <> $1::uuid)";

void add_members(object_writer& writer, const model::email& email) {
    writer.add("email_id", std::string_view(email.email_id.to_string()));
    writer.add("primary_email", std::string_view(email.primary_email));
    writer.add_optional("basket_token", email.basket_token);
    writer.add("double_opt_in", email.double_opt_in);
    writer.add_optional("sfdc_id", email.sfdc_id);
    writer.add_optional("first_name", email.first_name);
    writer.add_optional("last_name", email.last_name);
    writer.add_optional("mailing_country", email.mailing_country);
    writer.add("email_format", std::string_view(email.email_format));
    writer.add_optional("email_lang", email.email_lang);
    writer.add("has_opted_out_of_email", email.has_opted_out_of_email);
    writer.add_optional("unsubscribe_reason", email.unsubscribe_reason);
}

void add_members(object_writer& writer, const model::amo& amo) {
    writer.add_optional("add_on_ids", amo.add_on_ids);
    writer.add_optional("display_name", amo.display_name);
    writer.add("email_opt_in", amo.email_opt_in);
    writer.add_optional("language", amo.language);
    if (amo.last_login) writer.add("last_login", std::string_view(to_iso(*amo.last_login)));
    writer.add_optional("location", amo.location);
    writer.add_optional("profile_url", amo.profile_url);
    writer.add("user", amo.user);
    writer.add_optional("user_id", amo.user_id);
    writer.add_optional("username", amo.username);
}

void add_members(object_writer& writer, const model::fxa& fxa) {
    writer.add_optional("fxa_id", fxa.fxa_id);
    writer.add_optional("primary_email", fxa.primary_email);
    writer.add_optional("created_date", fxa.created_date);
    writer.add_optional("lang", fxa.lang);
    writer.add_optional("first_service", fxa.first_service);
    writer.add("account_deleted", fxa.account_deleted);
}

void add_members(object_writer& writer, const model::mofo& mofo) {
    writer.add_optional("mofo_email_id", mofo.mofo_email_id);
    writer.add_optional("mofo_contact_id", mofo.mofo_contact_id);
    writer.add("mofo_relevant", mofo.mofo_relevant);
}

/// Adds a group to be written if it differs or `touch` is set, or to be deleted if `after` is empty.
template <class Group>
void add_group(object_writer& writer, std::string_view name, const std::optional<Group>& before, const std::optional<Group>& after,
               bool touch) {
    if (!after) {
        if (before) writer.add(std::string(name) + "_gone", true);
        return;
    }
    if (!touch && before == after) return;
    object_writer group(writer.key(name));
    add_members(group, *after);
    group.close();
}

/// Adds the items of `after` that are new or changed, and the names that only `before` contains.
template <class Item>
void add_list(object_writer& writer, std::string_view name, const std::vector<Item>& before, const std::vector<Item>& after) {
    std::vector<Item> written;
    for (const auto& item : after) {
        if (std::find(before.begin(), before.end(), item) == before.end()) written.push_back(item);
    }
    std::vector<std::string_view> gone;
    for (const auto& item : before) {
        const bool stays = std::any_of(after.begin(), after.end(), [&](const auto& other) { return other.name == item.name; });
        if (!stays) gone.push_back(item.name);
    }
    if (!written.empty()) writer.add_raw(name, to_json(written));
    if (!gone.empty()) writer.add_raw(std::string(name) + "_gone", json_names(gone));
}

void add_record(object_writer& writer, const contact_write& one) {
    static const model::contact nothing;
    const auto& before = one.before != nullptr ? one.before->contact : nothing;
    const auto& after = one.change->after;
    if (one.before != nullptr) writer.add("version", std::string_view(one.before->version));
    add_members(writer, after.email);
    add_group(writer, "amo", before.amo, after.amo, one.change->touch_amo);
    add_group(writer, "fxa", before.fxa, after.fxa, one.change->touch_fxa);
    add_group(writer, "mofo", before.mofo, after.mofo, one.change->touch_mofo);
    add_list(writer, "newsletters", before.newsletters, after.newsletters);
    add_list(writer, "waitlists", before.waitlists, after.waitlists);
}

} // namespace

const statement& insert_contacts_statement() {
    static const statement made{"insert_contacts", write_sql(write_kind::insert)};
    return made;
}

const statement& update_contacts_statement() {
    static const statement made{"update_contacts", write_sql(write_kind::update)};
    return made;
}

std::string contacts_parameter(std::span<const contact_write> contacts) { return json_rows(contacts, add_record); }

const statement& delete_contacts_statement() {
    static const statement made{"delete_contacts", delete_contacts};
    return made;
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
