// SPDX-License-Identifier: MPL-2.0
#include "contact_bulk_repository.hpp"
#include "contact_tables.hpp"
#include "history_sql.hpp"

#include <persistence/postgres/address_list.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/postgres/time_columns.hpp>
#include <persistence/sync/note_change_sql.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <array>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

namespace ctms::persistence {
namespace {

/// What is written of a row `r` of a batch. The contacts in $9 are opted out of all email.
std::string values_of_batch(const contact_table& table) {
    if (table.which != table_of::emails) return "r.*";
    std::string out = "r.email_id, r.version, r.create_timestamp, r.update_timestamp";
    for (const auto& column : table.columns) {
        const bool may_change = column.name == "has_opted_out_of_email";
        out += fmt::format(", r.{0}{1}", column.name,
                           may_change ? " or r.email_id = any (array(select json_array_elements_text($9::json)::uuid)) as " + column.name
                                      : "");
    }
    return out;
}

// The rows of all contacts of a batch, one JSON array for each table. PostgreSQL reads it nearly as fast as COPY does. No
// temporary table has to be created for each transaction, so a connection pooler works too.
std::string rows_of_batch() {
    std::string out = fmt::format("\nwith said as materialized (select * from {})", we_are_the_writer);
    int parameter = 1;
    for (const auto& table : contact_tables()) {
        out += fmt::format(",\n{}i as materialized (\n  select {} from {}json_to_recordset(${}::json) as r(email_id uuid, {}{}{}))",
                           table.alias, values_of_batch(table), parameter == 1 ? "said, " : "", parameter,
                           table.which == table_of::emails ? "version xid, " : "",
                           each_column(table.columns, "{column} {type}", "{column} {type}, {column}_text text"),
                           table.has_times ? ", create_timestamp timestamptz, update_timestamp timestamptz" : "");
        ++parameter;
    }
    return out + ",\n";
}

std::string create_emails() {
    return fmt::format(R"(taken as materialized (select clock_timestamp() as moment),
e as (
  insert into emails (email_id, {0}, create_timestamp, update_timestamp)
  select email_id, {0}, coalesce(create_timestamp, moment), coalesce(update_timestamp, moment) from ei, taken
  on conflict (email_id) do nothing returning email_id),
)",
                       each_column(contact_tables().front().columns, "{column}"));
}

/// A contact changes when it is replaced, whatever older time the file contains: readers of changes must see it. One that was written since
/// its version was read is left out: somebody may have opted out.
std::string replace_emails() {
    return fmt::format(R"(e as (
  update emails set {}, create_timestamp = coalesce(ei.create_timestamp, emails.create_timestamp),
    update_timestamp = greatest(ei.update_timestamp, {})
  from ei where emails.email_id = ei.email_id and emails.xmin = ei.version returning emails.email_id, emails.update_timestamp),
a_gone as (delete from amo t using e where t.email_id = e.email_id and not exists (select from ai where ai.email_id = e.email_id)),
f_gone as (delete from fxa t using e where t.email_id = e.email_id and not exists (select from fi where fi.email_id = e.email_id)),
m_gone as (delete from mofo t using e where t.email_id = e.email_id and not exists (select from mi where mi.email_id = e.email_id)),
n_gone as (delete from newsletters t using e
  where t.email_id = e.email_id and not exists (select from ni where ni.email_id = e.email_id and ni.name = t.name)),
w_gone as (delete from waitlists t using e
  where t.email_id = e.email_id and not exists (select from wi where wi.email_id = e.email_id and wi.name = t.name)),
d_gone as (delete from ctms_documents t using e where t.email_id = e.email_id),
)",
                       each_column(contact_tables().front().columns, "{column} = ei.{column}"), later_time_sql("emails"));
}

/// Inserts a group's rows; with `upsert` it also updates existing ones. JSON is stored exactly as it was written if the batch has its text.
std::string write_group(const contact_table& table, bool upsert) {
    auto names = each_column(table.columns, "{column}");
    auto values = each_column(table.columns, "r.{column}", "coalesce(r.{column}_text, r.{column}::text, '{{}}')::json");
    auto sets = each_column(table.columns, "{column} = excluded.{column}");
    if (table.has_times) {
        names += ", create_timestamp, update_timestamp";
        values += fmt::format(", coalesce(r.create_timestamp{0}, {1}), coalesce(r.update_timestamp, {1})",
                              upsert ? ", o.create_timestamp" : "", upsert ? "e.update_timestamp" : "(select moment from taken)");
        sets += ", create_timestamp = excluded.create_timestamp, update_timestamp = excluded.update_timestamp";
    }
    const auto old = upsert ? fmt::format(" left join {} o using ({})", table.name, table.key) : std::string();
    if (upsert) {
        names = "id, " + names;
        values = "coalesce(o.id, nextval('" + std::string(table.name) + "_id_seq')), " + values;
    }
    const auto action = upsert ? fmt::format(" on conflict ({}) do update set {}", table.key, sets) : std::string();
    return fmt::format("{0}w as (insert into {1} (email_id, {2}) select r.email_id, {3} from {0}i r join e using (email_id){4}{5}),\n",
                       table.alias, table.name, names, values, old, action);
}

std::string write_sql(bool upsert, bool keeps_history) {
    auto out = rows_of_batch() + (upsert ? replace_emails() : create_emails());
    for (const auto& table : std::span(contact_tables()).subspan(1)) out += write_group(table, upsert);
    const auto what = upsert ? noted::updated : noted::created;
    out +=
        fmt::format("q as ({}),\nch as ({})", request_sync_sql("$7::smallint", "e where $7 is not null"), note_change_sql(what, "$8", "e"));
    if (keeps_history) {
        const recorded_sql values{.client = "$8", .request_id = "$10", .changes = "coalesce(changes, '[]')"};
        out += fmt::format(",\ndiffering as ({}),\nh as ({})", imported_changes_sql(),
                           record_change_sql(what, values, upsert ? "differing" : "e left join differing using (email_id)"));
    }
    return out + "\nselect email_id::text from e";
}

/// A JSON list of what `rows_of` returns for each contact: objects, separated by commas, or "".
template <class Function>
std::string joined(std::span<const model::stored_rows> contacts, const Function& rows_of) {
    std::string out = "[";
    for (const auto& contact : contacts) {
        const auto& rows = std::invoke(rows_of, contact);
        if (rows.empty()) continue;
        if (out.size() > 1) out += ',';
        out += rows;
    }
    return out += ']';
}

std::vector<parameter> parameters_of(std::span<const model::stored_rows> contacts, const bulk_options& how) {
    using rows = model::stored_rows;
    // The row of a contact that replaces another one has the version of that one as a further member.
    const auto email_of = [](const rows& one) {
        return one.version.empty() ? one.email : fmt::format(R"({{"version":"{}",{})", one.version, one.email.substr(1));
    };
    std::vector<parameter> out{joined(contacts, email_of)};
    for (const auto part : {&rows::amo, &rows::fxa, &rows::mofo, &rows::newsletters, &rows::waitlists})
        out.emplace_back(joined(contacts, part));
    out.emplace_back(how.sync_priority ? parameter(std::to_string(static_cast<int>(*how.sync_priority))) : std::nullopt);
    out.emplace_back(std::string(how.by.client));
    return out;
}

std::vector<uuid> ids_in(const rows& found) {
    std::vector<uuid> out;
    for (std::size_t row = 0; row < found.size(); ++row) out.push_back(uuid::parse(found.text(row, 0)).value_or(uuid{}));
    return out;
}

/// Returns the contacts whose addresses are suppressed.
std::vector<uuid> suppressed_among(connection& link, const suppression_options& how, std::span<const model::stored_rows> contacts) {
    static const statement look{"suppressed_among", fmt::format("select email_id::text from json_to_recordset($1::json)"
                                                                " as r(email_id uuid, hashes text[]) where {}",
                                                                is_suppressed_sql("hashes"))};
    std::vector<std::string> addresses;
    for (const auto& one : contacts) addresses.push_back(one.primary_email);
    addresses = normalized(link, std::move(addresses));
    std::size_t place = 0;
    const auto hashes = json_rows(contacts, [&](object_writer& writer, const model::stored_rows& one) {
        writer.add("email_id", std::string_view(one.email_id.to_string()));
        append_json_array(writer.key("hashes"), hashes_of(how, suppressed_kind::address, addresses[place++]), append_json_string);
    });
    return ids_in(link.query(look, {hashes}));
}

result<std::vector<uuid>> write(database& db, const statement& what, std::span<const model::stored_rows> contacts,
                                const bulk_options& how) {
    const auto& suppression = db.connections().options().suppression;
    bool is_refused = false;
    bool is_late = false;
    auto written = run(db, [&](connection& link) {
        const auto suppressed = suppression.hashes ? suppressed_among(link, suppression, contacts) : std::vector<uuid>();
        is_refused = !suppressed.empty() && !suppression.opts_out;
        if (is_refused) return std::vector<uuid>();
        auto parameters = parameters_of(contacts, how);
        parameters.emplace_back(json_ids(suppressed));
        if (keeps_history(db)) parameters.emplace_back(std::string(how.by.request_id));
        if (!how.dry_run && !how.longest_wait) return ids_in(link.query(what, parameters, true));
        link.begin();
        if (how.longest_wait) link.execute(fmt::format("set local lock_timeout = {}", how.longest_wait->count()));
        try {
            auto out = ids_in(link.query(what, parameters, true));
            how.dry_run ? link.rollback() : link.commit();
            return out;
        } catch (const sql_error& failure) {
            is_late = how.longest_wait && failure.reason() == sql_error::kind::timeout;
            if (!is_late) throw;
        }
        link.rollback();
        return std::vector<uuid>();
    });
    if (written && is_refused) return suppressed_address();
    if (written && is_late) return interrupted("", "another transaction kept a value locked");
    return written;
}

} // namespace

result<std::vector<uuid>> contact_bulk_repository::create(std::span<const model::stored_rows> contacts, const bulk_options& how) {
    static const statement create_many{"create_contacts", write_sql(false, false)};
    static const statement recorded{"create_contacts_recorded", write_sql(false, true)};
    return write(db_, keeps_history(db_) ? recorded : create_many, contacts, how);
}

result<std::vector<uuid>> contact_bulk_repository::replace(std::span<const model::stored_rows> contacts, const bulk_options& how) {
    static const statement replace_many{"replace_contacts", write_sql(true, false)};
    static const statement recorded{"replace_contacts_recorded", write_sql(true, true)};
    return write(db_, keeps_history(db_) ? recorded : replace_many, contacts, how);
}

result<std::map<std::string, uuid, std::less<>>> contact_bulk_repository::find_ids(std::span<const std::string> primary_emails) {
    // `lateral` and `offset 0` force one index lookup for each address, also without statistics.
    static const statement ids_of_addresses{
        "ids_of_addresses", "select found.email_id::text, found.primary_email"
                            " from json_array_elements_text($1::json) as given(address) cross join lateral"
                            " (select email_id, primary_email from emails where primary_email = given.address offset 0) as found"};
    return run(db_, [&](connection& link) {
        const auto found = link.query(ids_of_addresses, {json_names(primary_emails)});
        std::map<std::string, uuid, std::less<>> out;
        for (std::size_t row = 0; row < found.size(); ++row)
            out.emplace(found.text(row, 1), uuid::parse(found.text(row, 0)).value_or(uuid{}));
        return out;
    });
}

result<std::map<uuid, std::string>> contact_bulk_repository::find_versions(std::span<const uuid> email_ids) {
    static const statement versions{"versions_of_ids",
                                    "select given.email_id::text, found.version::text from unnest($1::uuid[]) as given(email_id)"
                                    " cross join lateral"
                                    " (select xmin as version from emails where emails.email_id = given.email_id offset 0) as found"};
    return run(db_, [&](connection& link) {
        const auto found = link.query(versions, {array_of(email_ids)});
        std::map<uuid, std::string> out;
        for (std::size_t row = 0; row < found.size(); ++row)
            out.emplace(uuid::parse(found.text(row, 0)).value_or(uuid{}), found.text(row, 1));
        return out;
    });
}

result<std::vector<std::vector<address_match>>> contact_bulk_repository::find_alike(std::span<const std::string> primary_emails) {
    static const statement alike{"contacts_alike",
                                 fmt::format("{} select form.place, e.email_id::text, e.primary_email,"
                                             " coalesce(e.has_opted_out_of_email, false)::text"
                                             " from form join emails e on lower(e.primary_email) = form.address order by 1, 2",
                                             with_address_forms)};
    return run(db_, [&](connection& link) {
        const auto found = link.query(alike, {json_names(primary_emails)});
        std::vector<std::vector<address_match>> out(primary_emails.size());
        for (std::size_t row = 0; row < found.size(); ++row) {
            out.at(static_cast<std::size_t>(found.integer(row, 0)) - 1)
                .push_back(
                    {uuid::parse(found.text(row, 1)).value_or(uuid{}), std::string(found.text(row, 2)), found.text(row, 3) == "true"});
        }
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
