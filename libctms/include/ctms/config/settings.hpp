// SPDX-License-Identifier: MPL-2.0
// Every setting of the programs, read once at start from the environment and checked as a whole.
// NAME_FILE gives the path of a file that holds the value of NAME (container secrets).
// Plain data after reading; reading does not touch the process environment but through `getenv_fn`.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::config {

/// Which program asks: some settings are required, or default differently, in one of them only.
enum class program : std::uint8_t { web, sync, admin };

/// The settings of one process. Units are in the names or the types.
struct CTMS_API settings {
    // database
    std::optional<std::string> db_url;         ///< CTMS_DB_URL
    std::optional<std::string> db_read_url;    ///< CTMS_DB_READ_URL: a replica for reads that may be slightly old
    std::optional<std::string> data_dir;       ///< CTMS_DATA_DIR: the embedded database's directory
    bool embedded = false;                     ///< --embedded, or CTMS_DATA_DIR without CTMS_DB_URL
    int workers = 2;                           ///< CTMS_WORKERS: readers, and as many writers
    int db_pool_size = 5;                      ///< CTMS_DB_POOL_SIZE: connections that are kept
    int db_max_overflow = 10;                  ///< CTMS_DB_MAX_OVERFLOW: further connections, closed after use
    std::chrono::seconds db_pool_timeout{30};  ///< CTMS_DB_POOL_TIMEOUT_IN_SECONDS: how long to wait for one
    std::chrono::seconds db_pool_recycle{900}; ///< CTMS_DB_POOL_RECYCLE_IN_SECONDS: age at which one is replaced
    bool db_prepared = true;                   ///< CTMS_DB_PREPARED: false behind PgBouncer in transaction mode

    // tokens
    std::string secret_key;                      ///< CTMS_SECRET_KEY; empty with the embedded database: it keeps its own
    std::string secret_key_previous;             ///< CTMS_SECRET_KEY_PREVIOUS: verifies tokens and signs none
    bool allow_weak_secret_key = false;          ///< CTMS_ALLOW_WEAK_SECRET_KEY: keys of less than 32 bytes are taken
    std::chrono::seconds token_expiration{3600}; ///< CTMS_TOKEN_EXPIRATION: life of an access token
    bool token_allow_no_expiration = true;       ///< CTMS_TOKEN_ALLOW_NO_EXPIRATION: accept tokens without `exp`
    int token_failures_per_minute = 100;         ///< CTMS_TOKEN_FAILURES_PER_MINUTE; 0: no limit
    std::vector<std::string> trusted_proxies;    ///< CTMS_TRUSTED_PROXIES: addresses and networks, as text

    // http
    std::string host = "0.0.0.0";                        ///< HOST
    std::uint16_t port = 8000;                           ///< PORT; 0 takes a free one
    std::string server_prefix = "http://localhost:8000"; ///< CTMS_SERVER_PREFIX: the URL under which clients reach it
    std::optional<std::int64_t> ops_port;                ///< CTMS_OPS_PORT: a second port, for probes and metrics only
    int connections_per_address = 500;                   ///< CTMS_CONNECTIONS_PER_ADDRESS
    std::optional<std::string> tls_cert;                 ///< CTMS_TLS_CERT: with it, PORT speaks TLS
    std::optional<std::string> tls_key;                  ///< CTMS_TLS_KEY
    std::optional<std::string> tls_client_ca;            ///< CTMS_TLS_CLIENT_CA: clients must show a certificate

    // log
    bool use_mozlog = true;             ///< CTMS_USE_MOZLOG: JSON lines; false for people
    std::string logging_level = "INFO"; ///< CRITICAL, ERROR, WARNING, INFO or DEBUG

    // heartbeat limits of the sync's queue
    std::optional<std::int64_t> acoustic_max_backlog;       ///< contacts that may wait
    std::optional<std::int64_t> acoustic_max_retry_backlog; ///< of these, those that failed before

    // Google Pub/Sub; without the email or the client its endpoint is off
    std::optional<std::string> pubsub_audience;                                  ///< without it: server_prefix
    std::optional<std::string> pubsub_email;                                     ///< the account that signs pushes
    std::optional<std::string> pubsub_client;                                    ///< the secret in their query
    std::string google_certs_url = "https://www.googleapis.com/oauth2/v1/certs"; ///< where Google publishes its keys

    // the sync to Acoustic
    bool acoustic_sync = false;                             ///< CTMS_ACOUSTIC_SYNC_FEATURE_FLAG
    std::optional<bool> acoustic_integration;               ///< CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG; false empties the queue
    int acoustic_retry_limit = 6;                           ///< failed attempts at a contact before it is parked
    int acoustic_batch_limit = 20;                          ///< contacts of a cycle
    int acoustic_loop_min_secs = 5;                         ///< CTMS_ACOUSTIC_LOOP_MIN_SECS: seconds that a cycle takes at least
    int acoustic_server_number = 6;                         ///< CTMS_ACOUSTIC_SERVER_NUMBER: of the vendor's pod
    std::chrono::milliseconds acoustic_timeout{5000};       ///< CTMS_ACOUSTIC_TIMEOUT_S, of a call
    std::string acoustic_client_id;                         ///< of the application at the vendor
    std::string acoustic_client_secret;                     ///< belongs to the id
    std::string acoustic_refresh_token;                     ///< access tokens are had for it
    std::string acoustic_main_table_id;                     ///< contacts
    std::string acoustic_newsletter_table_id;               ///< subscriptions
    std::string acoustic_product_table_id;                  ///< CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID
    std::optional<std::string> acoustic_base_url;           ///< without it: from the server number
    int acoustic_max_connections = 10;                      ///< calls at one time, by all processes
    bool acoustic_skip_unchanged = false;                   ///< leave out tables that the vendor has already as they are
    std::chrono::seconds acoustic_lease{300};               ///< CTMS_ACOUSTIC_LEASE_S: how long a worker's claim lasts when it is killed
    std::chrono::seconds acoustic_retry_wait{30};           ///< CTMS_ACOUSTIC_RETRY_WAIT_S: behind a contact's first failure
    std::chrono::seconds background_watchdog{300};          ///< CTMS_BACKGROUND_WATCHDOG_S
    std::optional<std::int64_t> background_metrics_port;    ///< where the sync shows its metrics; none: nowhere
    std::optional<std::string> prometheus_pushgateway_url;  ///< where it pushes them; none: nowhere
    std::optional<std::string> background_healthcheck_path; ///< a file that it touches while all is well
    std::optional<std::chrono::seconds> background_healthcheck_age; ///< how old that file may be

    /// Things an operator should read once at start: settings that have no meaning here, and the like.
    std::vector<std::string> notices;
};

/// Looks a variable up: nullopt when it is not set.
using getenv_fn = std::function<std::optional<std::string>(const std::string&)>;

/// std::getenv as a getenv_fn.
[[nodiscard]] CTMS_API getenv_fn process_environment();

/// What one variable is: for --help, --print-config and docs/configuration.md.
struct CTMS_API setting_info {
    std::string_view name;         ///< of the variable
    std::string_view default_text; ///< as written in the documentation
    std::string_view description;  ///< one sentence, without the default
    bool secret = false;           ///< never printed
};

/// All settings, in the order of the documentation.
[[nodiscard]] CTMS_API std::span<const setting_info> all_settings() noexcept;

/// The outcome of reading: the settings, or every mistake at once.
struct CTMS_API read_outcome {
    settings values;                   ///< of use only without mistakes
    std::vector<std::string> mistakes; ///< "NAME: what is wrong; what is allowed", in the order of the documentation
};

/// Reads and checks everything. `embedded_flag` is the command line's --embedded.
/// Values of secret settings never stand in a mistake.
[[nodiscard]] CTMS_API read_outcome read(program who, bool embedded_flag, const getenv_fn& getenv);

/// NAME=value lines of the values in force; secrets as [SECRET], passwords in URLs removed.
[[nodiscard]] CTMS_API std::string print(const settings& values);

} // namespace ctms::config
