// SPDX-License-Identifier: MPL-2.0
#include "session_services.hpp"

#include "fuzz_target.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/service/acoustic_configuration.hpp>
#include <ctms/service/changes.hpp>
#include <ctms/service/client_uses.hpp>
#include <ctms/service/contact_bulk.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/contacts.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/health.hpp>
#include <ctms/service/keyed_writes.hpp>
#include <ctms/service/person_export.hpp>
#include <ctms/service/pubsub.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <ctms/service/tokens.hpp>
#include <support/config/settings.hpp>
#include <support/no_database.hpp>
#include <web/server/answers.hpp>
#include <web/server/client_limiter.hpp>
#include <web/server/line_buffer.hpp>
#include <web/server/line_exchange.hpp>
#include <web/server/message.hpp>
#include <web/streams/change_hub.hpp>

#include <boost/json/parse.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>

namespace ctms::fuzz {
namespace {

using web::body_kind;
using web::call;
using web::lane;
using web::response;
using web::services;

std::string json_text(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

response answer_home(call&, const services&) { return web::json_response(200, R"({"ok":true})"); }

response answer_path(call& now, const services&) { return web::json_response(200, json_text(now.path_parameter("id"))); }

response answer_json(call& now, const services&) {
    const auto input = json::read_contact(*now.body, json::purpose::create);
    if (!input) return web::failed(now, input.error());
    return web::json_response(201, json_text((*input)->email.primary_email));
}

response answer_form(call& now, const services&) {
    std::string out = "[";
    for (const auto& [name, value] : now.form.pairs()) (out += out.size() > 1 ? "," : "") += json_text(name);
    return web::json_response(200, out + "]");
}

/// Returns a body that is long enough to be compressed.
response answer_long(call&, const services&) { return web::json_response(200, json_text(std::string(8 * 1024, 'x'))); }

response answer_in_pieces(call&, const services&) {
    response out;
    out.content_type = "application/x-ndjson";
    out.body = "{}\n";
    out.rest = [count = 0](std::string& piece) mutable -> result<bool> {
        piece = std::string(1000, 'y') + "\n";
        return ++count < 3;
    };
    return out;
}

response answer_broken_pieces(call&, const services&) {
    response out;
    out.body = "[";
    out.rest = [](std::string&) -> result<bool> { return unavailable("no more", "no more"); };
    return out;
}

response answer_by_throwing(call&, const services&) { throw std::runtime_error("thrown by the handler"); }

/// Answers each line of the body with its length.
class line_lengths final : public web::line_exchange {
public:
    void put(std::string_view part) override { lines_.put(part); }
    void finish() override { lines_.finish(); }
    [[nodiscard]] bool has_work() override { return lines_.has_line(); }
    [[nodiscard]] result<void> work(std::string& piece) override {
        while (const auto line = lines_.next()) piece += std::to_string(line->text.size()) + "\n";
        return {};
    }
    void end(int status, std::string_view why, std::string& piece) override { piece += std::to_string(status) + json_text(why) + "\n"; }
    [[nodiscard]] std::size_t bytes() const noexcept override { return lines_.bytes(); }

private:
    static constexpr std::size_t longest_line = 100;
    web::line_buffer lines_{longest_line};
};

response answer_lines(call& now, const services&) {
    response out;
    out.content_type = "application/x-ndjson";
    if (!web::has_lines(now.http.headers)) return web::json_response(200, "[]");
    out.lines = std::make_shared<line_lengths>();
    return out;
}

void answer_together(std::span<call> calls, const services& shared, const web::send_early&) {
    for (auto& one : calls) one.answer = answer_home(one, shared);
}

constexpr std::array<web::route, 11> routes{{
    {"GET", "/", answer_home, lane::immediate, body_kind::none, std::nullopt},
    {"GET", "/ctms/{id}", answer_path, lane::immediate, body_kind::none, std::nullopt},
    {"DELETE", "/ctms/{id}", answer_path, lane::immediate, body_kind::none, std::nullopt},
    {"POST", "/ctms", answer_json, lane::immediate, body_kind::json, std::nullopt},
    {"POST", "/token", answer_form, lane::immediate, body_kind::form, std::nullopt},
    {"GET", "/long", answer_long, lane::immediate, body_kind::none, std::nullopt},
    {"GET", "/pieces", answer_in_pieces, lane::read, body_kind::none, std::nullopt},
    {"GET", "/broken", answer_broken_pieces, lane::read, body_kind::none, std::nullopt},
    {"GET", "/thrown", answer_by_throwing, lane::immediate, body_kind::none, std::nullopt},
    {"PATCH", "/ctms/{id}", answer_together, lane::read, body_kind::json, model::role::read},
    {"POST", "/lines", answer_lines, lane::read, body_kind::json, std::nullopt, false, true},
}};

/// Checks that every log line is JSON.
class checking_sink final : public mozlog::sink {
public:
    std::size_t write(std::string_view lines) override {
        while (!lines.empty()) {
            const auto line = take_line(lines);
            boost::json::error_code ec;
            (void)boost::json::parse({line.data(), line.size()}, ec);
            require(!ec, "a log line is JSON");
        }
        return 0;
    }
};

/// Storage for a service that no route here uses and that is never constructed, so that its code need not be compiled for the fuzzers.
template <class Service>
Service& unused() {
    alignas(Service) static std::array<std::byte, sizeof(Service)> place;
    return *reinterpret_cast<Service*>(place.data());
}

struct world {
    boost::asio::io_context io_{1};
    config::settings settings_;
    support::prometheus_metrics metrics_;
    mozlog::logger log_{{}, std::make_unique<checking_sink>()};
    std::atomic<bool> draining_ = false;
    persistence::database database_{test::no_database(), metrics_};
    auth::token_signer signer_{"a key of more than thirty-two bytes, for tests", true};
    service::tokens tokens_{database_, signer_, {}};
    web::client_limiter limiter_;
    service::client_uses uses_{database_};
    web::exchanger exchanges_{{unused<service::contacts>(), unused<service::contact_bulk>(), unused<service::keyed_writes>(),
                               unused<service::changes>(), unused<service::contact_history>(), unused<service::person_exports>(), tokens_,
                               unused<service::health>(), unused<service::acoustic_configuration>(), unused<service::stripe_ingest>(),
                               unused<service::pubsub>(), unused<service::erasures>(), database_, settings_, metrics_, draining_,
                               unused<web::streams::change_hub>(), limiter_, uses_},
                              log_,
                              routes};
    web::lanes threads_{{.read = 1, .write = 1}, 64};
    web::limits bounds_;
    web::dispatcher dispatch_{exchanges_, threads_, bounds_, metrics_, draining_};
};

world& all() {
    static world one;
    return one;
}

/// Trusts every peer as a proxy, so that X-Forwarded-For is parsed.
const std::vector<std::string>& everybody() {
    static const std::vector<std::string> networks{"0.0.0.0/0", "::/0"};
    return networks;
}

} // namespace

boost::asio::io_context& event_loop() { return all().io_; }

serving::serving(const web::limits& bounds)
    : budget_(bounds.memory_bytes),
      memory_(bounds.memory_bytes, bounds.memory_bytes / 4),
      environment_{.dispatch = all().dispatch_,
                   .bounds = bounds,
                   .read_bounds = {bounds.header_bytes, bounds.body_bytes, bounds.header_time, bounds.body_time},
                   .memory = memory_,
                   .event_memory = memory_,
                   .under_way = under_way_,
                   .tls = nullptr,
                   .handshakes = handshakes_,
                   .trusted_proxies = everybody(),
                   .log = all().log_,
                   .metrics = all().metrics_,
                   .draining = all().draining_,
                   .set_aside = set_aside_} {}

bool serving::is_clean() {
    if (!memory_.take("", budget_)) return false;
    memory_.give_back("", budget_);
    return under_way_.empty();
}

} // namespace ctms::fuzz
