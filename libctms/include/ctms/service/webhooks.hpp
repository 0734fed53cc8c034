// SPDX-License-Identifier: MPL-2.0
// Use cases for webhooks, services to which the feed of changes is sent: add, change, test and delete them. webhook_delivery.hpp sends.
// Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/webhook.hpp>

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// How many webhooks can exist. Each may need a thread in the process that delivers.
inline constexpr int most_webhooks = 50;
/// How long a replaced secret may also sign.
inline constexpr std::chrono::hours longest_webhook_grace_period{365 * 24};
/// How long a receiver may take for the whole response; the specification recommends 15 to 30 seconds.
inline constexpr std::chrono::seconds usual_webhook_timeout{15};

/// A webhook to be added.
struct CTMS_API new_webhook {
    std::string url{};                     ///< "https://HOST[:PORT][/PATH][?QUERY]", at most 2000 characters
    std::string name{};                    ///< 1 to 64 letters, digits and - _ .; "" takes the host of the URL
    std::set<model::change_kind> events{}; ///< kinds of changes to send, at least one; created and updated are sent together
    bool with_contacts = false;            ///< also send the contacts, with personal data
    bool allow_http = false;               ///< accept a URL that begins with http
    bool allow_private_address = false;    ///< send also if the host has an address that is not public
};

/// A webhook with a secret that was just made. It is not shown again.
struct CTMS_API webhook_secret {
    model::webhook webhook; ///< as stored
    std::string secret;     ///< "whsec_..."
};

/// The result of a message that was sent on request.
struct CTMS_API webhook_test {
    bool delivered = false; ///< the response had a status from 200 to 299
    std::string text;       ///< what happened, for people
};

/// errc::invalid unless a webhook can have this name: 1 to 64 letters, digits and - _ .
[[nodiscard]] CTMS_API result<void> check_webhook_name(std::string_view name);

/// The use cases. Every function that takes a name returns errc::not_found if there is no such webhook.
class CTMS_API webhooks {
public:
    /// `db` must outlive it.
    explicit webhooks(persistence::database& db) : db_(db) {}

    /// Makes a secret and stores the webhook. It will send the changes that become visible in the feed from now on. errc::invalid for a
    /// URL, a name or events that are not allowed; errc::conflict if the name is used or there are most_webhooks already.
    [[nodiscard]] result<webhook_secret> add(const new_webhook& wanted);
    /// Returns all webhooks, in order of their names.
    [[nodiscard]] result<std::vector<model::webhook>> list();
    /// Returns a webhook.
    [[nodiscard]] result<model::webhook> find(std::string_view name);
    /// Sends a message of the type webhook.test to the receiver, whatever the state of the webhook, and waits for the response.
    [[nodiscard]] result<webhook_test> test(std::string_view name, std::chrono::milliseconds timeout = usual_webhook_timeout);
    /// Stops delivering. A message that is being sent is not recalled. The webhook keeps its place in the feed.
    [[nodiscard]] result<void> disable(std::string_view name);
    /// Delivers what happened since the last delivery, with all attempts, the first one at once; or, with `from_now`, only what becomes
    /// visible in the feed from now on. Also for webhooks that are parked or failing.
    [[nodiscard]] result<void> enable(std::string_view name, bool from_now = false);
    /// Does enable() for each webhook that is parked or failing, and adds its name to `retried`, which is also right after an error.
    [[nodiscard]] result<void> retry_all(std::vector<std::string>& retried);
    /// Makes a new secret. The old one also signs for `grace_period`; if that is 0, only the new one does from the next message on (at most
    /// some seconds later). `deliver`, unless it is empty, is called before anything is stored: if it returns false, because the new secret
    /// could not be written, nothing changes (errc::unavailable). errc::conflict while a secret that was replaced before still signs,
    /// because that one would end at once; with `end_grace` it does. errc::invalid unless 0 <= grace_period <=
    /// longest_webhook_grace_period.
    [[nodiscard]] result<webhook_secret> rotate_secret(std::string_view name, std::chrono::seconds grace_period = {},
                                                       const std::function<bool(const webhook_secret&)>& deliver = {},
                                                       bool end_grace = false);
    /// Deletes a webhook with its secrets.
    [[nodiscard]] result<void> remove(std::string_view name);

private:
    persistence::database& db_;
};

/// Returns the URL without its query, which may contain a token.
[[nodiscard]] CTMS_API std::string webhook_url_for_display(std::string_view url);

} // namespace ctms::service
