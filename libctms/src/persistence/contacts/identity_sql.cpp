// SPDX-License-Identifier: MPL-2.0
#include "identity_sql.hpp"

#include <persistence/postgres/time_columns.hpp>

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

/// The parameters of a page, its conditions on the table e, and which parameter is the limit: the last one.
struct page {
    std::vector<parameter> parameters;
    std::string conditions;
    std::string limit;
};

page page_of(const model::updates_query& query) {
    const auto micros = [](timestamp when) { return parameter(fmt::to_string(when.time_since_epoch().count())); };
    // Converts microseconds exactly; a floating-point number of seconds would not be exact.
    constexpr auto to_time = "(timestamptz 'epoch' + {}::bigint * interval '1 microsecond')";
    page out{{micros(query.start.when), micros(query.until.value_or(query.end.value().when))},
             fmt::format("e.update_timestamp >= {} and e.update_timestamp < {}", fmt::format(to_time, "$1"), fmt::format(to_time, "$2")),
             {}};
    if (query.after) {
        out.conditions += fmt::format(" and (e.update_timestamp, e.email_id) > ({}, $4::uuid)", fmt::format(to_time, "$3"));
        out.parameters.push_back(micros(query.after->updated));
        out.parameters.emplace_back(query.after->email_id.to_string());
    }
    out.parameters.emplace_back(fmt::to_string(query.limit));
    out.limit = fmt::format("${}::integer", out.parameters.size());
    return out;
}

// How many contacts a request examines in order of time at most, and before it looks for relevant ones in another way; and up to how many
// relevant contacts are looked up and sorted. Pages of small databases do not depend on these numbers.
constexpr int most_examined = 25'000;
constexpr int first_examined = 5'000;
constexpr int most_sorted = 25'000;

// The way to a page of relevant contacts depends on where they are, which no statistics say. {0} are the conditions, {1} the limit, {2} to
// {4} the numbers above.
//   page: contacts are read in order of the index until the page or the period ends. That is the usual case.
//   sort: the first {3} contacts did not fill the page, and at most {4} are relevant at all: these are looked up and sorted.
//   walk: as the first way, for {2} contacts. If these do not fill the page either, it stays short: examined_end() says where it ends.
constexpr std::string_view relevant_updates = R"(
with hits as materialized (
  select w.email_id, w.version, w.update_timestamp from (
    select e.email_id, e.xmin as version, e.update_timestamp from emails e
    where {0} order by e.update_timestamp, e.email_id limit {3}) w
  where (select m.mofo_relevant from mofo m where m.email_id = w.email_id)
  order by w.update_timestamp, w.email_id limit {1}),
few as materialized (select email_id from mofo where mofo_relevant order by email_id limit {4} + 1),
chosen as materialized (
  select case
    when (select count(*) from hits) >= {1}
      or not exists (select from emails e where {0} order by e.update_timestamp, e.email_id offset {3} limit 1) then 'page'
    when (select count(*) from few) > {4} then 'walk'
    else 'sort' end as way)
select e.email_id, e.version, e.update_timestamp from (
  select * from hits where (select way from chosen) = 'page'
  union all
  (select e.* from few cross join lateral (
     select e.email_id, e.xmin as version, e.update_timestamp from emails e where e.email_id = few.email_id and {0} offset 0) e
   where (select way from chosen) = 'sort' order by e.update_timestamp, e.email_id limit {1})
  union all
  (select w.email_id, w.version, w.update_timestamp from (
     select e.email_id, e.xmin as version, e.update_timestamp from emails e
     where (select way from chosen) = 'walk' and {0} order by e.update_timestamp, e.email_id limit {2}) w
   where (select m.mofo_relevant from mofo m where m.email_id = w.email_id)
   order by w.update_timestamp, w.email_id limit {1})) e
limit {1})";

// The contacts that are not relevant: most have no row in mofo that says so.
constexpr std::string_view other_updates = R"(
select w.email_id, w.version, w.update_timestamp from (
  select e.email_id, e.xmin as version, e.update_timestamp from emails e
  where {0} order by e.update_timestamp, e.email_id limit {2}) w
where (select m.mofo_relevant from mofo m where m.email_id = w.email_id) is not true
order by w.update_timestamp, w.email_id limit {1})";

// The last contact that a short page examined, unless it examined all. {2}: whether it was read by a walk.
constexpr std::string_view end_of_examined = R"(
select {1}, e.email_id::text from emails e where {0} and {2} order by e.update_timestamp, e.email_id offset {3} - 1 limit 1)";

std::string_view suffix_of(const model::updates_query& query) {
    return !query.mofo_relevant ? "" : *query.mofo_relevant ? "_relevant" : "_not_relevant";
}

} // namespace

lookup updates_lookup(const model::updates_query& query) {
    auto wanted = page_of(query);
    lookup out{fmt::format("{}{}", query.after ? "updates_after" : "updates", suffix_of(query)),
               fmt::format("select e.email_id, e.xmin as version, e.update_timestamp from emails e where {}"
                           " order by e.update_timestamp, e.email_id limit {}",
                           wanted.conditions, wanted.limit),
               std::move(wanted.parameters), query.mofo_relevant.has_value()};
    if (query.mofo_relevant) {
        out.sql = fmt::format(fmt::runtime(*query.mofo_relevant ? relevant_updates : other_updates), wanted.conditions, wanted.limit,
                              most_examined, first_examined, most_sorted);
    }
    return out;
}

lookup examined_end(const model::updates_query& query) {
    auto wanted = page_of(query);
    wanted.parameters.pop_back(); // the limit
    const auto by_walk =
        query.mofo_relevant == true
            ? fmt::format("(select count(*) from (select from mofo where mofo_relevant limit {0} + 1) few) > {0}", most_sorted)
            : "true";
    return {fmt::format("{}{}", query.after ? "examined_after" : "examined", suffix_of(query)),
            fmt::format(end_of_examined, wanted.conditions, microseconds_sql("e.update_timestamp"), by_walk, most_examined),
            std::move(wanted.parameters), true};
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
