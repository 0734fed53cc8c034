// SPDX-License-Identifier: MPL-2.0
#include "top_view.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace ctms::cli {
namespace {

constexpr std::size_t label_width = 11;

/// The line made printable and cut to `columns` characters.
std::string fit(std::string_view line, std::size_t columns) {
    const auto text = printable(line);
    std::size_t at = 0;
    for (std::size_t count = 0; at < text.size() && count < columns; ++count) (void)next_code_point(text, at);
    return text.substr(0, at);
}

std::string rate_text(const std::optional<double>& rate) {
    if (!rate) return "-";
    return fmt::format("{:.1f}/s", *rate);
}

std::string duration_text(const std::optional<double>& seconds) {
    if (!seconds) return "-";
    constexpr double second = 1;
    return *seconds < second ? fmt::format("{:.0f} ms", *seconds * 1000) : fmt::format("{:.1f} s", *seconds);
}

std::string age_text(std::int64_t seconds) {
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 3600;
    if (seconds < minute) return fmt::format("{} s", seconds);
    return fmt::format("{}:{:02}:{:02}", seconds / hour, seconds / minute % minute, seconds % minute);
}

std::string count_text(const metrics_text& from, const char* name, const metrics_text::filter& wanted = {}) {
    const auto value = from.sum(name, wanted);
    return value ? fmt::format("{:.0f}", *value) : std::string("-");
}

metrics_text::filter with_state(const char* state) {
    return [state](const metric_sample& sample) { return sample.label("state") == state; };
}

/// Collects lines with labels: "QUEUE      backlog 3".
class page {
public:
    void add(std::string_view label, const std::string& text) { lines.push_back(fmt::format("{:<{}}{}", label, label_width, text)); }
    std::vector<std::string> lines;
};

std::string uptime_of(const snapshot& now, const metrics_text& web) {
    const auto began = web.sum("process_start_time_seconds");
    if (!began) return "-";
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time.time_since_epoch()).count();
    return age_text(std::max<std::int64_t>(0, seconds - static_cast<std::int64_t>(*began)));
}

void draw_web(page& out, const top_view& view) {
    const auto& web = view.now.web;
    if (!web.value) {
        out.add("SERVER", fmt::format("down: {}", web.problem));
        return;
    }
    out.add("SERVER", fmt::format("up for {}", uptime_of(view.now, *web.value)));
    out.add("REQUESTS", fmt::format("{}  in flight {}  4xx {}  5xx {}  rejected {}", rate_text(view.rate),
                                    count_text(*web.value, "ctms_requests_in_flight"), rate_text(view.client_errors),
                                    rate_text(view.server_errors), rate_text(view.rejected)));
    out.add("LATENCY", fmt::format("p50 {}  p99 {}", duration_text(view.p50), duration_text(view.p99)));
    constexpr auto pool = "ctms_database_pool_connections";
    out.add("POOL", fmt::format("in use {}  idle {}  waiting {}  database errors {}", count_text(*web.value, pool, with_state("in_use")),
                                count_text(*web.value, pool, with_state("idle")), count_text(*web.value, "ctms_database_pool_waiting"),
                                rate_text(view.database_errors)));
}

void draw_sync(page& out, const top_view& view) {
    if (view.now.sync_url.empty()) return;
    const auto& sync = view.now.sync;
    if (!sync.value) {
        out.add("SYNC", fmt::format("down: {}", sync.problem));
        return;
    }
    const auto open = sync.value->sum("ctms_sync_circuit_open").value_or(0) > 0;
    out.add("SYNC", fmt::format("up  circuit {}  contacts {}  failed calls {}", open ? "OPEN" : "closed", rate_text(view.synced),
                                rate_text(view.vendor_failures)));
}

void draw_queue(page& out, const top_view& view) {
    const auto& queue = view.now.queue;
    if (!queue.value) {
        out.add("DATABASE", fmt::format("down: {}", queue.problem));
        return;
    }
    const auto& status = queue.value->status;
    out.add("DATABASE", "up");
    out.add("QUEUE", fmt::format("backlog {}  due {}  claimed {}  age {}", status.counts.backlog, status.due, status.claimed,
                                 age_text(status.counts.age.count())));
    out.add("FAILED", fmt::format("retry backlog {}  parked {}", status.counts.retry_backlog, status.counts.parked));
}

void draw_routes(page& out, const top_view& view, std::size_t room) {
    if (view.routes.empty() || room < 3) return;
    out.lines.emplace_back();
    out.lines.push_back(fmt::format("{:<40}{:>10}{:>10}{:>10}{:>10}", "ROUTE", "REQUESTS", "5XX", "P50", "P99"));
    const auto shown = std::min(view.routes.size(), room - 2);
    for (std::size_t i = 0; i < shown; ++i) {
        const auto& one = view.routes[i];
        out.lines.push_back(fmt::format("{:<40}{:>10}{:>10}{:>10}{:>10}", fit(one.name, 39), rate_text(one.rate), rate_text(one.errors),
                                        duration_text(one.p50), duration_text(one.p99)));
    }
}

void draw_errors(page& out, const top_view& view, std::size_t room) {
    if (!view.now.queue.value || view.now.queue.value->parked.empty() || room < 3) return;
    out.lines.emplace_back();
    out.lines.emplace_back("LAST ERRORS (parked; ctms-admin sync parked)");
    const auto& parked = view.now.queue.value->parked;
    const auto shown = std::min(parked.size(), room - 2);
    for (std::size_t i = 0; i < shown; ++i)
        out.lines.push_back(
            fmt::format("{}  {}", to_iso(std::chrono::floor<std::chrono::seconds>(parked[i].last_requested_at)), parked[i].reason));
}

std::string head_line(const top_view& view, std::size_t columns) {
    const auto time = to_iso(std::chrono::floor<std::chrono::seconds>(view.now.time));
    auto left = fmt::format("ctms-admin top  {}", view.now.url);
    if (left.size() + time.size() + 2 > columns) return left;
    left.resize(columns - time.size(), ' ');
    return left + time;
}

void add_number(object_writer& writer, std::string_view name, const std::optional<double>& value) {
    if (value) {
        writer.add_raw(name, fmt::format("{:.6g}", *value));
    } else {
        writer.add_null(name);
    }
}

std::string web_json(const top_view& view) {
    std::string out;
    object_writer writer(out);
    const auto& web = view.now.web;
    writer.add("up", web.value.has_value());
    if (!web.value) writer.add("problem", std::string_view(web.problem));
    add_number(writer, "requests_per_second", view.rate);
    add_number(writer, "client_errors_per_second", view.client_errors);
    add_number(writer, "server_errors_per_second", view.server_errors);
    add_number(writer, "rejected_per_second", view.rejected);
    add_number(writer, "database_errors_per_second", view.database_errors);
    add_number(writer, "p50_seconds", view.p50);
    add_number(writer, "p99_seconds", view.p99);
    const auto gauge = [&](const char* name, const metrics_text::filter& wanted = {}) {
        return web.value ? web.value->sum(name, wanted) : std::nullopt;
    };
    add_number(writer, "in_flight", gauge("ctms_requests_in_flight"));
    add_number(writer, "pool_in_use", gauge("ctms_database_pool_connections", with_state("in_use")));
    add_number(writer, "pool_idle", gauge("ctms_database_pool_connections", with_state("idle")));
    add_number(writer, "pool_waiting", gauge("ctms_database_pool_waiting"));
    append_json_array(writer.key("routes"), view.routes, [](std::string& to, const route_view& one) {
        object_writer route(to);
        route.add("route", std::string_view(one.name));
        add_number(route, "requests_per_second", one.rate);
        add_number(route, "server_errors_per_second", one.errors);
        add_number(route, "p50_seconds", one.p50);
        add_number(route, "p99_seconds", one.p99);
        route.close();
    });
    writer.close();
    return out;
}

std::string sync_json(const top_view& view) {
    if (view.now.sync_url.empty()) return "null";
    std::string out;
    object_writer writer(out);
    const auto& sync = view.now.sync;
    writer.add("up", sync.value.has_value());
    if (!sync.value) writer.add("problem", std::string_view(sync.problem));
    if (sync.value) writer.add("circuit_open", sync.value->sum("ctms_sync_circuit_open").value_or(0) > 0);
    add_number(writer, "contacts_per_second", view.synced);
    add_number(writer, "failed_calls_per_second", view.vendor_failures);
    writer.close();
    return out;
}

std::string database_json(const top_view& view) {
    std::string out;
    object_writer writer(out);
    const auto& queue = view.now.queue;
    writer.add("up", queue.value.has_value());
    if (!queue.value) writer.add("problem", std::string_view(queue.problem));
    if (queue.value) {
        const auto& status = queue.value->status;
        writer.add("backlog", status.counts.backlog);
        writer.add("due", status.due);
        writer.add("claimed", status.claimed);
        writer.add("retry_backlog", status.counts.retry_backlog);
        writer.add("parked", status.counts.parked);
        writer.add("age_seconds", static_cast<std::int64_t>(status.counts.age.count()));
        append_json_array(writer.key("last_errors"), queue.value->parked,
                          [](std::string& to, const model::parked_contact& one) { append_json_string(to, one.reason); });
    }
    writer.close();
    return out;
}

} // namespace

std::vector<std::string> draw(const top_view& view, std::size_t columns, std::size_t lines, const std::string& hint) {
    page out;
    out.lines.push_back(head_line(view, columns));
    draw_web(out, view);
    draw_sync(out, view);
    draw_queue(out, view);
    const std::size_t kept = hint.empty() ? 0 : 1;
    const auto room = [&] { return lines > out.lines.size() + kept ? lines - out.lines.size() - kept : std::size_t{0}; };
    // Reserves lines for up to five errors at the end; the busiest routes get the lines before them.
    const auto parked = view.now.queue.value ? std::min<std::size_t>(view.now.queue.value->parked.size(), 5) : 0;
    const auto for_errors = parked > 0 ? parked + 2 : 0;
    draw_routes(out, view, room() > for_errors ? room() - for_errors : 0);
    draw_errors(out, view, room());
    if (out.lines.size() + kept > lines) out.lines.resize(lines > kept ? lines - kept : 0);
    if (kept > 0 && lines > 0) {
        out.lines.resize(lines - 1);
        out.lines.push_back(hint);
    }
    for (auto& line : out.lines) line = fit(line, columns);
    return std::move(out.lines);
}

std::string to_json(const top_view& view) {
    std::string out;
    object_writer writer(out);
    writer.add("time", std::string_view(to_iso(view.now.time)));
    writer.add("url", std::string_view(view.now.url));
    writer.add_raw("server", web_json(view));
    writer.add_raw("sync", sync_json(view));
    writer.add_raw("database", database_json(view));
    writer.close();
    return out;
}

} // namespace ctms::cli
