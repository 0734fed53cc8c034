// SPDX-License-Identifier: MPL-2.0
#include "contact_changes.hpp"

#include <base/storable.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/json/updates_json.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/service/contacts.hpp>
#include <json/identity_query.hpp>
#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/contacts/updates_horizon.hpp>

#include <algorithm>
#include <chrono>

namespace ctms::service {
namespace {

error no_identifiers() { return malformed("No identifiers provided, at least one is needed: " + json::identity_names()); }

/// Appends the contacts of a page, each followed by `end`. `more`: how many bytes follow them.
void append(std::string& out, const persistence::document_page& page, char end, std::size_t more) {
    out.reserve(out.size() + page.bytes + page.documents.size() + more);
    for (const auto& one : page.documents) {
        out += one;
        out += end;
    }
}

/// Returns true at most once a minute.
bool is_time_to_warn(std::atomic<std::int64_t>& last) {
    constexpr std::int64_t pause = 60;
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
    auto before = last.load();
    return (before == 0 || now - before >= pause) && last.compare_exchange_strong(before, now);
}

void warn_of(mozlog::logger& log, const persistence::updates_horizon& found) {
    mozlog::fields members;
    if (!found.overdue) {
        return log.log(
            mozlog::severity::warning, "ctms.updates", members,
            "The role of the database may not see all transactions, so the end of /updates stays behind: grant pg_read_all_stats "
            "to it, and leave track_activities on");
    }
    members.add("pid", found.overdue->pid).add_seconds("age", static_cast<double>(found.overdue->age.count()));
    log.log(
        mozlog::severity::warning, "ctms.updates", members,
        "A transaction that has written is open for too long and no longer holds back the end of /updates: readers may miss its changes");
}

} // namespace

contacts::contacts(persistence::database& db, persistence::database* replica, metrics::recorder& recorder, mozlog::logger* log)
    : db_(db), repository_(std::make_unique<persistence::contact_repository>(db, replica)), recorder_(recorder), log_(log) {}
contacts::~contacts() = default;

result<created_contact> contacts::create(const model::contact_input& input, const model::author& by) {
    const auto good = json::check(input, json::purpose::create);
    return good ? create(*good, by) : good.error();
}

result<created_contact> contacts::create(const json::checked<model::contact_input>& input, const model::author& by) {
    if (input.checked_for() != json::purpose::create) return create(*input, by);
    if (uses_older_form(*input)) recorder_.legacy_waitlists_used();
    const auto wanted = new_contact(*input);
    if (!wanted) return wanted.error();
    auto stored = repository_->create(*wanted, by);
    if (stored) return created_contact{std::move(*stored), false};
    return settle_creation([this](const uuid& id) { return repository_->find(id); }, stored.error(), *wanted);
}

result<model::contact> contacts::replace(const uuid& email_id, const model::contact_input& input, const model::author& by,
                                         const precondition& only_if) {
    const auto good = json::check(input, json::purpose::replace);
    return good ? replace(email_id, *good, by, only_if) : good.error();
}

result<model::contact> contacts::replace(const uuid& email_id, const json::checked<model::contact_input>& input, const model::author& by,
                                         const precondition& only_if) {
    if (input.checked_for() != json::purpose::replace) return replace(email_id, *input, by, only_if);
    if (const auto good = check_replacement(email_id, *input); !good) return good.error();
    if (uses_older_form(*input)) recorder_.legacy_waitlists_used();
    auto changed = repository_->change(email_id, replacement(*input, only_if), by);
    return with_message(std::move(changed), conflict_of_replacement);
}

result<model::contact> contacts::patch(const uuid& email_id, const model::contact_patch& patch, const model::author& by,
                                       const precondition& only_if) {
    const auto good = json::check(patch);
    return good ? this->patch(email_id, *good, by, only_if) : good.error();
}

result<model::contact> contacts::patch(const uuid& email_id, const json::checked<model::contact_patch>& patch, const model::author& by,
                                       const precondition& only_if) {
    const patch_request one{email_id, &patch, by, &only_if};
    return std::move(this->patch({&one, 1}).front());
}

void contacts::patch(std::span<const patch_request> several, const patches_done& done) {
    static const precondition no_precondition;
    std::vector<patch_result> refused;
    std::vector<persistence::contact_to_change> changes;
    std::vector<std::size_t> indexes; // the index of each change in `several`
    for (std::size_t index = 0; index < several.size(); ++index) {
        const auto& patch = **several[index].patch;
        if (const auto good = check_patch(several[index].email_id, patch); !good) {
            refused.push_back({index, good.error()});
            continue;
        }
        if (uses_older_form(patch)) recorder_.legacy_waitlists_used();
        indexes.push_back(index);
        const auto* only_if = several[index].only_if;
        changes.push_back({several[index].email_id, patching(patch, only_if == nullptr ? no_precondition : *only_if), several[index].by});
    }
    if (!refused.empty()) done(refused);
    repository_->change(changes, [&](std::span<persistence::change_outcome> some) {
        std::vector<patch_result> known;
        for (auto& one : some) {
            known.push_back({indexes[one.index], with_message(std::move(one.contact), conflict_of_patch)});
        }
        done(known);
    });
}

std::vector<result<model::contact>> contacts::patch(std::span<const patch_request> several) {
    std::vector<result<model::contact>> out(several.size(), result<model::contact>(model::contact{}));
    patch(several, [&](std::span<patch_result> some) {
        for (auto& one : some) out[one.index] = std::move(one.contact);
    });
    return out;
}

result<std::vector<model::identity>> contacts::remove(const std::string& primary_email, const model::author& by,
                                                      const precondition& only_if) {
    const bool may_exist = is_storable(primary_email);
    auto removed = may_exist ? repository_->remove(primary_email, by, removal_if(only_if)) : std::vector<model::identity>();
    if (removed && removed->empty()) return unknown_address(primary_email);
    return removed;
}

result<void> contacts::remove(const uuid& email_id, const model::author& by) {
    const auto removed = persistence::contact_bulk_repository(db_).remove(std::span(&email_id, 1), {.by = by});
    return removed ? outcome_of_removal(removed->front()) : removed.error();
}

result<model::contact> contacts::get(const uuid& email_id) { return repository_->find(email_id); }

std::vector<result<model::contact_document>> contacts::documents(std::span<const uuid> email_ids) {
    const auto found = repository_->documents(email_ids);
    std::vector<result<model::contact_document>> out;
    for (const auto& id : email_ids) {
        if (!found) {
            out.emplace_back(found.error());
            continue;
        }
        const auto by_id = [](const model::contact_document& one, const uuid& wanted) { return one.email_id < wanted; };
        const auto place = std::lower_bound(found->begin(), found->end(), id, by_id);
        const bool exists = place != found->end() && place->email_id == id;
        exists ? void(out.emplace_back(*place)) : void(out.emplace_back(unknown_id()));
    }
    return out;
}

result<model::identity> contacts::identity(const uuid& email_id) {
    model::identity_query query;
    query.email_id = email_id;
    auto found = repository_->find_identities(query);
    if (!found) return found.error();
    if (found->empty()) return unknown_id();
    return std::move(found->front());
}

result<void> contacts::set_end(model::updates_query& query) {
    if (query.end) return {};
    const auto found = repository_->horizon();
    if (!found) return found.error();
    query.end = model::moment{found->end, std::chrono::minutes{0}};
    query.until = found->now;
    recorder_.updates_end(found->held_by, std::chrono::duration<double>(found->now - found->end).count());
    const bool is_noteworthy = found->overdue || found->held_by == "hidden";
    if (is_noteworthy && log_ != nullptr && is_time_to_warn(last_warning_)) warn_of(*log_, *found);
    return {};
}

contact_range contacts::updates(const model::updates_query& query) { return {*this, *repository_, query}; }

result<std::string> contacts::updates_page(const model::updates_query& wanted, std::string_view prefix) {
    auto query = wanted;
    if (const auto set = set_end(query); !set) return set.error();
    const auto page = repository_->update_documents(query);
    if (!page) return page.error();
    constexpr std::string_view tail = "]}";
    auto out = json::updates_page_head(query, page->next, prefix);
    append(out, *page, ',', tail.size());
    if (!page->documents.empty()) out.pop_back();
    out += tail;
    return out;
}

result<std::optional<model::updates_cursor>> contacts::append_updates(std::string& out, const model::updates_query& query) {
    const auto page = repository_->update_documents(query);
    if (!page) return page.error();
    append(out, *page, '\n', 0);
    return page->next;
}

result<std::vector<model::contact>> contacts::find(const model::identity_query& query) {
    if (!json::names_an_id(query)) return no_identifiers();
    if (const auto good = json::check(query); !good) return good.error();
    return repository_->find(query);
}

std::vector<result<std::vector<model::contact_document>>> contacts::find_documents(std::span<const model::identity_query> queries) {
    std::vector<result<std::vector<model::contact_document>>> out(queries.size(), no_identifiers());
    std::vector<model::identity_query> good;
    std::vector<std::size_t> places; // of the good ones
    for (std::size_t place = 0; place < queries.size(); ++place) {
        if (!json::names_an_id(queries[place])) continue;
        if (const auto checked = json::check(queries[place]); !checked) {
            out[place] = checked.error();
            continue;
        }
        good.push_back(queries[place]);
        places.push_back(place);
    }
    auto found = repository_->documents(good);
    for (std::size_t i = 0; i < found.size(); ++i) out[places[i]] = std::move(found[i]);
    return out;
}

result<std::vector<model::identity>> contacts::find_identities(const model::identity_query& query) {
    if (!json::names_an_id(query)) return no_identifiers();
    if (const auto good = json::check(query); !good) return good.error();
    return repository_->find_identities(query);
}

} // namespace ctms::service
