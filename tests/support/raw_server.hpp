// SPDX-License-Identifier: MPL-2.0
// A server for tests of clients that sends exactly the bytes the test wants: a script runs for each connection, on its own
// thread. Listens on 127.0.0.1, with or without TLS. Accepts connections until it is destroyed; the destructor closes all
// connections, which ends any wait in a script.
#pragma once

#include "certificate.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::test {

/// One connection, as a script sees it. Methods throw boost::system::system_error when the client is gone; a script need
/// not catch it. When the script returns, the connection is closed (with TLS, without a close_notify).
class raw_connection {
public:
    virtual ~raw_connection() = default;

    /// Reads the next request and returns its head and body (Content-Length) as received.
    [[nodiscard]] virtual std::string read_request() = 0;
    virtual void send(std::string_view bytes) = 0;
    /// Waits until the client closes the connection or the server is destroyed. Ignores anything the client sends.
    virtual void stall() = 0;
    /// Sends a TLS close_notify and waits until the client reacts. Does nothing without TLS.
    virtual void notify_close() = 0;
    /// The number of the connection in order of acceptance; the first is 0.
    [[nodiscard]] virtual std::size_t number() const noexcept = 0;
};

class raw_server {
public:
    using script = std::function<void(raw_connection&)>;

    explicit raw_server(script run, std::optional<certificate> tls = {});
    ~raw_server();
    raw_server(const raw_server&) = delete;
    raw_server& operator=(const raw_server&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    /// "http://127.0.0.1:PORT", or "https://..." with TLS. `host` replaces 127.0.0.1.
    [[nodiscard]] std::string url(std::string_view host = "127.0.0.1") const;
    /// The number of connections accepted.
    [[nodiscard]] std::size_t accepted() const noexcept;
    /// Waits until the scripts of `count` connections have ended and their connections are closed. False after a minute.
    [[nodiscard]] bool wait_closed(std::size_t count) const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// "HTTP/1.1 200 OK" with a Content-Length. `headers`: complete lines, each with its "\r\n".
[[nodiscard]] std::string answer_text(std::string_view body, std::string_view headers = {}, std::string_view status = "200 OK");

/// A port on 127.0.0.1 that neither accepts nor refuses: its accept queue is full, so the kernel ignores new connections.
class full_port {
public:
    full_port();
    ~full_port();
    full_port(const full_port&) = delete;
    full_port& operator=(const full_port&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::test
