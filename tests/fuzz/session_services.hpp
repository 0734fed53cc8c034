// SPDX-License-Identifier: MPL-2.0
// What a session of the fuzz target works with: routes whose handlers need no database, one of each kind (body, form, path, long answer,
// streamed answer, gathered calls, token), and services with a database that is never there. One for the whole process.
#pragma once

#include <web/server/session.hpp>

#include <boost/asio/io_context.hpp>

namespace ctms::fuzz {

/// The one event loop. It outlives the threads of the lanes: one of them may still be waking it when a session has ended already.
[[nodiscard]] boost::asio::io_context& event_loop();

/// The environment of one session.
class serving {
public:
    /// `bounds` must outlive it.
    explicit serving(const web::limits& bounds);
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    [[nodiscard]] const web::session_environment& environment() const noexcept { return environment_; }
    /// Whether a session that has ended left its memory and its requests under way counted.
    [[nodiscard]] bool is_clean();

private:
    std::size_t budget_;
    http::memory_budget memory_;
    web::requests_by_network under_way_;
    web::handshake_pace handshakes_;
    web::session_environment environment_;
};

} // namespace ctms::fuzz
