// SPDX-License-Identifier: MPL-2.0
// An attacker's TCP connection: it sends any bytes, from any loopback address, and need not read. For well-behaved clients use
// tests/support/http_client.hpp. Not thread safe. Every wait has a limit. The constructor throws std::system_error when it
// cannot connect; of the other functions, only receive() throws.
#pragma once

#include <support/http_client.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

class peer {
public:
    /// Connects to 127.0.0.1 from the address `from`.
    explicit peer(std::uint16_t port, const std::string& from = "127.0.0.1");
    ~peer() { close(); }
    peer(peer&& other) noexcept;
    peer& operator=(peer&& other) noexcept;
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;

    /// Sends all bytes. False when the server has closed the connection or did not read them before `limit`.
    bool send(std::string_view bytes, std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// Sends as many bytes as the kernel accepts without waiting, and returns their number.
    std::size_t offer(std::string_view bytes);
    /// The bytes that arrive first; "" at the end of the connection or when `limit` passes.
    [[nodiscard]] std::string read(std::chrono::milliseconds limit);
    /// True when there is something to read or the connection ends before `limit`.
    [[nodiscard]] bool has_input(std::chrono::nanoseconds limit) const;
    /// Reads and discards everything. True when the server closes the connection before `limit`.
    [[nodiscard]] bool ends_within(std::chrono::milliseconds limit);
    /// Reads one answer. Throws std::runtime_error when none arrives before `limit`.
    [[nodiscard]] http_answer receive(std::chrono::milliseconds limit = std::chrono::seconds(10));

    /// False once a call has noticed that the server closed the connection.
    [[nodiscard]] bool is_open() const { return socket_ >= 0 && !ended_; }
    /// The socket, for a library that speaks TLS on it; -1 when closed.
    [[nodiscard]] int descriptor() const { return socket_; }
    /// Shuts down sending; answers can still be read.
    void finish_sending() const;
    /// Closes the connection with a RST.
    void reset();
    void close();

private:
    [[nodiscard]] bool waits(short events, std::chrono::steady_clock::time_point until) const;
    bool read_some(std::chrono::steady_clock::time_point until);

    int socket_ = -1;
    bool ended_ = false;
    std::string buffer_; ///< received but not used yet
};

/// Opens `count` connections, from the given addresses in turn. Raises this process's descriptor limit as far as allowed.
[[nodiscard]] std::vector<peer> open_peers(std::uint16_t port, std::size_t count, const std::vector<std::string>& from = {"127.0.0.1"});

/// Loopback addresses: `count` of them, numbered upwards within 127.0.`third`.
[[nodiscard]] std::vector<std::string> loopback_addresses(std::size_t count, int third = 0);

/// Sends `piece` over and over until the server closes, `most` bytes are sent, or `limit` passes. Returns the bytes sent.
std::size_t flood(peer& from, std::string_view piece, std::size_t most, std::chrono::milliseconds limit);

/// How many of the connections the server has not closed within `limit`.
[[nodiscard]] std::size_t still_open(std::vector<peer>& peers, std::chrono::milliseconds limit);

} // namespace ctms::test
