// SPDX-License-Identifier: MPL-2.0
// Writes many contacts for a client of the API: what the calls on one contact do, but with statements that contacts share. Blocking.
// Threads may share an object.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/bulk_json.hpp>
#include <ctms/metrics/recorder.hpp>
#include <ctms/model/author.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// What became of an item.
enum class bulk_outcome : std::uint8_t {
    created,
    unchanged,         ///< the contact is stored as the item wants it
    changed,           ///< by a patch, or an upsert of a contact that exists
    removed,           ///< the contact was deleted
    refused,           ///< nothing was done; see bulk_result::failure
    needs_precondition ///< nothing was done: the client may change the contact only with a precondition, which an item cannot have
};

/// The result for one item.
struct CTMS_API bulk_result {
    bulk_outcome what = bulk_outcome::refused; ///< outcome
    uuid email_id;                             ///< of the contact; nil if it is not known
    std::optional<error> failure{};            ///< of `refused`: as the single call returns it
    bool kept_opt_out = false;                 ///< the contact keeps an opt-out that the item would have cleared
};

/// Who asks for a bulk write, and what may be done.
struct CTMS_API bulk_options {
    model::author by{};              ///< who asks
    bool allow_opt_in = false;       ///< an upsert may clear an opt-out
    bool needs_precondition = false; ///< only new contacts may be written (model::api_client::must_have_precondition)
    result<void> may_remove{};       ///< an error refuses items that delete a contact
    json::contact_rules rules{};     ///< to read an upsert as a patch
};

/// Writes contacts in bulk.
class CTMS_API contact_bulk {
public:
    /// Both must outlive it. `recorder` counts clients that still use the older waitlist form.
    explicit contact_bulk(persistence::database& db, metrics::recorder& recorder = metrics::null_recorder())
        : db_(db), recorder_(recorder) {}

    /// Does what the items ask for, and returns a result for each, in the given order. An upsert changes the contact with its email_id or,
    /// if there is none, that with its address; it keeps opt-outs (has_opted_out_of_email, and newsletters that are not subscribed) unless
    /// the options allow to clear them, and a contact that already is as it should be is not written. Without such a contact, it creates
    /// one. Items of the same contact or address are done in order; others may be done in another order. A refused item does not affect
    /// others. When it returns, everything is committed that has not been refused. If the database does not answer, the items that are left
    /// are refused with that error; errc::outcome_unknown is possible too. New contacts are queued for the sync after all single writes.
    /// Pass some hundred to a few thousand items at a time.
    [[nodiscard]] std::vector<bulk_result> run(std::span<const result<json::bulk_item>> items, const bulk_options& how);

private:
    persistence::database& db_;
    metrics::recorder& recorder_;
};

} // namespace ctms::service
