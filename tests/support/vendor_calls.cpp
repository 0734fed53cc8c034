// SPDX-License-Identifier: MPL-2.0
#include "vendor_calls.hpp"

#include <boost/json/parse.hpp>
#include <fmt/core.h>

#include <stdexcept>

namespace ctms::test {
namespace {

std::string call_text(std::string_view method, const std::string& content) {
    return fmt::format("<Envelope><Body><{0}>{1}</{0}></Body></Envelope>", method, content);
}

std::string column(std::string_view name, std::string_view value) {
    return fmt::format("<COLUMN><NAME>{}</NAME><VALUE>{}</VALUE></COLUMN>", name, value);
}

/// Percent-encodes everything except letters and digits.
std::string encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += std::isalnum(byte) != 0 ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return out;
}

const header_list& form_headers() {
    static const header_list out{{"Content-Type", "application/x-www-form-urlencoded"}};
    return out;
}

std::string token_of(const http_answer& answer) {
    if (answer.status != 200) throw std::runtime_error("no token was issued");
    return std::string(boost::json::parse(answer.body).at("access_token").as_string());
}

} // namespace

std::string add_recipient(std::string_view email_id, std::string_view email, std::string_view more_columns) {
    constexpr std::string_view head = "<LIST_ID>1001</LIST_ID><CREATED_FROM>3</CREATED_FROM><UPDATE_IF_FOUND>TRUE</UPDATE_IF_FOUND>"
                                      "<SYNC_FIELDS><SYNC_FIELD><NAME>email_id</NAME><VALUE>{}</VALUE></SYNC_FIELD></SYNC_FIELDS>";
    return call_text("AddRecipient",
                     fmt::format(head, email_id) + column("email_id", email_id) + column("email", email) + std::string(more_columns));
}

std::string remove_recipient(std::string_view email_id) {
    return call_text("RemoveRecipient", "<LIST_ID>1001</LIST_ID><EMAIL>a@example.com</EMAIL>" + column("email_id", email_id));
}

std::string row(std::string_view email_id, std::string_view key, std::string_view value, std::string_view element) {
    return fmt::format(R"(<ROW><{0} name="email_id">{1}</{0}><{0} name="{2}">{3}</{0}></ROW>)", element, email_id, key, value);
}

std::string insert_rows(std::string_view table, const std::string& rows) {
    return call_text("InsertUpdateRelationalTable", fmt::format("<TABLE_ID>{}</TABLE_ID><ROWS>{}</ROWS>", table, rows));
}

std::string delete_rows(std::string_view table, const std::string& rows) {
    return call_text("DeleteRelationalTableData", fmt::format("<TABLE_ID>{}</TABLE_ID><ROWS>{}</ROWS>", table, rows));
}

http_answer ask_token(std::uint16_t port, std::string_view secret) {
    return ask(port, "POST", "/oauth/token", form_headers(),
               fmt::format("grant_type=refresh_token&client_id=fake-client&client_secret={}&refresh_token=fake-refresh", secret));
}

vendor_caller::vendor_caller(std::uint16_t port) : token_(token_of(ask_token(port))), connection_(port) {}

void vendor_caller::begin(const std::string& xml) {
    auto headers = form_headers();
    headers.emplace_back("Authorization", "Bearer " + token_);
    if (!connection_.send(request_text("POST", "/XMLAPI", headers, "xml=" + encode(xml))))
        throw std::runtime_error("the server closed the connection");
}

http_answer vendor_caller::call(const std::string& xml) {
    begin(xml);
    return connection_.receive();
}

} // namespace ctms::test
