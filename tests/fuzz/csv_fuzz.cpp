// SPDX-License-Identifier: MPL-2.0
// Files that ctms-admin reads: CSV, contacts (NDJSON and CSV) and addresses. Input: a file.
#include "fuzz_target.hpp"

#include <address_lists.hpp>
#include <contact_files.hpp>
#include <csv.hpp>

#include <ctms/base/address_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <sstream>

namespace {

using namespace ctms;
using fuzz::require;

std::vector<cli::csv_record> read_all(const std::string& text) {
    std::istringstream in(text);
    cli::csv_reader reader(in);
    std::vector<cli::csv_record> out;
    std::size_t line = 1;
    cli::csv_record record;
    while (reader.next(record)) {
        require(record.line >= line && reader.line() >= record.line, "records arrive in line order");
        line = record.line;
        out.push_back(record);
    }
    return out;
}

std::string written(const std::vector<std::string>& fields) {
    std::string row;
    for (std::size_t i = 0; i < fields.size(); ++i) cli::append_csv_field(row, fields[i], i == 0);
    return row;
}

void check_records(const std::string& text) {
    std::string again;
    std::vector<std::vector<std::string>> good;
    for (const auto& record : read_all(text)) {
        require(text.find(record.text) != std::string::npos, "the text of a record occurs in the file");
        if (!record.problem.empty()) continue;
        std::size_t total = 0;
        for (const auto& field : record.fields) total += field.size();
        require(!record.fields.empty() && total <= record.text.size(), "the fields are not longer than their record");
        const auto row = written(record.fields);
        if (row.empty()) continue; // a row with a single empty field is an empty line
        again.append(row).append("\n");
        good.push_back(record.fields);
    }
    if (again.starts_with("\xEF\xBB\xBF")) return; // would be skipped as a byte order mark
    const auto second = read_all(again);
    require(second.size() == good.size(), "every written row is read as one record");
    for (std::size_t i = 0; i < good.size(); ++i) {
        require(second[i].problem.empty() && second[i].fields == good[i], "a written row is read back unchanged");
    }
}

/// A file in memory that contains the text.
class file_with {
public:
    explicit file_with(const std::string& text) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
        require(::write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "a file in memory can be written");
    }
    ~file_with() { ::close(descriptor_); }
    file_with(const file_with&) = delete;
    file_with& operator=(const file_with&) = delete;
    [[nodiscard]] std::string name() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
    int descriptor_;
};

void check_contacts(const std::string& text, cli::contact_format format) {
    const file_with file(text);
    auto contacts = cli::contact_file::open(file.name(), format);
    if (!contacts) return;
    cli::contact_record record;
    std::size_t line = 0;
    while (contacts->next(record)) {
        require(record.line > line, "contacts arrive in line order");
        line = record.line;
        if (!record.problem.empty()) continue;
        if (format == cli::contact_format::ndjson || !is_valid_utf8(record.json)) continue;
        const auto body = json::body::parse(record.json);
        if (!body) require(body.error().fields.size() == 1, "a CSV row becomes JSON"); // refused only for a limit of JSON
        if (body) (void)json::read_contact(*body, json::purpose::create);
    }
}

void check_addresses(const std::string& text) {
    const file_with file(text);
    auto addresses = cli::address_list::open(file.name(), std::nullopt);
    if (!addresses) return;
    cli::address_record record;
    std::size_t line = 0;
    while (addresses->next(record)) {
        require(record.line > line, "addresses arrive in line order");
        line = record.line;
        require(record.address.empty() != record.problem.empty(), "a record has an address or a problem");
        if (record.address.empty()) continue;
        require(can_be_address(record.address), "an address can be one");
        require(record.address.find('@') != std::string::npos && is_valid_utf8(record.address),
                "an address contains an at sign and is UTF-8");
        require(record.address.find('\0') == std::string::npos, "an address contains no NUL");
    }
}

} // namespace

CTMS_FUZZ_TARGET(csv) {
    const std::string text(input);
    check_records(text);
    check_contacts(text, cli::contact_format::csv);
    check_contacts(text, cli::contact_format::ndjson);
    check_addresses(text);
}
