// SPDX-License-Identifier: MPL-2.0
// Reads contacts as documents, from ctms_documents or, if a contact has no document that counts, from its tables; stores documents.
// Decision record 29 has the argument why no document is stale. Private to this layer.
#pragma once

#include "contact_repository.hpp"
#include "contact_rows.hpp"

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact_document.hpp>
#include <ctms/persistence/database.hpp>

#include <persistence/postgres/connection.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// Returns the statement for the functions below. `selection` is a query with the columns email_id and version, the xmin of the contact's
/// row in emails; it may use parameters. `number` is an expression for a column of the query `w`, which the rows have in addition ("0" if
/// there is none), and `order` their order.
[[nodiscard]] std::string documents_sql(std::string_view selection, std::string_view number = "0", std::string_view order = "");

/// A document that was made from the tables of its contact.
struct new_document {
    uuid email_id{};
    std::string json{};
    std::string version{}; ///< of the row in emails that was read
    std::string seen{};    ///< the version of the row in ctms_documents at that moment; "" if there was none
};

/// What such a statement found.
struct found_documents {
    struct match {
        uuid email_id;
        std::int64_t number;
    };
    std::vector<match> matches{};         ///< in order of the rows
    std::map<uuid, std::string> json{};   ///< of all matches; a contact that was deleted meanwhile is missing
    std::vector<new_document> to_store{}; ///< those of `json` that can be stored
};

/// Runs the statement, in one round trip, and a second one for contacts without a document, which it reads from their tables.
[[nodiscard]] found_documents read_documents(connection& db, const statement& what, std::span<const parameter> parameters);

/// Returns the statement for read_document_page(). `selection` is a query as above that has the column update_timestamp in addition.
[[nodiscard]] std::string document_page_sql(std::string_view selection);

/// A page of documents, and those that were made for it and can be stored.
struct found_page {
    document_page page{};                        ///< without `next`
    std::size_t matches = 0;                     ///< how many contacts were found; more than documents if some were changed meanwhile
    std::optional<model::updates_cursor> last{}; ///< the place of the last match; nullopt if there is none
    std::span<const new_document> to_store{};    ///< valid as long as `page`
    bool is_cut_off = false;                     ///< whether more contacts may follow the last match although the page is not full
};

/// Reads a page in order of (update_timestamp, email_id), in one round trip, and in a second one the contacts without a document from their
/// tables. A contact that has another time by then, or is gone, is left out: it is not on this page any more. The page ends early, with at
/// least one contact, where its documents are large.
[[nodiscard]] found_page read_document_page(connection& db, const statement& what, std::span<const parameter> parameters);

/// Makes the document of a contact.
[[nodiscard]] new_document document_of(const stored_contact& one);

/// Stores documents, if their contacts did not change since they were read. Thread safe.
class document_store {
public:
    /// `primary` must outlive it.
    explicit document_store(database& primary) : primary_(primary) {}

    /// Does not wait for other transactions, and does not report failures: a document that is missing is made again by the next reader.
    /// After a failure, for example because the database is read-only, it rests for some seconds.
    void store(std::span<const new_document> documents) noexcept;

private:
    using clock = std::chrono::steady_clock;
    database& primary_;
    std::atomic<clock::rep> rests_until_ = 0;
};

/// What one page of a walk over all contacts found.
struct documents_page {
    std::int64_t contacts = 0;
    std::int64_t with_document = 0;  ///< that counts
    std::vector<uuid> stale{};       ///< contacts whose document counts but differs from their tables
    std::vector<uuid> left_behind{}; ///< rows without a contact
    std::int64_t stored = 0;         ///< documents that were missing
    std::optional<uuid> last{};      ///< where the next page begins; nullopt at the end
};

/// Compares a page of documents with their tables, in one snapshot, in order of email_id after `after`. With `fix`, removes the documents
/// that are wrong; then the next read makes them again.
[[nodiscard]] result<documents_page> verify_documents(database& db, const uuid& after, int limit, bool fix);

/// Stores the missing documents of a page, in order of email_id after `after`.
[[nodiscard]] result<documents_page> build_documents(database& db, const uuid& after, int limit);

} // namespace ctms::persistence
