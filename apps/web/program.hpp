// SPDX-License-Identifier: MPL-2.0
// ctms-web as an object: everything it is made of, built from its settings. What main runs, and what tests run
// inside their own process.
#pragma once

#include "server/limits.hpp"

#include <ctms/base/result.hpp>
#include <ctms/config/settings.hpp>
#include <ctms/mozlog/logger.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace ctms::web {

class program {
public:
    /// `settings.db_url` and `settings.secret_key` must be set. Opens no connection yet. `log` must outlive it.
    program(const config::settings& settings, mozlog::logger& log, const limits& bounds = {});
    ~program();
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    /// Reads the certificate, if there is one, and which clients there are, for the metrics; listens on the settings' host and
    /// ports. The port of the API that was taken. errc::invalid for files that cannot be used.
    [[nodiscard]] result<std::uint16_t> listen();
    /// The port for probes and metrics that was taken, after listen(); nullopt without one.
    [[nodiscard]] std::optional<std::uint16_t> ops_port() const noexcept;
    /// Makes SIGTERM and SIGINT call stop(), and SIGHUP reload().
    void handle_signals();
    /// Reads the certificate again for the connections to come; those that are open go on. One that cannot be used is logged, and the
    /// old one stays. On the thread of run().
    void reload();
    /// Serves until stop(). Blocks.
    void run();
    /// Stops gracefully. From any thread.
    void stop();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::web
