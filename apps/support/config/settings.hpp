// SPDX-License-Identifier: MPL-2.0
// All settings of the programs. They are read from the environment once, at start, and checked together. NAME_FILE is the path of a file
// that contains the value of NAME (container secrets). The result is plain data; reading accesses the environment only through `getenv_fn`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::config {

/// The program that reads its settings: some settings are required, or have another default, in only one of them.
enum class program : std::uint8_t { web, sync, admin };

/// The settings of one process. Units are part of the names or the types.
struct settings {
    // database
    std::optional<std::string> db_url;         ///< CTMS_DB_URL
    std::optional<std::string> db_read_url;    ///< CTMS_DB_READ_URL: a replica for reads, which may lag slightly
    std::optional<std::string> data_dir;       ///< CTMS_DATA_DIR: directory of the embedded database
    bool embedded = false;                     ///< --embedded, or CTMS_DATA_DIR without CTMS_DB_URL
    int workers = 2;                           ///< CTMS_WORKERS: number of threads that read, and of threads that write
    int db_pool_size = 5;                      ///< CTMS_DB_POOL_SIZE: connections that are kept open
    int db_max_overflow = 10;                  ///< CTMS_DB_MAX_OVERFLOW: additional connections, closed after use
    std::chrono::seconds db_pool_timeout{30};  ///< CTMS_DB_POOL_TIMEOUT_IN_SECONDS: how long to wait for a connection
    std::chrono::seconds db_pool_recycle{900}; ///< CTMS_DB_POOL_RECYCLE_IN_SECONDS: age at which a connection is replaced
    bool db_prepared = true;                   ///< CTMS_DB_PREPARED: false behind PgBouncer in transaction mode

    // tokens
    std::string secret_key;                      ///< CTMS_SECRET_KEY; empty with the embedded database, which stores a key of its own
    std::string secret_key_previous;             ///< CTMS_SECRET_KEY_PREVIOUS: verifies tokens but does not sign any
    bool allow_weak_secret_key = false;          ///< CTMS_ALLOW_WEAK_SECRET_KEY: accept keys of less than 32 bytes
    std::chrono::seconds token_expiration{3600}; ///< CTMS_TOKEN_EXPIRATION: lifetime of an access token
    bool token_allow_no_expiration = true;       ///< CTMS_TOKEN_ALLOW_NO_EXPIRATION: accept tokens without `exp`
    int tombstone_days = 90;                     ///< CTMS_TOMBSTONE_DAYS
    int stripe_parked_days = 30;                 ///< CTMS_STRIPE_PARKED_DAYS
    std::vector<std::string> suppression_keys;   ///< CTMS_SUPPRESSION_KEYS: keys of hashes of erased addresses, the current one first
    bool suppression_opts_out = false;           ///< CTMS_SUPPRESSION_OPTS_OUT: store such contacts, opted out of email
    int idempotency_hours = 24;                  ///< CTMS_IDEMPOTENCY_HOURS
    int idempotency_mb_per_client = 512;         ///< CTMS_IDEMPOTENCY_MB_PER_CLIENT
    int idempotency_mb = 2048;                   ///< CTMS_IDEMPOTENCY_MB
    int history_days = 0;                        ///< CTMS_HISTORY_DAYS; 0: no history
    bool waitlist_geo_optional = false;          ///< CTMS_WAITLIST_GEO_OPTIONAL: the waitlists vpn and relay need no country
    int token_failures_per_minute = 100;         ///< CTMS_TOKEN_FAILURES_PER_MINUTE; 0 means no limit
    std::vector<std::string> trusted_proxies;    ///< CTMS_TRUSTED_PROXIES: addresses and networks, as text

    // http
    std::string host = "0.0.0.0";                        ///< HOST
    std::uint16_t port = 8000;                           ///< PORT; 0 selects a free port
    std::string server_prefix = "http://localhost:8000"; ///< CTMS_SERVER_PREFIX: the URL under which clients reach the service
    std::optional<std::int64_t> ops_port;                ///< CTMS_OPS_PORT: a second port, for probes and metrics only
    int connections_per_address = 500;                   ///< CTMS_CONNECTIONS_PER_ADDRESS
    int event_streams = 500;                             ///< CTMS_EVENT_STREAMS; 0: none
    int event_streams_per_client = 100;                  ///< CTMS_EVENT_STREAMS_PER_CLIENT
    std::optional<std::string> tls_cert;                 ///< CTMS_TLS_CERT: if set, PORT uses TLS
    std::optional<std::string> tls_key;                  ///< CTMS_TLS_KEY
    std::optional<std::string> tls_client_ca;            ///< CTMS_TLS_CLIENT_CA: if set, clients must present a certificate

    // log
    bool use_mozlog = true;             ///< CTMS_USE_MOZLOG: JSON lines; false selects a format for people
    std::string logging_level = "INFO"; ///< CRITICAL, ERROR, WARNING, INFO or DEBUG

    // Sentry
    std::optional<std::string> sentry_dsn;         ///< where errors are reported; nowhere if not set
    std::string sentry_environment = "production"; ///< SENTRY_ENVIRONMENT: the environment in these reports

    // limits of the sync queue for the heartbeat
    std::optional<std::int64_t> acoustic_max_backlog;       ///< maximum number of waiting contacts
    std::optional<std::int64_t> acoustic_max_retry_backlog; ///< maximum number of waiting contacts that failed before

    // Google Pub/Sub; without the email or the client, its endpoint is off
    std::optional<std::string> pubsub_audience;                                  ///< server_prefix if not set
    std::optional<std::string> pubsub_email;                                     ///< the service account that signs pushes
    std::optional<std::string> pubsub_client;                                    ///< the secret in the query of pushes
    std::string google_certs_url = "https://www.googleapis.com/oauth2/v1/certs"; ///< where Google publishes its keys

    // the sync to Acoustic
    std::optional<bool> acoustic_sync;                ///< CTMS_ACOUSTIC_SYNC_FEATURE_FLAG; false empties the queue without sending
    bool acoustic_sync_paused = false;                ///< CTMS_ACOUSTIC_SYNC_PAUSED: wait, and keep the queue
    std::optional<bool> acoustic_integration;         ///< CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG; false empties the queue without sending
    int acoustic_retry_limit = 6;                     ///< failed attempts after which a contact is parked
    int acoustic_batch_limit = 20;                    ///< contacts per cycle
    int acoustic_loop_min_secs = 5;                   ///< CTMS_ACOUSTIC_LOOP_MIN_SECS: minimum duration of a cycle
    int acoustic_server_number = 6;                   ///< CTMS_ACOUSTIC_SERVER_NUMBER: number of the Acoustic server
    std::chrono::milliseconds acoustic_timeout{5000}; ///< CTMS_ACOUSTIC_TIMEOUT_S: maximum duration of a call
    std::string acoustic_client_id;                   ///< client id of the application at the vendor
    std::string acoustic_client_secret;               ///< secret of the client id
    std::string acoustic_refresh_token;               ///< access tokens are requested with it
    std::string acoustic_main_table_id;               ///< table of contacts
    std::string acoustic_newsletter_table_id;         ///< table of subscriptions
    std::string acoustic_product_table_id;            ///< CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID
    std::optional<std::string> acoustic_base_url;     ///< derived from the server number if not set
    int acoustic_max_connections = 10;                ///< concurrent calls of all processes together
    bool acoustic_skip_unchanged = false;             ///< do not send tables that did not change since they were last sent
    std::chrono::seconds acoustic_lease{300};         ///< CTMS_ACOUSTIC_LEASE_S: after it, others take over the contacts of a killed worker
    std::chrono::seconds acoustic_retry_wait{30};     ///< CTMS_ACOUSTIC_RETRY_WAIT_S: wait after the first failure of a contact
    std::optional<std::int64_t> acoustic_bulk_threshold;    ///< CTMS_ACOUSTIC_BULK_THRESHOLD: more contacts of resyncs go by a bulk job
    std::chrono::seconds acoustic_bulk_timeout{3600};       ///< CTMS_ACOUSTIC_BULK_TIMEOUT_S: a bulk job that takes longer counts as failed
    std::optional<std::string> acoustic_sftp_host;          ///< file server of the vendor; derived from the server number if not set
    std::uint16_t acoustic_sftp_port = 22;                  ///< CTMS_ACOUSTIC_SFTP_PORT
    std::string acoustic_sftp_user;                         ///< account at the file server
    std::string acoustic_sftp_password;                     ///< of that account; not needed with a key
    std::string acoustic_sftp_key;                          ///< CTMS_ACOUSTIC_SFTP_KEY: file with the private key of that account
    std::string acoustic_sftp_known_hosts;                  ///< file with the keys of the file server
    std::optional<bool> webhooks;                           ///< CTMS_WEBHOOKS: as acoustic_sync if not set
    std::chrono::seconds webhook_timeout{15};               ///< CTMS_WEBHOOK_TIMEOUT_S: maximum duration of a request to a webhook
    std::chrono::seconds background_watchdog{300};          ///< CTMS_BACKGROUND_WATCHDOG_S
    std::optional<std::int64_t> background_metrics_port;    ///< port for the metrics of the sync; no port if not set
    std::optional<std::string> prometheus_pushgateway_url;  ///< where the sync pushes its metrics; nowhere if not set
    std::optional<std::string> background_healthcheck_path; ///< file that the sync updates while it works correctly
    std::optional<std::chrono::seconds> background_healthcheck_age; ///< maximum age of this file

    /// Messages for the operator, to be logged once at start, such as settings that have no effect.
    std::vector<std::string> notices;
};

/// Returns the value of a variable, or nullopt if it is not set.
using getenv_fn = std::function<std::optional<std::string>(const std::string&)>;

/// Returns std::getenv as a getenv_fn.
[[nodiscard]] getenv_fn process_environment();

/// Describes one variable, for --help, --print-config and docs/configuration.md.
struct setting_info {
    std::string_view name;         ///< name of the variable
    std::string_view default_text; ///< default, as written in the documentation
    std::string_view description;  ///< one sentence, without the default
    bool secret = false;           ///< if true, the value is never printed
};

/// Returns all settings, in the order of the documentation.
[[nodiscard]] std::span<const setting_info> all_settings() noexcept;

/// The result of reading: the settings, or all mistakes.
struct read_outcome {
    settings values;                   ///< only valid if there are no mistakes
    std::vector<std::string> mistakes; ///< "NAME: what is wrong; what is allowed", in the order of the documentation
};

/// Reads and checks all settings. `embedded_flag` is the command line option --embedded. Mistakes never contain the values of secret
/// settings.
[[nodiscard]] read_outcome read(program who, bool embedded_flag, const getenv_fn& getenv);

/// Returns the current values as NAME=value lines. Secrets appear as [SECRET], and URLs without passwords.
[[nodiscard]] std::string print(const settings& values);

} // namespace ctms::config
