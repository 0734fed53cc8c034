// SPDX-License-Identifier: MPL-2.0
// Calls of the vendor's XML API as text, and a client that makes them over a persistent connection: for tests of the fake
// vendor that do not use the product's client. Not thread safe.
#pragma once

#include <support/http_client.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

[[nodiscard]] std::string add_recipient(std::string_view email_id, std::string_view email, std::string_view more_columns = {});
[[nodiscard]] std::string remove_recipient(std::string_view email_id);
/// A `<ROW>` of a relational table; `element` is COLUMN or KEY_COLUMN.
[[nodiscard]] std::string row(std::string_view email_id, std::string_view key, std::string_view value, std::string_view element = "COLUMN");
[[nodiscard]] std::string insert_rows(std::string_view table, const std::string& rows);
[[nodiscard]] std::string delete_rows(std::string_view table, const std::string& rows);

/// Requests a token with the fake vendor's default credentials and this secret.
http_answer ask_token(std::uint16_t port, std::string_view secret = "fake-secret");

class vendor_caller {
public:
    /// Fetches a token.
    explicit vendor_caller(std::uint16_t port);

    /// Makes a call and waits for its answer.
    http_answer call(const std::string& xml);
    /// Sends a call without waiting; connection().receive() reads the answer.
    void begin(const std::string& xml);
    http_connection& connection() { return connection_; }

private:
    std::string token_;
    http_connection connection_;
};

} // namespace ctms::test
