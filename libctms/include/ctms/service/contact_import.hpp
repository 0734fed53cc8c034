// SPDX-License-Identifier: MPL-2.0
// Imports contacts in batches: validates them like POST /ctms and stores them with set-based writes. Running it again with the same input
// is safe: contacts with the same content are not changed. Blocking. Threads may share an object if each passes its own batches.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// The outcome for one contact.
enum class import_outcome : std::uint8_t {
    created,
    unchanged, ///< it existed with the same content
    replaced,  ///< it existed with different content
    rejected   ///< nothing was stored
};

/// The outcome for one contact, with a reason.
struct CTMS_API import_verdict {
    import_outcome what = import_outcome::rejected; ///< outcome
    std::string reason;                             ///< reason of a rejection, for people; contains no values of the contact
};

/// Options of an import.
struct CTMS_API import_options {
    bool replace = false;       ///< replace contacts that have different content, like PUT; if false, they are rejected
    bool queue_for_sync = true; ///< queue the contacts for the sync, after all single writes
    bool dry_run = false;       ///< do the work, then roll it back
};

/// Imports contacts in batches.
class CTMS_API contact_import {
public:
    /// `db` must outlive it.
    contact_import(persistence::database& db, import_options how) : db_(db), how_(how) {}

    /// Imports contacts from JSON texts, each in the form of POST /ctms or a line of a dump, which keeps its times. A contact without
    /// email_id is matched by its address, if a contact with that address exists. Returns a verdict for each, in the given order; a unique
    /// value that is already used rejects only the contact that has it. Returns an error if the database does not answer; some contacts may
    /// be stored then.
    [[nodiscard]] result<std::vector<import_verdict>> run(std::span<const std::string> texts);

private:
    persistence::database& db_;
    import_options how_;
};

} // namespace ctms::service
