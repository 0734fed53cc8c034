// SPDX-License-Identifier: MPL-2.0
#include "contact_rows.hpp"

#include "contact_tables.hpp"

#include <fields/tables.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace ctms::persistence {
namespace {

// The first column names the table and the second the contact. Then come the columns of that table, filled up with nulls to as many as
// the widest has, the times of the row, and the versions of an emails row and of the contact's document.
constexpr char tag_of(table_of table) { return static_cast<char>('0' + static_cast<int>(table)); }

template <class T>
constexpr std::size_t column_count() {
    std::size_t count = 0;
    fields::for_each_column<T>([&](const auto&) { ++count; });
    return count;
}
constexpr std::size_t most_columns =
    std::max({column_count<model::email>(), column_count<model::amo>(), column_count<model::fxa>(), column_count<model::mofo>(),
              column_count<model::newsletter>(), column_count<model::waitlist>()});
constexpr std::size_t first_value = 2;
constexpr std::size_t create_timestamp = first_value + most_columns;
constexpr std::size_t update_timestamp = create_timestamp + 1;
constexpr std::size_t version = update_timestamp + 1;
constexpr std::size_t document = version + 1;

std::string nulls(std::size_t count) {
    std::string out;
    while (count-- > 0) out += ", null";
    return out;
}

/// A column as text.
std::string read_sql(const contact_table& table, const column& one) {
    auto name = fmt::format("{}.{}", table.alias, one.name);
    if (one.type == "text") return name;
    return one.type == "date" ? fmt::format("to_char({}, 'YYYY-MM-DD')", name) : name + "::text";
}

/// The rows of one table that `filter` selects.
std::string select_sql(const contact_table& table, std::string_view filter) {
    auto out = fmt::format("select '{}', {}.email_id::text", tag_of(table.which), table.alias);
    for (const auto& column : table.columns) out += ", " + read_sql(table, column);
    out += nulls(most_columns - table.columns.size());
    for (const auto* time : {"create_timestamp", "update_timestamp"})
        out += ", " + (table.reads_times ? microseconds_sql(fmt::format("{}.{}", table.alias, time)) : "null");
    out += table.which == table_of::emails ? fmt::format(", {}.xmin::text, {}", table.alias, seen_document_sql) : ", null, null";
    return out + fmt::format(" from {} {} {}", table.name, table.alias, filter);
}

/// All six SELECTs; `select` takes a table and returns the one of its rows.
template <class Select>
std::string union_of_tables(Select select) {
    std::string out;
    for (const auto& table : contact_tables()) {
        if (!out.empty()) out += "\nunion all\n";
        out += select(table);
    }
    return out;
}

/// The cells of one row, in order.
class cells {
public:
    cells(const rows& from, std::size_t row) : from_(from), row_(row) {}

    /// A null leaves the default that the API shows.
    void read(std::string& into) {
        if (!from_.is_null(row_, next_)) into = from_.text(row_, next_);
        ++next_;
    }
    void read(model::text& into) {
        from_.is_null(row_, next_) ? into.reset() : void(into.emplace(from_.text(row_, next_)));
        ++next_;
    }
    void read(bool& into) { into = from_.text(row_, next_++) == "true"; }
    void read(std::optional<date>& into) { into = parse_date(from_.text(row_, next_++)); }
    template <class T>
    void read_times(T& into) const {
        into.create_timestamp = read_optional_time(from_, row_, create_timestamp);
        into.update_timestamp = read_optional_time(from_, row_, update_timestamp);
    }

private:
    const rows& from_;
    std::size_t row_;
    std::size_t next_ = first_value;
};

template <class T>
T read(cells row) {
    T out;
    fields::for_each_column<T>([&](const auto& field) { row.read(out.*(field.member)); });
    if constexpr (requires { out.create_timestamp; }) row.read_times(out);
    return out;
}

} // namespace

std::string contact_by_id_sql() {
    return union_of_tables(
        [](const contact_table& table) { return select_sql(table, fmt::format("where {}.email_id = $1::uuid", table.alias)); });
}

// `lateral` and `offset 0` make the server look each contact up by index, instead of reading a table that has no statistics yet.
std::string contacts_sql(std::string_view selection) {
    return fmt::format("with wanted as materialized ({})\n", selection) + union_of_tables([](const contact_table& table) {
               const auto rows = select_sql(table, fmt::format("where {}.email_id = wanted.email_id offset 0", table.alias));
               return fmt::format("select found.* from wanted cross join lateral ({}) as found", rows);
           });
}

namespace {

void add_row(model::contact& contact, char table, const cells& values) {
    using enum table_of;
    switch (table) {
    case tag_of(emails): contact.email = read<model::email>(values); break;
    case tag_of(amo): contact.amo = read<model::amo>(values); break;
    case tag_of(fxa): contact.fxa = read<model::fxa>(values); break;
    case tag_of(mofo): contact.mofo = read<model::mofo>(values); break;
    case tag_of(newsletters): contact.newsletters.push_back(read<model::newsletter>(values)); break;
    case tag_of(waitlists): contact.waitlists.push_back(read<model::waitlist>(values)); break;
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
    for (const auto row : its_rows) add_row(out, found.text(row, 0).front(), cells(found, row));
    out.email.email_id = uuid::parse(id).value_or(uuid{});
    // Sorted in C++ and not in SQL, so that the order is by bytes whatever the collation of the database.
    std::sort(out.newsletters.begin(), out.newsletters.end(), by_name);
    std::sort(out.waitlists.begin(), out.waitlists.end(), by_name);
    return out;
}

/// A contact's emails row.
std::optional<std::size_t> emails_row(const rows& found, const std::vector<std::size_t>& its_rows) {
    const auto row =
        std::find_if(its_rows.begin(), its_rows.end(), [&](auto one) { return found.text(one, 0).front() == tag_of(table_of::emails); });
    return row == its_rows.end() ? std::nullopt : std::optional(*row);
}

/// When a contact was last changed, in microseconds since 1970.
std::int64_t updated_at(const rows& found, const std::vector<std::size_t>& its_rows) {
    const auto row = emails_row(found, its_rows);
    return row ? found.integer(*row, update_timestamp) : 0;
}

/// A contact with its versions; nullopt without a row in emails, which no statement yields.
std::optional<stored_contact> build_stored(const rows& found, std::string_view id, const std::vector<std::size_t>& its_rows) {
    const auto row = emails_row(found, its_rows);
    if (!row) return std::nullopt;
    return stored_contact{build_contact(found, id, its_rows), std::string(found.text(*row, version)),
                          std::string(found.text(*row, document))};
}

} // namespace

std::vector<stored_contact> read_stored_contacts(const rows& found) {
    std::vector<stored_contact> out;
    for (const auto& [id, its_rows] : group_rows(found)) {
        if (auto contact = build_stored(found, id, its_rows)) out.push_back(std::move(*contact));
    }
    return out;
}

std::vector<model::contact> read_contacts(const rows& found) {
    std::vector<model::contact> out;
    for (const auto& [id, its_rows] : group_rows(found)) out.push_back(build_contact(found, id, its_rows));
    return out;
}

std::size_t count_contacts(const rows& found) {
    std::size_t out = 0;
    for (std::size_t row = 0; row < found.size(); ++row) out += found.text(row, 0).front() == tag_of(table_of::emails) ? 1 : 0;
    return out;
}

void visit_contacts(const rows& found, const std::function<void(const stored_contact&)>& visit) {
    const auto contacts = group_rows(found);
    std::vector<std::pair<std::int64_t, rows_by_contact::const_iterator>> order;
    for (auto one = contacts.begin(); one != contacts.end(); ++one) order.emplace_back(updated_at(found, one->second), one);
    // The map is already in order of id.
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [updated, one] : order) {
        if (const auto contact = build_stored(found, one->first, one->second)) visit(*contact);
    }
}

} // namespace ctms::persistence
