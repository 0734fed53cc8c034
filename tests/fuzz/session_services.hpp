// SPDX-License-Identifier: MPL-2.0
// The environment of the fuzzed sessions: routes whose handlers need no database, one of each kind (body, form, path, long answer,
// streamed answer, batched calls, token), and services with an unreachable database. There is one per process.
#pragma once

#include <web/server/session.hpp>

#include <boost/asio/io_context.hpp>

#include <functional>

namespace ctms::fuzz {

/// The only event loop. It outlives the threads of the lanes, because one of them may still wake it after a session has ended.
[[nodiscard]] boost::asio::io_context& event_loop();

/// The environment of one session.
class serving {
public:
    /// `bounds` must outlive this object.
    explicit serving(const web::limits& bounds);
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    [[nodiscard]] const web::session_environment& environment() const noexcept { return environment_; }
    /// True when an ended session has released all memory and requests that were counted for it.
    [[nodiscard]] bool is_clean();

private:
    std::size_t budget_;
    http::memory_budget memory_;
    web::requests_by_network under_way_;
    web::handshake_pace handshakes_;
    const std::function<void(web::session&)> set_aside_ = [](web::session&) {}; // no route here sends events
    web::session_environment environment_;
};

} // namespace ctms::fuzz
