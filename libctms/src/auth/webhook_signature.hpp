// SPDX-License-Identifier: MPL-2.0
// Secrets and signatures of webhooks, as the Standard Webhooks specification 1.0.0 describes them
// (https://github.com/standard-webhooks/standard-webhooks): symmetric, HMAC-SHA256. Thread safe. Private to the library. Throws
// std::runtime_error if OpenSSL fails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ctms::auth {

/// Returns a new secret: "whsec_" and the base64 form of 32 random bytes.
[[nodiscard]] std::string make_webhook_secret();

/// Returns "v1," and the base64 form of the signature of "ID.TIMESTAMP.BODY". `timestamp` is in seconds since 1970; `id` must not contain a
/// full stop. Throws std::invalid_argument unless `secret` has the form of make_webhook_secret(); the message does not contain it.
[[nodiscard]] std::string sign_webhook(std::string_view secret, std::string_view id, std::int64_t timestamp, std::string_view body);

/// Returns an id for a message with this content of this webhook: "msg_" and 32 characters, the same for the same arguments.
[[nodiscard]] std::string webhook_message_id(std::string_view webhook, std::string_view body);

} // namespace ctms::auth
