// SPDX-License-Identifier: MPL-2.0
#include "answer.hpp"

#include "xml.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/privacy/redact.hpp>

#include <fmt/core.h>
#include <pugixml.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

namespace ctms::acoustic {
namespace {

constexpr std::size_t longest_reason = 300;

constexpr int server_error = 50;
constexpr int not_in_list = 128; // "Recipient not found in list"
constexpr int session_lost = 145;

/// The value of the email_id among the key columns of a failure. The vendor's documents show two forms:
/// <COLUMN name="email_id">value</COLUMN>, and a COLUMN with elements NAME and VALUE.
std::string email_id_of(pugi::xml_node failed) {
    for (const auto column : failed.children()) {
        const std::string_view attribute = column.attribute("name").value();
        const bool nested = attribute.empty();
        if (ascii_iequal(nested ? column.child("NAME").text().get() : attribute, "email_id")) {
            return nested ? column.child("VALUE").text().get() : column.text().get();
        }
    }
    return {};
}

bool contains_any(std::string_view lower, std::initializer_list<std::string_view> phrases) {
    return std::any_of(phrases.begin(), phrases.end(), [&](auto phrase) { return lower.find(phrase) != std::string_view::npos; });
}

/// The vendor does not document its messages, so this looks for phrases. They must be about a contact: a list or column
/// that is not found is a configuration error.
bool is_unknown_recipient(const answer& from) {
    if (from.error_id == not_in_list) return true;
    const auto lower = ascii_lower(*from.fault);
    return contains_any(lower, {"not a member", "unable to find the recipient", "unable to find recipient", "unable to find the contact",
                                "recipient not found", "recipient is not", "recipient does not exist", "contact not found",
                                "contact does not exist"});
}

bool is_unknown_row(std::string_view description) {
    const auto lower = ascii_lower(description);
    return contains_any(lower, {"not found", "no such row", "unable to find", "does not exist"}) &&
           !contains_any(lower, {"column", "field", "table"});
}

/// A failure is permanent only if the vendor says so.
failure_kind kind_of(std::string_view failure_type) {
    return ascii_iequal(failure_type, "permanent") ? failure_kind::permanent : failure_kind::transient;
}

/// A number among the parameters of a job; nullopt if it is missing or not one.
std::optional<std::int64_t> count_of(const answer& from, const char* name) {
    constexpr std::int64_t most = 1'000'000'000'000;
    const auto found = from.parameters.find(name);
    if (found == from.parameters.end()) return std::nullopt;
    std::int64_t out = 0;
    const auto* const end = found->second.data() + found->second.size();
    const auto read = std::from_chars(found->second.data(), end, out);
    if (read.ec != std::errc() || read.ptr != end || out < 0 || out > most) return std::nullopt;
    return out;
}

failure fault_failure(const answer& from) {
    const bool passes = from.error_id == session_lost || from.error_id == server_error;
    const auto text = short_reason(from.fault->empty() ? "no reason given" : *from.fault);
    return {passes ? failure_kind::transient : failure_kind::permanent,
            from.error_id == 0 ? text : short_reason(fmt::format("error {}: {}", from.error_id, text))};
}

} // namespace

std::optional<answer> read_answer(std::string_view xml) {
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_trim_pcdata)) return std::nullopt;
    const auto body = document.child("Envelope").child("Body");
    if (!body) return std::nullopt;
    answer out;
    const auto result = body.child("RESULT");
    if (const auto success = result.child("SUCCESS")) out.success = ascii_iequal(success.text().get(), "true");
    if (const auto fault = body.child("Fault")) {
        out.fault = fault.child("FaultString").text().get();
        out.error_id = fault.child("detail").child("error").child("errorid").text().as_int();
    }
    for (const auto failed : result.child("FAILURES").children("FAILURE")) {
        out.failures.push_back({failed.attribute("failure_type").value(), failed.attribute("description").value(), email_id_of(failed)});
    }
    out.job_id = result.child("JOB_ID").text().get();
    out.job_status = result.child("JOB_STATUS").text().get();
    for (const auto parameter : result.child("PARAMETERS").children("PARAMETER"))
        out.parameters[parameter.child("NAME").text().get()] = parameter.child("VALUE").text().get();
    return out;
}

bool is_session_lost(const answer& from) noexcept { return from.fault && from.error_id == session_lost; }

std::optional<failure> whole_failure(const answer& from) {
    if (from.fault) return fault_failure(from);
    if (!from.success) return failure{failure_kind::transient, "the response reports neither success nor failure"};
    if (!*from.success) return failure{failure_kind::permanent, "the vendor's response has SUCCESS false"};
    return std::nullopt;
}

std::optional<failure> removal_failure(const answer& from) {
    if (from.fault && is_unknown_recipient(from)) return std::nullopt;
    return whole_failure(from);
}

std::vector<refused_row> refused_rows(const answer& from, std::span<const relational_row> sent, bool deleting) {
    std::vector<refused_row> out;
    for (const auto& failed : from.failures) {
        if (deleting && is_unknown_row(failed.description)) continue;
        const auto same = [&](const relational_row& row) { return ascii_iequal(row.email_id, failed.email_id); };
        const auto row = std::find_if(sent.begin(), sent.end(), same);
        out.push_back({row == sent.end() ? std::string() : row->email_id,
                       {kind_of(failed.type), short_reason(failed.description.empty() ? "row refused" : failed.description)}});
    }
    return out;
}

// JOB_STATUS is WAITING, RUNNING, CANCELED (the older reference has CANCELLED), ERROR or COMPLETE.
job_state state_of_job(const answer& from) {
    job_state out;
    out.said = short_reason(from.job_status);
    if (ascii_iequal(from.job_status, "COMPLETE")) out.stage = job_stage::complete;
    for (const auto* word : {"ERROR", "CANCELED", "CANCELLED"}) {
        if (ascii_iequal(from.job_status, word)) out.stage = job_stage::failed;
    }
    out.valid = count_of(from, "TOTAL_VALID");
    for (const auto* name : {"BAD_RECORDS", "BAD_ADDRESSES", "NOT_ALLOWED"}) out.bad += count_of(from, name).value_or(0);
    if (const auto name = from.parameters.find("ERROR_FILE_NAME"); name != from.parameters.end()) out.error_file = name->second;
    return out;
}

std::string short_reason(std::string_view text) {
    // Removes addresses before shortening: half an address would not be recognized.
    auto out = privacy::redact_text(xml_text(text));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    if (out.size() <= longest_reason) return out;
    auto end = longest_reason;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
    return out;
}

} // namespace ctms::acoustic
