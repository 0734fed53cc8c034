// SPDX-License-Identifier: MPL-2.0
#include "parked_names.hpp"

#include "personal_data.hpp"

#include <base/base64.hpp>
#include <persistence/postgres/json_rows.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace ctms::persistence {
namespace {

const statement read_names{"erasure_names", fmt::format(R"(
with {}
select 'account', fxa_id from accounts union all select 'customer', stripe_id from customers where stripe_id <> ''
union all select 'address', word from words where word like '%@%')",
                                                        persons_ids_sql())};

// Few at a time, because payloads can be large. $2: ids that are left out.
const statement next_payloads{"erasure_next_payloads", "select id, encode(payload, 'base64') from ctms_stripe_parked where id > $1::bigint"
                                                       " and id not in (select json_array_elements_text($2::json)::bigint)"
                                                       " order by id limit 20"};

const statement one_payload{"erasure_one_payload", "select id, encode(payload, 'base64') from ctms_stripe_parked where id = $1::bigint"};

const statement remove_one{"erasure_remove_parked", "delete from ctms_stripe_parked where id = $1::bigint"};

} // namespace

bool names_person(const rows& found, std::size_t row, std::size_t column, const json::person_names& names) {
    std::string encoded(found.text(row, column));
    std::erase(encoded, '\n'); // PostgreSQL breaks lines
    return json::names_person(base64_decode(encoded).value_or(""), names);
}

void add_names(connection& db, const std::string& email_id, json::person_names& to) {
    const auto found = db.query(read_names, {email_id});
    for (std::size_t row = 0; row < found.size(); ++row) {
        const auto kind = found.text(row, 0);
        auto& names = kind == "account" ? to.accounts : kind == "customer" ? to.customers : to.addresses;
        names.emplace(found.text(row, 1));
    }
}

bool includes(const json::person_names& all, const json::person_names& some) {
    const auto has = [](const auto& a, const auto& b) { return std::includes(a.begin(), a.end(), b.begin(), b.end()); };
    return has(all.accounts, some.accounts) && has(all.customers, some.customers) && has(all.addresses, some.addresses);
}

void search_parked(connection& db, const json::person_names& names, parked_search& search) {
    const auto known = json_names(search.searched);
    std::string last = "0";
    for (auto page = db.query(next_payloads, {last, known}); !page.empty(); page = db.query(next_payloads, {last, known})) {
        for (std::size_t row = 0; row < page.size(); ++row) {
            last = page.text(row, 0);
            search.searched.push_back(last);
            if (names_person(page, row, 1, names)) search.found.push_back(last);
        }
    }
}

std::int64_t remove_parked(connection& db, const json::person_names& names, const parked_search& search) {
    std::int64_t removed = 0;
    for (const auto& id : search.found) {
        const auto found = db.query(one_payload, {id});
        if (found.empty() || !names_person(found, 0, 1, names)) continue;
        removed += static_cast<std::int64_t>(db.query(remove_one, {id}, true).affected());
    }
    return removed;
}

} // namespace ctms::persistence
