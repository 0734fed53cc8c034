// SPDX-License-Identifier: MPL-2.0
// A server that takes reports as Sentry does, and keeps them. Thread safe.
#pragma once

#include "becomes_true.hpp"
#include "raw_server.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::test {

/// Answers each request with what `next` returns for its number, and keeps the requests.
class fake_sentry {
public:
    using answers = std::function<std::string(std::size_t)>;

    explicit fake_sentry(answers next = [](std::size_t) { return answer_text(R"({"id":"x"})"); })
        : next_(std::move(next)), server_([this](raw_connection& peer) {
              while (true) peer.send(next_(keep(peer.read_request())));
          }) {}

    /// "http://key1@127.0.0.1:PORT/42"
    [[nodiscard]] std::string dsn() const { return "http://key1@" + server_.url().substr(std::string_view("http://").size()) + "/42"; }
    [[nodiscard]] std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    [[nodiscard]] bool reach(std::size_t count) const {
        return becomes_true([&] { return requests().size() >= count; });
    }
    /// The event in a request, by its number.
    [[nodiscard]] boost::json::object event(std::size_t number) const {
        const auto request = requests().at(number);
        const auto end = request.find_last_of('\n', request.size() - 2);
        return boost::json::parse(request.substr(end + 1)).as_object();
    }
    [[nodiscard]] std::string message(std::size_t number) const {
        return std::string(event(number).at("message").at("formatted").as_string());
    }

private:
    std::size_t keep(std::string request) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
        return requests_.size() - 1;
    }

    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    answers next_;
    raw_server server_; // last, because it uses the others
};

} // namespace ctms::test
