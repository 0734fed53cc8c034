// SPDX-License-Identifier: MPL-2.0
#include "fake_acoustic_faults.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace ctms::test {
namespace {

using kind = fake_fault::kind;

constexpr std::array<std::pair<std::string_view, kind>, 12> kinds{{{"fault_answer", kind::fault_answer},
                                                                   {"row_transient", kind::row_transient},
                                                                   {"row_permanent", kind::row_permanent},
                                                                   {"status", kind::status},
                                                                   {"empty_body", kind::empty_body},
                                                                   {"no_xml", kind::no_xml},
                                                                   {"cut", kind::cut},
                                                                   {"cut_before", kind::cut_before},
                                                                   {"cut_after", kind::cut_after},
                                                                   {"stall", kind::stall},
                                                                   {"job_error", kind::job_error},
                                                                   {"job_hang", kind::job_hang}}};

int to_number(std::string_view name, std::string_view text) {
    int out = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size())
        throw std::invalid_argument(fmt::format("a fault's {} must be a number, not '{}'", name, text));
    return out;
}

kind to_kind(std::string_view name) {
    const auto* found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& one) { return one.first == name; });
    if (found == kinds.end()) throw std::invalid_argument(fmt::format("unknown fault '{}'", name));
    return found->second;
}

void set(fake_fault& fault, std::string_view name, std::string_view value) {
    if (name == "method")
        fault.method = value;
    else if (name == "holds")
        fault.holds = value;
    else if (name == "text")
        fault.text = value;
    else if (name == "times")
        fault.times = to_number(name, value);
    else if (name == "number")
        fault.number = to_number(name, value);
    else if (name == "wait_ms")
        fault.wait = std::chrono::milliseconds(to_number(name, value));
    else
        throw std::invalid_argument(fmt::format("a fault has no parameter '{}'", name));
}

/// The value after the kind itself: status=500, fault_answer=121, stall=2000.
void set_kind(fake_fault& fault, std::string_view name, std::string_view value) {
    fault.what = to_kind(name);
    if (value.empty()) return;
    if (fault.what == kind::stall)
        fault.wait = std::chrono::milliseconds(to_number(name, value));
    else
        fault.number = to_number(name, value);
}

bool is_of_rows(const fake_fault& fault) { return fault.what == kind::row_transient || fault.what == kind::row_permanent; }

bool is_of_job(const fake_fault& fault) { return fault.what == kind::job_error || fault.what == kind::job_hang; }

bool meets(const fake_fault& fault, const xml_call& call) {
    if (!fault.method.empty() && fault.method != call.method()) return false;
    if (is_of_rows(fault) && call.method() == "ImportList") return fault.method == "ImportList"; // its rows are in a file
    if (is_of_job(fault) && call.method() != "ImportList") return false;
    if (!is_of_rows(fault) || call.rows().empty()) return call.text().find(fault.holds) != std::string::npos;
    const auto& rows = call.rows();
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row_holds(row, fault.holds); });
}

void use(fake_fault& fault) {
    if (fault.times > 0) --fault.times;
}

/// True when the call takes effect in spite of the fault.
bool takes_effect(const fake_fault& fault) {
    return fault.what == kind::cut || fault.what == kind::cut_after || fault.what == kind::stall || is_of_job(fault);
}

} // namespace

std::string_view fault_help() {
    return "A fault is KIND[=NUMBER][,NAME=VALUE]... with no commas in the values. KIND is one of\n"
           "  fault_answer=ERRORID  200 with a Fault\n"
           "  row_transient         rows that contain the text of `holds` fail as transient\n"
           "  row_permanent         the same, as permanent; with method=ImportList, the rows of the file\n"
           "  status=STATUS         this HTTP status, with an HTML body\n"
           "  empty_body, no_xml    200 with an empty body, or with text that is not XML\n"
           "  cut, cut_before       the connection is closed in the middle of the answer, or before it with no effect\n"
           "  cut_after             the connection is closed before the answer, but the call takes effect\n"
           "  stall=MS              the answer is delayed\n"
           "  job_error, job_hang   the job that imports a file fails, or never ends\n"
           "NAME is one of\n"
           "  method   token, AddRecipient, InsertUpdateRelationalTable, RemoveRecipient,\n"
           "           DeleteRelationalTableData, ImportList, GetJobStatus; any except token by default\n"
           "  holds    text that the call's XML must contain, e.g. an email_id\n"
           "  times    how many calls it affects; all by default\n"
           "  text     the FaultString, or the description of failed rows\n"
           "Example: status=500,method=AddRecipient,times=3\n";
}

fake_fault parse_fault(std::string_view text) {
    fake_fault out;
    for (bool first = true; first || !text.empty(); first = false) {
        const auto end = std::min(text.find(','), text.size());
        const auto item = text.substr(0, end);
        const auto equals = std::min(item.find('='), item.size());
        const auto value = item.substr(std::min(equals + 1, item.size()));
        if (first)
            set_kind(out, item.substr(0, equals), value);
        else
            set(out, item.substr(0, equals), value);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

void fault_list::add(fake_fault fault) {
    faults_.push_back(std::move(fault));
    forget_used();
}

hits fault_list::take(const xml_call& call) {
    hits out;
    for (auto& fault : faults_) {
        if (is_of_rows(fault) || !meets(fault, call)) continue;
        use(fault);
        out.call = fault;
        break;
    }
    for (auto& fault : faults_) {
        if (!is_of_rows(fault) || (out.call && !takes_effect(*out.call)) || !meets(fault, call)) continue;
        use(fault);
        out.rows.push_back({fault.holds, fault.what == kind::row_transient, fault.text.empty() ? "injected fault" : fault.text});
    }
    forget_used();
    return out;
}

std::optional<fake_fault> fault_list::take_for_token(const std::string& form) {
    for (auto& fault : faults_) {
        if (fault.method != "token" || is_of_rows(fault) || form.find(fault.holds) == std::string::npos) continue;
        use(fault);
        auto out = fault;
        forget_used();
        return out;
    }
    return std::nullopt;
}

void fault_list::forget_used() {
    std::erase_if(faults_, [](const auto& one) { return one.times == 0; });
}

} // namespace ctms::test
