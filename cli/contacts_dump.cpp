// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "csv.hpp"
#include "private_file.hpp"
#include "progress.hpp"

#include <ctms/json/stored_rows_json.hpp>
#include <ctms/persistence/contact_dump.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>

namespace ctms::cli {
namespace {

namespace json_values = boost::json;

std::string cell_of(const json_values::value& value) {
    if (value.is_null()) return {};
    return value.is_string() ? std::string(value.get_string()) : json_values::serialize(value);
}

/// The names of a list, with ';' between them; of newsletters only those that the contact receives.
std::string names_of(const json_values::value& list) {
    std::string out;
    for (const auto& item : list.as_array()) {
        const auto* subscribed = item.as_object().if_contains("subscribed");
        if (subscribed != nullptr && subscribed->is_bool() && !subscribed->get_bool()) continue;
        out += (out.empty() ? "" : ";") + std::string(item.at("name").as_string());
    }
    return out;
}

std::string csv_header() {
    std::string out;
    for (const auto& column : json::contact_columns()) append_csv_field(out, column.name, out.empty());
    return out + ",newsletters,waitlists\r\n";
}

std::string csv_row(std::string_view line) {
    json_values::parse_options generous;
    generous.max_depth = 1'000;
    const auto contact = json_values::parse(json_values::string_view(line.data(), line.size()), {}, generous);
    std::string out;
    bool first = true;
    for (const auto& column : json::contact_columns()) {
        const auto& group = contact.at(json_values::string_view(column.group.data(), column.group.size()));
        const auto* value = group.is_object() ? group.get_object().if_contains({column.member.data(), column.member.size()}) : nullptr;
        append_csv_field(out, value != nullptr ? cell_of(*value) : std::string(), std::exchange(first, false));
    }
    append_csv_field(out, names_of(contact.at("newsletters")), false);
    append_csv_field(out, names_of(contact.at("waitlists")), false);
    return out + "\r\n";
}

/// Where a dump goes: standard output, or a file that gets its name when it is whole.
class dump_target {
public:
    explicit dump_target(std::optional<std::string> name) : name_(std::move(name)) {
        if (name_) file_.emplace(*name_ + ".part");
    }
    [[nodiscard]] bool good() const { return !file_ || file_->good(); }
    bool write(std::string_view text) {
        return file_ ? file_->write(text) : std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    }
    bool finish() {
        if (!file_) return std::fflush(stdout) == 0;
        return file_->close() && std::rename((*name_ + ".part").c_str(), name_->c_str()) == 0;
    }

private:
    std::optional<std::string> name_;
    std::optional<private_file> file_;
};

int fail_to_write(const std::optional<std::string>& name) {
    fmt::print(stderr, "ctms-admin: {} cannot be written: {}; make room and dump again\n", name.value_or("standard output"),
               std::strerror(errno));
    return support::temporary;
}

} // namespace

int contacts_dump(invocation& call) {
    const bool as_csv = call.has("csv");
    if (as_csv && call.has("ndjson")) return fail_usage("--csv or --ndjson, not both", "contacts");
    const auto name = call.value("output");
    dump_target target(name);
    if (!target.good()) return fail_to_write(name);
    persistence::database db(support::database_options(call.settings));
    persistence::contact_dump_repository contacts(db);
    const auto total = contacts.estimate();
    if (!total) return fail(total.error());
    progress bar("contacts", total->has_value() ? std::optional(static_cast<std::uint64_t>(**total)) : std::nullopt);
    std::uint64_t done = 0;
    bool written = !as_csv || target.write(csv_header());
    const auto count = contacts.dump([&](std::string_view line) {
        written = written && (as_csv ? target.write(csv_row(line)) : target.write(line) && target.write("\n"));
        bar.set(++done);
        return written;
    });
    if (!count) return fail(count.error());
    if (!written || !target.finish()) return fail_to_write(name);
    call.note("contacts", *count);
    if (name) fmt::print(stderr, "ctms-admin: {} contacts in {}\n", *count, *name);
    return support::ok;
}

} // namespace ctms::cli
