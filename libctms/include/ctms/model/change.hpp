// SPDX-License-Identifier: MPL-2.0
// The feed of changes: which contacts changed, in the order in which their writers finished. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact_document.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ctms::model {

/// A place in the feed. Programs get it from a page, keep it, and pass it on; its members are of no use to them.
struct CTMS_API change_cursor {
    std::string epoch;     ///< the database that it belongs to
    bool listing = false;  ///< true: in the list of the contacts that existed at the beginning, before the feed
    std::uint64_t xid = 0; ///< the transaction of the last change; in the list, the first one whose changes follow it
    uuid email_id;         ///< the last contact

    bool operator==(const change_cursor&) const = default; ///< member by member
};

/// What happened to a contact, for a reader who knows everything before.
enum class change_kind : std::uint8_t { created, updated, deleted };

/// A change of one contact; several changes of a contact may be one.
struct CTMS_API change {
    change_cursor cursor;                    ///< the place after this change
    uuid email_id;                           ///< the contact
    change_kind what = change_kind::updated; ///< what happened
    timestamp when;                          ///< when it was written
    std::optional<std::string> client;       ///< who wrote it: an API client or a command; nullopt if unknown
    std::optional<contact_document> stored;  ///< the contact as it is now, if the reader asked for it and it still exists
};

/// What a reader asks for.
struct CTMS_API changes_query {
    std::optional<change_cursor> after; ///< nullopt: from the beginning, with all contacts that exist
    int limit = 100;                    ///< changes on a page, 1 to 1000
    bool with_contacts = false;         ///< also the contacts

    bool operator==(const changes_query&) const = default; ///< member by member
};

/// A part of the feed.
struct CTMS_API change_page {
    std::vector<change> items; ///< in the order of the feed
    change_cursor next;        ///< where to go on, also if there are no items
    bool more = false;         ///< whether to go on at once; false: nothing follows at the moment
};

} // namespace ctms::model
