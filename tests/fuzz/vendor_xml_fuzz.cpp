// SPDX-License-Identifier: MPL-2.0
// The vendor's answers, and the requests made from contacts. Input: a letter, then the XML of an answer, the JSON of a token,
// names and values (one per line), or the JSON of a contact.
#include "fuzz_target.hpp"

#include "acoustic/answer.hpp"
#include "acoustic/token_source.hpp"
#include "acoustic/xml.hpp"
#include "service/contact_changes.hpp"

#include <ctms/acoustic/client.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>

#include <pugixml.hpp>

#include <algorithm>

namespace {

using namespace ctms;
using fuzz::require;

void check_reason(std::string_view reason, bool may_trace) {
    require(reason.size() <= 300, "a reason has at most 300 bytes");
    require(reason.find('\n') == std::string_view::npos, "a reason is one line");
    // Addresses that ask to be traced stay. A reason omits characters, which may create the marker of such an address.
    const bool traces = may_trace || ascii_lower(reason).find("trace") != std::string::npos;
    require(traces || reason.find('@') == std::string_view::npos, "a reason contains no address");
}

void check_answer(std::string_view xml) {
    const bool may_trace = ascii_lower(xml).find("trace") != std::string::npos;
    check_reason(acoustic::short_reason(xml), may_trace);
    const auto answer = acoustic::read_answer(xml);
    if (!answer) return;
    // Only references could make it grow, but even "&#xFFFF;" is shorter as UTF-8.
    std::size_t total = answer->fault.value_or("").size();
    for (const auto& one : answer->failures) total += one.type.size() + one.description.size() + one.email_id.size();
    require(total <= xml.size(), "the parsed texts are not longer than the answer");
    require(answer->failures.size() <= xml.size(), "there are no more refused rows than bytes");
    (void)acoustic::is_session_lost(*answer);
    const std::vector<acoustic::relational_row> sent{{"93db83d4-4119-4e0c-af87-a713786fa81d", "key", {}}};
    for (const auto& failed : {acoustic::whole_failure(*answer), acoustic::removal_failure(*answer)}) {
        if (failed) check_reason(failed->reason, may_trace);
    }
    for (const bool deleting : {false, true}) {
        const auto refused = acoustic::refused_rows(*answer, sent, deleting);
        require(refused.size() <= answer->failures.size(), "there are no more refused rows than in the answer");
        for (const auto& row : refused) {
            check_reason(row.why.reason, true); // attribute values may contain the marker as references
            require(row.email_id.empty() || row.email_id == sent.front().email_id, "a refused row was sent");
        }
    }
}

void check_token(std::string_view body) {
    acoustic::token_source source([&] { return net::http_outcome(net::http_response{200, {}, std::string(body), {}}); });
    const auto token = source.get();
    require(token.token.empty() != token.problem.empty(), "there is either a token or a problem");
}

/// Checks that values are read back from the XML unchanged, except for characters that XML does not allow.
void check_columns(const std::vector<acoustic::column>& columns, std::string_view table) {
    const acoustic::relational_row row{"id", "key", columns};
    const auto xml = acoustic::insert_rows_xml(table, std::span(&row, 1));
    pugi::xml_document read;
    require(bool(read.load_buffer(xml.data(), xml.size(), pugi::parse_escapes | pugi::parse_ws_pcdata)), "a request is XML");
    const auto call = read.child("Envelope").child("Body").child("InsertUpdateRelationalTable");
    auto at = call.child("ROWS").child("ROW").first_child();
    for (const auto& [name, value] : columns) {
        require(acoustic::xml_text(name) == at.attribute("name").value(), "a name in the XML is unchanged");
        require(acoustic::xml_text(value) == at.text().get(), "a value in the XML is unchanged");
        at = at.next_sibling();
    }
    require(!at, "a row has only the given columns");
    require(std::string_view(call.child("TABLE_ID").text().get()) == acoustic::xml_text(table), "the table id is unchanged");
}

void check_request(std::string_view input) {
    const auto table = fuzz::take_line(input);
    std::vector<acoustic::column> columns{{"email_id", "id"}};
    while (!input.empty()) {
        const auto name = fuzz::take_line(input);
        columns.push_back({std::string(name), std::string(fuzz::take_line(input))});
    }
    check_columns(columns, table);
    pugi::xml_document read;
    for (const auto& xml : {acoustic::add_recipient_xml(table, columns), acoustic::remove_recipient_xml("1", table, "id")}) {
        require(is_valid_utf8(xml) && bool(read.load_buffer(xml.data(), xml.size())), "a request is XML in UTF-8");
    }
}

void check_contact(std::string_view text) {
    const auto body = json::body::parse(text);
    if (!body) return;
    const auto input = json::read_contact(*body, json::purpose::create);
    if (!input) return;
    const auto contact = service::new_contact(**input);
    if (!contact) return;
    model::acoustic_configuration configuration;
    configuration.sync_fields["main"] = {"email",       "email_id", "first_name", "amo_location", "fxa_created_date", "vpn_waitlist_geo",
                                         "a_waitlist_b"};
    for (const auto& one : contact->newsletters) configuration.newsletter_mappings.emplace(one.name, "sub_" + one.name);
    const auto rows = acoustic::to_rows(*contact, {}, configuration);
    check_columns(rows.main, "1");
    for (const auto& row : rows.newsletters) check_columns(row.columns, "1");
    (void)acoustic::add_recipient_xml("1", rows.main);
}

} // namespace

CTMS_FUZZ_TARGET(vendor_xml) {
    switch (ctms::fuzz::take_byte(input)) {
    case 't': return check_token(input);
    case 'r': return check_request(input);
    case 'c': return check_contact(input);
    default: return check_answer(input);
    }
}
