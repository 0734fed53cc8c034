// SPDX-License-Identifier: MPL-2.0
#include "history_sql.hpp"

#include "contact_tables.hpp"

#include <json/changed_fields.hpp>

#include <fmt/core.h>

#include <span>

namespace ctms::persistence {
namespace {

std::string_view name_of(noted what) {
    switch (what) {
    case noted::created: return "created";
    case noted::updated: return "updated";
    case noted::deleted: return "deleted";
    }
    return "updated";
}

/// The name of the group in the API.
std::string_view group_of(const contact_table& table) { return table.which == table_of::emails ? "email" : table.name; }

/// A row of: place, field, whether its values are kept, the old and the new value as JSON, whether they differ.
std::string compared_sql(const contact_table& table, const column& column, int place) {
    const auto value = [&](std::string_view row) {
        if (column.type == "boolean") return fmt::format("coalesce({}.{}, false)", row, column.name);
        if (column.type == json_type) return fmt::format("coalesce(nullif({}.{}::text, '{{}}'), '')", row, column.name);
        return fmt::format("coalesce({}.{}::text, '')", row, column.name);
    };
    const auto json = [&](std::string_view row) {
        return column.keeps_values ? fmt::format("to_json({}.{})::text", row, column.name) : std::string("null");
    };
    std::string_view name = column.name;
    if (name.starts_with('"')) name = name.substr(1, name.size() - 2);
    return fmt::format("({}, '{}.{}', {}, {}, {}, {} <> {})", place, group_of(table), name, column.keeps_values, json("o"), json("n"),
                       value("o"), value("n"));
}

/// Both states of the contacts of `e`: `o` is the row as it was, `n` the row of the batch, and `named` the name of an item.
std::string both_states_sql(const contact_table& table) {
    if (!table.is_list) {
        return fmt::format("(select email_id, null::text as name from e) named left join {} o using (email_id)"
                           " left join {}i n using (email_id)",
                           table.name, table.alias);
    }
    return fmt::format("(select email_id, t.name::text as name from e join {0} t using (email_id) union"
                       " select email_id, t.name from e join {1}i t using (email_id)) named"
                       " left join {0} o using (email_id, name) left join {1}i n using (email_id, name)",
                       table.name, table.alias);
}

} // namespace

std::string record_change_sql(noted what, const recorded_sql& values, std::string_view from) {
    return fmt::format("\n  insert into ctms_history (email_id, changed_at, what, client, request_id, changes)"
                       " select email_id, {}, '{}', nullif({}, ''), nullif({}, ''), ({})::json from {}",
                       values.when, name_of(what), values.client, values.request_id, values.changes, from);
}

std::string opted_out_sql() {
    model::contact before;
    auto after = before;
    after.email.has_opted_out_of_email = true;
    return "'" + json::changed_fields(&before, after) + "'"; // it has no quotes of SQL
}

std::string imported_changes_sql() {
    std::string all;
    int place = 0;
    for (const auto& table : contact_tables()) {
        std::string compared;
        if (table.which == table_of::waitlists) {
            compared = fmt::format("({}, 'waitlists.subscribed', true, (o.name is not null)::text, (n.name is not null)::text,"
                                   " (o.name is null) <> (n.name is null)), ",
                                   place++);
        }
        for (const auto& column : std::span(table.columns).subspan(table.is_list ? 1 : 0)) // the name of an item is part of its key
            compared += compared_sql(table, column, place++) + ", ";
        compared.resize(compared.size() - 2);
        all += fmt::format("{}\n    select named.email_id, named.name, x.* from {}, lateral (values {})"
                           " as x (place, field, keeps, old, new, differs) where x.differs",
                           all.empty() ? "" : "\n    union all", both_states_sql(table), compared);
    }
    return fmt::format(R"(
  select email_id, '[' || string_agg('{{"field":"' || field || '"' || coalesce(',"name":' || to_json(name)::text, '')
      || case when keeps then ',"old":' || coalesce(old, 'null') || ',"new":' || coalesce(new, 'null') else '' end || '}}',
    ',' order by place, name) || ']' as changes
  from ({}) as compared group by email_id)",
                       all);
}

} // namespace ctms::persistence
