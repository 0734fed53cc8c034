// SPDX-License-Identifier: MPL-2.0
#include "settings.hpp"

#include "lookup.hpp"
#include "table.hpp"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace ctms::config {
namespace {

// Variables of existing deployments that have no effect here.
constexpr std::array<std::string_view, 3> without_effect{"FASTAPI_ENV", "CTMS_LOG_SQLALCHEMY", "CTMS_SENTRY_DEBUG"};

// Collects values and mistakes. Each mistake belongs to a setting; mistakes are returned in the order of the settings.
class reader {
public:
    reader(program who, bool embedded_flag, const getenv_fn& getenv) : who_(who), embedded_flag_(embedded_flag), getenv_(getenv) {}

    read_outcome run() {
        if (who_ == program::sync) values_.logging_level = "DEBUG";
        for (const auto& rule : rules()) take(rule);
        choose_database();
        require_what_sync_needs();
        if (who_ == program::web && given("CTMS_DB_URL") && !embedded_flag_)
            require("CTMS_SECRET_KEY", "not set; set it to a long random string, the same in every process");
        if (who_ == program::web && !values_.embedded && !values_.allow_weak_secret_key) refuse_weak_keys();
        limit_workers();
        check_tls();
        note_what_has_no_effect();
        return {std::move(values_), ordered_mistakes()};
    }

private:
    bool given(std::string_view name) const { return given_.contains(name); }

    void mistake(std::string_view name, std::string_view what) { mistakes_.try_emplace(name, fmt::format("{}: {}", name, what)); }

    void require(std::string_view name, std::string_view what) {
        if (!given(name)) mistake(name, what);
    }

    void take(const rule& rule) {
        const auto name = rule.info.name;
        auto found = look_up(name, getenv_);
        if (!found.text.empty() || !found.mistake.empty()) given_.insert(name);
        if (!found.mistake.empty()) {
            mistakes_.emplace(name, std::move(found.mistake));
        } else if (!found.text.empty()) {
            if (const auto wrong = rule.take(values_, found.text); !wrong.empty()) mistake(name, wrong);
        } else if (rule.required_by_sync) {
            missing_for_sync_.push_back(name);
        }
    }

    // If the sync is off, or only empties the queue, no account at the vendor is needed.
    void require_what_sync_needs() {
        if (who_ != program::sync || values_.acoustic_sync_paused) return;
        require("CTMS_ACOUSTIC_SYNC_FEATURE_FLAG",
                "not set; true sends contacts to Acoustic, false empties the queue without sending. To keep the queue and only wait, set "
                "CTMS_ACOUSTIC_SYNC_PAUSED to true");
        if (!values_.acoustic_sync.value_or(false)) return;
        require("CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG",
                "not set although CTMS_ACOUSTIC_SYNC_FEATURE_FLAG is true; true sends contacts to Acoustic, false empties the queue "
                "without sending");
        if (!values_.acoustic_integration.value_or(false)) return;
        for (const auto name : missing_for_sync_) mistake(name, "not set; ctms-sync requires it");
        check_call_times();
        if (values_.acoustic_bulk_threshold) require_what_bulk_jobs_need();
    }

    void require_what_bulk_jobs_need() {
        require("CTMS_ACOUSTIC_SFTP_USER", "not set although CTMS_ACOUSTIC_BULK_THRESHOLD is; the account at Acoustic's file server");
        require("CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS",
                "not set although CTMS_ACOUSTIC_BULK_THRESHOLD is; a file with the keys of Acoustic's file server, such as ssh-keyscan "
                "writes it, compared with what Acoustic says");
        if (!given("CTMS_ACOUSTIC_SFTP_KEY"))
            require("CTMS_ACOUSTIC_SFTP_PASSWORD",
                    "not set although CTMS_ACOUSTIC_BULK_THRESHOLD is; set the password of the account, or CTMS_ACOUSTIC_SFTP_KEY");
    }

    // One attempt takes up to four calls: for a token, the call itself, and both again if the vendor refuses the token. No call begins in
    // the last third of a lease, so that each ends within it.
    void check_call_times() {
        constexpr int calls = 4;
        constexpr int thirds = 3;
        using seconds = std::chrono::duration<double>;
        const seconds timeout = values_.acoustic_timeout;
        const auto longer = [&](std::chrono::seconds usual, seconds least) {
            return std::clamp(std::chrono::ceil<std::chrono::seconds>(least), usual, std::chrono::seconds(longest_lease));
        };
        if (!given("CTMS_ACOUSTIC_LEASE_S")) values_.acoustic_lease = longer(values_.acoustic_lease, calls * thirds * timeout);
        if (!given("CTMS_BACKGROUND_WATCHDOG_S")) values_.background_watchdog = longer(values_.background_watchdog, calls * timeout);
        if (const auto least = calls * thirds * timeout; values_.acoustic_lease < least)
            mistake("CTMS_ACOUSTIC_LEASE_S",
                    fmt::format("{} is too short for CTMS_ACOUSTIC_TIMEOUT_S, which is {:g}: calls could outlast the lease, and another "
                                "ctms-sync would make them as well; use at least {:g} (twelve times the timeout), or a shorter timeout",
                                values_.acoustic_lease.count(), timeout.count(), std::ceil(least.count())));
        if (const auto least = calls * timeout; values_.background_watchdog < least)
            mistake(
                "CTMS_BACKGROUND_WATCHDOG_S",
                fmt::format("{} is too short for CTMS_ACOUSTIC_TIMEOUT_S, which is {:g}: slow calls would end the process; use at least "
                            "{:g} (four times the timeout), or a shorter timeout",
                            values_.background_watchdog.count(), timeout.count(), std::ceil(least.count())));
    }

    void choose_database() {
        if (given("CTMS_DB_URL")) {
            if (embedded_flag_) mistake("CTMS_DB_URL", "set together with --embedded; use only one of them");
            if (given("CTMS_DATA_DIR")) values_.notices.emplace_back("CTMS_DATA_DIR has no effect together with CTMS_DB_URL");
            return;
        }
        values_.embedded = embedded_flag_ || given("CTMS_DATA_DIR");
        if (given("CTMS_DB_READ_URL")) mistake("CTMS_DB_READ_URL", "set without CTMS_DB_URL; a replica requires a database");
        if (values_.embedded) {
            if (!values_.data_dir) values_.data_dir = "./ctms-data";
        } else {
            mistake("CTMS_DB_URL", "not set; use postgresql://user:password@host/database for your own server, or --embedded "
                                   "or CTMS_DATA_DIR=directory for the embedded database");
        }
    }

    // HS256 is only as strong as its key: RFC 7518, 3.2 requires a key that is at least as long as the hash.
    void refuse_weak_keys() {
        constexpr std::size_t least = 32;
        for (const auto& [name, key] :
             {std::pair{"CTMS_SECRET_KEY", &values_.secret_key}, std::pair{"CTMS_SECRET_KEY_PREVIOUS", &values_.secret_key_previous}}) {
            if (key->empty() || key->size() >= least) continue;
            mistake(
                name,
                fmt::format("has only {} bytes and can be guessed; use at least {} random bytes, such as those of `openssl rand -hex 32`, "
                            "or CTMS_ALLOW_WEAK_SECRET_KEY=true to keep it until it is replaced",
                            key->size(), least));
        }
    }

    void check_tls() {
        require_together("CTMS_TLS_CERT", "CTMS_TLS_KEY");
        require_together("CTMS_TLS_KEY", "CTMS_TLS_CERT");
        require_together("CTMS_TLS_CLIENT_CA", "CTMS_TLS_CERT");
        if (values_.ops_port.value_or(0) != 0 && values_.ops_port == std::int64_t{values_.port})
            mistake("CTMS_OPS_PORT", "the same as PORT; use another port");
    }

    void require_together(std::string_view given_one, std::string_view needed) {
        if (given(given_one) && !given(needed)) mistake(needed, fmt::format("not set although {} is; set both or neither", given_one));
    }

    // Each worker uses a connection. Too many workers are only a mistake if the operator set the number.
    void limit_workers() {
        const int connections = values_.db_pool_size + values_.db_max_overflow;
        if (values_.workers <= connections) return;
        if (given("CTMS_WORKERS")) {
            mistake("CTMS_WORKERS", fmt::format("{} is more than the number of connections in the pool; at most CTMS_DB_POOL_SIZE + "
                                                "CTMS_DB_MAX_OVERFLOW, which is {}",
                                                values_.workers, connections));
        }
        values_.workers = connections;
    }

    void note_what_has_no_effect() {
        for (const auto name : without_effect) {
            const auto value = getenv_(std::string(name));
            if (value && !value->empty()) values_.notices.push_back(fmt::format("{} has no effect and is ignored", name));
        }
    }

    std::vector<std::string> ordered_mistakes() {
        std::vector<std::string> all;
        for (const auto& rule : rules()) {
            const auto at = mistakes_.find(rule.info.name);
            if (at != mistakes_.end()) all.push_back(std::move(at->second));
        }
        return all;
    }

    program who_;
    bool embedded_flag_;
    const getenv_fn& getenv_;
    settings values_;
    std::set<std::string_view> given_;
    std::vector<std::string_view> missing_for_sync_;
    std::map<std::string_view, std::string> mistakes_;
};

} // namespace

std::span<const setting_info> all_settings() noexcept {
    static const auto infos = [] {
        std::vector<setting_info> all;
        for (const auto& rule : rules()) all.push_back(rule.info);
        return all;
    }();
    return infos;
}

read_outcome read(program who, bool embedded_flag, const getenv_fn& getenv) { return reader(who, embedded_flag, getenv).run(); }

std::string print(const settings& values) {
    std::string out;
    for (const auto& rule : rules()) {
        const auto text = rule.show(values);
        out += fmt::format("{}={}\n", rule.info.name, rule.info.secret && !text.empty() ? "[SECRET]" : text);
    }
    return out;
}

} // namespace ctms::config
