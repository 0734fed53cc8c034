// SPDX-License-Identifier: MPL-2.0
// Compares two readings of a server, the sync and the database for `ctms-admin top`, and formats the result as lines of text or
// JSON. Plain values and pure functions, independent of the terminal.
#pragma once

#include "metrics_text.hpp"

#include <ctms/base/time.hpp>
#include <ctms/model/sync_queue.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ctms::cli {

/// A reading of one source at one time: its value, or why it could not be read.
template <class T>
struct reading {
    std::optional<T> value;
    std::string problem; ///< if there is no value: a short reason
};

struct queue_reading {
    model::queue_status status;
    std::vector<model::parked_contact> parked; ///< the most recently requested ones
};

/// The readings of all sources at one time.
struct snapshot {
    std::chrono::steady_clock::time_point taken_at{};
    timestamp time{};
    std::string url;      ///< the server's URL
    std::string sync_url; ///< "" if the sync is not watched
    reading<metrics_text> web;
    reading<metrics_text> sync;
    reading<queue_reading> queue;
};

struct route_view {
    std::string name; ///< "GET /ctms/{email_id}"
    double rate = 0;  ///< requests per second
    double errors = 0;
    std::optional<double> p50; ///< in seconds
    std::optional<double> p99;
};

/// Rates are nullopt if there is nothing to compare: there is only one reading, or the source is down.
struct top_view {
    snapshot now;
    std::optional<double> rate; ///< requests per second, not counting those for /metrics
    std::optional<double> client_errors;
    std::optional<double> server_errors;
    std::optional<double> rejected;
    std::optional<double> database_errors;
    std::optional<double> p50;
    std::optional<double> p99;
    std::vector<route_view> routes; ///< routes with requests, busiest first
    std::optional<double> synced;   ///< contacts per second
    std::optional<double> vendor_failures;
};

[[nodiscard]] top_view compare(const snapshot& before, const snapshot& now);

/// Formats a view as at most `lines` lines of at most `columns` characters, without control characters. `hint` is the last line.
[[nodiscard]] std::vector<std::string> draw(const top_view& view, std::size_t columns, std::size_t lines, const std::string& hint);

[[nodiscard]] std::string to_json(const top_view& view);

} // namespace ctms::cli
