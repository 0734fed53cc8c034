// SPDX-License-Identifier: MPL-2.0
// Compares answers of ctms-web with its OpenAPI document, so that no test sees an answer that the document does not describe.
#pragma once

#include "http_client.hpp"

#include <cstdint>
#include <string_view>

namespace ctms::test {

/// From now on, `check_answer` checks what comes from this port of 127.0.0.1, where ctms-web listens. Thread safe.
void check_answers_of(std::uint16_t port);
/// Ends that. Thread safe.
void leave_answers_of(std::uint16_t port);

/// Throws std::runtime_error if the port is checked, and status, media type or body of the answer are not those that the document has for
/// this method and target, or if the body has a member that the document does not name. Thread safe.
void check_answer(std::uint16_t port, std::string_view method, std::string_view target, const http_answer& answer);

} // namespace ctms::test
