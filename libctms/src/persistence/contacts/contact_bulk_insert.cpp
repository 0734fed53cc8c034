// SPDX-License-Identifier: MPL-2.0
#include <ctms/persistence/contact_bulk_repository.hpp>

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <array>
#include <string_view>
#include <utility>

namespace ctms::persistence {
namespace {

// The rows of all contacts of a batch, one JSON array for each table. PostgreSQL reads it nearly as fast as COPY does. No
// temporary table has to be created for each transaction, so a connection pooler works too.
constexpr std::string_view rows_of_batch = R"(
with ei as materialized (
  select * from json_to_recordset($1::json) as r(email_id uuid, primary_email text, basket_token text, double_opt_in boolean,
    sfdc_id text, first_name text, last_name text, mailing_country text, email_format text, email_lang text,
    has_opted_out_of_email boolean, unsubscribe_reason text, create_timestamp timestamptz, update_timestamp timestamptz)),
ai as materialized (
  select * from json_to_recordset($2::json) as r(email_id uuid, add_on_ids text, display_name text, email_opt_in boolean, language text,
    last_login date, location text, profile_url text, "user" boolean, user_id text, username text, create_timestamp timestamptz,
    update_timestamp timestamptz)),
fi as materialized (
  select * from json_to_recordset($3::json) as r(email_id uuid, fxa_id text, primary_email text, created_date text, lang text,
    first_service text, account_deleted boolean, create_timestamp timestamptz, update_timestamp timestamptz)),
mi as materialized (
  select * from json_to_recordset($4::json) as r(email_id uuid, mofo_email_id text, mofo_contact_id text, mofo_relevant boolean)),
ni as materialized (
  select * from json_to_recordset($5::json) as r(email_id uuid, name text, subscribed boolean, format text, lang text, source text,
    unsub_reason text, create_timestamp timestamptz, update_timestamp timestamptz)),
wi as materialized (
  select * from json_to_recordset($6::json) as r(email_id uuid, name text, source text, fields json, fields_text text,
    create_timestamp timestamptz, update_timestamp timestamptz)),
)";

constexpr std::string_view create_emails = R"(e as (
  insert into emails (email_id, primary_email, basket_token, double_opt_in, sfdc_id, first_name, last_name, mailing_country,
                      email_format, email_lang, has_opted_out_of_email, unsubscribe_reason, create_timestamp, update_timestamp)
  select email_id, primary_email, basket_token, double_opt_in, sfdc_id, first_name, last_name, mailing_country, email_format,
    email_lang, has_opted_out_of_email, unsubscribe_reason, coalesce(create_timestamp, now()), coalesce(update_timestamp, now())
  from ei
  on conflict (email_id) do nothing returning email_id),
)";

constexpr std::string_view replace_emails = R"(e as (
  update emails set primary_email = ei.primary_email, basket_token = ei.basket_token, double_opt_in = ei.double_opt_in,
    sfdc_id = ei.sfdc_id, first_name = ei.first_name, last_name = ei.last_name, mailing_country = ei.mailing_country,
    email_format = ei.email_format, email_lang = ei.email_lang, has_opted_out_of_email = ei.has_opted_out_of_email,
    unsubscribe_reason = ei.unsubscribe_reason, create_timestamp = coalesce(ei.create_timestamp, emails.create_timestamp),
    update_timestamp = coalesce(ei.update_timestamp, now())
  from ei where emails.email_id = ei.email_id returning emails.email_id),
a_gone as (delete from amo t using e where t.email_id = e.email_id and not exists (select from ai where ai.email_id = e.email_id)),
f_gone as (delete from fxa t using e where t.email_id = e.email_id and not exists (select from fi where fi.email_id = e.email_id)),
m_gone as (delete from mofo t using e where t.email_id = e.email_id and not exists (select from mi where mi.email_id = e.email_id)),
n_gone as (delete from newsletters t using e
  where t.email_id = e.email_id and not exists (select from ni where ni.email_id = e.email_id and ni.name = t.name)),
w_gone as (delete from waitlists t using e
  where t.email_id = e.email_id and not exists (select from wi where wi.email_id = e.email_id and wi.name = t.name)),
)";

/// Inserts a group's rows; with `upsert` it also updates existing ones. `has_times`: the table has time columns besides `columns`.
std::string write_group(std::string_view alias, std::string_view table, std::string_view key, std::span<const std::string_view> columns,
                        bool has_times, bool upsert) {
    std::string names;
    std::string values;
    std::string sets;
    for (const auto column : columns) {
        const bool is_text_of_fields = table == "waitlists" && column == "fields";
        names += fmt::format(", {}", column);
        values += is_text_of_fields ? ", coalesce(r.fields_text, r.fields::text, '{}')::json" : fmt::format(", r.{}", column);
        sets += fmt::format("{}{} = excluded.{}", sets.empty() ? "" : ", ", column, column);
    }
    if (has_times) {
        names += ", create_timestamp, update_timestamp";
        values += fmt::format(", coalesce(r.create_timestamp{}, now()), coalesce(r.update_timestamp, now())",
                              upsert ? ", o.create_timestamp" : "");
        sets += ", create_timestamp = excluded.create_timestamp, update_timestamp = excluded.update_timestamp";
    }
    const auto old = upsert ? fmt::format(" left join {} o using ({})", table, key) : std::string();
    const auto action = upsert ? fmt::format(" on conflict ({}) do update set {}", key, sets) : std::string();
    return fmt::format("{}w as (insert into {} (email_id{}) select r.email_id{} from {}i r join e using (email_id){}{}),\n", alias, table,
                       names, values, alias, old, action);
}

constexpr std::array<std::string_view, 10> amo_columns{"add_on_ids", "display_name", "email_opt_in", "language", "last_login",
                                                       "location",   "profile_url",  R"("user")",    "user_id",  "username"};
constexpr std::array<std::string_view, 6> fxa_columns{"fxa_id", "primary_email", "created_date",
                                                      "lang",   "first_service", "account_deleted"};
constexpr std::array<std::string_view, 3> mofo_columns{"mofo_email_id", "mofo_contact_id", "mofo_relevant"};
constexpr std::array<std::string_view, 6> newsletter_columns{"name", "subscribed", "format", "lang", "source", "unsub_reason"};
constexpr std::array<std::string_view, 3> waitlist_columns{"name", "source", "fields"};

std::string write_sql(bool upsert) {
    return std::string(rows_of_batch) + std::string(upsert ? replace_emails : create_emails) +
           write_group("a", "amo", "email_id", amo_columns, true, upsert) + write_group("f", "fxa", "email_id", fxa_columns, true, upsert) +
           write_group("m", "mofo", "email_id", mofo_columns, false, upsert) +
           write_group("n", "newsletters", "email_id, name", newsletter_columns, true, upsert) +
           write_group("w", "waitlists", "email_id, name", waitlist_columns, true, upsert) +
           fmt::format("q as ({})\nselect email_id::text from e", request_sync_sql("$7::smallint", "e where $7 is not null"));
}

std::string joined(std::span<const model::stored_rows> contacts, std::string model::stored_rows::*part) {
    std::string out = "[";
    for (const auto& contact : contacts) {
        if ((contact.*part).empty()) continue;
        if (out.size() > 1) out += ',';
        out += contact.*part;
    }
    return out += ']';
}

std::vector<parameter> parameters_of(std::span<const model::stored_rows> contacts, std::optional<queue_priority> priority) {
    using rows = model::stored_rows;
    std::vector<parameter> out;
    for (const auto part : {&rows::email, &rows::amo, &rows::fxa, &rows::mofo, &rows::newsletters, &rows::waitlists})
        out.emplace_back(joined(contacts, part));
    out.emplace_back(priority ? parameter(std::to_string(static_cast<int>(*priority))) : std::nullopt);
    return out;
}

std::vector<uuid> ids_in(const rows& found) {
    std::vector<uuid> out;
    for (std::size_t row = 0; row < found.size(); ++row) out.push_back(uuid::parse(found.text(row, 0)).value_or(uuid{}));
    return out;
}

result<std::vector<uuid>> write(database& db, const statement& what, std::span<const model::stored_rows> contacts,
                                const bulk_options& how) {
    const auto parameters = parameters_of(contacts, how.sync_priority);
    return run(db, [&](connection& link) {
        if (!how.dry_run) return ids_in(link.query(what, parameters, true));
        link.begin();
        auto out = ids_in(link.query(what, parameters, true));
        link.rollback();
        return out;
    });
}

} // namespace

result<std::vector<uuid>> contact_bulk_repository::create(std::span<const model::stored_rows> contacts, const bulk_options& how) {
    static const statement create_many{"create_contacts", write_sql(false)};
    return write(db_, create_many, contacts, how);
}

result<std::vector<uuid>> contact_bulk_repository::replace(std::span<const model::stored_rows> contacts, const bulk_options& how) {
    static const statement replace_many{"replace_contacts", write_sql(true)};
    return write(db_, replace_many, contacts, how);
}

result<std::map<std::string, uuid, std::less<>>> contact_bulk_repository::find_ids(std::span<const std::string> primary_emails) {
    static const statement ids_of_addresses{"ids_of_addresses", "select email_id::text, primary_email from emails"
                                                                " where primary_email in (select json_array_elements_text($1::json))"};
    return run(db_, [&](connection& link) {
        const auto found = link.query(ids_of_addresses, {json_names(primary_emails)});
        std::map<std::string, uuid, std::less<>> out;
        for (std::size_t row = 0; row < found.size(); ++row)
            out.emplace(found.text(row, 1), uuid::parse(found.text(row, 0)).value_or(uuid{}));
        return out;
    });
}

std::string conflicting_field(const error& failure) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> fields{{{"emails_primary_email_key", "primary_email"},
                                                                                          {"emails_basket_token_key", "basket_token"},
                                                                                          {"fxa_fxa_id_key", "fxa_id"},
                                                                                          {"mofo_mofo_email_id_key", "mofo_email_id"},
                                                                                          {"uix_email_name", "newsletters"},
                                                                                          {"uix_wl_email_name", "waitlists"}}};
    for (const auto& [constraint, field] : fields) {
        if (failure.detail.find(constraint) != std::string::npos) return std::string(field);
    }
    return {};
}

} // namespace ctms::persistence
