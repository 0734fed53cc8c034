// SPDX-License-Identifier: MPL-2.0
// A server for tests of clients, which does what the test says, byte for byte: a script runs for each connection, on a
// thread of its own. Listens on 127.0.0.1, plain or with TLS. Accepts until it is destroyed; the destructor ends all
// connections, and with them what scripts wait for.
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

/// One connection, as a script sees it. Methods throw boost::system::system_error when the client is gone, which a script
/// need not catch. When the script returns, the connection is closed (with TLS, without a close_notify).
class raw_connection {
public:
    virtual ~raw_connection() = default;

    /// The next request, head and body (Content-Length) as they came.
    [[nodiscard]] virtual std::string read_request() = 0;
    virtual void send(std::string_view bytes) = 0;
    /// Waits until the client closes the connection, or the server is destroyed; reads nothing that the client sends.
    virtual void stall() = 0;
    /// Ends TLS as it should be ended, and waits until the client does something about it. Nothing without TLS.
    virtual void notify_close() = 0;
    /// 0 for the first connection that the server accepted, and so on.
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
    /// "http://127.0.0.1:PORT", or https. `host`: what stands there instead.
    [[nodiscard]] std::string url(std::string_view host = "127.0.0.1") const;
    /// How many connections were accepted.
    [[nodiscard]] std::size_t accepted() const noexcept;
    /// Waits until the scripts of `count` connections have ended and these are closed; false when they have not after ten seconds.
    [[nodiscard]] bool wait_closed(std::size_t count) const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// "HTTP/1.1 200 OK" with a Content-Length. `headers`: whole lines, each with its "\r\n".
[[nodiscard]] std::string answer_text(std::string_view body, std::string_view headers = {}, std::string_view status = "200 OK");

/// A port of 127.0.0.1 that neither accepts nor refuses: its queue of connections is full, and more are passed over.
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
