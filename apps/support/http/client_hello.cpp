// SPDX-License-Identifier: MPL-2.0
#include "client_hello.hpp"

namespace ctms::http {
namespace {

// Types of records and of messages (RFC 8446, 5.1 and 4).
constexpr unsigned char change_cipher_spec = 20;
constexpr unsigned char alert = 21;
constexpr unsigned char handshake = 22;
constexpr unsigned char client_hello = 1;

} // namespace

/// In TLS 1.3 a meaningless change_cipher_spec may come before the second ClientHello, and encrypted records have another type. In
/// TLS 1.2 everything after change_cipher_spec is encrypted.
void client_hello_bound::begin_record(bool is_tls_1_3) noexcept {
    record_left_ = record_[3] * std::size_t{256} + record_[4];
    if (record_left_ == 0) record_bytes_ = 0;
    const auto type = record_[0];
    if (type == change_cipher_spec) {
        is_over_ = has_hello_ && !is_tls_1_3;
    } else {
        is_over_ = type != handshake && type != alert;
    }
}

/// Takes one byte of a handshake message. Returns false if the message is too long.
bool client_hello_bound::take_handshake(unsigned char byte) noexcept {
    if (message_left_ > 0) {
        --message_left_;
        return true;
    }
    message_.at(message_bytes_++) = byte;
    if (message_[0] != client_hello) is_over_ = true;
    if (message_bytes_ < message_.size()) return true;
    message_bytes_ = 0;
    has_hello_ = true;
    message_left_ = (message_[1] * std::size_t{256} + message_[2]) * 256 + message_[3];
    return message_left_ <= most_bytes;
}

bool client_hello_bound::take(std::string_view bytes, bool is_tls_1_3) noexcept {
    for (const char c : bytes) {
        if (is_over_) return true;
        const auto byte = static_cast<unsigned char>(c);
        if (record_bytes_ < record_.size()) {
            record_.at(record_bytes_++) = byte;
            if (record_bytes_ == record_.size()) begin_record(is_tls_1_3);
            continue;
        }
        if (--record_left_ == 0) record_bytes_ = 0;
        if (record_[0] == handshake && !take_handshake(byte)) return false;
    }
    return true;
}

} // namespace ctms::http
