// SPDX-License-Identifier: MPL-2.0
#include "program.hpp"

#include "known_requests.hpp"
#include "server/client_limiter.hpp"
#include "server/server.hpp"
#include "streams/change_hub.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/auth/google_id_token.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <ctms/service/api_clients.hpp>
#include <ctms/service/changes.hpp>
#include <ctms/service/client_uses.hpp>
#include <ctms/service/contact_bulk.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/health.hpp>
#include <ctms/service/inbox_drain.hpp>
#include <ctms/service/keyed_writes.hpp>
#include <ctms/service/person_export.hpp>
#include <ctms/service/pubsub.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <ctms/service/stripe_parking.hpp>
#include <ctms/service/tokens.hpp>
#include <support/http/memory.hpp>
#include <support/http/tls.hpp>
#include <support/prometheus_metrics.hpp>
#include <support/start.hpp>

namespace ctms::web {
namespace {

/// The options of a separate connection for heartbeats, which must answer within a second.
persistence::database_options health_options(const config::settings& settings) {
    auto out = support::database_options(settings);
    out.pool_size = 1;
    out.max_overflow = 0;
    out.pool_timeout = std::chrono::seconds{1};
    out.connect_timeout = std::chrono::seconds{2}; // the minimum of libpq
    out.statement_timeout = std::chrono::milliseconds{400};
    return out;
}

/// The options of a separate connection for what runs in the background, which must not wait for requests.
persistence::database_options background_options(const config::settings& settings) {
    auto out = support::database_options(settings);
    out.pool_size = 1;
    out.max_overflow = 0;
    return out;
}

/// The options of a separate connection for the last use of clients, which is stored once a minute, and once more before the program ends:
/// it is opened when it is needed, and soon given up if the database does not answer.
persistence::database_options uses_options(const config::settings& settings) {
    constexpr std::chrono::seconds patience{2};
    auto out = support::database_options(settings);
    out.pool_size = 0;
    out.max_overflow = 1;
    out.pool_timeout = patience;
    out.connect_timeout = patience; // the minimum of libpq
    out.statement_timeout = patience;
    out.lock_timeout = patience;
    return out;
}

/// Opens the read replica with short timeouts, because the primary can answer if the replica is down or hangs.
std::unique_ptr<persistence::database> open_replica(const config::settings& settings, metrics::recorder& recorder) {
    if (!settings.db_read_url) return nullptr;
    auto options = support::database_options(settings);
    options.url = *settings.db_read_url;
    options.pool_timeout = std::chrono::seconds{1};
    options.connect_timeout = std::chrono::seconds{2}; // the minimum of libpq
    options.statement_timeout = std::chrono::seconds{3};
    return std::make_unique<persistence::database>(options, recorder);
}

limits with_settings(limits bounds, const config::settings& settings) {
    bounds.waiting_time = std::min(bounds.waiting_time, std::chrono::milliseconds(settings.db_pool_timeout));
    bounds.event_streams = std::min(bounds.event_streams, static_cast<std::size_t>(settings.event_streams));
    bounds.connections_of_address = std::min(bounds.connections_of_address, static_cast<std::size_t>(settings.connections_per_address));
    if (const auto limit = http::memory_limit()) {
        bounds.memory_bytes = std::min(bounds.memory_bytes, *limit / 4);
        bounds.event_bytes = std::min(bounds.event_bytes, *limit / 16);
    }
    return bounds;
}

/// The limits of the port for probes and metrics, which few clients use.
limits ops_limits(limits bounds) {
    constexpr std::size_t most_of_one_address = 50;
    constexpr std::size_t most_memory = 16 * 1024 * 1024;
    bounds.connections = bounds.ops_connections;
    bounds.connections_of_address = std::min(bounds.connections_of_address, most_of_one_address);
    bounds.memory_bytes = most_memory;
    return bounds;
}

service::kept_limits kept_answers(const config::settings& settings) {
    constexpr std::int64_t bytes_of_mb = std::int64_t{1024} * 1024;
    return {.age = std::chrono::hours(settings.idempotency_hours),
            .bytes_of_client = settings.idempotency_mb_per_client * bytes_of_mb,
            .bytes = settings.idempotency_mb * bytes_of_mb};
}

std::unique_ptr<http::tls_listener> make_tls(const config::settings& settings) {
    if (!settings.tls_cert) return nullptr;
    return std::make_unique<http::tls_listener>(
        http::tls_files{*settings.tls_cert, settings.tls_key.value_or(""), settings.tls_client_ca.value_or("")});
}

} // namespace

class program::impl {
public:
    impl(const config::settings& settings, mozlog::logger& log, const limits& bounds)
        : settings_(settings),
          log_(log),
          database_(support::database_options(settings), metrics_),
          replica_(open_replica(settings, metrics_)),
          health_database_(health_options(settings), metrics_),
          background_database_(background_options(settings)),
          uses_database_(uses_options(settings)),
          streams_database_(background_options(settings)),
          signer_(settings.secret_key, settings.token_allow_no_expiration, settings.secret_key_previous),
          tokens_(database_, signer_, {.expiration = settings.token_expiration, .failures_per_minute = settings.token_failures_per_minute}),
          google_tokens_(auth::fetch_keys_from(settings.google_certs_url), settings.pubsub_audience.value_or(settings.server_prefix)),
          pubsub_(stripe_ingest_, stripe_parking_, google_tokens_, {settings.pubsub_client, settings.pubsub_email}, metrics_),
          bounds_(with_settings(bounds, settings)),
          stream_tokens_(streams_database_, signer_,
                         {.expiration = settings.token_expiration, .client_cache_time = std::chrono::milliseconds(900)}),
          change_streams_(streamed_changes_, stream_tokens_, metrics_, log_,
                          {.most = bounds_.event_streams,
                           .most_of_client = static_cast<std::size_t>(settings.event_streams_per_client),
                           .longest_silence = bounds_.event_pause}),
          tls_(make_tls(settings)),
          server_(bounds_, settings_.trusted_proxies, log, metrics_),
          services_{contacts_,
                    bulk_,
                    keyed_writes_,
                    changes_,
                    history_,
                    exports_,
                    tokens_,
                    health_,
                    acoustic_configuration_,
                    stripe_ingest_,
                    pubsub_,
                    erasures_,
                    database_,
                    settings_,
                    metrics_,
                    server_.draining(),
                    change_streams_,
                    limiter_,
                    uses_},
          exchanges_(services_, log, all_routes()),
          ops_exchanges_(services_, log, ops_routes()),
          threads_({.read = settings.workers, .write = settings.workers}, bounds.waiting),
          ops_threads_({.read = 1, .write = 1, .token = 1, .password = 1, .caller = 1, .platform = 2}, bounds.waiting) {}

    result<std::uint16_t> listen() {
        if (tls_) {
            if (const auto loaded = tls_->load(); !loaded) return loaded.error();
        }
        const auto clients = service::api_clients(database_).list();
        if (!clients) return clients.error();
        expect_known_requests(metrics_, *clients);
        if (auto keys = erasures_.check_keys(); !keys) return keys.error();
        if (settings_.ops_port) {
            const auto taken = server_.listen({.host = settings_.host,
                                               .port = static_cast<std::uint16_t>(*settings_.ops_port),
                                               .exchanges = ops_exchanges_,
                                               .threads = ops_threads_,
                                               .bounds = ops_limits(bounds_)});
            if (!taken) return taken.error();
            ops_port_ = *taken;
        }
        return server_.listen({.host = settings_.host,
                               .port = settings_.port,
                               .exchanges = exchanges_,
                               .threads = threads_,
                               .bounds = bounds_,
                               .tls = tls_.get()});
    }

    void reload() {
        if (!tls_) return log_.log(mozlog::severity::info, "ctms.web.server", "SIGHUP: there is nothing to reload without TLS");
        const auto loaded = tls_->load();
        if (loaded) return log_.log(mozlog::severity::info, "ctms.web.server", "The certificate was reloaded");
        mozlog::fields members;
        members.add("error", loaded.error().message);
        log_.log(mozlog::severity::error, "ctms.web.server", members, "The certificate was not reloaded; the old one is still used");
    }

    config::settings settings_;
    mozlog::logger& log_; // before what logs
    support::prometheus_metrics metrics_;
    persistence::database database_;
    std::unique_ptr<persistence::database> replica_; // null: no replica
    persistence::database health_database_;
    persistence::database background_database_;
    persistence::database uses_database_;
    persistence::database streams_database_;
    auth::token_signer signer_;
    service::tokens tokens_;
    service::changes changes_{database_};
    service::changes streamed_changes_{streams_database_};
    service::contacts contacts_{database_, replica_.get(), metrics_, &log_};
    service::contact_bulk bulk_{database_, metrics_};
    service::keyed_writes keyed_writes_{database_, metrics_};
    service::contact_history history_{database_};
    service::person_exports exports_{database_};
    service::health health_{health_database_};
    service::inbox_drain inbox_drain_{background_database_,
                                      {.deletions = std::chrono::days(settings_.tombstone_days),
                                       .parked = std::chrono::days(settings_.stripe_parked_days),
                                       .answers = kept_answers(settings_),
                                       .history = std::chrono::days(settings_.history_days)}};
    service::client_uses uses_{uses_database_};
    service::acoustic_configuration acoustic_configuration_{database_};
    service::stripe_ingest stripe_ingest_{database_};
    service::stripe_parking stripe_parking_{database_};
    service::erasures erasures_{database_};
    auth::google_token_verifier google_tokens_;
    service::pubsub pubsub_;
    limits bounds_;
    service::tokens stream_tokens_;           // so that the streams do not wait for connections with the requests
    streams::change_hub change_streams_;      // before the server, whose streams use it
    client_limiter limiter_;                  // before the server, whose requests use it
    std::unique_ptr<http::tls_listener> tls_; // null: plain HTTP
    server server_;
    services services_;
    exchanger exchanges_;
    exchanger ops_exchanges_;
    // Last, so that they are destroyed first: a thread may still be returning from a call into the server after its response was sent.
    lanes threads_;
    lanes ops_threads_; // separate, so that probes are answered even when API requests are waiting
    std::optional<std::uint16_t> ops_port_;
};

program::program(const config::settings& settings, mozlog::logger& log, const limits& bounds)
    : impl_(std::make_unique<impl>(settings, log, bounds)) {}
program::~program() = default;

result<std::uint16_t> program::listen() { return impl_->listen(); }
std::optional<std::uint16_t> program::ops_port() const noexcept { return impl_->ops_port_; }
void program::handle_signals() {
    impl_->server_.handle_signals([this] { reload(); });
}
void program::reload() { impl_->reload(); }
void program::run() { impl_->server_.run(); }
void program::stop() { impl_->server_.stop(); }

} // namespace ctms::web
