// SPDX-License-Identifier: MPL-2.0
// Sends signed messages to the receiver of a webhook (Standard Webhooks 1.0.0), and says what became of them. One thread at a time; each
// call blocks for at most the timeout, whatever the receiver does. Private to the library.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/model/webhook.hpp>
#include <ctms/net/http_client.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ctms::webhook {

/// The longest body of a response that is read. It is not used.
inline constexpr std::size_t longest_answer = 64 * 1024;
/// The longest time that a receiver can ask for with Retry-After.
inline constexpr std::chrono::hours longest_retry_after{24};

/// What became of a message. `status` of a response outside 200 to 299 is a failure, redirects included: they are not followed.
enum class outcome_kind : std::uint8_t { delivered, status, timeout, certificate, not_public, connection };

/// The names of the outcomes in metrics, in the order of outcome_kind.
inline constexpr std::array<std::string_view, 6> outcome_names{"delivered", "status", "timeout", "certificate", "not_public", "connection"};

/// Returns the name of an outcome.
[[nodiscard]] constexpr std::string_view to_string(outcome_kind what) { return outcome_names.at(static_cast<std::size_t>(what)); }

/// An attempt.
struct outcome {
    outcome_kind what = outcome_kind::connection;
    int status = 0;                                  ///< of the response; 0 if there is none
    std::string text;                                ///< what happened, for operators; without data of the request or of the response
    std::optional<std::chrono::seconds> retry_after; ///< how long the receiver wants to be left alone, at most longest_retry_after
};

/// Checks the URL of a webhook: https, or http if that is allowed; no user information and no fragment; an address in it must be public, or
/// allowed. Returns errc::invalid with the reason, without the URL.
[[nodiscard]] result<void> check_url(const model::webhook& hook);

/// Reads Retry-After: a number of seconds, or a date (RFC 9110, 10.2.3), relative to `now`. nullopt for anything else.
[[nodiscard]] std::optional<std::chrono::seconds> read_retry_after(std::string_view value, timestamp now);

class sender {
public:
    /// Throws std::invalid_argument if check_url() fails.
    sender(const model::webhook& hook, std::chrono::milliseconds timeout);

    /// Sends `body` (JSON) as a message with this id, signed now with each of the secrets. Keeps the connection for the next message.
    [[nodiscard]] outcome send(std::string_view id, const std::string& body, std::span<const std::string> secrets);

private:
    std::string target_; ///< the query of the URL
    net::http_client client_;
};

} // namespace ctms::webhook
