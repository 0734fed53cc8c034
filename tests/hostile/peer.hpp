// SPDX-License-Identifier: MPL-2.0
// One TCP connection of an attacker: it sends any bytes, from any address of the loopback, and need not read.
// tests/support/http_client.hpp suits clients that behave. Not thread safe. Every wait has a limit. The constructor throws
// std::system_error when it cannot connect; nothing else throws but receive().
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

    /// Sends all bytes. False when the server closed the connection, or did not take them before `limit`.
    bool send(std::string_view bytes, std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// Sends as many bytes as the kernel takes at once, and returns how many that were.
    std::size_t offer(std::string_view bytes);
    /// The bytes that arrive first; "" at the end of the connection, and when `limit` passed.
    [[nodiscard]] std::string read(std::chrono::milliseconds limit);
    /// True when there is something to read, or the connection ended, before `limit`.
    [[nodiscard]] bool has_input(std::chrono::nanoseconds limit) const;
    /// Reads and drops everything. True when the server ended the connection before `limit`.
    [[nodiscard]] bool ends_within(std::chrono::milliseconds limit);
    /// Reads one answer. Throws std::runtime_error when there is none before `limit`.
    [[nodiscard]] http_answer receive(std::chrono::milliseconds limit = std::chrono::seconds(10));

    /// False after the server closed the connection and a call noticed it.
    [[nodiscard]] bool is_open() const { return socket_ >= 0 && !ended_; }
    /// The socket, for a library that speaks TLS on it; -1 when it is closed.
    [[nodiscard]] int descriptor() const { return socket_; }
    /// Ends sending; the server's bytes can still be read.
    void finish_sending() const;
    /// Closes the connection with a RST.
    void reset();
    void close();

private:
    [[nodiscard]] bool waits(short events, std::chrono::steady_clock::time_point until) const;
    bool read_some(std::chrono::steady_clock::time_point until);

    int socket_ = -1;
    bool ended_ = false;
    std::string buffer_; ///< read and not used yet
};

/// `count` connections, from the addresses in turn. Allows this process as many descriptors as the system does.
[[nodiscard]] std::vector<peer> open_peers(std::uint16_t port, std::size_t count, const std::vector<std::string>& from = {"127.0.0.1"});

/// Addresses of the loopback: 127.0.`third`.2 and the following `count` - 1.
[[nodiscard]] std::vector<std::string> loopback_addresses(std::size_t count, int third = 0);

/// Sends `piece` again and again: until the server closes, `most` bytes are sent, or `limit` passed. How many bytes were sent.
std::size_t flood(peer& from, std::string_view piece, std::size_t most, std::chrono::milliseconds limit);

/// How many of them the server has not ended `limit` from now.
[[nodiscard]] std::size_t still_open(std::vector<peer>& peers, std::chrono::milliseconds limit);

} // namespace ctms::test
