// SPDX-License-Identifier: MPL-2.0
#include "path_email_id.hpp"
#include "routes.hpp"
#include "traces.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/privacy/redact.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/keyed_writes.hpp>
#include <web/server/answers.hpp>
#include <web/server/idempotency.hpp>
#include <web/server/preconditions.hpp>

#include <support/config/settings.hpp>

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

namespace ctms::web::routes {
namespace {

/// Lists errors in the path before errors in the body.
error both(const error& path, const error& body) {
    auto broken = path.fields;
    broken.insert(broken.end(), body.fields.begin(), body.fields.end());
    return invalid_fields(std::move(broken));
}

std::string path_of(const uuid& email_id) { return "/ctms/" + email_id.to_string(); }

result<model::identity_query> read_identity_query(const form_values& query) {
    return json::read_identity_query([&](std::string_view name) { return query.find(name); });
}

/// A response with one contact and its entity tag. `status` is in the body, and a document has none.
response document_response(int status, model::contact_document document) {
    const auto tag = service::contact_tag(document);
    document.json.back() = ',';
    document.json += R"("status":"ok"})";
    auto out = json_response(status, std::move(document.json));
    set_entity_tag(out, tag);
    return out;
}

/// The response to a write. Its body is what GET of that path returns (Content-Location; RFC 9110, 8.7).
response contact_response(int status, const model::contact& contact) {
    constexpr std::size_t usual_size = 2048;
    model::contact_document document{contact.email.email_id, {}};
    document.json.reserve(usual_size);
    json::write_contact(document.json, contact, false);
    auto out = document_response(status, std::move(document));
    out.headers.emplace_back("Content-Location", path_of(contact.email.email_id));
    return out;
}

/// The response to a write that failed.
response failed_write(call& now, const error& failure) {
    const auto tag = service::unmet_precondition(failure);
    return tag ? precondition_failed(*tag) : failed(now, failure);
}

/// A response with a JSON array; `write_item` appends each item.
template <class T, class WriteItem>
response list_response(const std::vector<T>& items, WriteItem write_item) {
    std::string body;
    append_json_array(body, items, write_item);
    return json_response(200, std::move(body));
}

void trace_write(call& now, const std::string& address) {
    if (!privacy::is_traced(address)) return;
    now.facts.trace = address;
    now.facts.trace_json = now.body->to_json();
}

/// The response to PUT or PATCH.
response written_response(call& now, int status, const result<model::contact>& contact) {
    return contact ? contact_response(status, *contact) : failed_write(now, contact.error());
}

/// The same, to keep. An answer 412 has the tag of the contact, so it is erased with the contact too.
service::answer_to<model::contact> answer_written(call& now, const uuid& email_id, int status) {
    return [&now, email_id, status](const result<model::contact>& contact) {
        const bool tells = contact || service::unmet_precondition(contact.error());
        return to_kept(written_response(now, status, contact), tells ? std::vector{email_id} : std::vector<uuid>());
    };
}

/// What several calls ask for.
template <class Input>
struct inputs_of_calls {
    std::vector<Input> inputs{};
    std::vector<call*> asking{};  ///< for each input, its call
    std::vector<call*> refused{}; ///< the calls without an input, which have their answers
};

/// Reads the inputs of calls. `read(call)` returns an input or an error.
template <class Read>
auto read_together(std::span<call> calls, Read read) {
    inputs_of_calls<std::decay_t<decltype(*read(calls.front()))>> out;
    for (auto& now : calls) {
        auto input = read(now);
        if (input) {
            out.inputs.push_back(std::move(*input));
            out.asking.push_back(&now);
        } else {
            now.answer = failed(now, input.error());
            out.refused.push_back(&now);
        }
    }
    return out;
}

/// Answers several calls together. `read(call)` returns the input of a call or an error, `ask(inputs)` returns a
/// result for each input, and `answer(call, value)` makes the response from a value.
template <class Read, class Ask, class Answer>
void answer_together(std::span<call> calls, Read read, Ask ask, Answer answer) {
    const auto all = read_together(calls, read);
    if (all.inputs.empty()) return;
    auto outcomes = ask(all.inputs);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        auto& now = *all.asking[i];
        now.answer = outcomes[i] ? answer(now, std::move(*outcomes[i])) : failed(now, outcomes[i].error());
    }
}

/// Who makes the change of a call.
model::author author_of(const call& now) { return {now.facts.client_id, now.http.id}; }

json::contact_rules rules_of(const services& all) { return {.geo_optional = all.settings.waitlist_geo_optional}; }

/// A PATCH request as it was sent.
struct sent_patch {
    uuid email_id;
    json::checked<model::contact_patch> patch;
    service::precondition only_if;
};

result<sent_patch> read_sent_patch(call& now, const json::contact_rules& rules) {
    const auto email_id = path_email_id(now);
    const auto patch = json::read_patch(*now.body, rules);
    if (!email_id) return patch ? email_id.error() : both(email_id.error(), patch.error());
    if (!patch) return patch.error();
    auto only_if = read_precondition(now.http);
    if (!only_if) return only_if.error();
    trace_write(now, (*patch)->email.value().primary_email);
    return sent_patch{*email_id, *patch, *std::move(only_if)};
}

} // namespace

response post_contact(call& now, const services& all) {
    const auto input = json::read_contact(*now.body, json::purpose::create, rules_of(all));
    if (!input) return failed(now, input.error());
    const auto key = idempotency_key(now);
    if (!key) return failed(now, key.error());
    trace_write(now, (*input)->email.primary_email);
    const auto answer = [&](const result<service::created_contact>& created) {
        if (!created) return failed(now, created.error());
        auto out = contact_response(created->existed ? 200 : 201, created->contact);
        out.headers.emplace_back("Location", path_of(created->contact.email.email_id));
        return out;
    };
    if (!*key) return answer(all.contacts.create(*input, author_of(now)));
    return keyed_response(now, all, all.keyed_writes.create(**key, *input, [&](const result<service::created_contact>& created) {
        return to_kept(answer(created), created ? std::vector{created->contact.email.email_id} : std::vector<uuid>());
    }));
}

response put_contact(call& now, const services& all) {
    const auto email_id = path_email_id(now);
    const auto input = json::read_contact(*now.body, json::purpose::replace, rules_of(all));
    if (!email_id) return failed(now, input ? email_id.error() : both(email_id.error(), input.error()));
    if (!input) return failed(now, input.error());
    const auto only_if = read_precondition(now.http);
    if (!only_if) return failed(now, only_if.error());
    const auto key = idempotency_key(now);
    if (!key) return failed(now, key.error());
    trace_write(now, (*input)->email.primary_email);
    if (*key)
        return keyed_response(now, all, all.keyed_writes.replace(**key, *email_id, *input, *only_if, answer_written(now, *email_id, 201)));
    const auto contact = all.contacts.replace(*email_id, *input, author_of(now), *only_if);
    return written_response(now, 201, contact);
}

void patch_contacts(std::span<call> calls, const services& all, const send_early& send) {
    const auto sent = read_together(calls, [&](call& now) { return read_sent_patch(now, rules_of(all)); });
    if (!sent.refused.empty()) send(sent.refused);
    std::vector<service::patch_request> requests;
    for (std::size_t i = 0; i < sent.inputs.size(); ++i) {
        const auto& one = sent.inputs[i];
        requests.push_back({one.email_id, &one.patch, author_of(*sent.asking[i]), &one.only_if});
    }
    all.contacts.patch(requests, [&](std::span<const service::patch_result> some) {
        std::vector<call*> answered;
        for (const auto& [index, contact] : some) {
            auto& now = *sent.asking[index];
            if (contact) trace_write(now, contact->email.primary_email); // the stored address, because the body may omit it
            now.answer = written_response(now, 200, contact);
            answered.push_back(&now);
        }
        send(answered);
    });
}

// It has a transaction of its own, because the key must be locked before the contact. In a group, one locked contact would delay the
// others.
response patch_contact_with_key(call& now, const services& all) {
    const auto one = read_sent_patch(now, rules_of(all));
    if (!one) return failed(now, one.error());
    const auto key = idempotency_key(now);
    if (!key) return failed(now, key.error());
    const auto answer = answer_written(now, one->email_id, 200);
    const auto traced = [&](const result<model::contact>& contact) {
        if (contact) trace_write(now, contact->email.primary_email); // the stored address, because the body may omit it
        return answer(contact);
    };
    return keyed_response(now, all, all.keyed_writes.patch(**key, one->email_id, one->patch, one->only_if, traced));
}

response delete_contacts(call& now, const services& all) {
    const std::string address(now.path_parameter("primary_email"));
    const auto only_if = read_precondition(now.http);
    if (!only_if) return failed(now, only_if.error());
    const auto key = idempotency_key(now);
    if (!key) return failed(now, key.error());
    using removed_contacts = std::vector<model::identity>;
    const auto answer = [&](const result<removed_contacts>& removed) {
        return removed ? list_response(*removed, json::write_identity) : failed_write(now, removed.error());
    };
    if (!*key) return answer(all.contacts.remove(address, author_of(now), *only_if));
    return keyed_response(now, all, all.keyed_writes.remove(**key, address, *only_if, [&](const result<removed_contacts>& removed) {
        std::vector<uuid> ids;
        if (removed)
            std::transform(removed->begin(), removed->end(), std::back_inserter(ids), [](const auto& one) { return one.email_id; });
        return to_kept(answer(removed), std::move(ids));
    }));
}

void get_contacts(std::span<call> calls, const services& all, const send_early& /*send*/) {
    const auto ask = [&](const std::vector<uuid>& ids) { return all.contacts.documents(ids); };
    answer_together(calls, path_email_id, ask, [](call& now, model::contact_document found) {
        trace_results(now.facts, {&found, 1});
        return document_response(200, std::move(found));
    });
}

void find_contacts(std::span<call> calls, const services& all, const send_early& /*send*/) {
    const auto read = [](const call& now) { return read_identity_query(now.query); };
    const auto ask = [&](const std::vector<model::identity_query>& queries) { return all.contacts.find_documents(queries); };
    answer_together(calls, read, ask, [](call& now, const std::vector<model::contact_document>& found) {
        trace_results(now.facts, found);
        return list_response(found, [](std::string& out, const model::contact_document& one) { out += one.json; });
    });
}

response get_identity(call& now, const services& all) {
    const auto email_id = path_email_id(now);
    if (!email_id) return failed(now, email_id.error());
    const auto identity = all.contacts.identity(*email_id);
    if (!identity) return failed(now, identity.error());
    std::string body;
    json::write_identity(body, *identity);
    return json_response(200, std::move(body));
}

response find_identities(call& now, const services& all) {
    const auto query = read_identity_query(now.query);
    if (!query) return failed(now, query.error());
    const auto found = all.contacts.find_identities(*query);
    if (!found) return failed(now, found.error());
    return list_response(*found, json::write_identity);
}

} // namespace ctms::web::routes
