// SPDX-License-Identifier: MPL-2.0
#include "fake_acoustic_jobs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace ctms::test {
namespace {

constexpr int first_job = 7001;

std::optional<std::string> text_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::ostringstream out;
    out << file.rdbuf();
    return std::move(out).str();
}

vendor_effect refuse(std::string_view text) {
    return {fault_xml(static_cast<int>(vendor_error::missing_element), text), "refused job", false};
}

/// The columns by index, or why the mapping is refused.
struct mapping {
    std::vector<std::string> columns;
    std::string problem;
};

mapping read_mapping(const std::string& text, const fake_acoustic_store& store) {
    pugi::xml_document document;
    if (!document.load_string(text.c_str())) return {{}, "The mapping cannot be read"};
    const auto root = document.child("LIST_IMPORT");
    const auto info = root.child("LIST_INFO");
    if (info.child_value("ACTION") != std::string_view("ADD_AND_UPDATE")) return {{}, "ACTION must be ADD_AND_UPDATE"};
    if (store.table_name(info.child_value("LIST_ID")) != "main") return {{}, "Unknown list"};
    if (info.child_value("FILE_TYPE") != std::string_view("0") || info.child_value("HASHEADERS") != std::string_view("true"))
        return {{}, "The file must have values separated by commas, and headers"};
    if (root.child("SYNC_FIELDS").child("SYNC_FIELD").child_value("NAME") != std::string_view("email_id"))
        return {{}, "SYNC_FIELDS must have email_id"};
    mapping out;
    for (const auto& column : root.child("MAPPING").children("COLUMN")) {
        out.columns.emplace_back(column.child_value("NAME"));
        if (column.child_value("INDEX") != std::to_string(out.columns.size()) || column.child_value("INCLUDE") != std::string_view("true"))
            return {{}, "The columns of the mapping are not in order"};
    }
    return out;
}

std::string joined(const std::vector<std::string>& row) {
    std::string out;
    for (const auto& value : row) out += (out.empty() ? "" : ",") + value;
    return out;
}

} // namespace

std::vector<std::vector<std::string>> parse_csv(std::string_view text) {
    std::vector<std::vector<std::string>> out;
    std::vector<std::string> line;
    std::string value;
    bool is_quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (is_quoted && c == '"' && text.substr(at + 1).starts_with('"')) {
            value += text[++at];
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted || (c != ',' && c != '\r' && c != '\n')) {
            value += c;
        } else if (c == ',') {
            line.push_back(std::exchange(value, {}));
        } else if (c == '\n') {
            line.push_back(std::exchange(value, {}));
            out.push_back(std::exchange(line, {}));
        }
    }
    if (!value.empty() || !line.empty()) { // the last line was cut off
        line.push_back(value);
        out.push_back(line);
    }
    return out;
}

vendor_effect fake_jobs::start(const xml_call& call, const std::vector<row_fault>& faults, const std::optional<std::string>& ends,
                               clock::time_point end, const fake_acoustic_store& store) {
    if (exchange_.empty()) return refuse("There is no file server");
    if (call.node().child_value("FILE_ENCODING") != std::string_view("UTF-8")) return refuse("FILE_ENCODING must be UTF-8");
    const auto map = text_of_file(exchange_ + "/upload/" + call.node().child_value("MAP_FILE"));
    const auto source = text_of_file(exchange_ + "/upload/" + call.node().child_value("SOURCE_FILE"));
    if (!map || !source) return refuse("A file is not in the folder upload");
    auto mapped = read_mapping(*map, store);
    if (!mapped.problem.empty()) return refuse(mapped.problem);
    job made{.columns = std::move(mapped.columns), .rows = parse_csv(*source), .faults = faults, .ends = ends, .end = end};
    if (made.rows.empty() || made.rows.front() != made.columns) return refuse("The headers of the file differ from the mapping");
    made.rows.erase(made.rows.begin());
    const auto key = std::find(made.columns.begin(), made.columns.end(), "email_id") - made.columns.begin();
    for (const auto& row : made.rows) {
        if (static_cast<std::size_t>(key) < row.size()) made.email_ids.insert(row[static_cast<std::size_t>(key)]);
    }
    const auto id = std::to_string(first_job + started());
    jobs_[id] = std::move(made);
    most_at_once_ = std::max(most_at_once_, static_cast<int>(std::count_if(jobs_.begin(), jobs_.end(),
                                                                           [](const auto& one) { return one.second.state == "RUNNING"; })));
    return {fmt::format("<Envelope><Body><RESULT><SUCCESS>TRUE</SUCCESS><JOB_ID>{}</JOB_ID></RESULT></Body></Envelope>", id), "job", false};
}

vendor_effect fake_jobs::status(const xml_call& call) const {
    const auto found = jobs_.find(call.node().child_value("JOB_ID"));
    if (found == jobs_.end()) return refuse("There is no such job");
    const auto& [id, one] = *found;
    std::string parameters;
    const auto add = [&](std::string_view name, const std::string& value) {
        parameters += fmt::format("<PARAMETER><NAME>{}</NAME><VALUE>{}</VALUE></PARAMETER>", name, value);
    };
    if (one.state == "COMPLETE") {
        add("NOT_ALLOWED", "0");
        add("RESULTS_FILE_NAME", id + ".res");
        add("SQL_ADDED", std::to_string(one.added));
        parameters += "<PARAMETER></PARAMETER>"; // as in the vendor's example
        add("ERROR_FILE_NAME", id + ".err");
        add("BAD_ADDRESSES", "0");
        add("SQL_UPDATED", std::to_string(one.updated));
        add("BAD_RECORDS", std::to_string(one.bad));
        add("TOTAL_VALID", std::to_string(one.added + one.updated));
    }
    return {
        fmt::format("<Envelope><Body><RESULT><SUCCESS>TRUE</SUCCESS><JOB_ID>{}</JOB_ID><JOB_STATUS>{}</JOB_STATUS><JOB_DESCRIPTION>Import"
                    "</JOB_DESCRIPTION><PARAMETERS>{}</PARAMETERS></RESULT></Body></Envelope>",
                    id, one.state, parameters),
        "status", false};
}

void fake_jobs::advance(clock::time_point now, fake_acoustic_store& store) {
    for (auto& [id, one] : jobs_) {
        if (one.state == "RUNNING" && one.ends && one.end <= now) finish(id, one, store);
    }
}

bool fake_jobs::has(const std::string& email_id) const {
    return std::any_of(jobs_.begin(), jobs_.end(),
                       [&](const auto& one) { return one.second.state == "RUNNING" && one.second.email_ids.contains(email_id); });
}

void fake_jobs::finish(const std::string& id, job& one, fake_acoustic_store& store) const {
    one.state = one.ends->empty() ? "COMPLETE" : *one.ends;
    if (!one.ends->empty()) return;
    std::string list;
    for (const auto& row : one.rows) {
        const auto text = joined(row);
        const auto fault =
            std::find_if(one.faults.begin(), one.faults.end(), [&](const auto& hit) { return text.find(hit.holds) != std::string::npos; });
        auto why = fault != one.faults.end() ? std::optional(fault->text) : std::nullopt;
        const bool is_known = !row.empty() && store.knows(row, one.columns);
        if (!why && row.size() != one.columns.size()) why = "Wrong number of values";
        if (!why) why = store.import(one.columns, row);
        if (why) {
            ++one.bad;
            if (lists_refused_) list += text + "\t" + *why + "\n";
        } else {
            ++(is_known ? one.updated : one.added);
        }
    }
    std::ofstream(exchange_ + "/download/" + id + ".err", std::ios::binary) << list;
}

} // namespace ctms::test
