// SPDX-License-Identifier: MPL-2.0
// ctms-web as an object that owns all of its parts and is built from the settings. main() runs it, and tests run it
// inside their own process.
#pragma once

#include "server/limits.hpp"

#include <ctms/base/result.hpp>
#include <ctms/mozlog/logger.hpp>
#include <support/config/settings.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace ctms::web {

class program {
public:
    /// `settings.db_url` and `settings.secret_key` must be set. Opens no connections yet. `log` must outlive the program.
    program(const config::settings& settings, mozlog::logger& log, const limits& bounds = {});
    ~program();
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    /// Loads the certificate, if there is one, reads the list of clients for the metrics, and listens on the host and ports of the
    /// settings. Returns the port of the API, or errc::invalid if a certificate file cannot be used.
    [[nodiscard]] result<std::uint16_t> listen();
    /// The port for probes and metrics, after listen(); nullopt if there is none.
    [[nodiscard]] std::optional<std::uint16_t> ops_port() const noexcept;
    /// Makes SIGTERM, SIGINT and SIGQUIT call stop(), and SIGHUP call reload().
    void handle_signals();
    /// Reloads the certificate for new connections; open connections are not affected. If the new certificate cannot be used, logs an
    /// error and keeps the old one. Call it on the thread of run().
    void reload();
    /// Serves until stop(). Blocks.
    void run();
    /// Stops gracefully. Any thread may call it.
    void stop();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::web
