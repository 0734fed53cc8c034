// SPDX-License-Identifier: MPL-2.0
// Writes that clients may repeat: a write with a key is made at most once, and a request that is repeated gets the first answer again, also
// after a crash and from another process. The answer commits with the write. Clients choose the keys (Idempotency-Key,
// draft-ietf-httpapi-idempotency-key-header-07). Calls block; thread safe.
//   Answers hold personal data and are kept in the database only (table ctms_kept_answers). They are erased when one of their contacts is
// deleted, whoever deletes it. Of an answer about deleted contacts only the ids are kept, see remove().
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/metrics/recorder.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_input.hpp>
#include <ctms/model/kept_answer.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/precondition.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ctms::persistence {
class contact_repository;
class database;
} // namespace ctms::persistence

namespace ctms::service {

/// A key with the request that it belongs to.
struct CTMS_API request_key {
    std::string client{};     ///< who sent the request; each client has keys of its own
    std::string key{};        ///< chosen by the client; only a hash is stored
    std::string request{};    ///< everything that a repeated request must have in common with the first; only a hash with the key is stored
    std::string request_id{}; ///< the id of this request, for the history of contacts; "" if there is none
};

/// What was known about a key.
enum class key_use : std::uint8_t {
    first,         ///< nothing: the write was tried now
    again,         ///< the same request was answered before: nothing was done
    running,       ///< the same key is being used at the moment: nothing was done
    other_request, ///< the key belongs to another request: nothing was done
    erased         ///< the key was used, and the contact of its answer was deleted since then: nothing was done
};

/// The outcome of a write with a key.
struct CTMS_API keyed_outcome {
    key_use use = key_use::first; ///< what was known about the key
    model::kept_answer answer{};  ///< of `first` and `again`
};

/// How much is kept.
struct CTMS_API kept_limits {
    std::chrono::seconds age{std::chrono::hours{24}};               ///< older answers are forgotten
    std::int64_t bytes_of_client = std::int64_t{512} * 1024 * 1024; ///< of the answers of one client; its oldest are forgotten first
    std::int64_t bytes = std::int64_t{2048} * 1024 * 1024;          ///< of all answers
};

/// Makes the answer to a write from its outcome. It is called before the write commits, and once more if the write is tried again, so it
/// must have no effects of its own. Answers with a status of 500 or more are not kept, and their writes are undone. Neither are refusals
/// whose reason may go away: of input that breaks a rule (errc::invalid), and of a deletion that a legal hold forbids.
template <class Value>
using answer_to = std::function<model::kept_answer(const result<Value>& outcome)>;

/// The use cases of service::contacts, with a key. Their errors are those of the database (errc::unavailable, errc::outcome_unknown,
/// errc::misconfigured); all others go into the answer.
class CTMS_API keyed_writes {
public:
    /// Both must outlive it. `recorder` is used as by service::contacts.
    explicit keyed_writes(persistence::database& db, metrics::recorder& recorder = metrics::null_recorder());
    ~keyed_writes();
    keyed_writes(const keyed_writes&) = delete;
    keyed_writes& operator=(const keyed_writes&) = delete;

    /// contacts::create(). `input` must have been checked to create a contact.
    [[nodiscard]] result<keyed_outcome> create(const request_key& key, const json::checked<model::contact_input>& input,
                                               const answer_to<created_contact>& answer);
    /// contacts::replace(). `input` must have been checked to replace a contact.
    [[nodiscard]] result<keyed_outcome> replace(const request_key& key, const uuid& email_id,
                                                const json::checked<model::contact_input>& input, const precondition& only_if,
                                                const answer_to<model::contact>& answer);
    /// contacts::patch().
    [[nodiscard]] result<keyed_outcome> patch(const request_key& key, const uuid& email_id,
                                              const json::checked<model::contact_patch>& patch, const precondition& only_if,
                                              const answer_to<model::contact>& answer);
    /// contacts::remove() by address. Of the contacts only the ids are kept, and no tag if the precondition does not hold. The answer to a
    /// repeated request is made from these ids and `primary_email`, without the other members of model::identity.
    [[nodiscard]] result<keyed_outcome> remove(const request_key& key, const std::string& primary_email, const precondition& only_if,
                                               const answer_to<std::vector<model::identity>>& answer);

    static constexpr std::size_t most_forgotten = 5'000; ///< by one call of forget()

    /// Forgets answers beyond the limits, at most so many, and returns how many. If it returns most_forgotten, more may be left. Until the
    /// next call, what is added may exceed the limits. Any number of processes may call it at the same time.
    [[nodiscard]] result<std::size_t> forget(const kept_limits& limits);

private:
    persistence::database& db_;
    std::unique_ptr<persistence::contact_repository> repository_;
    metrics::recorder& recorder_;
};

} // namespace ctms::service
