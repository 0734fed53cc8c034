// SPDX-License-Identifier: MPL-2.0
// A contact: one person's address with everything that hangs on it, as the API shows it.
// Plain data; defaults stand here and nowhere else. Limits, texts and JSON names stand in the
// field tables of ctms/json. Not a database row: persistence maps to and from these.
#pragma once

#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace ctms::model {

using text = std::optional<std::string>;

/// The address itself and what is known of its owner.
struct email {
    std::string primary_email;
    text basket_token; ///< a UUID in canonical form; free text in rows of older databases
    bool double_opt_in = false;
    text sfdc_id;
    text first_name;
    text last_name;
    text mailing_country;
    std::string email_format = "H"; ///< H, T, N or blank
    text email_lang = "en";
    bool has_opted_out_of_email = false;
    text unsubscribe_reason;
    uuid email_id;                             ///< nil until one is chosen
    std::optional<timestamp> create_timestamp; ///< set by the database
    std::optional<timestamp> update_timestamp; ///< set by the database
    bool operator==(const email&) const = default;
};

/// addons.mozilla.org
struct amo {
    text add_on_ids;
    text display_name;
    bool email_opt_in = false;
    text language;
    std::optional<date> last_login;
    text location;
    text profile_url;
    bool user = false;
    text user_id;
    text username;
    std::optional<timestamp> create_timestamp;
    std::optional<timestamp> update_timestamp;
    bool operator==(const amo&) const = default;
};

/// Firefox Accounts
struct fxa {
    text fxa_id;
    text primary_email;
    text created_date; ///< free text, as the accounts server sent it
    text lang;
    text first_service;
    bool account_deleted = false;
    bool operator==(const fxa&) const = default;
};

/// Mozilla Foundation
struct mofo {
    text mofo_email_id;
    text mofo_contact_id;
    bool mofo_relevant = false;
    bool operator==(const mofo&) const = default;
};

struct newsletter {
    std::string name;
    bool subscribed = true;
    std::string format = "H"; ///< H or T
    text lang = "en";
    text source; ///< a URL
    text unsub_reason;
    std::optional<timestamp> create_timestamp{}; ///< set by the database
    std::optional<timestamp> update_timestamp{}; ///< set by the database
    /// The same subscription, whenever it was written.
    bool operator==(const newsletter& other) const {
        return std::tie(name, subscribed, format, lang, source, unsub_reason) ==
               std::tie(other.name, other.subscribed, other.format, other.lang, other.source, other.unsub_reason);
    }
};

struct waitlist {
    std::string name;
    text source;               ///< a URL
    std::string fields = "{}"; ///< a JSON object, as it was sent
    bool subscribed = true;    ///< input only: false asks to leave; stored ones are always true
    bool operator==(const waitlist&) const = default;
};

/// Older form of the waitlist `vpn`, still sent and read by clients.
struct vpn_waitlist {
    text geo;
    text platform;
    bool operator==(const vpn_waitlist&) const = default;
};

/// Older form of the waitlists that begin with `relay`.
struct relay_waitlist {
    text geo;
    bool operator==(const relay_waitlist&) const = default;
};

/// A whole contact. A group that holds only defaults is absent. Lists are in order of name (bytes).
struct contact {
    std::optional<model::amo> amo;
    model::email email;
    std::optional<model::fxa> fxa;
    std::optional<model::mofo> mofo;
    std::vector<newsletter> newsletters;
    std::vector<waitlist> waitlists;
};

/// The nine ids by which contacts are known, in the order of the API.
struct identity {
    uuid email_id;
    text primary_email;
    text basket_token;
    text sfdc_id;
    text mofo_contact_id;
    text mofo_email_id;
    text amo_user_id;
    text fxa_id;
    text fxa_primary_email;
    bool operator==(const identity&) const = default;
};

/// What a lookup asks for: every given id must match. The two addresses match in any case.
struct identity_query {
    std::optional<uuid> email_id;
    text primary_email;
    std::optional<uuid> basket_token;
    text sfdc_id;
    text mofo_contact_id;
    text mofo_email_id;
    text amo_user_id;
    text fxa_id;
    text fxa_primary_email;
};

} // namespace ctms::model
