// SPDX-License-Identifier: MPL-2.0
#include "contact_write.hpp"

#include "contact_rows.hpp"
#include "json_rows.hpp"
#include "time_columns.hpp"

#include <ctms/persistence/contacts.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace ctms::persistence {
namespace {

std::string flag(bool value) { return value ? "true" : "false"; }

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

constexpr std::string_view insert_contact = R"(
with e as (
  insert into emails (email_id, primary_email, basket_token, double_opt_in, sfdc_id, first_name, last_name, mailing_country,
                      email_format, email_lang, has_opted_out_of_email, unsubscribe_reason, create_timestamp, update_timestamp)
  values ($1::uuid, $2, $3, $4::boolean, $5, $6, $7, $8, $9, $10, $11::boolean, $12, now(), now())
  returning email_id, create_timestamp),
a as (
  insert into amo (email_id, add_on_ids, display_name, email_opt_in, language, last_login, location, profile_url, "user", user_id,
                   username, create_timestamp, update_timestamp)
  select e.email_id, $14, $15, $16::boolean, $17, $18::date, $19, $20, $21::boolean, $22, $23, now(), now() from e where $13::boolean),
f as (
  insert into fxa (email_id, fxa_id, primary_email, created_date, lang, first_service, account_deleted, create_timestamp, update_timestamp)
  select e.email_id, $25, $26, $27, $28, $29, $30::boolean, now(), now() from e where $24::boolean),
m as (
  insert into mofo (email_id, mofo_email_id, mofo_contact_id, mofo_relevant)
  select e.email_id, $32, $33, $34::boolean from e where $31::boolean),
n as (
  insert into newsletters (email_id, name, subscribed, format, lang, source, unsub_reason, create_timestamp, update_timestamp)
  select e.email_id, r.name, r.subscribed, r.format, r.lang, r.source, r.unsub_reason, now(), now()
  from e, json_to_recordset($35::json) as r(name text, subscribed boolean, format text, lang text, source text, unsub_reason text)),
w as (
  insert into waitlists (email_id, name, source, fields, create_timestamp, update_timestamp)
  select e.email_id, r.name, r.source, r.fields, now(), now()
  from e, json_to_recordset($36::json) as r(name text, source text, fields json))
select {}, {} from e)";

// What is not to be written is left alone: 'keep', 'write' or 'delete' for each group.
constexpr std::string_view update_contact = R"(
with e as (
  update emails set primary_email = $2, basket_token = $3, double_opt_in = $4::boolean, sfdc_id = $5, first_name = $6, last_name = $7,
    mailing_country = $8, email_format = $9, email_lang = $10, has_opted_out_of_email = $11::boolean, unsubscribe_reason = $12,
    update_timestamp = now()
  where email_id = $1::uuid and xmin = $35::xid
  returning email_id, update_timestamp),
a as (
  insert into amo (email_id, add_on_ids, display_name, email_opt_in, language, last_login, location, profile_url, "user", user_id,
                   username, create_timestamp, update_timestamp)
  select e.email_id, $14, $15, $16::boolean, $17, $18::date, $19, $20, $21::boolean, $22, $23, now(), now() from e where $13 = 'write'
  on conflict (email_id) do update set add_on_ids = excluded.add_on_ids, display_name = excluded.display_name,
    email_opt_in = excluded.email_opt_in, language = excluded.language, last_login = excluded.last_login,
    location = excluded.location, profile_url = excluded.profile_url, "user" = excluded."user", user_id = excluded.user_id,
    username = excluded.username, update_timestamp = now()),
a_gone as (delete from amo using e where amo.email_id = e.email_id and $13 = 'delete'),
f as (
  insert into fxa (email_id, fxa_id, primary_email, created_date, lang, first_service, account_deleted, create_timestamp, update_timestamp)
  select e.email_id, $25, $26, $27, $28, $29, $30::boolean, now(), now() from e where $24 = 'write'
  on conflict (email_id) do update set fxa_id = excluded.fxa_id, primary_email = excluded.primary_email,
    created_date = excluded.created_date, lang = excluded.lang, first_service = excluded.first_service,
    account_deleted = excluded.account_deleted, update_timestamp = now()),
f_gone as (delete from fxa using e where fxa.email_id = e.email_id and $24 = 'delete'),
m as (
  insert into mofo (email_id, mofo_email_id, mofo_contact_id, mofo_relevant)
  select e.email_id, $32, $33, $34::boolean from e where $31 = 'write'
  on conflict (email_id) do update set mofo_email_id = excluded.mofo_email_id, mofo_contact_id = excluded.mofo_contact_id,
    mofo_relevant = excluded.mofo_relevant),
m_gone as (delete from mofo using e where mofo.email_id = e.email_id and $31 = 'delete'),
n as (
  insert into newsletters (email_id, name, subscribed, format, lang, source, unsub_reason, create_timestamp, update_timestamp)
  select e.email_id, r.name, r.subscribed, r.format, r.lang, r.source, r.unsub_reason, now(), now()
  from e, json_to_recordset($36::json) as r(name text, subscribed boolean, format text, lang text, source text, unsub_reason text)
  on conflict (email_id, name) do update set subscribed = excluded.subscribed, format = excluded.format, lang = excluded.lang,
    source = excluded.source, unsub_reason = excluded.unsub_reason, update_timestamp = now()),
n_gone as (
  delete from newsletters using e
  where newsletters.email_id = e.email_id and name in (select json_array_elements_text($37::json))),
w as (
  insert into waitlists (email_id, name, source, fields, create_timestamp, update_timestamp)
  select e.email_id, r.name, r.source, r.fields, now(), now()
  from e, json_to_recordset($38::json) as r(name text, source text, fields json)
  on conflict (email_id, name) do update set source = excluded.source, fields = excluded.fields, update_timestamp = now()),
w_gone as (
  delete from waitlists using e
  where waitlists.email_id = e.email_id and name in (select json_array_elements_text($39::json)))
select {}, {} from e)";

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

// A contact's own values are no conflict beside its id.
constexpr const char* find_conflicts = R"(
select 'email_id' from emails where email_id = $1::uuid
union all select 'primary_email' from emails where primary_email = $2 and email_id <> $1::uuid
union all select 'basket_token' from emails where basket_token = $3 and email_id <> $1::uuid
union all select 'mofo_email_id' from mofo where mofo_email_id = $4 and email_id <> $1::uuid
union all select 'fxa_id' from fxa where fxa_id = $5 and email_id <> $1::uuid)";

void add_email(std::vector<parameter>& out, const model::email& email) {
    out.insert(out.end(), {email.email_id.to_string(), email.primary_email, email.basket_token, flag(email.double_opt_in), email.sfdc_id,
                           email.first_name, email.last_name, email.mailing_country, email.email_format, email.email_lang,
                           flag(email.has_opted_out_of_email), email.unsubscribe_reason});
}

/// `amo`, `fxa`, `mofo`: what to do with each, in the statement's own words.
void add_groups(std::vector<parameter>& out, const model::contact& contact, std::string_view amo_action, std::string_view fxa_action,
                std::string_view mofo_action) {
    const auto amo = contact.amo.value_or(model::amo{});
    const auto fxa = contact.fxa.value_or(model::fxa{});
    const auto mofo = contact.mofo.value_or(model::mofo{});
    const auto last_login = amo.last_login ? parameter(to_iso(*amo.last_login)) : std::nullopt;
    out.insert(out.end(), {std::string(amo_action), amo.add_on_ids, amo.display_name, flag(amo.email_opt_in), amo.language, last_login,
                           amo.location, amo.profile_url, flag(amo.user), amo.user_id, amo.username});
    out.insert(out.end(), {std::string(fxa_action), fxa.fxa_id, fxa.primary_email, fxa.created_date, fxa.lang, fxa.first_service,
                           flag(fxa.account_deleted)});
    out.insert(out.end(), {std::string(mofo_action), mofo.mofo_email_id, mofo.mofo_contact_id, flag(mofo.mofo_relevant)});
}

template <class Group>
std::string_view action_of(const std::optional<Group>& before, const std::optional<Group>& after, bool touch) {
    if (!after) return before ? "delete" : "keep";
    return touch || before != after ? "write" : "keep";
}

/// The items of `after` that are not the same in `before`. Both are in order of name.
template <class Item>
std::vector<Item> written(const std::vector<Item>& before, const std::vector<Item>& after) {
    std::vector<Item> out;
    for (const auto& item : after) {
        if (std::find(before.begin(), before.end(), item) == before.end()) out.push_back(item);
    }
    return out;
}

/// The names that stand in `before` only, as a JSON array.
template <class Item>
std::string gone(const std::vector<Item>& before, const std::vector<Item>& after) {
    std::vector<std::string_view> names;
    for (const auto& item : before) {
        if (std::any_of(after.begin(), after.end(), [&](const auto& other) { return other.name == item.name; })) continue;
        names.push_back(item.name);
    }
    return json_names(names);
}

} // namespace

std::string schedule_sync_sql(std::string_view email_id) { return fmt::format("ctms_request_sync({}, 'upsert', null)::text", email_id); }

const statement& insert_contact_statement() {
    static const std::string sql = fmt::format(insert_contact, microseconds_sql("e.create_timestamp"), schedule_sync_sql("e.email_id"));
    static const statement made{"insert_contact", sql.c_str()};
    return made;
}

std::vector<parameter> insert_contact_parameters(const model::contact& contact) {
    std::vector<parameter> out;
    add_email(out, contact.email);
    add_groups(out, contact, flag(contact.amo.has_value()), flag(contact.fxa.has_value()), flag(contact.mofo.has_value()));
    out.emplace_back(to_json(contact.newsletters));
    out.emplace_back(to_json(contact.waitlists));
    return out;
}

const statement& update_contact_statement() {
    static const std::string sql = fmt::format(update_contact, microseconds_sql("e.update_timestamp"), schedule_sync_sql("e.email_id"));
    static const statement made{"update_contact", sql.c_str()};
    return made;
}

std::vector<parameter> update_contact_parameters(const model::contact& before, const std::string& version, const contact_change& change) {
    const auto& after = change.after;
    std::vector<parameter> out;
    add_email(out, after.email);
    add_groups(out, after, action_of(before.amo, after.amo, change.touch_amo), action_of(before.fxa, after.fxa, change.touch_fxa),
               action_of(before.mofo, after.mofo, change.touch_mofo));
    out.emplace_back(version);
    out.emplace_back(to_json(written(before.newsletters, after.newsletters)));
    out.emplace_back(gone(before.newsletters, after.newsletters));
    out.emplace_back(to_json(written(before.waitlists, after.waitlists)));
    out.emplace_back(gone(before.waitlists, after.waitlists));
    return out;
}

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
