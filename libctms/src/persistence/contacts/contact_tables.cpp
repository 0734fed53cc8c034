// SPDX-License-Identifier: MPL-2.0
#include "contact_tables.hpp"

#include <fields/tables.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

template <class Member>
constexpr std::string_view type_of(const fields::rules& rule) {
    if constexpr (std::is_same_v<Member, bool>) {
        return "boolean";
    } else if constexpr (std::is_same_v<Member, std::optional<date>>) {
        return "date";
    } else {
        static_assert(std::is_same_v<Member, std::string> || std::is_same_v<Member, model::text>, "no column type for such a member");
        return rule.as == fields::format::object ? json_type : "text";
    }
}

template <class T>
contact_table make(table_of which, std::string_view name, std::string_view alias, bool has_times, bool is_list = false) {
    constexpr bool reads_times = requires(T one) { one.create_timestamp, one.update_timestamp; };
    contact_table out{which, name, alias, is_list ? "email_id, name" : "email_id", is_list, has_times, reads_times, {}};
    fields::for_each_column<T>([&]<class Member>(const fields::field<T, Member>& field) {
        const std::string_view quote = field.rule.sql_keyword ? "\"" : "";
        out.columns.push_back({fmt::format("{0}{1}{0}", quote, field.name), type_of<Member>(field.rule), fields::keeps_values(field)});
    });
    return out;
}

} // namespace

const std::array<contact_table, 6>& contact_tables() {
    using enum table_of;
    static const std::array all{make<model::email>(emails, "emails", "e", true),
                                make<model::amo>(amo, "amo", "a", true),
                                make<model::fxa>(fxa, "fxa", "f", true),
                                make<model::mofo>(mofo, "mofo", "m", false),
                                make<model::newsletter>(newsletters, "newsletters", "n", true, true),
                                make<model::waitlist>(waitlists, "waitlists", "w", true, true)};
    return all;
}

std::string each_column(std::span<const column> columns, std::string_view pattern, std::string_view json_pattern) {
    std::string out;
    for (const auto& [name, type, keeps_values] : columns) {
        if (!out.empty()) out += ", ";
        out += fmt::format(fmt::runtime(type == json_type ? json_pattern : pattern), fmt::arg("column", name), fmt::arg("type", type));
    }
    return out;
}

std::string each_column(std::span<const column> columns, std::string_view pattern) { return each_column(columns, pattern, pattern); }

std::string kept_id_sql(const contact_table& table, std::string_view email_id, std::string_view name) {
    const auto also = table.is_list ? fmt::format(" and old.name = {}", name) : std::string();
    return fmt::format("coalesce((select old.id from {0} old where old.email_id = {1}{2}), nextval('{0}_id_seq'))", table.name, email_id,
                       also);
}

} // namespace ctms::persistence
