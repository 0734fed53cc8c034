// SPDX-License-Identifier: MPL-2.0
// What `ctms-admin top` shows: two readings of a server, the sync and the database, compared, and as lines of text or JSON.
// Plain values and pure functions: nothing here knows a terminal.
#pragma once

#include "metrics_text.hpp"

#include <ctms/base/time.hpp>
#include <ctms/persistence/sync_queue_repository.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ctms::cli {

/// One source at one time: what it told, or why it told nothing.
template <class T>
struct reading {
    std::optional<T> value;
    std::string problem; ///< without a value: in a few words
};

struct queue_reading {
    persistence::queue_status status;
    std::vector<persistence::parked_contact> parked; ///< the newest
};

/// Everything at one time.
struct snapshot {
    std::chrono::steady_clock::time_point taken_at{};
    timestamp time{};
    std::string url;      ///< of the server
    std::string sync_url; ///< "" when the sync is not watched
    reading<metrics_text> web;
    reading<metrics_text> sync;
    reading<queue_reading> queue;
};

struct route_view {
    std::string name; ///< "GET /ctms/{email_id}"
    double rate = 0;  ///< requests a second
    double errors = 0;
    std::optional<double> p50; ///< seconds
    std::optional<double> p99;
};

/// Rates are nullopt when there is nothing to compare with: one reading, or a source that is down.
struct top_view {
    snapshot now;
    std::optional<double> rate; ///< requests a second, those for the metrics left out
    std::optional<double> client_errors;
    std::optional<double> server_errors;
    std::optional<double> rejected;
    std::optional<double> database_errors;
    std::optional<double> p50;
    std::optional<double> p99;
    std::vector<route_view> routes; ///< with requests, the busiest first
    std::optional<double> synced;   ///< contacts a second
    std::optional<double> vendor_failures;
};

[[nodiscard]] top_view compare(const snapshot& before, const snapshot& now);

/// At most `lines` lines of at most `columns` characters, without control characters. `hint`: a last line for people.
[[nodiscard]] std::vector<std::string> draw(const top_view& view, std::size_t columns, std::size_t lines, const std::string& hint);

[[nodiscard]] std::string to_json(const top_view& view);

} // namespace ctms::cli
