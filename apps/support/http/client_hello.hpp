// SPDX-License-Identifier: MPL-2.0
// A bound on the length that a TLS client may claim for its ClientHello, the first one and the one after a HelloRetryRequest. OpenSSL
// allocates what a message claims before it has arrived, up to 128 KiB, and has no setting for less; it bounds the other messages of a
// client itself. Not thread safe; does not throw.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace ctms::http {

class client_hello_bound {
public:
    /// Browsers send about 2 KiB. OpenSSL's buffer has this size in any case.
    static constexpr std::size_t most_bytes = 16 * 1024;

    /// Takes the bytes from the client, in pieces of any size. `is_tls_1_3` tells whether the handshake has agreed on TLS 1.3 so far.
    /// Returns false if a ClientHello claims more than most_bytes. Ignores everything after the last ClientHello.
    [[nodiscard]] bool take(std::string_view bytes, bool is_tls_1_3) noexcept;

private:
    void begin_record(bool is_tls_1_3) noexcept;
    [[nodiscard]] bool take_handshake(unsigned char byte) noexcept;

    // RFC 8446, 5.1: type, version (2 bytes), length (2 bytes).
    std::array<unsigned char, 5> record_{};
    std::size_t record_bytes_ = 0; ///< of its header
    std::size_t record_left_ = 0;  ///< of its content
    // RFC 8446, 4: type, length (3 bytes). May be spread over records.
    std::array<unsigned char, 4> message_{};
    std::size_t message_bytes_ = 0; ///< of its header
    std::size_t message_left_ = 0;  ///< of its content
    bool has_hello_ = false;        ///< one has begun
    bool is_over_ = false;
};

} // namespace ctms::http
