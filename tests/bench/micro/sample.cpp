// SPDX-License-Identifier: MPL-2.0
#include "sample.hpp"

#include <ctms/json/contact_json.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace ctms::bench {
namespace {

constexpr std::string_view groups = R"({
  "amo": {"add_on_ids": "add-on-1,add-on-2", "display_name": "Add-ons Author", "email_opt_in": true, "language": "en",
          "last_login": "2020-01-27", "location": "California", "profile_url": "firefox/user/98765", "user": true,
          "user_id": "98765", "username": "AddOnAuthor"},
  "email": {"primary_email": "contact@example.com", "basket_token": "c4a7d759-bb52-457b-896b-90f1d3ef8433", "double_opt_in": true,
            "sfdc_id": "001A000023aABcDEFG", "first_name": "Jane", "last_name": "Doe", "mailing_country": "us", "email_format": "H",
            "email_lang": "en", "has_opted_out_of_email": true, "unsubscribe_reason": "too many mails",
            "email_id": "332de237-cab7-4461-bcc3-48e68f42bd5c"},
  "fxa": {"fxa_id": "6eb6ed6ac3b64259968aa490c6c0b9df", "primary_email": "account@example.com",
          "created_date": "2019-05-22T08:29:31.906094+00:00", "lang": "en,en-US", "first_service": "sync", "account_deleted": true},
  "mofo": {"mofo_email_id": "195207d2-63f2-4c9f-b149-80e9c408477a", "mofo_contact_id": "5e499cc0-eeb5-4f0e-aae6-a101721874b8",
           "mofo_relevant": true},
  "newsletters": [)";

// Lists are stored in alphabetical order.
constexpr std::string_view newsletters[] = {"app-dev", "common-voice", "hubs", "mozilla-and-you", "take-action-for-the-internet"};
constexpr std::string_view waitlists[] = {"a-product", "relay-vpn-bundle", "vpn"};

template <std::size_t N>
void append_items(std::string& out, const std::string_view (&names)[N], std::string_view members) {
    for (const auto name : names) {
        if (name != names[0]) out += ", ";
        out.append(R"({"name": ")").append(name).append(R"(", )").append(members).append("}");
    }
}

} // namespace

std::string contact_body() {
    std::string out(groups);
    append_items(
        out, newsletters,
        R"("subscribed": false, "format": "T", "lang": "de", "source": "https://www.example.com/newsletter/", "unsub_reason": "done")");
    out += R"(], "waitlists": [)";
    append_items(out, waitlists, R"("source": "https://www.example.com/waitlist/", "fields": {"geo": "de", "platform": "ios,linux"})");
    return out + "]}";
}

model::contact stored_contact() {
    const auto sent = json::body::parse(contact_body());
    if (!sent) throw std::logic_error("the contact is not valid JSON");
    auto read = json::read_contact(*sent, json::purpose::replace);
    if (!read) throw std::logic_error("the contact is refused");
    const auto& input = **read;
    model::contact out{input.amo, input.email, input.fxa, input.mofo, input.newsletters, input.waitlists};
    const auto when = timestamp(std::chrono::microseconds(1'611'869'217'511'042));
    const auto set_times = [&](auto& to) { to.create_timestamp = to.update_timestamp = when; };
    set_times(out.email);
    set_times(*out.amo);
    std::for_each(out.newsletters.begin(), out.newsletters.end(), set_times);
    return out;
}

web::exchange get_contact() {
    web::exchange one;
    one.http.method = "GET";
    one.http.target = one.http.path = "/ctms/" + std::string(contact_id);
    one.http.headers = {{"host", "ctms.example.com"},
                        {"authorization", "Bearer " + std::string(150, 'x')},
                        {"user-agent", "basket/1.0 python-requests/2.28.1"},
                        {"accept", "*/*"},
                        {"accept-encoding", "gzip, deflate"},
                        {"x-forwarded-for", "203.0.113.7, 198.51.100.2"},
                        {"x-request-id", "9f1c2a34d5e64f7a8b9c0d1e2f3a4b5c"}};
    one.http.peer_address = "192.0.2.7";
    one.http.peer_port = 54321;
    one.http.id = "9f1c2a34d5e64f7a8b9c0d1e2f3a4b5c";
    const auto routes = web::all_routes();
    const auto found = std::find_if(routes.begin(), routes.end(),
                                    [](const auto& route) { return route.method == "GET" && route.path == "/ctms/{email_id}"; });
    one.matched = &*found;
    one.path_parameters = {{"email_id", std::string(contact_id)}};
    one.facts.client_id = "id_basket";
    one.facts.client_exists = true;
    one.facts.client_allowed = true;
    one.facts.token_creds_from = "header";
    one.answer.status = 200;
    return one;
}

} // namespace ctms::bench
