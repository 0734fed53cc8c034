// SPDX-License-Identifier: MPL-2.0
// One command for three o'clock at night: checks everything that CTMS needs, and names the section of the runbook for what is wrong.
#include "commands.hpp"
#include "metrics_text.hpp"
#include "output.hpp"

#include <ctms/acoustic/client.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/version.hpp>
#include <ctms/net/certificate.hpp>
#include <ctms/net/http_client.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/migrations.hpp>
#include <ctms/service/diagnosis.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/sync_admin.hpp>
#include <ctms/service/webhooks.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>

namespace ctms::cli {
namespace {

using namespace std::chrono_literals;

enum class finding : std::uint8_t { ok, warning, failed };

constexpr std::string_view to_text(finding what) { return what == finding::ok ? "ok" : what == finding::warning ? "warning" : "failed"; }

/// One line of the result.
struct line {
    std::string what;
    finding state = finding::ok;
    std::string text;
    std::string section; ///< of docs/runbook.md; "" if there is nothing to do
};

std::string in_words(std::chrono::seconds age) {
    if (age < 2min) return counted(age.count(), "second");
    if (age < 2h) return counted(std::chrono::floor<std::chrono::minutes>(age).count(), "minute");
    if (age < 48h) return counted(std::chrono::floor<std::chrono::hours>(age).count(), "hour");
    return counted(std::chrono::floor<std::chrono::days>(age).count(), "day");
}

/// `value` below `warns` is ok, below `fails` a warning.
template <class Value>
finding grade(Value value, Value warns, Value fails) {
    return value < warns ? finding::ok : value < fails ? finding::warning : finding::failed;
}

class doctor_visit {
public:
    explicit doctor_visit(config::settings settings) : settings_(std::move(settings)) {}

    void run() {
        add("settings", finding::ok, "read without mistakes");
        const auto held = support::prepare_database(settings_, false);
        if (!held) {
            add("database", finding::failed, held.error().message + (held.error().detail.empty() ? "" : ": " + held.error().detail),
                "CtmsDatabaseErrors");
        } else {
            check_database();
        }
        check_replica();
        check_disk();
        check_web();
        check_certificate_files();
        check_certificate_of("web", settings_.server_prefix, "Renew a certificate");
        if (settings_.acoustic_sync.value_or(false)) {
            check_sync_metrics();
            check_health_file();
            check_vendor();
        } else {
            add("sync", finding::ok, "not checked: CTMS_ACOUSTIC_SYNC_FEATURE_FLAG is not true in these settings");
        }
        if (settings_.pubsub_email) check_google();
    }

    [[nodiscard]] const std::vector<line>& lines() const { return lines_; }

private:
    void add(std::string what, finding state, std::string text, std::string_view section = {}) {
        lines_.push_back({std::move(what), state, std::move(text), state == finding::ok ? std::string() : std::string(section)});
    }

    [[nodiscard]] persistence::database_options quick_options(const std::string& url) const {
        auto options = support::database_options(settings_);
        options.url = url;
        options.pool_size = 1;
        options.max_overflow = 0;
        options.pool_timeout = 4s;
        options.statement_timeout = 4s;
        options.lock_timeout = 1s;
        return options;
    }

    static net::http_options quick_call() {
        net::http_options out;
        out.timeout = 4s;
        return out;
    }

    void check_clock(std::string_view what, timestamp other) {
        const auto difference = std::chrono::round<std::chrono::seconds>(std::chrono::abs(now() - other));
        add(fmt::format("{} clock", what), grade(difference, 5s, 60s),
            fmt::format("{} from the clock of this machine", in_words(difference)), "Old tokens are refused");
    }

    /// The clock of a server is in the Date header of its response (RFC 9110, 6.6.1).
    void check_clock(std::string_view what, const net::http_response& answer) {
        const std::string text(answer.header("date"));
        std::tm parts{};
        const auto* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        if (end != nullptr && *end == '\0') check_clock(what, timestamp(std::chrono::seconds(::timegm(&parts))));
    }

    void check_database() {
        const auto options = quick_options(settings_.db_url.value());
        persistence::database db(options);
        const auto begin = std::chrono::steady_clock::now();
        const auto facts = service::inspect_database(db);
        const auto took = std::chrono::round<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
        if (!facts) return add("database", finding::failed, "does not answer: " + facts.error().detail, "CtmsDatabaseErrors");
        add("database", grade(took, 500ms, 4000ms), fmt::format("PostgreSQL {} answers within {} ms", facts->version, took.count()),
            "CtmsApiSlow");
        const auto schema = persistence::inspect_schema(options);
        const bool is_current = schema && schema->what == persistence::schema_state::kind::current;
        add("schema", is_current ? finding::ok : finding::failed, schema ? schema->explanation : schema.error().detail, "Maintenance");
        if (facts->is_replica)
            add("primary", finding::failed, "CTMS_DB_URL names a replica, which cannot be written", "CtmsDatabaseErrors");
        add("size", finding::ok, fmt::format("{} MiB", facts->size >> 20U));
        add("connections", grade(facts->connections * 100, facts->most_connections * 80, facts->most_connections * 95),
            fmt::format("{} of {}", facts->connections, facts->most_connections), "CtmsPoolExhausted");
        add("transactions", grade<std::chrono::seconds>(facts->oldest_transaction, 5min, 1h),
            fmt::format("the oldest one is open for {}", in_words(facts->oldest_transaction)), "CtmsDatabaseErrors");
        add("replication", grade<std::chrono::seconds>(facts->replication_lag, 30s, 10min),
            fmt::format("the slowest replica is {} behind", in_words(facts->replication_lag)), "CtmsReplicaFails");
        const bool bloated = facts->dead_queue_rows > 100'000 && facts->dead_queue_rows > 5 * facts->queue_rows;
        add("queue table", bloated ? finding::warning : finding::ok,
            fmt::format("{} rows, {} dead ones that wait for autovacuum", facts->queue_rows, facts->dead_queue_rows),
            "CtmsSyncBacklogGrowing");
        check_clock("database", facts->clock);
        check_certificate_of("database", settings_.db_url.value(), "Renew a certificate");
        if (!is_current) return;
        check_queue(db);
        check_webhooks(db);
        check_erasures(db);
    }

    void check_erasures(persistence::database& db) {
        service::erasures erasures(db);
        const auto pending = erasures.pending();
        if (!pending) return add("erasures", finding::failed, pending.error().detail, "CtmsDatabaseErrors");
        if (pending->empty()) {
            add("erasures", finding::ok, "the vendor has confirmed all");
        } else {
            const auto age = std::chrono::duration_cast<std::chrono::seconds>(now() - pending->front().requested_at);
            add("erasures", grade<std::chrono::seconds>(age, 24h, 24h * 14),
                fmt::format("the vendor has not confirmed {}, the oldest for {}", counted(pending->size(), "erasure"), in_words(age)),
                "CtmsErasureLate");
        }
        if (const auto keys = erasures.check_keys(); !keys)
            add("suppressed", finding::failed, keys.error().message, "The key of suppressed addresses is replaced");
    }

    void check_webhooks(persistence::database& db) {
        const auto all = service::webhooks(db).list();
        if (!all) return add("webhooks", finding::failed, all.error().detail, "CtmsDatabaseErrors");
        std::size_t enabled = 0;
        for (const auto& one : *all) {
            if (one.state == model::webhook_state::parked)
                add("webhook " + one.name, finding::warning, "parked: " + one.reason, "CtmsWebhookParked");
            if (one.state != model::webhook_state::enabled) continue;
            ++enabled;
            const bool late = one.lag >= 15min;
            if (late || one.failures > 0)
                add("webhook " + one.name, late ? finding::warning : finding::ok,
                    fmt::format("{} behind{}", in_words(one.lag),
                                one.last_failure.empty() ? "" : "; the last attempt: " + one.last_failure),
                    "CtmsWebhookLagHigh");
        }
        add("webhooks", finding::ok, all->empty() ? "none" : fmt::format("{} of {} enabled", enabled, all->size()));
    }

    void check_queue(persistence::database& db) {
        service::sync_admin queue(db);
        const auto status = queue.status();
        if (!status) return add("queue", finding::failed, status.error().detail, "CtmsDatabaseErrors");
        const auto& counts = status->counts;
        add("queue", grade<std::chrono::seconds>(counts.age, 15min, 2h),
            fmt::format("{} waiting, the oldest for {}; {}", counted(counts.backlog, "contact"), in_words(counts.age),
                        counted(status->workers.size(), "active worker")),
            "CtmsSyncAgeHigh");
        check_parked(queue, counts.parked);
    }

    void check_parked(service::sync_admin& queue, std::int64_t count) {
        if (count == 0) return add("parked", finding::ok, "none");
        constexpr int most = 1'000;
        std::map<std::string, int> reasons;
        const auto parked = queue.parked(most);
        if (parked) {
            for (const auto& one : *parked) ++reasons[one.reason];
        }
        std::vector<std::pair<int, std::string>> top;
        for (const auto& [reason, times] : reasons) top.emplace_back(times, reason);
        std::sort(top.rbegin(), top.rend());
        top.resize(std::min<std::size_t>(top.size(), 3));
        auto text = counted(count, "contact");
        for (const auto& [times, reason] : top) text += fmt::format("; {} times: {}", times, reason);
        add("parked", finding::warning, std::move(text), "CtmsSyncContactsParked");
    }

    void check_replica() {
        if (!settings_.db_read_url) return;
        persistence::database db(quick_options(*settings_.db_read_url));
        const auto facts = service::inspect_database(db);
        if (!facts) return add("replica", finding::failed, "does not answer: " + facts.error().detail, "CtmsReplicaFails");
        add("replica", grade<std::chrono::seconds>(facts->replica_age, 1min, 1h),
            facts->replica_age == 0s ? std::string("answers, and has replayed everything that it received")
                                     : fmt::format("answers; its last replayed transaction is {} old", in_words(facts->replica_age)),
            "CtmsReplicaFails");
    }

    /// Only of the embedded database: the disk of another server cannot be seen from here.
    void check_disk() {
        if (!settings_.embedded) return;
        std::error_code failed;
        const auto space = std::filesystem::space(settings_.data_dir.value(), failed);
        if (failed) return;
        const auto free = space.available * 100 / std::max<std::uintmax_t>(space.capacity, 1);
        add("disk",
            free >= 10  ? finding::ok
            : free >= 3 ? finding::warning
                        : finding::failed,
            fmt::format("{} MiB free ({} %)", space.available >> 20U, free), "CtmsDatabaseErrors");
    }

    /// Sends a GET; adds a failed line and returns nullopt if there is no response.
    std::optional<net::http_response> get(const std::string& what, const std::string& url, const std::string& target,
                                          std::string_view section) {
        try {
            net::http_client client(url, quick_call());
            const auto answer = client.send({.method = "GET", .target = target});
            if (answer) return *answer;
            add(what, finding::failed, fmt::format("{}{}: {}", url, target, answer.error().detail), section);
        } catch (const std::invalid_argument& wrong) {
            add(what, finding::failed, fmt::format("{}: {}", url, wrong.what()), section);
        }
        return std::nullopt;
    }

    void check_web() {
        const auto heartbeat = get("web", settings_.server_prefix, "/__heartbeat__", "CtmsDown");
        if (!heartbeat) return;
        add("web", heartbeat->status == 200 ? finding::ok : finding::failed,
            fmt::format("{}/__heartbeat__ returns {}", settings_.server_prefix, heartbeat->status), "CtmsDown");
        check_clock("web", *heartbeat);
        const auto about = get("version", settings_.server_prefix, "/__version__", "CtmsDown");
        if (!about) return;
        boost::json::error_code failed;
        const auto parsed = boost::json::parse(about->body, failed);
        const auto* version = !failed && parsed.is_object() ? parsed.get_object().if_contains("version") : nullptr;
        const std::string theirs = version != nullptr && version->is_string() ? std::string(version->get_string()) : std::string();
        const bool same = theirs.empty() || theirs == ctms::version();
        add("version", same ? finding::ok : finding::warning,
            fmt::format("{}, and this ctms-admin is {}", theirs.empty() ? "unknown" : theirs, ctms::version()), "Maintenance");
    }

    void add_certificate(const std::string& what, timestamp end, std::string_view whose, std::string_view section) {
        const auto left = std::chrono::floor<std::chrono::days>(end - now()).count();
        const auto when = left < 0 ? fmt::format("expired on {}", to_iso(end)) : fmt::format("expires in {}", counted(left, "day"));
        add(what, left >= 14 ? finding::ok : left >= 3 ? finding::warning : finding::failed, fmt::format("{} {}", whose, when), section);
    }

    void check_certificate_files() {
        for (const auto& file : {settings_.tls_cert, settings_.tls_client_ca}) {
            if (!file) continue;
            const auto end = net::certificate_end(*file);
            if (!end) {
                add("certificate", finding::failed, end.error().message, "Renew a certificate");
            } else {
                add_certificate("certificate", *end, *file, "Renew a certificate");
            }
        }
    }

    /// The certificate that a server shows. A server that cannot be reached has a line of its own.
    void check_certificate_of(std::string_view what, const std::string& url, std::string_view section) {
        const auto end = net::server_certificate_end(url, quick_call().timeout);
        if (end && *end) add_certificate(fmt::format("{} certificate", what), **end, "the certificate that the server shows", section);
    }

    void check_sync_metrics() {
        if (!settings_.background_metrics_port) return;
        const auto url = fmt::format("http://localhost:{}", *settings_.background_metrics_port);
        const auto answer = get("sync", url, "/metrics", "CtmsSyncStopped");
        if (!answer) return;
        check_clock("sync", *answer);
        const auto metrics = metrics_text::parse(answer->body);
        const bool is_open = metrics && metrics->sum("ctms_sync_circuit_open").value_or(0) > 0;
        add("sync", is_open ? finding::failed : finding::ok,
            is_open ? "the circuit is open: the vendor does not answer" : "runs, and the circuit is closed", "CtmsSyncCircuitOpen");
    }

    void check_health_file() {
        if (!settings_.background_healthcheck_path) return;
        std::error_code failed;
        const auto written = std::filesystem::last_write_time(*settings_.background_healthcheck_path, failed);
        if (failed) {
            return add("health file", finding::failed, fmt::format("{}: {}", *settings_.background_healthcheck_path, failed.message()),
                       "CtmsSyncStopped");
        }
        const auto age = std::chrono::floor<std::chrono::seconds>(std::filesystem::file_time_type::clock::now() - written);
        const auto most = settings_.background_healthcheck_age.value_or(5min);
        add("health file", age <= most ? finding::ok : finding::failed, fmt::format("written {} ago", in_words(age)), "CtmsSyncStopped");
    }

    void check_vendor() {
        constexpr std::string_view section = "CtmsSyncCallsFail";
        auto options = support::vendor_options(settings_);
        options.timeout = quick_call().timeout;
        const auto answer = get("vendor", options.base_url, "", section);
        if (!answer) return;
        check_clock("vendor", *answer);
        check_certificate_of("vendor", options.base_url, section);
        const auto refused = acoustic::client(options).check_credentials();
        add("vendor", refused ? finding::failed : finding::ok,
            fmt::format("{} {}", options.base_url, refused ? "gives " + refused->reason : std::string("accepts the credentials")), section);
    }

    /// Without Google's keys, no message of Pub/Sub can be checked.
    void check_google() {
        constexpr std::string_view section = "CtmsApiErrors";
        const auto& url = settings_.google_certs_url;
        const auto answer = get("google", url, "", section);
        if (!answer) return;
        boost::json::error_code failed;
        const auto keys = boost::json::parse(answer->body, failed);
        const bool has_keys = answer->status == 200 && !failed && keys.is_object() && !keys.get_object().empty();
        add("google", has_keys ? finding::ok : finding::failed,
            has_keys ? fmt::format("{} has keys", url) : fmt::format("{} returns {} and no keys", url, answer->status), section);
        check_clock("google", *answer);
        check_certificate_of("google", url, section);
    }

    config::settings settings_;
    std::vector<line> lines_;
};

void print_lines(const std::vector<line>& lines) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : lines)
        rows.push_back({std::string(to_text(one.state)), one.what,
                        one.section.empty() ? one.text : fmt::format("{} (runbook: {})", one.text, one.section)});
    print_table({"STATE", "CHECK", "RESULT"}, rows);
}

void print_lines_as_json(const std::vector<line>& lines) {
    std::string out;
    append_json_array(out, lines, [](std::string& to, const line& one) {
        object_writer writer(to);
        writer.add("check", std::string_view(one.what));
        writer.add("state", to_text(one.state));
        writer.add("result", std::string_view(one.text));
        if (!one.section.empty()) writer.add("runbook", std::string_view(one.section));
        writer.close();
    });
    print_json(out);
}

} // namespace

int doctor(invocation& call) {
    doctor_visit visit(call.settings);
    visit.run();
    call.json ? print_lines_as_json(visit.lines()) : print_lines(visit.lines());
    const bool any_failed =
        std::any_of(visit.lines().begin(), visit.lines().end(), [](const line& one) { return one.state == finding::failed; });
    return any_failed ? support::failed : support::ok;
}

} // namespace ctms::cli
