// SPDX-License-Identifier: MPL-2.0
#include "vendor_compare.hpp"

#include <ctms/acoustic/vendor_rows.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/postgres/connection.hpp>
#include <persistence/stripe/product_repository.hpp>
#include <persistence/sync/acoustic_configuration_repository.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

namespace ctms::test {
namespace {

using table = std::map<std::string, fake_acoustic::row>; // by email_id, or "email_id key"

struct tables {
    table contacts;
    table newsletters;
    table products;
};

template <class T>
T must(result<T> from) {
    if (!from) throw std::runtime_error(from.error().message + " " + from.error().detail);
    return std::move(*from);
}

fake_acoustic::row to_row(const std::vector<acoustic::column>& columns) {
    fake_acoustic::row out;
    for (const auto& [name, value] : columns) out[name] = value;
    return out;
}

void add_rows(table& into, const std::vector<acoustic::relational_row>& rows) {
    for (const auto& row : rows) into[row.email_id + " " + row.key] = to_row(row.columns);
}

table to_table(const fake_acoustic::relational& rows) {
    table out;
    for (const auto& [key, row] : rows) out[key.first + " " + key.second] = row;
    return out;
}

std::vector<uuid> stored_ids(persistence::connection& link) {
    const auto found = link.execute("select email_id::text from emails order by email_id");
    std::vector<uuid> out;
    for (std::size_t row = 0; row < found.size(); ++row) out.push_back(uuid::parse(found.text(row, 0)).value());
    return out;
}

tables wanted_tables(const persistence::database_options& options, const std::vector<uuid>& ids) {
    persistence::database db(options);
    const auto configuration = must(persistence::acoustic_configuration_repository(db).read());
    const auto contacts = must(persistence::contact_repository(db).find(ids));
    const auto products = must(persistence::product_repository(db).find(ids));
    tables out;
    for (std::size_t i = 0; i < contacts.size(); ++i) {
        const auto rows = acoustic::to_rows(contacts[i], products[i], configuration);
        out.contacts[ids[i].to_string()] = to_row(rows.main);
        add_rows(out.newsletters, rows.newsletters);
        add_rows(out.products, rows.products);
    }
    return out;
}

class differences {
public:
    void compare(std::string_view name, const table& wanted, const table& has, bool more_columns) {
        for (const auto& [key, row] : wanted) {
            const auto found = has.find(key);
            if (found == has.end()) {
                add(fmt::format("{} {} is missing", name, key));
            } else {
                compare_row(fmt::format("{} {}", name, key), row, found->second, more_columns);
            }
        }
        for (const auto& [key, row] : has) {
            if (!wanted.contains(key)) add(fmt::format("{} {} should be gone", name, key));
        }
    }
    void add(const std::string& text) {
        if (++count_ <= 10) text_ += text + "\n";
    }
    [[nodiscard]] std::string text() const { return count_ > 10 ? text_ + fmt::format("and {} more\n", count_ - 10) : text_; }

private:
    void compare_row(const std::string& what, const fake_acoustic::row& wanted, const fake_acoustic::row& has, bool more_columns) {
        if (!more_columns && wanted.size() != has.size()) add(fmt::format("{} has {} columns, not {}", what, has.size(), wanted.size()));
        for (const auto& [column, value] : wanted) {
            const auto found = has.find(column);
            if (found == has.end() || found->second != value)
                add(fmt::format("{}: {} is '{}', not '{}'", what, column, found == has.end() ? "missing" : found->second, value));
        }
    }

    std::string text_;
    int count_ = 0;
};

} // namespace

std::string vendor_difference(const persistence::database_options& database, const fake_acoustic& vendor) {
    persistence::connection link(database);
    const auto wanted = wanted_tables(database, stored_ids(link));
    differences out;
    out.compare("contact", wanted.contacts, vendor.contacts(), true);
    out.compare("newsletter", wanted.newsletters, to_table(vendor.newsletters()), false);
    out.compare("product", wanted.products, to_table(vendor.products()), false);
    const auto queued = link.execute("select email_id::text || ' is ' || state || ': ' || operation || ', ' || coalesce(last_error, '-')"
                                     " from ctms_sync_queue order by email_id");
    for (std::size_t row = 0; row < queued.size(); ++row) out.add("queued " + std::string(queued.text(row, 0)));
    return out.text();
}

} // namespace ctms::test
