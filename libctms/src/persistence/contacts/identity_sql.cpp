// SPDX-License-Identifier: MPL-2.0
#include "identity_sql.hpp"

#include <fmt/format.h>

namespace ctms::persistence {
namespace {

parameter text_of(const model::text& value) { return value; }
parameter text_of(const std::optional<uuid>& value) { return value ? parameter(value->to_string()) : std::nullopt; }

/// One id of the query: the table that contains it, and the condition on it; {} is the parameter.
struct condition {
    const char* table;
    const char* sql;
    parameter value;
};

std::vector<condition> given_conditions(const model::identity_query& query) {
    const condition all[] = {{"e", "e.email_id = {}::uuid", text_of(query.email_id)},
                             {"e", "lower(e.primary_email) = lower({})", text_of(query.primary_email)},
                             {"e", "e.basket_token = {}", text_of(query.basket_token)},
                             {"e", "e.sfdc_id = {}", text_of(query.sfdc_id)},
                             {"m", "m.mofo_contact_id = {}", text_of(query.mofo_contact_id)},
                             {"m", "m.mofo_email_id = {}", text_of(query.mofo_email_id)},
                             {"a", "a.user_id = {}", text_of(query.amo_user_id)},
                             {"f", "f.fxa_id = {}", text_of(query.fxa_id)},
                             {"f", "lower(f.primary_email) = lower({})", text_of(query.fxa_primary_email)}};
    std::vector<condition> given;
    for (const auto& one : all) {
        if (one.value) given.push_back(one);
    }
    return given;
}

/// Selects `columns` of the matching contacts. Tables without a condition are joined with `other_join`, or not at all if it is null.
lookup make(std::string_view prefix, std::string_view columns, const char* other_join, const model::identity_query& query) {
    lookup out{std::string(prefix), fmt::format("select {} from emails e", columns), {}};
    std::string where;
    const auto given = given_conditions(query);
    for (const auto& [alias, table] : {std::pair{"m", "mofo"}, std::pair{"a", "amo"}, std::pair{"f", "fxa"}}) {
        bool needed = false;
        for (const auto& one : given) needed = needed || std::string_view(one.table) == alias;
        const char* join = needed ? "join" : other_join;
        if (join != nullptr) out.sql += fmt::format(" {} {} {} using (email_id)", join, table, alias);
    }
    for (const auto& one : given) {
        out.parameters.push_back(one.value);
        where += fmt::format("{} {}", where.empty() ? " where" : " and",
                             fmt::format(fmt::runtime(one.sql), fmt::format("${}", out.parameters.size())));
        out.name += fmt::format("_{}", std::string_view(one.sql).substr(0, std::string_view(one.sql).find(' ')));
    }
    out.sql += where;
    return out;
}

} // namespace

lookup ids_lookup(const model::identity_query& query) { return make("contacts_by", "e.email_id, e.xmin as version", nullptr, query); }

lookup identities_lookup(const model::identity_query& query) {
    auto out = make("identities_by",
                    "e.email_id::text, e.primary_email, e.basket_token, e.sfdc_id, m.mofo_contact_id, m.mofo_email_id, "
                    "a.user_id, f.fxa_id, f.primary_email",
                    "left join", query);
    out.sql += " order by e.email_id";
    return out;
}

namespace {

/// The parameters of a page, and its conditions on the table e: $1 and $2 the times, $3 the limit, $4 and $5 the cursor.
struct page {
    std::vector<parameter> parameters;
    std::string conditions;
};

page page_of(const model::updates_query& query) {
    const auto micros = [](timestamp when) { return parameter(fmt::to_string(when.time_since_epoch().count())); };
    // Converts microseconds exactly; a floating-point number of seconds would not be exact.
    constexpr auto to_time = "(timestamptz 'epoch' + {}::bigint * interval '1 microsecond')";
    page out{{micros(query.start.when), micros(query.until.value_or(query.end.value().when)), fmt::to_string(query.limit)},
             fmt::format("e.update_timestamp >= {} and e.update_timestamp < {}", fmt::format(to_time, "$1"), fmt::format(to_time, "$2"))};
    if (query.after) {
        out.conditions += fmt::format(" and (e.update_timestamp, e.email_id) > ({}, $5::uuid)", fmt::format(to_time, "$4"));
        out.parameters.push_back(micros(query.after->updated));
        out.parameters.emplace_back(query.after->email_id.to_string());
    }
    return out;
}

// The way to a page of relevant contacts depends on where they are, which no statistics say. {0} are the conditions.
//   page: contacts are read in order of the index until the page or the period ends. That is the usual case.
//   sort: 5,000 contacts did not fill the page, and at most 25,000 are relevant at all: these are looked up and sorted.
//   walk: as the first way, as far as it takes. That is slow where more than 5,000 other contacts follow each other: before the first
// relevant contact of the period, in a gap between two, and after the last one, because the walk then reads to the end of the period.
constexpr std::string_view relevant_updates = R"(
with hits as materialized (
  select w.email_id, w.version, w.update_timestamp from (
    select e.email_id, e.xmin as version, e.update_timestamp from emails e
    where {0} order by e.update_timestamp, e.email_id limit 5000) w
  where (select m.mofo_relevant from mofo m where m.email_id = w.email_id)
  order by w.update_timestamp, w.email_id limit $3::integer),
few as materialized (select email_id from mofo where mofo_relevant order by email_id limit 25001),
chosen as materialized (
  select case
    when (select count(*) from hits) >= $3::integer
      or not exists (select from emails e where {0} order by e.update_timestamp, e.email_id offset 5000 limit 1) then 'page'
    when (select count(*) from few) > 25000 then 'walk'
    else 'sort' end as way)
select e.email_id, e.version, e.update_timestamp from (
  select * from hits where (select way from chosen) = 'page'
  union all
  (select e.* from few cross join lateral (
     select e.email_id, e.xmin as version, e.update_timestamp from emails e where e.email_id = few.email_id and {0} offset 0) e
   where (select way from chosen) = 'sort' order by e.update_timestamp, e.email_id limit $3::integer)
  union all
  (select e.email_id, e.xmin as version, e.update_timestamp from emails e
   where (select way from chosen) = 'walk' and {0} and (select m.mofo_relevant from mofo m where m.email_id = e.email_id)
   order by e.update_timestamp, e.email_id limit $3::integer)) e
limit $3::integer)";

} // namespace

lookup updates_lookup(const model::updates_query& query) {
    auto wanted = page_of(query);
    lookup out{query.after ? "updates_after" : "updates", "select e.email_id, e.xmin as version, e.update_timestamp from emails e",
               std::move(wanted.parameters)};
    if (query.mofo_relevant) out.name += *query.mofo_relevant ? "_relevant" : "_not_relevant";
    out.by_indexes = query.mofo_relevant.has_value();
    if (query.mofo_relevant == true) {
        out.sql = fmt::format(relevant_updates, wanted.conditions);
        return out;
    }
    if (query.mofo_relevant == false)
        wanted.conditions += " and (select m.mofo_relevant from mofo m where m.email_id = e.email_id) is not true";
    out.sql += fmt::format(" where {} order by e.update_timestamp, e.email_id limit $3::integer", wanted.conditions);
    return out;
}

std::vector<model::identity> read_identities(const rows& found) {
    std::vector<model::identity> out;
    for (std::size_t row = 0; row < found.size(); ++row) {
        auto& one = out.emplace_back();
        one.email_id = uuid::parse(found.text(row, 0)).value_or(uuid{});
        std::size_t column = 1;
        for (auto* member : {&one.primary_email, &one.basket_token, &one.sfdc_id, &one.mofo_contact_id, &one.mofo_email_id,
                             &one.amo_user_id, &one.fxa_id, &one.fxa_primary_email}) {
            *member = found.optional_text(row, column++);
        }
    }
    return out;
}

} // namespace ctms::persistence
