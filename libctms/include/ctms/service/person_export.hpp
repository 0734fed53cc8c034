// SPDX-License-Identifier: MPL-2.0
// Answers a person who asks what is held about them (GDPR, article 15: https://eur-lex.europa.eu/eli/reg/2016/679/oj): everything in the
// database that belongs to a contact, as JSON or as a page for people. Blocking. An object belongs to one thread at a time.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/author.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// The form of an export.
enum class export_form : std::uint8_t {
    json, ///< one JSON object
    html  ///< the part of an HTML page about the contact: put html_begin() before, and html_end() after it
};

/// Makes the export of one contact, piece by piece, so that its memory does not grow with what is held. The pieces are read one after the
/// other: what changes meanwhile may be in an earlier or a later state.
class CTMS_API person_export {
public:
    /// `db` must outlive it.
    person_export(persistence::database& db, const uuid& email_id, export_form form);

    /// Appends the next piece, of about half a megabyte at most unless a single row is larger. Returns whether another piece follows. The
    /// first call returns errc::not_found ("Unknown email_id") if nothing is held; after an error, do not call it again.
    [[nodiscard]] result<bool> next(std::string& out);

private:
    [[nodiscard]] result<void> begin(std::string& out);
    [[nodiscard]] result<void> add_rows(std::string& out);

    persistence::database* db_;
    uuid email_id_;
    export_form form_;
    bool has_begun_ = false;
    std::size_t source_ = 0; ///< the next one
    std::string after_{};    ///< the key of its last row that was read
    bool is_open_ = false;   ///< its beginning was written
    bool is_first_ = true;   ///< no row of it was written
};

/// Begins exports for clients, and records who asked for them.
class CTMS_API person_exports {
public:
    /// `db` must outlive it. Thread safe.
    explicit person_exports(persistence::database& db) : db_(db) {}

    /// Begins the export of a contact for a client, after recording it in the audit log. errc::not_found ("Unknown email_id") if nothing is
    /// held, which is not recorded. If the record cannot be written, nothing is exported.
    [[nodiscard]] result<person_export> begin(const uuid& email_id, export_form form, const model::author& by);

private:
    persistence::database& db_;
};

/// Returns the ids of all contacts of the person with this address: those that have it, or whose Firefox account has it, regardless of
/// case. Empty if there are none.
[[nodiscard]] CTMS_API result<std::vector<uuid>> find_person(persistence::database& db, const std::string& address);

/// Returns what an HTML page begins with. A page has no scripts, no styles, and refers to nothing else.
[[nodiscard]] CTMS_API std::string_view html_begin() noexcept;
/// Returns what an HTML page ends with.
[[nodiscard]] CTMS_API std::string_view html_end() noexcept;

} // namespace ctms::service
