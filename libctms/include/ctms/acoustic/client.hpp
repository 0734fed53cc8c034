// SPDX-License-Identifier: MPL-2.0
// A client for the XML API of Acoustic Campaign: the calls that are needed to mirror contacts. Fetches and renews access tokens as needed.
// A call blocks for at most twice the timeout (once for a token, once for the call), and for twice more if the vendor rejects the token.
// Thread safe: each thread that makes a call uses a connection of its own. The vendor refuses the 11th concurrent call of an organisation,
// so callers hold a slot for each call. A failure is returned as a value with its kind; the caller decides what to do.
#pragma once

#include <ctms/acoustic/import.hpp>
#include <ctms/acoustic/vendor_rows.hpp>
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

/// The maximum number of rows in one call.
inline constexpr std::size_t most_rows = 100;

/// Address of the vendor, our credentials, and the ids of our tables.
struct CTMS_API client_options {
    std::string base_url;                    ///< "https://api-campaign-us-6.goacoustic.com"
    std::string client_id;                   ///< client id of the application, to get access tokens
    std::string client_secret;               ///< secret of client_id
    std::string refresh_token;               ///< does not expire; access tokens are requested with it
    std::string main_table_id;               ///< contacts
    std::string newsletter_table_id;         ///< subscriptions of the contacts
    std::string product_table_id;            ///< products of the contacts
    std::chrono::milliseconds timeout{5000}; ///< maximum duration of a call
    int most_connections = 10;               ///< connections that are kept open
    std::string ca_file;                     ///< trusted certificates, PEM; "" uses those of the system
};

/// The table that a call works on.
enum class table { main, newsletter, product };

/// "main", "newsletter", "product".
[[nodiscard]] CTMS_API std::string_view to_string(table which) noexcept;

/// Kinds of failures.
enum class failure_kind {
    unavailable, ///< no valid response from the API: no connection, no token, a timeout, an HTTP status other than 200, or a body that is
                 ///< not XML. Other calls probably fail as well
    transient,   ///< the API says that the call may succeed later: a lost session, a server error, a row that failed temporarily
    permanent    ///< repeating the call does not help: an invalid address, an unknown field
};

/// Why a call, or one row of it, failed.
struct CTMS_API failure {
    failure_kind kind = failure_kind::unavailable; ///< determines how to react
    std::string reason;                            ///< for operators; contains no addresses
};

/// A row that the vendor refused while it accepted other rows of the call.
struct CTMS_API refused_row {
    std::string email_id; ///< of the refused contact; "" if the vendor did not say
    failure why;          ///< kind and reason
};

/// The result of a call.
struct CTMS_API outcome {
    std::optional<failure> failed;        ///< failure of the whole call: as far as is known, nothing was stored
    std::vector<refused_row> refused;     ///< refused rows of a call that succeeded otherwise
    std::chrono::duration<double> took{}; ///< duration of the call, without the wait for a token
    bool sent = true;                     ///< false if nothing of the call left: no token, or no connection

    [[nodiscard]] bool succeeded() const noexcept { return !failed && refused.empty(); } ///< true if the call and all its rows succeeded
};

/// The answer to a call about a job: a value, or why there is none.
template <class Value>
struct job_answer {
    std::optional<failure> failed; ///< of the call, not of the job
    Value value{};                 ///< only valid if the call did not fail
    bool sent = true;              ///< as outcome::sent
};

/// One finished call, for metrics.
struct CTMS_API call_record {
    std::string_view method;    ///< add_recipient, insert_update_relational_table, remove_recipient, delete_relational_table_data,
                                ///< import_list, get_job_status
    table target = table::main; ///< table of the call
    bool succeeded = false;     ///< whether the call and all its rows succeeded
    double seconds = 0;         ///< duration
};
/// Receives each call when it has ended.
using call_observer = std::function<void(const call_record&)>;

/// The vendor's API for one organisation. It keeps its connections and its access token.
class CTMS_API client {
public:
    /// `observe` is called after each call, on the thread that made the call. Throws std::invalid_argument if base_url is not a valid URL.
    explicit client(client_options options, call_observer observe = {});
    ~client();
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    /// Gets an access token, unless there is a valid one. Returns why the vendor gave none: "no token: ..." (no connection, or the
    /// credentials were refused).
    [[nodiscard]] std::optional<failure> check_credentials();
    /// Creates or updates a contact, identified by its email_id. Throws std::invalid_argument if the columns do not include it.
    [[nodiscard]] outcome add_recipient(std::span<const column> main);
    /// Creates or updates at most most_rows rows of a relational table. Throws std::invalid_argument if there are more, or if `target` is
    /// the main table.
    [[nodiscard]] outcome insert_rows(table target, std::span<const relational_row> rows);
    /// Deletes a contact. If the vendor does not know the contact, the call succeeds.
    [[nodiscard]] outcome remove_recipient(const std::string& primary_email, const std::string& email_id);
    /// Deletes at most most_rows rows by email_id and key; other members are ignored. Rows that the vendor does not know count as deleted.
    /// Throws std::invalid_argument if there are more rows, or if `target` is the main table.
    [[nodiscard]] outcome delete_rows(table target, std::span<const relational_row> rows);
    /// Starts the job that imports a file of the file server into the main table, and returns the vendor's id of the job. It is not sent
    /// again when a connection is closed. If the call was sent and fails otherwise than permanently, the job may have started nevertheless.
    [[nodiscard]] job_answer<std::string> import_list(std::string_view map_file, std::string_view source_file);
    /// Returns the state of a job.
    [[nodiscard]] job_answer<job_state> job_status(std::string_view job_id);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// Returns the XML that add_recipient would send, for --dry-run.
[[nodiscard]] CTMS_API std::string add_recipient_xml(std::string_view table_id, std::span<const column> main);
/// Returns the XML that insert_rows would send.
[[nodiscard]] CTMS_API std::string insert_rows_xml(std::string_view table_id, std::span<const relational_row> rows);
/// Returns the XML that remove_recipient would send.
[[nodiscard]] CTMS_API std::string remove_recipient_xml(std::string_view table_id, std::string_view primary_email,
                                                        std::string_view email_id);
/// Returns the XML that import_list sends.
[[nodiscard]] CTMS_API std::string import_list_xml(std::string_view map_file, std::string_view source_file);
/// Returns the XML that job_status sends.
[[nodiscard]] CTMS_API std::string get_job_status_xml(std::string_view job_id);
/// Returns the XML that delete_rows would send.
[[nodiscard]] CTMS_API std::string delete_rows_xml(std::string_view table_id, table target, std::span<const relational_row> rows);

} // namespace ctms::acoustic
