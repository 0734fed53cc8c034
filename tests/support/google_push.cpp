// SPDX-License-Identifier: MPL-2.0
#include "google_push.hpp"

#include "pubsub_messages.hpp"

#include <boost/json/serialize.hpp>

#include <chrono>
#include <utility>

namespace ctms::test {
namespace {

void answer_with_keys(raw_connection& peer) {
    (void)peer.read_request();
    peer.send(answer_text(certificates_of({google_push::key()}), "Cache-Control: public, max-age=3600\r\nConnection: close\r\n"));
}

} // namespace

google_push::google_push() : server_(std::make_unique<raw_server>(answer_with_keys)) {}

web_fixture::options google_push::server_options(std::function<void(config::settings&)> also) const {
    web_fixture::options out;
    out.change_settings = [url = server_->url() + "/certs", also = std::move(also)](config::settings& settings) {
        settings.pubsub_client = client;
        settings.pubsub_email = account;
        settings.pubsub_audience = audience;
        settings.google_certs_url = url;
        if (also) also(settings);
    };
    return out;
}

boost::json::object google_push::claims() {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
    return {{"aud", audience},
            {"azp", "113774264463038321964"},
            {"email", account},
            {"email_verified", true},
            {"exp", now + 3600},
            {"iat", now},
            {"iss", "https://accounts.google.com"},
            {"sub", "113774264463038321964"}};
}

std::string google_push::token() { return token(claims()); }
std::string google_push::token(const boost::json::object& claims) { return key().token(boost::json::serialize(claims)); }

const google_key& google_push::key() {
    static const auto made = google_key::rsa("key of Google");
    return made;
}

http_answer google_push::send(const web_fixture& to, std::string_view body, std::string_view token, std::string_view target) {
    return ask(to.port(), "POST", target, {{"Authorization", "Bearer " + std::string(token)}, {"Content-Type", "application/json"}}, body);
}

http_answer google_push::push(const web_fixture& to, std::string_view payload) { return send(to, envelope_of(payload), token()); }
http_answer google_push::push(const web_fixture& to, const boost::json::object& payload) {
    return push(to, boost::json::serialize(payload));
}

} // namespace ctms::test
