// SPDX-License-Identifier: MPL-2.0
#include "identity_sql.hpp"

#include <persistence/postgres/time_columns.hpp>

#include <fmt/format.h>

#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace ctms::persistence {
namespace {

parameter text_of(const model::text& value) { return value; }
parameter text_of(const std::optional<uuid>& value) { return value ? parameter(value->to_string()) : std::nullopt; }

/// One kind of id: the table that contains it, the condition on it, in which {} is its value, and where queries have it.
struct id_kind {
    std::string_view table;
    std::string_view sql;
    parameter (*value_of)(const model::identity_query& query);
};

template <auto Member>
parameter member_of(const model::identity_query& query) {
    return text_of(query.*Member);
}

using ids = model::identity_query;
constexpr std::array kinds{id_kind{"e", "e.email_id = {}::uuid", member_of<&ids::email_id>},
                           id_kind{"e", "lower(e.primary_email) = lower({})", member_of<&ids::primary_email>},
                           id_kind{"e", "e.basket_token = {}", member_of<&ids::basket_token>},
                           id_kind{"e", "e.sfdc_id = {}", member_of<&ids::sfdc_id>},
                           id_kind{"m", "m.mofo_contact_id = {}", member_of<&ids::mofo_contact_id>},
                           id_kind{"m", "m.mofo_email_id = {}", member_of<&ids::mofo_email_id>},
                           id_kind{"a", "a.user_id = {}", member_of<&ids::amo_user_id>},
                           id_kind{"f", "f.fxa_id = {}", member_of<&ids::fxa_id>},
                           id_kind{"f", "lower(f.primary_email) = lower({})", member_of<&ids::fxa_primary_email>}};
constexpr std::array tables{std::pair{"m", "mofo"}, std::pair{"a", "amo"}, std::pair{"f", "fxa"}};

/// The column, or the function of it, that a condition compares: a part of the names of statements.
std::string_view subject_of(const id_kind& one) { return one.sql.substr(0, one.sql.find(' ')); }

std::string condition_of(const id_kind& one, std::string_view value) { return fmt::format(fmt::runtime(one.sql), value); }

/// Finds the contacts of many ids of one kind. The limit forces one index lookup for each id, also without statistics.
statement many_lookup(const id_kind& kind) {
    std::string join;
    for (const auto& [alias, table] : tables) {
        if (kind.table == alias) join = fmt::format(" join {} {} using (email_id)", table, alias);
    }
    return {fmt::format("contacts_by_many_{}", subject_of(kind)),
            fmt::format("select place, found.email_id, found.version"
                        " from json_array_elements_text($1::json) with ordinality as given (id, place) cross join lateral"
                        " (select e.email_id, e.xmin as version from emails e{} where {} limit {}) as found",
                        join, condition_of(kind, "given.id"), most_matches + 1)};
}

} // namespace

std::optional<lone_id> lone_id_of(const model::identity_query& query) {
    std::optional<lone_id> out;
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
        auto value = kinds[kind].value_of(query);
        if (!value) continue;
        if (out) return std::nullopt;
        out = lone_id{kind, *std::move(value)};
    }
    return out;
}

std::vector<statement> many_lookups() {
    std::vector<statement> out;
    for (const auto& one : kinds) out.push_back(many_lookup(one));
    return out;
}

std::string name_around(std::string_view prefix, const lookup& what) {
    return what.name.empty() ? std::string() : fmt::format("{}_{}", prefix, what.name);
}

lookup ids_lookup(const model::identity_query& query) {
    lookup out;
    std::string where;
    std::set<std::string_view> needed;
    for (const auto& one : kinds) {
        auto value = one.value_of(query);
        if (!value) continue;
        out.parameters.push_back(std::move(value));
        where += fmt::format("{} {}", where.empty() ? " where" : " and", condition_of(one, fmt::format("${}", out.parameters.size())));
        out.name = out.parameters.size() == 1 ? fmt::format("contacts_by_{}", subject_of(one)) : std::string();
        needed.insert(one.table);
    }
    out.sql = "select e.email_id, e.xmin as version from emails e";
    for (const auto& [alias, table] : tables) {
        if (needed.contains(alias)) out.sql += fmt::format(" join {} {} using (email_id)", table, alias);
    }
    out.sql += fmt::format("{} limit {}", where, most_matches + 1);
    return out;
}

lookup identities_lookup(const model::identity_query& query) {
    auto out = ids_lookup(query); // limited before they are sorted: otherwise the server might walk through all contacts in this order
    out.name = name_around("identities", out);
    out.sql =
        fmt::format("select e.email_id::text, e.primary_email, e.basket_token, e.sfdc_id, m.mofo_contact_id, m.mofo_email_id, a.user_id,"
                    " f.fxa_id, f.primary_email from ({}) as ids join emails e using (email_id)",
                    out.sql);
    for (const auto& [alias, table] : tables) out.sql += fmt::format(" left join {} {} using (email_id)", table, alias);
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
