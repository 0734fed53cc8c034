// SPDX-License-Identifier: MPL-2.0
// Imports contacts in batches: validates them like POST /ctms and stores them with set-based writes. Running it again with the same input
// is safe: contacts with the same content are not changed. Blocking. Threads may share an object if each passes its own batches: those that
// have a contact or an address in common are stored one after the other.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/contact_json.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

class import_gate;

/// The outcome for one contact.
enum class import_outcome : std::uint8_t {
    created,
    unchanged, ///< it existed with the same content
    replaced,  ///< it existed with different content
    merged,    ///< it existed, and the given fields were changed
    rejected   ///< nothing was stored
};

/// The outcome for one contact, with a reason.
struct CTMS_API import_verdict {
    import_outcome what = import_outcome::rejected; ///< outcome
    std::string reason;                             ///< reason of a rejection, for people; contains no values of the contact
    bool kept_opt_out = false;                      ///< the merge left an opt-out that the given fields would have cleared
};

/// Options of an import.
struct CTMS_API import_options {
    bool replace = false;          ///< replace contacts that have different content, like PUT; if false, they are rejected
    bool merge = false;            ///< change only the given fields of contacts that exist, like PATCH, but never clear an opt-out
    bool allow_opt_in = false;     ///< let `replace` clear an opt-out; if false, such contacts are rejected
    bool case_insensitive = false; ///< addresses that differ only in case or Unicode form are the same
    bool exact = false;            ///< store addresses as they are, with blanks, and even those that cannot be addresses
    bool queue_for_sync = true;    ///< queue the contacts for the sync, after all single writes; a merge always queues, as a single write
    bool dry_run = false;          ///< do the work, then roll it back
    std::string client{};          ///< who imports, for the feed of changes; "" if unknown
    json::contact_rules rules{};   ///< for contacts in the form of the API
};

/// Imports contacts in batches.
class CTMS_API contact_import {
public:
    /// `db` must outlive it.
    contact_import(persistence::database& db, import_options how);
    ~contact_import();
    contact_import(const contact_import&) = delete;
    contact_import& operator=(const contact_import&) = delete;

    /// Imports contacts from JSON texts, each in the form of POST /ctms or a line of a dump, which keeps its times. A contact without
    /// email_id is matched by its address, if a contact with that address exists. Blanks around the address of the first form are removed.
    /// A new contact of that form is rejected if its address differs only in case or Unicode form from that of a contact that has opted out
    /// of email. An opt-out is has_opted_out_of_email, or a newsletter that is not subscribed. Returns a verdict for each, in the given
    /// order; a unique value that is already used rejects only the contact that has it. Returns an error if the database does not answer;
    /// some contacts may be stored then. After that, every call returns this error and stores nothing, because its contacts might be those
    /// of the batch that failed: make a new object to try again.
    /// `on_read` is called when the batch has its place in the order: a batch that is passed to another call afterwards is stored after
    /// this one if they have a contact, or an address in whatever spelling, in common.
    [[nodiscard]] result<std::vector<import_verdict>> run(std::span<const std::string> texts, const std::function<void()>& on_read = {});

private:
    persistence::database& db_;
    import_options how_;
    std::unique_ptr<import_gate> gate_;
};

} // namespace ctms::service
