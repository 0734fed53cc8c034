// SPDX-License-Identifier: MPL-2.0
// Runs ctms-web inside the test's process on a free port, with its own database, one enabled and one disabled client, and
// captures its log. Not thread safe except for the log.
#pragma once

#include "becomes_true.hpp"
#include "captured_log.hpp"
#include "http_client.hpp"
#include "test_database.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/config/settings.hpp>
#include <web/program.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {

class web_fixture {
public:
    static constexpr auto client = "id_enabled";
    static constexpr auto disabled_client = "id_disabled";
    static constexpr auto secret = "secret of the tests"; ///< of both clients

    struct options {
        web::limits limits{};
        std::function<void(config::settings&)> change_settings = [](config::settings&) {};
        /// Creates the schema in an empty database. Without it, the database is already migrated.
        std::function<void(const persistence::database_options&)> make_schema{};
    };
    web_fixture();
    explicit web_fixture(const options& wanted);
    ~web_fixture();
    web_fixture(const web_fixture&) = delete;
    web_fixture& operator=(const web_fixture&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    /// The port for probes and metrics; nullopt unless the settings ask for one.
    [[nodiscard]] std::optional<std::uint16_t> ops_port() const { return program_->ops_port(); }
    [[nodiscard]] web::program& program() { return *program_; }
    [[nodiscard]] test_database& database() { return database_; }
    /// Runs SQL in the database.
    persistence::rows sql(const std::string& text);

    /// A bearer token for any subject ("api_client:id_x"), signed with the server's key.
    [[nodiscard]] std::string token_for(std::string_view subject) const;
    /// The Authorization header with a valid token of the enabled client.
    [[nodiscard]] std::pair<std::string, std::string> authorization() const;

    /// Sends a request with that header on a new connection.
    http_answer get(std::string_view target);
    http_answer post(std::string_view target, std::string_view json);
    http_answer send(std::string_view method, std::string_view target, std::string_view json = {});
    /// Sends a request without a token.
    http_answer ask(std::string_view method, std::string_view target, const header_list& headers = {}, std::string_view body = {});

    /// The text of a request that creates a contact.
    [[nodiscard]] std::string contact_request(std::string_view address = "a", header_list headers = {}) const;
    /// Stores a contact and returns its id.
    std::string add_contact(std::string_view json);

    /// Everything logged so far.
    [[nodiscard]] std::string log_text();
    /// The log line of the request that got this answer, found by its X-Request-Id.
    [[nodiscard]] boost::json::object line_of(const http_answer& answer);
    /// The fields of that line.
    [[nodiscard]] boost::json::object fields_of(const http_answer& answer);

    /// Asks the server to stop. It may still run when this returns.
    void begin_stop();
    /// True when run() returns before `limit`.
    [[nodiscard]] bool stopped_within(std::chrono::milliseconds limit);

private:
    test_database database_;
    std::unique_ptr<persistence::connection> connection_;
    std::shared_ptr<captured_log> captured_ = std::make_shared<captured_log>();
    mozlog::logger log_;
    config::settings settings_;
    std::unique_ptr<web::program> program_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopped_ = false;
    std::jthread thread_;
};

} // namespace ctms::test
