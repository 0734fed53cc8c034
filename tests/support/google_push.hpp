// SPDX-License-Identifier: MPL-2.0
// Google Pub/Sub as a server sees it: a key server on the loopback interface, and a sender of push requests whose tokens
// are signed with its key. Thread safe except for `go_down`. Throws what http_client.hpp and google_tokens.hpp throw.
#pragma once

#include "google_tokens.hpp"
#include "raw_server.hpp"
#include "web_fixture.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::test {

class google_push {
public:
    static constexpr auto client = "secret_of_pushes";
    static constexpr auto account = "push@project.iam.gserviceaccount.com";
    static constexpr auto audience = "https://ctms.example.com";
    static constexpr auto path = "/stripe_from_pubsub?pubsub_client=secret_of_pushes";

    google_push();

    /// Settings for a server that accepts pushes from this sender; `also` may change them.
    [[nodiscard]] web_fixture::options server_options(std::function<void(config::settings&)> also = {}) const;

    /// Claims as Google makes them, valid for an hour.
    [[nodiscard]] static boost::json::object claims();
    /// A token with the given claims (valid ones by default), signed with the key server's key.
    [[nodiscard]] static std::string token();
    [[nodiscard]] static std::string token(const boost::json::object& claims);
    [[nodiscard]] static const google_key& key();

    /// Sends a body with a token.
    static http_answer send(const web_fixture& to, std::string_view body, std::string_view token, std::string_view target = path);
    /// Sends a payload in a Pub/Sub envelope with a valid token.
    static http_answer push(const web_fixture& to, std::string_view payload);
    static http_answer push(const web_fixture& to, const boost::json::object& payload);

    /// How often the keys were fetched.
    [[nodiscard]] std::size_t fetches() const { return server_->accepted(); }
    void go_down() { server_.reset(); }

private:
    std::unique_ptr<raw_server> server_;
};

/// A sender and a server that accepts its pushes.
struct pushed_server {
    explicit pushed_server(std::function<void(config::settings&)> also = {}) : web(google.server_options(std::move(also))) {}

    http_answer push(const boost::json::object& payload) { return google_push::push(web, payload); }

    google_push google;
    web_fixture web;
};

} // namespace ctms::test
