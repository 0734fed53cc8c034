// SPDX-License-Identifier: MPL-2.0
// The bulk jobs in ctms-sync: a thread with a database connection and a connection to the vendor's file server of its own.
#pragma once

#include "sftp.hpp"
#include "sync_metrics.hpp"

#include <ctms/acoustic/client.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/bulk_sync.hpp>
#include <support/config/settings.hpp>

#include <functional>

namespace ctms::sync_app {

class bulk {
public:
    /// Whether the settings name the file server, an account and a file with its keys, without which no job can be finished.
    [[nodiscard]] static bool has_file_server(const config::settings& settings);
    /// Starts, until the object is destroyed. Without a threshold it begins no job, but looks after one that is under way. `is_down`:
    /// whether the vendor is down. The references must outlive it.
    bulk(const config::settings& settings, acoustic::client& vendor, std::function<bool()> is_down, sync_metrics& metrics,
         mozlog::logger& log);

    /// Begins to stop; the destructor waits for the call or the transfer under way. May be called from any thread.
    void request_stop() noexcept { jobs_.request_stop(); }
    /// Whether jobs take the contacts of imports and resyncs. May be called from any thread.
    [[nodiscard]] bool takes_bulk() const noexcept { return jobs_.takes_bulk(); }

private:
    persistence::database db_;
    sftp files_;
    service::bulk_sync jobs_;
};

} // namespace ctms::sync_app
