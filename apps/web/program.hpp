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

namespace ctms::web {

class program {
public:
    /// `settings.db_url` and `settings.secret_key` must be set. Opens no connection yet. `log` must outlive it.
    program(const config::settings& settings, mozlog::logger& log, const limits& bounds = {});
    ~program();
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    /// Reads which clients there are, for the metrics, and listens on the settings' host and port; the port that was taken.
    [[nodiscard]] result<std::uint16_t> listen();
    /// Makes SIGTERM and SIGINT call stop().
    void stop_on_signals();
    /// Serves until stop(). Blocks.
    void run();
    /// Stops gracefully. From any thread.
    void stop();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::web
