// SPDX-License-Identifier: MPL-2.0
// Care for the documents of contacts: the ready JSON that reads by id, lookups and /updates send. Programs need it for nothing: reads make
// documents that are missing, and every write keeps or invalidates them. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// What a walk over all contacts has found so far.
struct CTMS_API document_tally {
    std::int64_t contacts = 0;      ///< that were visited
    std::int64_t with_document = 0; ///< of these, those that had a document that counts
    std::int64_t stored = 0;        ///< documents that build_documents() stored
    std::int64_t left_behind = 0;   ///< rows without a contact
    std::vector<uuid> stale{};      ///< contacts whose document differs from their tables; at most 1,000
    bool complete = false;          ///< false: it was stopped
};

/// Called after each page of some hundred contacts, on the caller's thread. Returns false to stop.
using document_progress = std::function<bool(const document_tally& so_far)>;

/// Compares the documents of all contacts with their tables, in constant memory, while other programs write. With `fix`, removes those that
/// are wrong; the next read makes them again.
[[nodiscard]] CTMS_API result<document_tally> verify_documents(persistence::database& db, bool fix, const document_progress& progress);

/// Stores the documents of all contacts that have none. If it is stopped, the next run passes quickly over those that are done.
[[nodiscard]] CTMS_API result<document_tally> build_documents(persistence::database& db, const document_progress& progress);

} // namespace ctms::service
