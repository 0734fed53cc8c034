// SPDX-License-Identifier: MPL-2.0
// The receiver of a webhook, for tests: keeps the messages and answers as the test wants. It verifies signatures with code of its own, as
// the specification describes them. Thread safe.
#pragma once

#include <support/raw_server.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// A request that arrived.
struct received {
    std::string head;
    std::string body;
    std::chrono::steady_clock::time_point when;

    /// The value of a header; "" if it is missing.
    [[nodiscard]] std::string header(std::string_view lower_case_name) const;
    [[nodiscard]] boost::json::object json() const;
    /// The number of signatures in the header that this secret made.
    [[nodiscard]] int signatures_of(std::string_view secret) const;
};

class webhook_receiver {
public:
    /// Answers a message; the first has the number 0. Runs on the thread of the connection. The connection is closed if it returns false.
    using answerer = std::function<bool(raw_connection& peer, std::size_t number, const received& message)>;

    /// Answers 204 to everything.
    webhook_receiver();
    explicit webhook_receiver(answerer answer, std::optional<certificate> tls = {});

    [[nodiscard]] std::string url(std::string_view host = "127.0.0.1") const { return server_.url(host) + "/hooks?token=t"; }
    [[nodiscard]] std::vector<received> messages() const;
    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] std::size_t connections() const { return server_.accepted(); }
    /// The most messages that were being answered at the same time.
    [[nodiscard]] int most_at_once() const;
    /// What a receiver that processes each message id once knows: the last change of each contact, and how many changes it was told.
    [[nodiscard]] std::map<std::string, std::string> known() const;
    /// The changes of all accepted messages of the type contacts.changed with new ids, as "ID CHANGE", in order.
    [[nodiscard]] std::vector<std::string> changes() const;

private:
    void serve(raw_connection& peer);

    answerer answer_;
    mutable std::mutex mutex_;
    std::vector<received> messages_;
    std::vector<std::size_t> accepted_; ///< numbers of the messages that got a good answer
    int now_ = 0;
    int most_ = 0;
    raw_server server_; ///< last, because its threads use the others
};

/// An answer with this status.
[[nodiscard]] webhook_receiver::answerer answering(std::string_view status, std::string_view headers = {});

} // namespace ctms::test
