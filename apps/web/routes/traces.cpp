// SPDX-License-Identifier: MPL-2.0
#include "traces.hpp"

#include <ctms/json/contact_json.hpp>
#include <ctms/privacy/redact.hpp>

#include <set>
#include <string>

namespace ctms::web::routes {

void trace_results(request_facts& facts, std::span<const model::contact_document> found) {
    std::set<std::string> traced;
    for (const auto& one : found) {
        if (!privacy::is_traced(one.json)) continue; // true if any address in it is traced
        const auto contact = json::read_answered_contact(one.json);
        if (contact && privacy::is_traced(contact->email.primary_email)) traced.insert(contact->email.primary_email);
    }
    for (const auto& address : traced) facts.trace += (facts.trace.empty() ? "" : ",") + address;
}

} // namespace ctms::web::routes
