// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "csv.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <ctms/base/files.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/json/schema.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_export.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

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

/// Returns the names of a list, separated by ';'; for newsletters, only those that the contact receives.
std::string names_of(const json_values::value& list) {
    std::string out;
    for (const auto& item : list.as_array()) {
        const auto* subscribed = item.as_object().if_contains("subscribed");
        if (subscribed != nullptr && subscribed->is_bool() && !subscribed->get_bool()) continue;
        out += (out.empty() ? "" : ";") + std::string(item.at("name").as_string());
    }
    return out;
}

/// Returns a list of waitlists for a cell: their names or, if they have a source or fields, JSON that import accepts.
std::string waitlists_of(const json_values::value& list) {
    json_values::array out;
    bool only_names = true;
    for (const auto& item : list.as_array()) {
        auto& one = out.emplace_back(json_values::object{{"name", item.at("name")}}).as_object();
        const auto& source = item.at("source");
        const auto& fields = item.at("fields");
        only_names = only_names && source.is_null() && fields.is_object() && fields.get_object().empty();
        one["source"] = source;
        one["fields"] = fields;
    }
    return only_names ? names_of(list) : json_values::serialize(out);
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
    append_csv_field(out, waitlists_of(contact.at("waitlists")), false);
    return out + "\r\n";
}

/// The output of a dump: standard output, or a file that gets its name when it is complete.
class dump_target {
public:
    dump_target(const std::optional<std::string>& name, bool is_json) : is_json_(is_json) {
        if (!name) return;
        auto file = new_file::create(*name);
        if (file) {
            file_ = std::move(*file);
        } else {
            failure_ = file.error();
        }
    }
    bool write(std::string text) {
        if (failure_) return false;
        if (file_) return file_->write(text);
        text = for_output(std::move(text), is_json_);
        return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    }
    bool finish() {
        if (!file_) return !failure_ && std::fflush(stdout) == 0;
        const auto kept = file_->commit();
        if (!kept) failure_ = kept.error();
        return !failure_;
    }
    [[nodiscard]] bool good() const { return !failure_; }
    [[nodiscard]] int report() const {
        const auto what = failure_ ? failure_->message + ": " + failure_->detail
                                   : fmt::format("standard output cannot be written: {}", std::strerror(errno));
        complain("{}; free some space or choose another place, and run the command again", what);
        return support::temporary;
    }

private:
    bool is_json_;
    std::optional<new_file> file_;
    std::optional<error> failure_;
};

} // namespace

int contacts_dump(invocation& call) {
    const bool as_csv = call.has("csv");
    if (as_csv && call.json) return fail_usage("--csv and --json exclude each other", "contacts");
    if (as_csv && call.has("ndjson")) return fail_usage("use --csv or --ndjson, not both", "contacts");
    const auto name = call.value("output");
    dump_target target(name, !as_csv);
    if (!target.good()) return target.report();
    persistence::database db(support::database_options(call.settings));
    service::contact_export contacts(db);
    const auto total = contacts.estimate();
    if (!total) return fail(total.error());
    progress bar("contacts", total->has_value() ? std::optional(static_cast<std::uint64_t>(**total)) : std::nullopt);
    std::uint64_t done = 0;
    bool written = !as_csv || target.write(csv_header());
    const auto count = contacts.dump([&](std::string_view line) {
        written = written && target.write(as_csv ? csv_row(line) : std::string(line) + '\n');
        bar.set(++done);
        return written;
    });
    bar.erase();
    if (!count) return fail(count.error());
    // If a write failed, finish() fails, and report() prints the reason.
    if (!target.finish() || !written) return target.report();
    call.note("contacts", *count);
    if (name) complain("{} in {}", counted(*count, "contact"), *name);
    return support::ok;
}

} // namespace ctms::cli
