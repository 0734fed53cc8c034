// SPDX-License-Identifier: MPL-2.0
// The endpoints for operators and platforms (Dockerflow, https://github.com/mozilla-services/Dockerflow).
#include "routes.hpp"

#include <ctms/base/files.hpp>
#include <ctms/base/json_text.hpp>
#include <ctms/base/version.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <ctms/service/health.hpp>
#include <support/config/settings.hpp>
#include <support/prometheus_metrics.hpp>
#include <web/server/answers.hpp>

#include <boost/throw_exception.hpp>

#include <stdexcept>
#include <utility>

namespace ctms::web::routes {
namespace {

/// The version.json that an image build wrote; "" outside an image.
std::string version_file() {
    constexpr std::size_t longest = std::size_t{64} * 1024;
    for (const auto* path : {"version.json", "/app/version.json"}) {
        if (auto text = read_regular_file(path, longest)) return *std::move(text);
    }
    return {};
}

void add_limit(object_writer& writer, std::string_view name, const std::optional<std::int64_t>& limit) {
    limit ? writer.add(name, *limit) : writer.add_null(name);
}

std::string queue_json(const service::health_report& report, const config::settings& settings) {
    std::string out;
    object_writer writer(out);
    writer.add("success", report.queue.has_value());
    add_limit(writer, "backlog", report.queue ? std::optional(report.queue->backlog) : std::nullopt);
    add_limit(writer, "max_backlog", settings.acoustic_max_backlog);
    add_limit(writer, "retry_backlog", report.queue ? std::optional(report.queue->retry_backlog) : std::nullopt);
    add_limit(writer, "max_retry_backlog", settings.acoustic_max_retry_backlog);
    writer.add("retry_limit", settings.acoustic_retry_limit);
    writer.add("batch_limit", settings.acoustic_batch_limit);
    writer.add("loop_min_sec", settings.acoustic_loop_min_secs);
    writer.add("time_ms", std::int64_t{report.queue_time.count()});
    writer.close();
    return out;
}

bool exceeds(const std::optional<std::int64_t>& limit, std::int64_t count) { return limit && count > *limit; }

bool is_healthy(const service::health_report& report, const config::settings& settings) {
    if (!report.database_up) return false;
    if (!report.queue) return true;
    return !exceeds(settings.acoustic_max_backlog, report.queue->backlog) &&
           !exceeds(settings.acoustic_max_retry_backlog, report.queue->retry_backlog);
}

support::runtime_sample measure(std::chrono::steady_clock::time_point asked, const services& all) {
    constexpr std::chrono::milliseconds wait_for_database{500};
    const auto pool = all.database.state();
    auto found = all.health.check(asked, asked + wait_for_database);
    support::runtime_sample sample{pool.size, pool.in_use, pool.waiting, found.queue.has_value(), 0, 0, {}, std::move(found.ids)};
    if (found.changes_delay) sample.changes_delay_seconds = std::chrono::duration<double>(*found.changes_delay).count();
    if (found.stripe_parked) sample.stripe_parked = static_cast<double>(*found.stripe_parked);
    if (found.erasures) {
        sample.erasures_pending = static_cast<double>(found.erasures->count);
        sample.erasures_age_seconds = static_cast<double>(found.erasures->age.count());
    }
    if (found.queue) {
        sample.queue_parked = static_cast<double>(found.queue->parked);
        sample.queue_age_seconds = static_cast<double>(found.queue->age.count());
    }
    return sample;
}

} // namespace

response get_root(call&, const services&) {
    response out;
    out.status = 307;
    out.content_type = {};
    out.headers.emplace_back("Location", "./docs");
    return out;
}

response get_version(call&, const services&) {
    if (auto file = version_file(); !file.empty()) return json_response(200, std::move(file));
    std::string body;
    object_writer writer(body);
    writer.add("commit", commit());
    writer.add("version", version());
    writer.add("image_tag", "");
    writer.add("source", "");
    writer.add("build", "");
    writer.close();
    return json_response(200, std::move(body));
}

response get_load_balancer_heartbeat(call&, const services& all) {
    if (all.draining) return json_response(503, R"({"status":"draining"})");
    return json_response(200, R"({"status":"OK"})");
}

response get_heartbeat(call& now, const services& all) {
    constexpr std::chrono::milliseconds answer_within{900}; // a second, minus the time to send the response
    const auto report = all.health.check(now.http.received, now.http.received + answer_within);
    std::string body;
    object_writer writer(body);
    object_writer database(writer.key("database"));
    database.add("up", report.database_up);
    database.add("time_ms", std::int64_t{report.database_time.count()});
    if (report.database_up) database.add_raw("acoustic", queue_json(report, all.settings));
    database.close();
    writer.close();
    return json_response(is_healthy(report, all.settings) ? 200 : 503, std::move(body));
}

response get_metrics(call& now, const services& all) {
    const auto asked = now.http.received;
    response out;
    out.content_type = "text/plain; version=0.0.4; charset=utf-8";
    out.shared_body = all.metrics.expose_since(asked, [&] { return measure(asked, all); });
    return out;
}

response get_acoustic_configuration(call& now, const services& all) {
    const auto configuration = all.acoustic_configuration.read();
    if (!configuration) return failed(now, configuration.error());
    std::string body;
    object_writer writer(body);
    object_writer tables(writer.key("sync_fields"));
    for (const auto& [table, fields] : configuration->sync_fields) append_json_array(tables.key(table), fields, append_json_string);
    tables.close();
    object_writer mappings(writer.key("newsletter_mappings"));
    for (const auto& [source, destination] : configuration->newsletter_mappings) mappings.add(source, std::string_view(destination));
    mappings.close();
    writer.close();
    return json_response(200, std::move(body));
}

response get_crash(call&, const services&) {
    BOOST_THROW_EXCEPTION(std::runtime_error("Crashed on purpose: this page tests error reporting"));
}

} // namespace ctms::web::routes
