// SPDX-License-Identifier: MPL-2.0
// The XML API of Acoustic Campaign: the calls that a mirror of contacts needs, with tokens fetched and renewed
// as needed. Calls block for at most twice the timeout (a token, the call), and once more as long when the vendor is slow to
// say that it does not know the token. Thread safe: as many calls run at once as there are threads in them, and the vendor
// refuses the 11th of an organisation, so callers hold a slot for each.
// A call tells its failure as a value, and which kind it is: what to do about it is for the caller.
#pragma once

#include <ctms/acoustic/contact_rows.hpp>
#include <ctms/base/export.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::acoustic {

/// The most rows that one call may carry.
inline constexpr std::size_t most_rows = 100;

/// Where the vendor is, who we are there, and which tables are ours.
struct CTMS_API client_options {
    std::string base_url;                    ///< "https://api-campaign-us-6.goacoustic.com"
    std::string client_id;                   ///< of the application, for tokens
    std::string client_secret;               ///< belongs to client_id
    std::string refresh_token;               ///< never ends; access tokens are had for it
    std::string main_table_id;               ///< contacts
    std::string newsletter_table_id;         ///< their subscriptions
    std::string product_table_id;            ///< what they pay for
    std::chrono::milliseconds timeout{5000}; ///< of a call
    int most_connections = 10;               ///< that are kept
    std::string ca_file;                     ///< certificates to trust, PEM; "" those of the system
};

/// Which table a call is about.
enum class table { main, newsletter, product };

/// "main", "newsletter", "product".
[[nodiscard]] CTMS_API std::string_view to_string(table which) noexcept;

/// How a failure is to be taken.
enum class failure_kind {
    unavailable, ///< no answer of the API: no connection, no token, timed out, any other HTTP status than 200, a body that is no XML: may
                 ///< be so for every call
    transient,   ///< the API says that this may succeed later: a lost session, a server error, a row that failed for now
    permanent    ///< will not succeed as it is: an invalid address, an unknown field
};

/// Why a call, or one row of it, did not succeed.
struct CTMS_API failure {
    failure_kind kind = failure_kind::unavailable; ///< what to do about it follows from this
    std::string reason;                            ///< for operators; without addresses
};

/// A row that the vendor refused while it took the others of the call.
struct CTMS_API refused_row {
    std::string email_id; ///< of the contact that sent it, "" when the vendor did not say
    failure why;          ///< kind and reason
};

/// What came of a call.
struct CTMS_API outcome {
    std::optional<failure> failed;        ///< of the whole call: nothing was taken, as far as is known
    std::vector<refused_row> refused;     ///< rows, when the call itself was taken
    std::chrono::duration<double> took{}; ///< of the call, waiting for a token left out

    [[nodiscard]] bool succeeded() const noexcept { return !failed && refused.empty(); } ///< call and all its rows
};

/// One finished call, for metrics.
struct CTMS_API call_record {
    std::string_view method;    ///< add_recipient, insert_update_relational_table, remove_recipient, delete_relational_table_data
    table target = table::main; ///< what it was about
    bool succeeded = false;     ///< the whole call; refused rows do not count
    double seconds = 0;         ///< that it took
};
/// Is given each call when it ended.
using call_observer = std::function<void(const call_record&)>;

/// The vendor's API as one organisation sees it. Keeps its connections and its token.
class CTMS_API client {
public:
    /// `observe` is called after each call, from the thread that made it. Throws std::invalid_argument when base_url is none.
    explicit client(client_options options, call_observer observe = {});
    ~client();
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    /// Creates or updates a contact by its email_id, which must be among the columns (throws std::invalid_argument).
    [[nodiscard]] outcome add_recipient(std::span<const column> main);
    /// Creates or updates rows of a relational table: at most most_rows (throws std::invalid_argument,
    /// as for the main table).
    [[nodiscard]] outcome insert_rows(table target, std::span<const relational_row> rows);
    /// Deletes a contact. One that the vendor does not know counts as deleted.
    [[nodiscard]] outcome remove_recipient(const std::string& primary_email, const std::string& email_id);
    /// Deletes rows by email_id and key: at most most_rows (throws std::invalid_argument, as for the main table). Only these
    /// two members are looked at. Rows that the vendor does not know count as deleted.
    [[nodiscard]] outcome delete_rows(table target, std::span<const relational_row> rows);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// The XML of these calls, as they would be sent: for --dry-run.
[[nodiscard]] CTMS_API std::string add_recipient_xml(std::string_view table_id, std::span<const column> main);
/// As of add_recipient_xml.
[[nodiscard]] CTMS_API std::string insert_rows_xml(std::string_view table_id, std::span<const relational_row> rows);
/// As of add_recipient_xml.
[[nodiscard]] CTMS_API std::string remove_recipient_xml(std::string_view table_id, std::string_view primary_email,
                                                        std::string_view email_id);
/// As of add_recipient_xml.
[[nodiscard]] CTMS_API std::string delete_rows_xml(std::string_view table_id, table target, std::span<const relational_row> rows);

} // namespace ctms::acoustic
