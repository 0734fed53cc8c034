// SPDX-License-Identifier: MPL-2.0
// The library's processing of values: JSON of contacts, tokens, ids, redaction.
#include "sample.hpp"

#include <benchmark/benchmark.h>

#include <ctms/auth/access_token.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/privacy/redact.hpp>

#include <chrono>

using namespace ctms;

namespace {

/// Parses and validates a contact, as POST does.
void json_in(benchmark::State& state) {
    const auto text = bench::contact_body();
    for (auto _ : state) {
        const auto sent = json::body::parse(text);
        auto read = json::read_contact(*sent, json::purpose::create);
        if (!read) return state.SkipWithError("refused");
        benchmark::DoNotOptimize(read);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(json_in);

/// Checks a contact that a program filled in. A request does not need it, because reading JSON checks the same rules.
void check_input(benchmark::State& state) {
    const auto sent = json::body::parse(bench::contact_body());
    const auto read = json::read_contact(*sent, json::purpose::create);
    const auto& input = *read.value();
    for (auto _ : state) {
        auto good = json::check(input, json::purpose::create);
        if (!good) return state.SkipWithError("refused");
        benchmark::DoNotOptimize(good);
    }
}
BENCHMARK(check_input);

void json_out(benchmark::State& state) {
    const auto contact = bench::stored_contact();
    std::size_t size = 0;
    for (auto _ : state) {
        std::string out;
        json::write_contact(out, contact, true);
        size = out.size();
        benchmark::DoNotOptimize(out.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(json_out);

void token_verify(benchmark::State& state) {
    const auth::token_signer signer("a key of the service that is long enough for HS256", false);
    const auto now = std::chrono::system_clock::now();
    const auto token = signer.sign("api_client:id_basket", std::chrono::floor<std::chrono::seconds>(now) + std::chrono::hours(1));
    for (auto _ : state) {
        const auto claims = signer.verify(token, now);
        if (!claims) return state.SkipWithError("refused");
        benchmark::DoNotOptimize(claims->subject.data());
    }
}
BENCHMARK(token_verify);

void uuid_parse(benchmark::State& state) {
    for (auto _ : state) {
        auto text = bench::contact_id;
        benchmark::DoNotOptimize(text);
        benchmark::DoNotOptimize(uuid::parse(text));
    }
}
BENCHMARK(uuid_parse);

void uuid_format(benchmark::State& state) {
    auto id = uuid::parse(bench::contact_id).value();
    for (auto _ : state) {
        benchmark::DoNotOptimize(id);
        benchmark::DoNotOptimize(id.to_string());
    }
}
BENCHMARK(uuid_format);

/// Redacts all headers of a request.
void redact_headers(benchmark::State& state) {
    const auto headers = bench::get_contact().http.headers;
    for (auto _ : state) {
        for (const auto& [name, value] : headers) benchmark::DoNotOptimize(privacy::redact_header(name, value));
    }
}
BENCHMARK(redact_headers);

/// Redacts a parameter that is omitted entirely and one that is searched.
void redact_query(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(privacy::redact_query_value("primary_email", "contact@example.com"));
        benchmark::DoNotOptimize(privacy::redact_query_value("start", "2020-01-27T00:00:00+00:00"));
    }
}
BENCHMARK(redact_query);

/// The worst text to redact in practice: a sentence with two addresses, one of them percent-encoded.
void redact_text(benchmark::State& state) {
    constexpr std::string_view text = "Key (primary_email)=(jane.doe@example.com) already exists, seen at "
                                      "https://www.example.com/?email=jane.doe%40example.com&x=1 by a worker of the queue";
    for (auto _ : state) benchmark::DoNotOptimize(privacy::redact_text(text));
}
BENCHMARK(redact_text);

} // namespace
