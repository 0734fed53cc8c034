// SPDX-License-Identifier: MPL-2.0
#include "table.hpp"

#include "values.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <type_traits>

namespace ctms::config {
namespace {

// Used instead of a member, for a setting that is only checked.
struct nowhere {
    template <class Value>
    void operator()(settings&, const Value&) const {}
};
constexpr nowhere not_kept;

template <auto Member, class Value>
void keep(settings& into, const Value& value) {
    using kind = std::remove_const_t<decltype(Member)>;
    if constexpr (std::is_same_v<kind, nowhere>) {
        Member(into, value);
    } else {
        using target = std::remove_reference_t<decltype(into.*Member)>;
        into.*Member = static_cast<target>(value);
    }
}

// Writes a value for a message: in quotes, short, on one line. Only for values that are neither secrets nor URLs.
std::string quoted(const std::string& text) {
    std::string out;
    append_json_string(out, text.size() <= 40 ? text : text.substr(0, 40) + "...");
    return out;
}

template <auto Member>
std::string take_bool(settings& into, const std::string& text) {
    const auto value = parse_bool(text);
    if (!value) return quoted(text) + " is not a boolean; allowed: true, false, 1, 0, on, off, yes, no, t, f, y, n";
    keep<Member>(into, *value);
    return {};
}

template <auto Member, std::int64_t Least, std::int64_t Most>
std::string take_integer(settings& into, const std::string& text) {
    const auto value = parse_integer(text);
    if (!value) return fmt::format("{} is not a whole number; allowed: {} to {}", quoted(text), Least, Most);
    if (*value < Least || *value > Most) return fmt::format("{} is out of range; allowed: {} to {}", quoted(text), Least, Most);
    keep<Member>(into, *value);
    return {};
}

template <auto Member, std::int64_t Least, std::int64_t Most>
std::string take_seconds(settings& into, const std::string& text) {
    std::int64_t seconds = 0;
    if (auto wrong = take_integer<not_kept, Least, Most>(into, text); !wrong.empty()) return wrong + " seconds";
    seconds = *parse_integer(text);
    keep<Member>(into, std::chrono::seconds(seconds));
    return {};
}

// More than 400 days is probably a mistake in the unit.
constexpr std::chrono::seconds longest_duration = std::chrono::hours(400 * 24);

template <auto Member>
std::string take_duration(settings& into, const std::string& text) {
    constexpr auto allowed = "seconds, HH:MM:SS, or an ISO 8601 duration such as PT1H30M or P1DT2H, from 1 second to 400 days";
    const auto value = parse_duration(text);
    if (!value) return fmt::format("{} is not a duration; allowed: {}", quoted(text), allowed);
    if (*value < std::chrono::seconds(1) || *value > longest_duration)
        return fmt::format("{} is out of range; allowed: {}", quoted(text), allowed);
    keep<Member>(into, *value);
    return {};
}

template <auto Member>
std::string take_text(settings& into, const std::string& text) {
    if (text.find('\0') != std::string::npos) return "contains a NUL byte; allowed: text";
    keep<Member>(into, text);
    return {};
}

std::string take_timeout(settings& into, const std::string& text) {
    const auto value = parse_decimal(text);
    if (!value || *value < 0.001 || *value > 600) {
        return quoted(text) + (value ? " is out of range" : " is not a number") + "; allowed: 0.001 to 600 seconds, such as 5.0";
    }
    into.acoustic_timeout = std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(*value));
    return {};
}

template <auto Member>
std::string take_http_url(settings& into, const std::string& text) {
    if (!is_http_url(text)) return "is not a URL; allowed: http://host... or https://host..."; // not shown: it may contain a password
    keep<Member>(into, text);
    return {};
}

template <auto Member>
std::string take_postgres_url(settings& into, const std::string& text) {
    if (!is_postgres_url(text)) return "is not a PostgreSQL URL; allowed: postgres://... or postgresql://..., without spaces";
    keep<Member>(into, text);
    return {};
}

std::string take_sentry_dsn(settings& into, const std::string& text) {
    if (!parse_sentry_dsn(text)) return "is not a DSN of Sentry; allowed: https://KEY@HOST/PROJECT"; // not shown: it may contain a password
    into.sentry_dsn = text;
    return {};
}

template <auto Member>
std::string take_host(settings& into, const std::string& text) {
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '/' || c == '@'; })) {
        return quoted(text) + " is not an address; allowed: an IP address or a host name";
    }
    keep<Member>(into, text);
    return {};
}

std::string take_level(settings& into, const std::string& text) {
    for (const auto* level : {"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"}) {
        if (!ascii_iequal(text, level)) continue;
        into.logging_level = level;
        return {};
    }
    return quoted(text) + " is not a level; allowed: CRITICAL, ERROR, WARNING, INFO or DEBUG";
}

std::string take_addresses(settings& into, const std::string& text) {
    auto value = parse_addresses(text);
    if (!value)
        return quoted(text) + " is not a list of addresses; allowed: IPv4 and IPv6 addresses without an interface (%eth0), and networks "
                              "such as 10.0.0.0/8 "
                              "(for mapped IPv4 addresses, at least 96 bits), separated by commas";
    into.trusted_proxies = std::move(*value);
    return {};
}

std::string take_suppression_keys(settings& into, const std::string& text) {
    constexpr std::size_t least = 32;
    std::vector<std::string> keys;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        keys.push_back(text.substr(begin, end - begin));
        if (keys.back().size() < least)
            return fmt::format("key {} has only {} bytes and can be guessed; use at least {} random bytes, such as those of "
                               "`openssl rand -hex 32`",
                               keys.size(), keys.back().size(), least);
        begin = end + 1;
    }
    into.suppression_keys = std::move(keys);
    return {};
}

std::string shown(bool value) { return value ? "true" : "false"; }
std::string shown(std::int64_t value) { return fmt::to_string(value); }
std::string shown(std::chrono::seconds value) { return fmt::to_string(value.count()); }
/// In seconds, with a decimal point.
std::string shown(std::chrono::milliseconds value) {
    auto text = fmt::format("{}", std::chrono::duration<double>(value).count());
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
}
// Removes passwords from URLs; other values stay unchanged.
std::string shown(const std::string& value) { return value.find("://") == std::string::npos ? value : without_password(value); }
std::string shown(const std::vector<std::string>& value) { return fmt::format("{}", fmt::join(value, ",")); }
template <class Value>
std::string shown(const std::optional<Value>& value) {
    return value ? shown(*value) : std::string();
}

template <auto Member>
std::string show(const settings& from) {
    using kind = std::remove_cvref_t<decltype(from.*Member)>;
    if constexpr (std::is_integral_v<kind> && !std::is_same_v<kind, bool>) {
        return shown(static_cast<std::int64_t>(from.*Member));
    } else {
        return shown(from.*Member);
    }
}

template <auto Member, std::int64_t Least, std::int64_t Most>
constexpr rule integer(setting_info info) {
    return {info, take_integer<Member, Least, Most>, show<Member>};
}
template <auto Member, std::int64_t Least, std::int64_t Most>
constexpr rule seconds(setting_info info) {
    return {info, take_seconds<Member, Least, Most>, show<Member>};
}
template <auto Member>
constexpr rule boolean(setting_info info) {
    return {info, take_bool<Member>, show<Member>};
}
template <auto Member>
constexpr rule plain_text(setting_info info) {
    return {info, take_text<Member>, show<Member>};
}
template <auto Member>
constexpr rule http_url(setting_info info) {
    return {info, take_http_url<Member>, show<Member>};
}
template <auto Member>
constexpr rule for_sync(setting_info info) {
    return {info, take_text<Member>, show<Member>, true};
}

using s = settings;
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t any_count = 1'000'000'000'000;

constexpr std::array table{
    rule{{"CTMS_DB_URL", "none", "URL of the database; required unless --embedded or CTMS_DATA_DIR selects the embedded database"},
         take_postgres_url<&s::db_url>,
         show<&s::db_url>},
    rule{{"CTMS_DB_READ_URL", "none", "URL of a read replica, for lookups and /updates; if it is not set or is down, CTMS_DB_URL answers"},
         take_postgres_url<&s::db_read_url>,
         show<&s::db_read_url>},
    rule{{"CTMS_DATA_DIR", "./ctms-data with --embedded",
          "Directory of the embedded database; without CTMS_DB_URL, it selects the embedded database"},
         take_text<&s::data_dir>,
         show<&s::data_dir>},
    integer<&s::workers, 1, 64>(
        {"CTMS_WORKERS", "2", "Number of threads that read from the database, and of threads that write; at most the pool size"}),
    integer<&s::db_pool_size, 1, 1000>({"CTMS_DB_POOL_SIZE", "5", "Connections to the database that are kept open"}),
    integer<&s::db_max_overflow, 0, 1000>({"CTMS_DB_MAX_OVERFLOW", "10", "Additional connections while all of those are in use"}),
    seconds<&s::db_pool_timeout, 1, 3600>({"CTMS_DB_POOL_TIMEOUT_IN_SECONDS", "30", "How long a request waits for a connection"}),
    seconds<&s::db_pool_recycle, 1, 31'536'000>({"CTMS_DB_POOL_RECYCLE_IN_SECONDS", "900", "Age at which a connection is replaced"}),
    boolean<&s::db_prepared>({"CTMS_DB_PREPARED", "true", "Prepare statements; set to false behind PgBouncer in transaction mode"}),
    rule{{"CTMS_SECRET_KEY", "none", "Key that signs access tokens; required by ctms-web with CTMS_DB_URL", true},
         take_text<&s::secret_key>,
         show<&s::secret_key>},
    rule{{"CTMS_SECRET_KEY_PREVIOUS", "none", "Previous key of access tokens; verifies tokens but does not sign any", true},
         take_text<&s::secret_key_previous>,
         show<&s::secret_key_previous>},
    boolean<&s::allow_weak_secret_key>(
        {"CTMS_ALLOW_WEAK_SECRET_KEY", "false", "Accept keys of less than 32 bytes together with CTMS_DB_URL"}),
    rule{{"CTMS_TOKEN_EXPIRATION", "3600", "Lifetime of an access token: seconds, HH:MM:SS or an ISO 8601 duration"},
         take_duration<&s::token_expiration>,
         show<&s::token_expiration>},
    boolean<&s::token_allow_no_expiration>({"CTMS_TOKEN_ALLOW_NO_EXPIRATION", "true", "Accept access tokens that never expire"}),
    integer<&s::token_failures_per_minute, 0, million>(
        {"CTMS_TOKEN_FAILURES_PER_MINUTE", "100",
         "Failed /token attempts per minute of a client from one address, before 429; 0 means no limit"}),
    integer<&s::tombstone_days, 1, 36'500>({"CTMS_TOMBSTONE_DAYS", "90", "How many days /changes remembers that a contact was deleted"}),
    integer<&s::stripe_parked_days, 1, 3'650>(
        {"CTMS_STRIPE_PARKED_DAYS", "30", "How many days Stripe objects that could not be stored are kept"}),
    rule{{"CTMS_SUPPRESSION_KEYS", "none",
          "Keys of the hashes of erased addresses, separated by commas: the current one, then earlier ones, at least 32 bytes each", true},
         take_suppression_keys,
         show<&s::suppression_keys>},
    boolean<&s::suppression_opts_out>({"CTMS_SUPPRESSION_OPTS_OUT", "false",
                                       "Store contacts with suppressed addresses, opted out of all email, instead of refusing them"}),
    integer<&s::idempotency_hours, 1, 720>(
        {"CTMS_IDEMPOTENCY_HOURS", "24", "How many hours answers to requests with an Idempotency-Key are kept"}),
    integer<&s::idempotency_mb_per_client, 1, million>(
        {"CTMS_IDEMPOTENCY_MB_PER_CLIENT", "512", "MiB of such answers that are kept for one API client; its oldest are forgotten first"}),
    integer<&s::idempotency_mb, 1, million>({"CTMS_IDEMPOTENCY_MB", "2048", "MiB of such answers that are kept for all API clients"}),
    integer<&s::history_days, 0, 3'650>(
        {"CTMS_HISTORY_DAYS", "0", "How many days the history of contacts (who changed which fields) is kept; 0 records nothing"}),
    boolean<&s::waitlist_geo_optional>(
        {"CTMS_WAITLIST_GEO_OPTIONAL", "false", "Accept the waitlists vpn and relay without a country (geo)"}),
    rule{{"CTMS_TRUSTED_PROXIES", "none", "Comma-separated IP addresses and networks whose X-Forwarded-For is trusted"},
         take_addresses,
         show<&s::trusted_proxies>},
    rule{{"CTMS_SERVER_PREFIX", "http://localhost:8000", "URL under which clients reach the service"},
         take_http_url<&s::server_prefix>,
         show<&s::server_prefix>},
    boolean<&s::use_mozlog>({"CTMS_USE_MOZLOG", "true", "Log MozLog JSON; false selects a format for people"}),
    rule{{"CTMS_LOGGING_LEVEL", "INFO (DEBUG in ctms-sync)", "Least severe level that is logged: CRITICAL, ERROR, WARNING, INFO or DEBUG"},
         take_level,
         show<&s::logging_level>},
    rule{{"HOST", "0.0.0.0", "Address to listen on"}, take_host<&s::host>, show<&s::host>},
    integer<&s::port, 0, 65535>({"PORT", "8000", "Port to listen on; 0 selects a free port"}),
    integer<&s::ops_port, 0, 65535>(
        {"CTMS_OPS_PORT", "none", "Second port of ctms-web, plain HTTP, only for probes and metrics; 0 selects a free port"}),
    integer<&s::connections_per_address, 1, 1000>(
        {"CTMS_CONNECTIONS_PER_ADDRESS", "500", "Concurrent connections of one address; behind trusted proxies, concurrent requests"}),
    integer<&s::event_streams, 0, 10'000>(
        {"CTMS_EVENT_STREAMS", "500", "Event streams of /changes that may be open at the same time, in addition to other connections"}),
    integer<&s::event_streams_per_client, 1, 10'000>(
        {"CTMS_EVENT_STREAMS_PER_CLIENT", "100", "Event streams of /changes that one API client may have open at the same time"}),
    plain_text<&s::tls_cert>({"CTMS_TLS_CERT", "none", "PEM file of the certificate chain; if set, PORT uses TLS 1.2 and 1.3"}),
    plain_text<&s::tls_key>({"CTMS_TLS_KEY", "none", "PEM file of the certificate's private key"}),
    plain_text<&s::tls_client_ca>(
        {"CTMS_TLS_CLIENT_CA", "none", "PEM file of authorities; if set, clients must present a certificate that one of them signed"}),
    plain_text<&s::pubsub_audience>({"CTMS_PUBSUB_AUDIENCE", "the server prefix", "Audience that tokens of Google Pub/Sub must name"}),
    plain_text<&s::pubsub_email>({"CTMS_PUBSUB_EMAIL", "none", "Service account that tokens of Google Pub/Sub must name"}),
    plain_text<&s::pubsub_client>({"CTMS_PUBSUB_CLIENT", "none", "Secret that Google Pub/Sub sends in the query", true}),
    http_url<&s::google_certs_url>({"CTMS_GOOGLE_CERTS_URL", "Google's", "URL where Google publishes the keys of its tokens"}),
    boolean<&s::acoustic_sync>({"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "none",
                                "Send contacts to Acoustic; if false, the queue is emptied without sending; required by ctms-sync"}),
    boolean<&s::acoustic_sync_paused>({"CTMS_ACOUSTIC_SYNC_PAUSED", "false", "Keep the queue and only wait, whatever the two flags say"}),
    boolean<&s::acoustic_integration>(
        {"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "none",
         "Send contacts to Acoustic; if false, the queue is emptied without sending; required if the sync is on"}),
    integer<&s::acoustic_retry_limit, 0, 1000>({"CTMS_ACOUSTIC_RETRY_LIMIT", "6", "Attempts for a contact before it is parked"}),
    integer<&s::acoustic_batch_limit, 1, 10'000>({"CTMS_ACOUSTIC_BATCH_LIMIT", "20", "Contacts in one cycle"}),
    integer<&s::acoustic_loop_min_secs, 0, 86'400>({"CTMS_ACOUSTIC_LOOP_MIN_SECS", "5", "Minimum duration of a cycle in seconds"}),
    integer<&s::acoustic_server_number, 0, 1000>({"CTMS_ACOUSTIC_SERVER_NUMBER", "6", "Number of the Acoustic server"}),
    rule{
        {"CTMS_ACOUSTIC_TIMEOUT_S", "5.0", "Maximum duration of a call to Acoustic, in seconds"}, take_timeout, show<&s::acoustic_timeout>},
    integer<&s::acoustic_max_backlog, 0, any_count>(
        {"CTMS_ACOUSTIC_MAX_BACKLOG", "none", "Number of waiting contacts above which the heartbeat answers 503"}),
    integer<&s::acoustic_max_retry_backlog, 0, any_count>(
        {"CTMS_ACOUSTIC_MAX_RETRY_BACKLOG", "none", "Number of contacts to retry above which the heartbeat answers 503"}),
    for_sync<&s::acoustic_client_id>({"CTMS_ACOUSTIC_CLIENT_ID", "none", "Client id at Acoustic; required by ctms-sync"}),
    for_sync<&s::acoustic_client_secret>({"CTMS_ACOUSTIC_CLIENT_SECRET", "none", "Client secret at Acoustic; required by ctms-sync", true}),
    for_sync<&s::acoustic_refresh_token>({"CTMS_ACOUSTIC_REFRESH_TOKEN", "none", "Refresh token of Acoustic; required by ctms-sync", true}),
    for_sync<&s::acoustic_main_table_id>({"CTMS_ACOUSTIC_MAIN_TABLE_ID", "none", "Table of contacts at Acoustic; required by ctms-sync"}),
    for_sync<&s::acoustic_newsletter_table_id>(
        {"CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID", "none", "Table of newsletters at Acoustic; required by ctms-sync"}),
    for_sync<&s::acoustic_product_table_id>(
        {"CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID", "none", "Table of subscriptions at Acoustic; required by ctms-sync"}),
    http_url<&s::acoustic_base_url>({"CTMS_ACOUSTIC_BASE_URL", "from the server number", "URL of Acoustic's API"}),
    integer<&s::acoustic_max_connections, 1, 100>(
        {"CTMS_ACOUSTIC_MAX_CONNECTIONS", "10", "Calls to Acoustic at the same time, of all ctms-sync processes together"}),
    boolean<&s::acoustic_skip_unchanged>(
        {"CTMS_ACOUSTIC_SKIP_UNCHANGED", "false", "Send only those tables of a contact that changed since they were last sent"}),
    seconds<&s::acoustic_retry_wait, 0, 1'800>(
        {"CTMS_ACOUSTIC_RETRY_WAIT_S", "30",
         "Seconds before a failed contact is tried again; doubles with each failure, up to half an hour"}),
    seconds<&s::acoustic_lease, 1, longest_lease>(
        {"CTMS_ACOUSTIC_LEASE_S", "300",
         "Seconds after which another ctms-sync takes over the contacts of a killed one; at least twelve times the timeout, which is the "
         "default if that is more; at most 3600"}),
    integer<&s::acoustic_bulk_threshold, 1, any_count>(
        {"CTMS_ACOUSTIC_BULK_THRESHOLD", "none",
         "If more contacts of imports and resyncs wait than this, they are sent by Acoustic's job that imports a file"}),
    seconds<&s::acoustic_bulk_timeout, 60, 86'400>(
        {"CTMS_ACOUSTIC_BULK_TIMEOUT_S", "3600", "Seconds after which such a job is given up, and its contacts are sent by single calls"}),
    rule{{"CTMS_ACOUSTIC_SFTP_HOST", "from the server number", "Acoustic's file server, for these jobs"},
         take_host<&s::acoustic_sftp_host>,
         show<&s::acoustic_sftp_host>},
    integer<&s::acoustic_sftp_port, 1, 65535>({"CTMS_ACOUSTIC_SFTP_PORT", "22", "Port of the file server"}),
    plain_text<&s::acoustic_sftp_user>({"CTMS_ACOUSTIC_SFTP_USER", "none", "Account at the file server; required for these jobs"}),
    plain_text<&s::acoustic_sftp_password>(
        {"CTMS_ACOUSTIC_SFTP_PASSWORD", "none", "Password of that account; these jobs need it or a key", true}),
    plain_text<&s::acoustic_sftp_key>({"CTMS_ACOUSTIC_SFTP_KEY", "none", "File with the private key of that account, not encrypted"}),
    plain_text<&s::acoustic_sftp_known_hosts>(
        {"CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS", "none", "File with the keys of the file server, in OpenSSH's format; required for these jobs"}),
    boolean<&s::webhooks>({"CTMS_WEBHOOKS", "as the sync flag",
                           "Whether ctms-sync sends changes to webhooks; with true it does so even if the sync to Acoustic is off"}),
    seconds<&s::webhook_timeout, 1, 60>({"CTMS_WEBHOOK_TIMEOUT_S", "15", "Maximum duration of a request to a webhook, in seconds"}),
    seconds<&s::background_watchdog, 5, 86'400>(
        {"CTMS_BACKGROUND_WATCHDOG_S", "300",
         "Seconds without progress after which ctms-sync ends, so that it can be started again; at least four times the timeout of calls, "
         "which is the default if that is more"}),
    integer<&s::background_metrics_port, 0, 65535>(
        {"CTMS_BACKGROUND_METRICS_PORT", "none", "Port on which ctms-sync serves its metrics; 0 selects a free port"}),
    http_url<&s::prometheus_pushgateway_url>(
        {"CTMS_PROMETHEUS_PUSHGATEWAY_URL", "none", "Push gateway to which ctms-sync sends its metrics"}),
    plain_text<&s::background_healthcheck_path>(
        {"CTMS_BACKGROUND_HEALTHCHECK_PATH", "none", "File into which ctms-sync writes the time of each cycle"}),
    seconds<&s::background_healthcheck_age, 1, 31'536'000>(
        {"CTMS_BACKGROUND_HEALTHCHECK_AGE_S", "none", "Maximum age of that time in seconds; beyond it, ctms-sync counts as stuck"}),
    rule{{"SENTRY_DSN", "none", "Where errors are reported to Sentry, without personal data", true}, take_sentry_dsn, show<&s::sentry_dsn>},
    plain_text<&s::sentry_environment>({"SENTRY_ENVIRONMENT", "production", "Name of this environment in the reports to Sentry"}),
};

} // namespace

std::span<const rule> rules() noexcept { return table; }

} // namespace ctms::config
