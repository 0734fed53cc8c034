// SPDX-License-Identifier: MPL-2.0
// What ctms-web does for each request apart from the handler: route, log line, metrics, compression.
#include "sample.hpp"

#include <benchmark/benchmark.h>

#include <ctms/json/contact_json.hpp>
#include <support/null_sink.hpp>
#include <support/prometheus_metrics.hpp>
#include <web/server/compression.hpp>
#include <web/server/request_log.hpp>
#include <web/server/router.hpp>

#include <memory>

using namespace ctms;

namespace {

void route_find(benchmark::State& state) {
    const auto path = bench::get_contact().http.path;
    for (auto _ : state) {
        auto match = web::find_route(web::all_routes(), "GET", path);
        if (match.found == nullptr) return state.SkipWithError("no route");
        benchmark::DoNotOptimize(match);
    }
}
BENCHMARK(route_find);

/// The fields, redaction and formatting of a line, up to the queue. The writer thread's part is not measured.
void log_line(benchmark::State& state) {
    const auto one = bench::get_contact();
    mozlog::logger log({}, std::make_unique<test::null_sink>());
    for (auto _ : state) web::log_request(log, one, 0.00123, web::all_routes());
}
BENCHMARK(log_line);

void request_metrics(benchmark::State& state) {
    const auto one = bench::get_contact();
    support::prometheus_metrics metrics;
    for (auto _ : state) {
        metrics.request_began();
        metrics.request_ended();
        metrics.request_answered({one.matched->method, one.matched->path, one.answer.status, 0.00123, one.facts.client_id});
    }
}
BENCHMARK(request_metrics);

/// The answer to a read of a complete contact.
void gzip_answer(benchmark::State& state) {
    std::string body;
    json::write_contact(body, bench::stored_contact(), true);
    body.resize(1600);
    for (auto _ : state) benchmark::DoNotOptimize(web::gzip(body));
}
BENCHMARK(gzip_answer);

} // namespace
