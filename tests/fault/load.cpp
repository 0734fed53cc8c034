// SPDX-License-Identifier: MPL-2.0
#include "load.hpp"

#include <ctms/base/uuid.hpp>

#include <fmt/core.h>

#include <stdexcept>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

} // namespace

load::load(std::uint16_t port, std::pair<std::string, std::string> authorization, int clients)
    : port_(port), authorization_(std::move(authorization)) {
    for (int i = 0; i < clients; ++i) threads_.emplace_back([this] { run(); });
}

void load::stop() {
    stopped_ = true;
    threads_.clear();
}

void load::run() {
    while (!stopped_) {
        try {
            http_connection connection(port_);
            run_connection(connection);
        } catch (const std::runtime_error&) {
            std::this_thread::sleep_for(1ms); // the server is not listening at the moment
        }
    }
}

/// Creates contacts and changes each of them, until the connection ends.
void load::run_connection(http_connection& connection) {
    while (!stopped_) {
        const auto id = uuid::random().to_string();
        if (!write(connection, {id, ""})) return;
        for (int change = 0; change < 3 && !stopped_; ++change) {
            if (!write(connection, {id, fmt::format("n{}", change)})) return;
        }
    }
}

/// Sends one write. False when the connection has ended.
bool load::write(http_connection& connection, const acknowledged& wanted) {
    const header_list headers{authorization_, {"Content-Type", "application/json"}};
    const auto body = wanted.newsletter.empty()
                          ? fmt::format(R"({{"email":{{"email_id":"{0}","primary_email":"{0}@example.com"}}}})", wanted.email_id)
                          : fmt::format(R"({{"newsletters":[{{"name":"{}"}}]}})", wanted.newsletter);
    const auto text = wanted.newsletter.empty() ? request_text("POST", "/ctms", headers, body)
                                                : request_text("PATCH", "/ctms/" + wanted.email_id, headers, body);
    if (!connection.send(text)) return false;
    http_answer answer;
    try {
        answer = connection.receive();
    } catch (const std::runtime_error&) {
        ++lost_;
        return false;
    }
    ++answered_;
    if (answer.status == 200 || answer.status == 201) {
        const std::lock_guard lock(mutex_);
        writes_.push_back(wanted);
    } else if (answer.status == 503) {
        ++unavailable_;
    } else if (answer.status != 404) { // a change to a contact whose creation was not acknowledged
        ++unexpected_;
    }
    return answer.keep_alive;
}

} // namespace ctms::test
