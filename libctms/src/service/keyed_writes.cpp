// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/keyed_writes.hpp>

#include "contact_changes.hpp"

#include <auth/keyed_hash.hpp>
#include <base/storable.hpp>
#include <ctms/persistence/database.hpp>
#include <persistence/contacts/change_rounds.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/contacts/kept_answers.hpp>
#include <persistence/contacts/single_writes.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/format.h>

#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace ctms::service {
namespace {

using persistence::connection;

std::string as_bytea(const auth::keyed_hash::digest& hash) { return fmt::format("\\x{:02x}", fmt::join(hash, "")); }

/// The request may contain an address in its path. Together with the key, which is stored nowhere, its hash cannot be guessed.
persistence::answer_key hashes_of(const request_key& key) {
    const auto digest = auth::plain_hash(fmt::format("{}\n{}", key.client, key.key)); // ids of clients contain no line feed
    persistence::answer_key out{key.client, as_bytea(digest), as_bytea(auth::plain_hash(fmt::format("{}\n{}", key.key, key.request)))};
    std::memcpy(&out.lock, digest.data(), sizeof out.lock);
    return out;
}

model::author author_of(const request_key& key) { return {key.client, key.request_id}; }

/// Locks the key. Returns the outcome if nothing is left to do.
std::optional<keyed_outcome> find_use(connection& link, const persistence::answer_key& key) {
    if (!persistence::try_lock(link, key)) return keyed_outcome{key_use::running};
    auto found = persistence::find_answer(link, key); // a statement of its own, which sees what committed before the lock was free
    if (!found) return std::nullopt;
    if (found->is_erased) return keyed_outcome{key_use::erased};
    if (!found->is_same_request) return keyed_outcome{key_use::other_request};
    return keyed_outcome{key_use::again, std::move(found->answer)};
}

constexpr int not_found_status = 404;
constexpr int least_not_kept = 500;

/// An answer 404 may quote the address that was not found, which no contact's deletion would erase. It is made again from the request.
void keep(connection& link, const persistence::answer_key& key, model::kept_answer answer) {
    if (answer.status == not_found_status) answer.body.clear();
    persistence::keep_answer(link, key, answer);
}

/// Whether the request is the reason for a failure.
bool is_refusal(const error& failure) { return failure.code == errc::conflict || failure.code == errc::invalid; }

/// Whether a repeated request must get the same failure: if there is no such contact, a precondition does not hold, or other contacts have
/// values that must be unique. Input that breaks a rule may be corrected, and a legal hold may be lifted: the key stays free.
bool is_lasting(const error& failure) {
    return failure.code == errc::not_found ||
           (failure.code == errc::conflict && (!failure.conflicts.empty() || unmet_precondition(failure).has_value()));
}

/// An answer, and what is kept of it. Without that, its write is undone.
struct made_answer {
    model::kept_answer answer;
    std::optional<model::kept_answer> kept;
};

/// A write with a key.
template <class Value>
struct keyed_write {
    /// Makes it in a transaction and returns its outcome, or throws sql_error.
    std::function<result<Value>(connection&)> write;
    /// Turns such a failure into the outcome, if the request is the reason.
    std::function<result<Value>(error)> settle;
    const answer_to<Value>& answer;
    /// Called for a value that settle() returned, in the transaction that keeps its answer. Throws sql_error if the value is outdated.
    std::function<void(connection&, const Value&)> confirm{};
    /// If set, only the ids are kept of a value, and this function makes from them what a repeated request gets.
    std::function<Value(const std::vector<uuid>&)> remake{};
    error missing = unknown_id(); ///< the outcome of an answer 404
    int most_races = 0;           ///< how often it is tried again if another transaction inserts the same contact
};

template <class Value>
made_answer answer_of(const keyed_write<Value>& one, const result<Value>& outcome) {
    made_answer out{one.answer(outcome), std::nullopt};
    if (out.answer.status < least_not_kept && (outcome || is_lasting(outcome.error()))) out.kept = out.answer;
    if (out.kept && one.remake) {
        out.kept->entity_tag.clear();
        if (outcome) out.kept->body.clear();
    }
    return out;
}

/// Runs `work(connection)`, which returns a made_answer, in a transaction that holds the key, unless the key was used.
template <class Work>
result<keyed_outcome> with_key(persistence::database& db, const persistence::answer_key& key, const Work& work) {
    return persistence::run(db, [&](connection& link) {
        link.begin();
        if (auto used = find_use(link, key)) {
            link.rollback();
            return *std::move(used);
        }
        made_answer made = work(link);
        if (made.kept) keep(link, key, *std::move(made.kept));
        made.kept ? link.commit() : link.rollback();
        return keyed_outcome{key_use::first, std::move(made.answer)};
    });
}

template <class Value>
result<keyed_outcome> once(persistence::database& db, const request_key& whose, const keyed_write<Value>& one) {
    const auto key = hashes_of(whose);
    const auto attempt = [&] { return with_key(db, key, [&](connection& link) { return answer_of(one, one.write(link)); }); };
    auto done = attempt();
    for (int races = 0; !done && persistence::is_race_of_inserts(done.error()) && races < one.most_races; ++races) done = attempt();
    if (!done && is_refusal(done.error())) {
        // The transaction is gone, and with it the lock on the key. Nothing was written, so another request may use the key first.
        const auto outcome = one.settle(std::move(done).error());
        if (!outcome && !is_refusal(outcome.error())) return outcome.error();
        done = with_key(db, key, [&](connection& link) {
            if (outcome) one.confirm(link, *outcome);
            return answer_of(one, outcome);
        });
    }
    if (!done || done->use != key_use::again) return done;
    if (done->answer.status == not_found_status) {
        done->answer = one.answer(one.missing);
    } else if (one.remake && !done->answer.email_ids.empty()) {
        done->answer = one.answer(one.remake(done->answer.email_ids));
    }
    return done;
}

/// The outcome of input that is refused without the database. It is the same for every repeated request, so it is not kept.
template <class Value>
keyed_outcome refused(const answer_to<Value>& answer, const error& why) {
    return {key_use::first, answer(why)};
}

/// Counts what was written for the sync, unless the write was undone.
result<keyed_outcome> counted(persistence::database& db, result<keyed_outcome> done, std::size_t written) {
    const bool is_made = done && done->use == key_use::first && done->answer.status < least_not_kept;
    if (is_made && written > 0) db.recorder().sync_scheduled(written);
    return done;
}

result<keyed_outcome> change_once(persistence::database& db, const request_key& key, const uuid& email_id,
                                  const persistence::change_function& compute, std::string_view conflict,
                                  const answer_to<model::contact>& answer) {
    constexpr int most_races = 3;
    const auto how = persistence::write_options_of(db);
    std::optional<model::contact> wanted; // what the last attempt tried to store
    std::size_t written = 0;
    const persistence::contact_to_change one{email_id,
                                             [&](const auto& stored) {
                                                 auto change = compute(stored);
                                                 if (change) wanted = change->after;
                                                 return change;
                                             },
                                             author_of(key)};
    const auto write = [&](connection& link) {
        written = 0;
        auto changed = persistence::change_contact(link, one, how);
        written = changed ? 1 : 0;
        return changed;
    };
    const auto settle = [&](error failure) -> result<model::contact> {
        if (wanted) failure = persistence::with_conflicts(db, std::move(failure), *wanted);
        std::erase(failure.conflicts, "email_id"); // the id belongs to this contact
        return with_message(std::move(failure), conflict);
    };
    return counted(db, once<model::contact>(db, key, {write, settle, answer, {}, {}, unknown_id(), most_races}), written);
}

} // namespace

keyed_writes::keyed_writes(persistence::database& db, metrics::recorder& recorder)
    : db_(db), repository_(std::make_unique<persistence::contact_repository>(db)), recorder_(recorder) {}
keyed_writes::~keyed_writes() = default;

result<keyed_outcome> keyed_writes::create(const request_key& key, const json::checked<model::contact_input>& input,
                                           const answer_to<created_contact>& answer) {
    const auto wanted = new_contact(*input);
    if (!wanted) return refused(answer, wanted.error());
    if (uses_older_form(*input)) recorder_.legacy_waitlists_used();
    const auto how = persistence::write_options_of(db_);
    std::size_t written = 0;
    const auto write = [&](connection& link) -> result<created_contact> {
        written = 0;
        auto stored = persistence::insert_contact(link, *wanted, author_of(key), how);
        if (!stored) return stored.error();
        written = 1;
        return created_contact{std::move(*stored), false};
    };
    const auto settle = [&](error failure) -> result<created_contact> {
        return settle_creation([this](const uuid& id) { return repository_->find(id); },
                               persistence::with_conflicts(db_, std::move(failure), *wanted), *wanted);
    };
    // Its deletion must find the answer that is kept, to erase it.
    const auto confirm = [](connection& link, const created_contact& known) {
        persistence::hold_contact(link, known.contact.email.email_id);
    };
    return counted(db_, once<created_contact>(db_, key, {write, settle, answer, confirm}), written);
}

result<keyed_outcome> keyed_writes::replace(const request_key& key, const uuid& email_id, const json::checked<model::contact_input>& input,
                                            const precondition& only_if, const answer_to<model::contact>& answer) {
    if (const auto good = check_replacement(email_id, *input); !good) return refused(answer, good.error());
    if (uses_older_form(*input)) recorder_.legacy_waitlists_used();
    return change_once(db_, key, email_id, replacement(*input, only_if), conflict_of_replacement, answer);
}

result<keyed_outcome> keyed_writes::patch(const request_key& key, const uuid& email_id, const json::checked<model::contact_patch>& patch,
                                          const precondition& only_if, const answer_to<model::contact>& answer) {
    if (const auto good = check_patch(email_id, *patch); !good) return refused(answer, good.error());
    if (uses_older_form(*patch)) recorder_.legacy_waitlists_used();
    return change_once(db_, key, email_id, patching(*patch, only_if), conflict_of_patch, answer);
}

result<keyed_outcome> keyed_writes::remove(const request_key& key, const std::string& primary_email, const precondition& only_if,
                                           const answer_to<std::vector<model::identity>>& answer) {
    using removed_contacts = std::vector<model::identity>;
    const auto missing = unknown_address(primary_email);
    if (!is_storable(primary_email)) return refused(answer, missing);
    std::size_t written = 0;
    const auto write = [&](connection& link) -> result<removed_contacts> {
        written = 0;
        auto removed =
            persistence::remove_contacts(link, primary_email, author_of(key), removal_if(only_if), persistence::keeps_history(db_));
        if (!removed) return removed;
        if (removed->empty()) return unknown_address(primary_email);
        written = removed->size();
        return removed;
    };
    const auto settle = [](error failure) -> result<removed_contacts> { return failure; };
    // The contacts are gone, so nothing would erase what is kept of them.
    const auto remake = [&](const std::vector<uuid>& email_ids) {
        removed_contacts out;
        for (const auto& id : email_ids) out.push_back({.email_id = id, .primary_email = primary_email});
        return out;
    };
    return counted(db_, once<removed_contacts>(db_, key, {write, settle, answer, {}, remake, missing}), written);
}

result<std::size_t> keyed_writes::forget(const kept_limits& limits) {
    auto old = persistence::forget_old_answers(db_, limits.age, most_forgotten);
    if (!old || *old == most_forgotten) return old;
    auto forgotten = *old;
    const auto sizes = persistence::sizes_of_answers(db_);
    if (!sizes) return sizes.error();
    // Frees a tenth more than necessary, so that it does not have to be done again at once.
    const auto shrink = [&](const std::optional<std::string>& client, std::int64_t size, std::int64_t limit) -> result<std::int64_t> {
        constexpr std::int64_t part_to_spare = 10;
        if (size <= limit || forgotten == most_forgotten) return 0;
        const auto removed =
            persistence::forget_oldest_answers(db_, client, size - limit + limit / part_to_spare, most_forgotten - forgotten);
        if (!removed) return removed.error();
        forgotten += removed->count;
        return removed->bytes;
    };
    std::int64_t all = 0;
    for (const auto& [client, size] : *sizes) {
        const auto freed = shrink(client, size, limits.bytes_of_client);
        if (!freed) return freed.error();
        all += size - *freed;
    }
    if (const auto freed = shrink(std::nullopt, all, limits.bytes); !freed) return freed.error();
    return forgotten;
}

} // namespace ctms::service
