// SPDX-License-Identifier: MPL-2.0
#include "web_fixture.hpp"

#include "api_document.hpp"

#include <ctms/auth/access_token.hpp>
#include <persistence/clients/client_repository.hpp>

#include <stdexcept>

namespace ctms::test {
namespace {

constexpr auto signing_key = "the signing key of the tests";
// Argon2id of web_fixture::secret with the lowest possible cost.
constexpr auto hashed_secret = "$argon2id$v=19$m=8,t=1,p=1$c2FsdCBvZiB0aGUgdGVzdA$uK7KIDtyxqpSLxGw3yGqlcMYWkSR4LbCnPnBJS05RUU";

void add_clients(test_database& where) {
    persistence::database db(where.options());
    persistence::client_repository clients(db);
    for (const auto* id : {web_fixture::client, web_fixture::disabled_client}) {
        const auto made = clients.create({id, "team@example.com", id == web_fixture::client, hashed_secret, {}, {}});
        if (!made) throw std::runtime_error(made.error().message + " " + made.error().detail);
    }
}

config::settings settings_for(const test_database& where) {
    config::settings out;
    out.db_url = where.url(persistence::program_account::web);
    out.secret_key = signing_key;
    out.host = "127.0.0.1";
    out.port = 0;
    return out;
}

} // namespace

web_fixture::web_fixture() : web_fixture(options{}) {}

web_fixture::web_fixture(const options& wanted)
    : database_(wanted.make_schema ? test_database::content::empty : test_database::content::migrated),
      log_(mozlog::options{}, std::make_unique<capturing_sink>(captured_)),
      settings_(settings_for(database_)) {
    if (wanted.make_schema) {
        wanted.make_schema(database_.options());
        database_.grant_rights();
    }
    add_clients(database_);
    wanted.change_settings(settings_);
    program_ = std::make_unique<web::program>(settings_, log_, wanted.limits);
    const auto port = program_->listen();
    if (!port) throw std::runtime_error(port.error().message);
    port_ = *port;
    check_answers_of(port_);
    thread_ = std::jthread([this] {
        program_->run();
        stopped_ = true;
    });
}

web_fixture::~web_fixture() {
    leave_answers_of(port_);
    program_->stop();
}

persistence::rows web_fixture::sql(const std::string& text) {
    if (!connection_) connection_ = std::make_unique<persistence::connection>(database_.options());
    return connection_->execute(text);
}

std::string web_fixture::token_for(std::string_view subject) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return auth::token_signer(settings_.secret_key, true).sign(subject, now + std::chrono::hours(1));
}

std::pair<std::string, std::string> web_fixture::authorization() const {
    return {"Authorization", "Bearer " + token_for(std::string("api_client:") + client)};
}

http_answer web_fixture::ask(std::string_view method, std::string_view target, const header_list& headers, std::string_view body) {
    return test::ask(port_, method, target, headers, body);
}

http_answer web_fixture::send(std::string_view method, std::string_view target, std::string_view json) {
    return ask(method, target, {authorization(), {"Content-Type", "application/json"}}, json);
}

http_answer web_fixture::get(std::string_view target) { return send("GET", target); }
http_answer web_fixture::post(std::string_view target, std::string_view json) { return send("POST", target, json); }

std::string web_fixture::contact_request(std::string_view address, header_list headers) const {
    headers.push_back(authorization());
    headers.emplace_back("Content-Type", "application/json");
    return request_text("POST", "/ctms", headers, R"({"email":{"primary_email":")" + std::string(address) + R"("}})");
}

std::string web_fixture::add_contact(std::string_view json) {
    const auto answer = post("/ctms", json);
    if (answer.status != 201) throw std::runtime_error("the contact was not stored: " + answer.body);
    return answer.header("location").substr(std::string_view("/ctms/").size());
}

std::string web_fixture::log_text() {
    if (!log_.flush(std::chrono::seconds(10))) throw std::runtime_error("the log was not written in time");
    return captured_->text();
}

boost::json::object web_fixture::line_of(const http_answer& answer) {
    const auto id = answer.header("x-request-id");
    (void)log_text();
    for (auto& line : captured_->lines()) {
        const auto* fields = line.if_contains("Fields");
        const auto* rid = fields != nullptr ? fields->as_object().if_contains("rid") : nullptr;
        if (rid != nullptr && rid->as_string() == id) return line;
    }
    throw std::runtime_error("no log line for request " + id);
}

boost::json::object web_fixture::fields_of(const http_answer& answer) { return line_of(answer).at("Fields").as_object(); }

void web_fixture::begin_stop() { program_->stop(); }
bool web_fixture::stopped_within(std::chrono::milliseconds limit) {
    return becomes_true([this] { return stopped_.load(); }, limit);
}

} // namespace ctms::test
