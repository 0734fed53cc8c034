// SPDX-License-Identifier: MPL-2.0
// The use cases for contacts: what the API's calls on /ctms and /identity do, without HTTP. Calls block; thread safe. Expected failures are
// errors whose message may be shown to the client. Input that was not read from JSON is checked: errc::invalid with one field_error for
// each broken rule, as json::check returns it. Writes take who asks for them, which readers of the feed of changes see, and, if the
// database keeps it, readers of the history. Writes with a precondition that does not hold change nothing; unmet_precondition() recognises
// their error.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/metrics/recorder.hpp>
#include <ctms/model/author.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_document.hpp>
#include <ctms/model/contact_input.hpp>
#include <ctms/model/updates_query.hpp>
#include <ctms/service/contact_range.hpp>
#include <ctms/service/precondition.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class contact_repository;
class database;
} // namespace ctms::persistence

namespace ctms::mozlog {
class logger;
} // namespace ctms::mozlog

namespace ctms::service {

/// The result of creating a contact.
struct CTMS_API created_contact {
    model::contact contact; ///< as stored
    bool existed = false;   ///< true if the same contact already existed: nothing was changed
};

/// One of several patches.
struct CTMS_API patch_request {
    uuid email_id;                                    ///< the contact to change
    const json::checked<model::contact_patch>* patch; ///< must not be null and must live as long as the call
    model::author by{};                               ///< who asks for it
    const precondition* only_if = nullptr;            ///< what must hold; null: nothing. Must live as long as the call
};

/// The result of one of several patches.
struct CTMS_API patch_result {
    std::size_t index;              ///< of the patch in the list
    result<model::contact> contact; ///< as after patch()
};

/// Takes results as soon as they are known. Called on the thread that makes the changes; may move from the results.
using patches_done = std::function<void(std::span<patch_result>)>;

/// The use cases for contacts.
class CTMS_API contacts {
public:
    /// All must outlive it. `replica` is a copy of `db` for lookups and for pages of updates; it may lag slightly, and if it fails, `db`
    /// answers. `recorder` counts clients that still use the older waitlist form, and learns the end of updates. `log` gets the warnings of
    /// set_end(); null: there are none.
    explicit contacts(persistence::database& db, persistence::database* replica = nullptr,
                      metrics::recorder& recorder = metrics::null_recorder(), mozlog::logger* log = nullptr);
    ~contacts();
    contacts(const contacts&) = delete;
    contacts& operator=(const contacts&) = delete;

    /// Stores a new contact, and assigns an email_id if none was sent. Sending the same contact again is not an error. errc::conflict
    /// ("Contact already exists") if the id has different content or a unique value is already used. Here and in replace() and patch(), an
    /// address that is suppressed in the database is refused with errc::invalid, or stored opted out of all email, as
    /// persistence::suppression_options says.
    [[nodiscard]] result<created_contact> create(const model::contact_input& input, const model::author& by = {});
    [[nodiscard]] result<created_contact> create(const json::checked<model::contact_input>& input,
                                                 const model::author& by = {}); ///< The same. Input checked to replace is checked again.

    /// Creates the contact or replaces all of it. errc::invalid if `input` has a different id, or a name twice in a list;
    /// errc::conflict if a unique value is already used.
    [[nodiscard]] result<model::contact> replace(const uuid& email_id, const model::contact_input& input, const model::author& by = {},
                                                 const precondition& only_if = {});
    /// The same. Input that was checked to create a contact is checked again.
    [[nodiscard]] result<model::contact> replace(const uuid& email_id, const json::checked<model::contact_input>& input,
                                                 const model::author& by = {}, const precondition& only_if = {});

    /// Changes what was set. errc::invalid if `patch` has a different id, errc::not_found, errc::conflict.
    [[nodiscard]] result<model::contact> patch(const uuid& email_id, const model::contact_patch& patch, const model::author& by = {},
                                               const precondition& only_if = {});
    [[nodiscard]] result<model::contact> patch(const uuid& email_id, const json::checked<model::contact_patch>& patch,
                                               const model::author& by = {}, const precondition& only_if = {}); ///< The same.
    /// Applies several patches. Patches of different contacts take two round trips and one transaction together; those of the same contact
    /// are applied in the given order. A failure does not affect the others, unless the database fails. Passes each result to `done` once:
    /// a contact that is locked delays only its own result, by at most the lock timeout of the database.
    void patch(std::span<const patch_request> several, const patches_done& done);
    /// Returns all results at the end, in the given order.
    [[nodiscard]] std::vector<result<model::contact>> patch(std::span<const patch_request> several);

    /// Deletes all contacts with this address, in any case, and queues their deletion at the vendor. Returns the ids of the deleted
    /// contacts; errc::not_found if there were none; errc::conflict if a legal hold exists for one of them: then all stay. A precondition
    /// must hold for each of them.
    [[nodiscard]] result<std::vector<model::identity>> remove(const std::string& primary_email, const model::author& by = {},
                                                              const precondition& only_if = {});
    /// Deletes one contact with everything that belongs to it, and queues its deletion at the vendor. errc::not_found as in get();
    /// errc::conflict if a legal hold exists for it.
    [[nodiscard]] result<void> remove(const uuid& email_id, const model::author& by = {});

    /// Returns a contact. errc::not_found ("Unknown email_id") if it does not exist.
    [[nodiscard]] result<model::contact> get(const uuid& email_id);
    /// Returns the documents of several contacts in one round trip: a result for each id, in the given order. Ready documents are read from
    /// the database; others are made from the contact's tables, and stored for the next reader.
    [[nodiscard]] std::vector<result<model::contact_document>> documents(std::span<const uuid> email_ids);
    /// Returns the ids of a contact. errc::not_found as in get().
    [[nodiscard]] result<model::identity> identity(const uuid& email_id);

    /// Gives a query without an end the latest end for which no change is missed: changes with an earlier time, whoever makes them, can no
    /// longer appear after this call. Contacts that are visible now but later than that end are included too, through `query.until`. The
    /// end is held back by transactions that are open: for at most 60 seconds by one that has not written yet, or that the role of the
    /// database may not see, and for at most 10 minutes by one that has written. A query with an end stays as it is. One round trip.
    [[nodiscard]] result<void> set_end(model::updates_query& query);
    /// Returns the contacts that changed in a period, to loop over: all of them, read in pages of `query.limit`. To read later changes
    /// afterwards, call set_end() first and start the next query at its end.
    [[nodiscard]] contact_range updates(const model::updates_query& query);
    /// Returns a page of /updates as JSON, and calls set_end() if the query has no end. This use case returns text, so that a thousand
    /// contacts are in memory only once. `prefix` is the URL under which clients reach the service.
    [[nodiscard]] result<std::string> updates_page(const model::updates_query& query, std::string_view prefix);
    /// Appends the contacts of a page to `out`, one per line (NDJSON), in the form of the items of updates_page(). The query
    /// must have an end. Returns the cursor of the next page, or nullopt if there is none. With mofo_relevant, a page may be empty although
    /// another one follows.
    [[nodiscard]] result<std::optional<model::updates_cursor>> append_updates(std::string& out, const model::updates_query& query);

    /// Returns all contacts that match every given id. errc::malformed with the list of ids if none is given, or only empty ones;
    /// errc::invalid if one has a NUL character or is not UTF-8.
    [[nodiscard]] result<std::vector<model::contact>> find(const model::identity_query& query);
    /// Returns documents of the same contacts for several queries, in the given order. Those that have just one id, of the
    /// same kind, share one round trip.
    [[nodiscard]] std::vector<result<std::vector<model::contact_document>>> find_documents(std::span<const model::identity_query> queries);
    /// Like find(), but returns only the ids of the contacts.
    [[nodiscard]] result<std::vector<model::identity>> find_identities(const model::identity_query& query);

private:
    persistence::database& db_;
    std::unique_ptr<persistence::contact_repository> repository_;
    metrics::recorder& recorder_;
    mozlog::logger* log_;
    std::atomic<std::int64_t> last_warning_ = 0; ///< seconds of the steady clock
};

} // namespace ctms::service
