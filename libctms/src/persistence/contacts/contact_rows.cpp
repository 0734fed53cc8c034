// SPDX-License-Identifier: MPL-2.0
#include "contact_rows.hpp"

#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace ctms::persistence {
namespace {

// The first column names the table and the second the contact; the meaning of the others depends on the table.
enum table : char { emails = '0', amo = '1', fxa = '2', mofo = '3', newsletters = '4', waitlists = '5', match = '6' };
constexpr std::size_t first_value = 2;
constexpr std::size_t update_timestamp = 14;
constexpr std::size_t version = 15; // of an emails row

// One SELECT per table, all with the same number of columns. {0} selects the rows; {1} and {2} are the two times.
constexpr std::string_view read_emails = R"(select '0', e.email_id::text, e.primary_email, e.basket_token, e.double_opt_in::text,
  e.sfdc_id, e.first_name, e.last_name, e.mailing_country, e.email_format, e.email_lang, e.has_opted_out_of_email::text,
  e.unsubscribe_reason, {1}, {2}, e.xmin::text from emails e {0})";
constexpr std::string_view read_amo_rows = R"(select '1', a.email_id::text, a.add_on_ids, a.display_name, a.email_opt_in::text,
  a.language, to_char(a.last_login, 'YYYY-MM-DD'), a.location, a.profile_url, a."user"::text, a.user_id, a.username, null, {1}, {2}, null from amo a {0})";
constexpr std::string_view read_fxa_rows = R"(select '2', f.email_id::text, f.fxa_id, f.primary_email, f.created_date, f.lang,
  f.first_service, f.account_deleted::text, null, null, null, null, null, null, null, null from fxa f {0})";
constexpr std::string_view read_mofo_rows = R"(select '3', m.email_id::text, m.mofo_email_id, m.mofo_contact_id, m.mofo_relevant::text,
  null, null, null, null, null, null, null, null, null, null, null from mofo m {0})";
constexpr std::string_view read_newsletter_rows = R"(select '4', n.email_id::text, n.name, n.subscribed::text, n.format, n.lang,
  n.source, n.unsub_reason, null, null, null, null, null, {1}, {2}, null from newsletters n {0})";
constexpr std::string_view read_waitlist_rows = R"(select '5', w.email_id::text, w.name, w.source, w.fields::text,
  null, null, null, null, null, null, null, null, null, null, null from waitlists w {0})";

/// All six SELECTs; `filter` takes a table's alias and returns the clause that selects its rows.
template <class Filter>
std::string union_of_tables(Filter filter) {
    std::string out;
    for (const auto& [sql, alias] :
         {std::pair{read_emails, "e"}, std::pair{read_amo_rows, "a"}, std::pair{read_fxa_rows, "f"}, std::pair{read_mofo_rows, "m"},
          std::pair{read_newsletter_rows, "n"}, std::pair{read_waitlist_rows, "w"}}) {
        if (!out.empty()) out += "\nunion all\n";
        out += fmt::format(fmt::runtime(sql), filter(alias), microseconds_sql(fmt::format("{}.create_timestamp", alias)),
                           microseconds_sql(fmt::format("{}.update_timestamp", alias)));
    }
    return out;
}

/// The cells of one row, in order.
class cells {
public:
    cells(const rows& from, std::size_t row) : from_(from), row_(row) {}
    std::string text() { return std::string(from_.text(row_, next_++)); }
    model::text optional() { return from_.optional_text(row_, next_++); }
    bool boolean() { return from_.text(row_, next_++) == "true"; }
    /// For nullable columns that the API shows with a default.
    std::string text_or(std::string_view fallback) { return from_.is_null(row_, next_) ? (++next_, std::string(fallback)) : text(); }
    std::optional<date> day() { return parse_date(from_.text(row_, next_++)); }
    std::optional<timestamp> time() {
        if (from_.is_null(row_, next_)) return ++next_, std::nullopt;
        return timestamp(std::chrono::microseconds(from_.integer(row_, next_++)));
    }
    void skip(std::size_t count = 1) { next_ += count; }

private:
    const rows& from_;
    std::size_t row_;
    std::size_t next_ = first_value;
};

model::email read_email(cells row, const uuid& email_id) {
    model::email out;
    out.primary_email = row.text();
    out.basket_token = row.optional();
    out.double_opt_in = row.boolean();
    out.sfdc_id = row.optional();
    out.first_name = row.optional();
    out.last_name = row.optional();
    out.mailing_country = row.optional();
    out.email_format = row.text_or("H");
    out.email_lang = row.optional();
    out.has_opted_out_of_email = row.boolean();
    out.unsubscribe_reason = row.optional();
    out.email_id = email_id;
    out.create_timestamp = row.time();
    out.update_timestamp = row.time();
    return out;
}

model::amo read_amo(cells row) {
    model::amo out;
    out.add_on_ids = row.optional();
    out.display_name = row.optional();
    out.email_opt_in = row.boolean();
    out.language = row.optional();
    out.last_login = row.day();
    out.location = row.optional();
    out.profile_url = row.optional();
    out.user = row.boolean();
    out.user_id = row.optional();
    out.username = row.optional();
    row.skip();
    out.create_timestamp = row.time();
    out.update_timestamp = row.time();
    return out;
}

// Braced initializers evaluate from left to right, in the order of the columns.
model::fxa read_fxa(cells row) { return {row.optional(), row.optional(), row.optional(), row.optional(), row.optional(), row.boolean()}; }
model::mofo read_mofo(cells row) { return {row.optional(), row.optional(), row.boolean()}; }
model::newsletter read_newsletter(cells row) {
    model::newsletter out{row.text(), row.boolean(), row.text_or("H"), row.optional(), row.optional(), row.optional()};
    row.skip(5);
    out.create_timestamp = row.time();
    out.update_timestamp = row.time();
    return out;
}
model::waitlist read_waitlist(cells row) { return {row.text(), row.optional(), row.text(), true}; }

} // namespace

std::string contact_by_id_sql() {
    return union_of_tables([](const char* alias) { return fmt::format("where {}.email_id = $1::uuid", alias); });
}

std::string contacts_sql(std::string_view selection) {
    return fmt::format("with wanted as materialized ({})\n", selection) +
           union_of_tables([](const char*) { return std::string("join wanted using (email_id)"); });
}

// Written so that the planner makes a good plan even without statistics, as before the first ANALYZE: `offset 0` forces one
// index lookup for each address, and the planner assumes that an array is short.
std::string contacts_by_addresses_sql() {
    return R"(with found as materialized (
  select place, e.email_id from json_array_elements_text($1::json) with ordinality as given (address, place)
  cross join lateral (select email_id from emails where lower(primary_email) = lower(given.address) offset 0) as e)
)" + union_of_tables([](const char* alias) { return fmt::format("where {}.email_id = any (array(select email_id from found))", alias); }) +
           R"(
union all
select '6', email_id::text, (place - 1)::text, null, null, null, null, null, null, null, null, null, null, null, null, null from found)";
}

namespace {

void add_row(model::contact& contact, char table, const cells& values) {
    switch (table) {
    case emails: contact.email = read_email(values, contact.email.email_id); break;
    case amo: contact.amo = read_amo(values); break;
    case fxa: contact.fxa = read_fxa(values); break;
    case mofo: contact.mofo = read_mofo(values); break;
    case newsletters: contact.newsletters.push_back(read_newsletter(values)); break;
    case waitlists: contact.waitlists.push_back(read_waitlist(values)); break;
    default: break;
    }
}

/// The rows of each contact, by its id.
using rows_by_contact = std::map<std::string_view, std::vector<std::size_t>>;

rows_by_contact group_rows(const rows& found) {
    rows_by_contact out;
    for (std::size_t row = 0; row < found.size(); ++row) out[found.text(row, 1)].push_back(row);
    return out;
}

model::contact build_contact(const rows& found, std::string_view id, const std::vector<std::size_t>& its_rows) {
    const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
    model::contact out;
    out.email.email_id = uuid::parse(id).value_or(uuid{});
    for (const auto row : its_rows) add_row(out, found.text(row, 0).front(), cells(found, row));
    // Sorted in C++ and not in SQL, so that the order is by bytes whatever the collation of the database.
    std::sort(out.newsletters.begin(), out.newsletters.end(), by_name);
    std::sort(out.waitlists.begin(), out.waitlists.end(), by_name);
    return out;
}

/// A contact's emails row.
std::optional<std::size_t> emails_row(const rows& found, const std::vector<std::size_t>& its_rows) {
    const auto row = std::find_if(its_rows.begin(), its_rows.end(), [&](auto one) { return found.text(one, 0).front() == emails; });
    return row == its_rows.end() ? std::nullopt : std::optional(*row);
}

/// When a contact was last changed, in microseconds since 1970.
std::int64_t updated_at(const rows& found, const std::vector<std::size_t>& its_rows) {
    const auto row = emails_row(found, its_rows);
    return row ? found.integer(*row, update_timestamp) : 0;
}

} // namespace

std::size_t count_contacts(const rows& found) {
    std::size_t count = 0;
    for (std::size_t row = 0; row < found.size(); ++row) count += found.text(row, 0).front() == emails ? 1 : 0;
    return count;
}

std::vector<stored_contact> read_stored_contacts(const rows& found) {
    std::vector<stored_contact> out;
    for (const auto& [id, its_rows] : group_rows(found)) {
        const auto row = emails_row(found, its_rows);
        out.push_back({build_contact(found, id, its_rows), row ? std::string(found.text(*row, version)) : std::string()});
    }
    return out;
}

std::vector<model::contact> read_contacts(const rows& found) {
    std::vector<model::contact> out;
    for (const auto& [id, its_rows] : group_rows(found)) out.push_back(build_contact(found, id, its_rows));
    return out;
}

std::vector<std::vector<model::contact>> read_contacts_by_address(const rows& found, std::size_t count) {
    std::vector<std::vector<model::contact>> out(count);
    for (const auto& [id, its_rows] : group_rows(found)) {
        const auto contact = build_contact(found, id, its_rows);
        for (const auto row : its_rows) {
            if (found.text(row, 0).front() == match) out.at(static_cast<std::size_t>(found.integer(row, first_value))).push_back(contact);
        }
    }
    return out;
}

std::size_t visit_contacts(const rows& found, const std::function<void(const model::contact&)>& visit) {
    const auto contacts = group_rows(found);
    std::vector<std::pair<std::int64_t, rows_by_contact::const_iterator>> order;
    for (auto one = contacts.begin(); one != contacts.end(); ++one) order.emplace_back(updated_at(found, one->second), one);
    // The map is already in order of id.
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [updated, one] : order) visit(build_contact(found, one->first, one->second));
    return order.size();
}

} // namespace ctms::persistence
