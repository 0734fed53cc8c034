// SPDX-License-Identifier: MPL-2.0
// Import of contacts by the batch: validation as POST /ctms does it, and set-based writes. May be run again with the same
// input: what is there with the same content is left alone. Blocking; an object may be shared between threads, each batch
// belongs to one.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/persistence/contact_bulk.hpp>
#include <ctms/persistence/contact_dump.hpp>
#include <ctms/persistence/contacts.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ctms::service {

/// What became of a contact.
enum class import_outcome : std::uint8_t {
    created,
    unchanged, ///< it was there with the same content
    replaced,  ///< it was there with other content
    rejected   ///< nothing of it was stored
};

/// The same with its reason.
struct CTMS_API import_verdict {
    import_outcome what = import_outcome::rejected; ///< what became of it
    std::string reason;                             ///< of a rejection, for people; holds no values of the contact
};

/// How an import behaves.
struct CTMS_API import_options {
    bool replace = false;              ///< contacts with other content become what the input says, as PUT does it; else they are rejected
    persistence::bulk_options write{}; ///< place in the sync's queue, dry run
};

/// Imports contacts, a batch at a time.
class CTMS_API contact_import {
public:
    /// `db` must outlive it.
    contact_import(persistence::database& db, import_options how) : contacts_(db), bulk_(db), dump_(db), how_(how) {}

    /// Imports contacts, each a JSON text: of the form of POST /ctms, or a line of a dump, which keeps its times. One without
    /// email_id is the contact of its address, if there is one. A verdict for each, in their order; values that others have
    /// reject only the contact that wants them. An error when the database does not answer: some may be stored then.
    [[nodiscard]] result<std::vector<import_verdict>> run(std::span<const std::string> texts);

private:
    persistence::contact_repository contacts_;
    persistence::contact_bulk_repository bulk_;
    persistence::contact_dump_repository dump_;
    import_options how_;
};

} // namespace ctms::service
