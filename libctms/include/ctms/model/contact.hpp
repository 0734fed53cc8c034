// SPDX-License-Identifier: MPL-2.0
// A contact: an email address with all data about it, in the form of the API. Plain data. This is the only place that defines defaults;
// limits, texts and JSON names are in the field tables (src/fields). Not a database row: persistence converts in both directions.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace ctms::model {

/// A string that may be absent, which differs from an empty string.
using text = std::optional<std::string>;

/// The address itself, and data about its owner.
struct CTMS_API email {
    std::string primary_email{};                   ///< unique, case sensitive
    text basket_token{};                           ///< a UUID in canonical form; free text in rows of older databases
    bool double_opt_in = false;                    ///< the owner confirmed a subscription by email
    text sfdc_id{};                                ///< id in the former CRM
    text first_name{};                             ///< as the owner writes it
    text last_name{};                              ///< as the owner writes it
    text mailing_country{};                        ///< usually two letters
    std::string email_format = "H";                ///< H, T, N or empty
    text email_lang = "en";                        ///< usually two letters
    bool has_opted_out_of_email = false;           ///< wants no email at all
    text unsubscribe_reason{};                     ///< in the owner's own words
    uuid email_id{};                               ///< nil until it is assigned
    std::optional<timestamp> create_timestamp{};   ///< set by the database
    std::optional<timestamp> update_timestamp{};   ///< set by the database
    bool operator==(const email&) const = default; ///< member by member
};

/// addons.mozilla.org
struct CTMS_API amo {
    text add_on_ids{};                           ///< separated by commas
    text display_name{};                         ///< shown beside add-ons
    bool email_opt_in = false;                   ///< wants email about add-ons
    text language{};                             ///< of the account
    std::optional<date> last_login{};            ///< a day
    text location{};                             ///< where the author claims to live
    text profile_url{};                          ///< last part of the URL of the profile
    bool user = false;                           ///< has an account
    text user_id{};                              ///< of the account
    text username{};                             ///< of the account
    std::optional<timestamp> create_timestamp{}; ///< set by the database
    std::optional<timestamp> update_timestamp{}; ///< set by the database
    bool operator==(const amo&) const = default; ///< member by member
};

/// Firefox Accounts
struct CTMS_API fxa {
    text fxa_id{};                               ///< of the account; unique
    text primary_email{};                        ///< of the account
    text created_date{};                         ///< free text, as the accounts server sent it
    text lang{};                                 ///< as an Accept-Language header
    text first_service{};                        ///< first service that the account was used for
    bool account_deleted = false;                ///< the account is gone
    bool operator==(const fxa&) const = default; ///< member by member
};

/// Mozilla Foundation
struct CTMS_API mofo {
    text mofo_email_id{};                         ///< id of the address at the foundation; unique
    text mofo_contact_id{};                       ///< id of the person at the foundation
    bool mofo_relevant = false;                   ///< the foundation works with this contact
    bool operator==(const mofo&) const = default; ///< member by member
};

/// A subscription, past or present.
struct CTMS_API newsletter {
    std::string name{};                          ///< a slug
    bool subscribed = true;                      ///< whether the contact receives it
    std::string format = "H";                    ///< H or T
    text lang = "en";                            ///< language of this newsletter
    text source{};                               ///< a URL
    text unsub_reason{};                         ///< why the contact unsubscribed
    std::optional<timestamp> create_timestamp{}; ///< set by the database
    std::optional<timestamp> update_timestamp{}; ///< set by the database
    /// Returns true if both have the same content; the timestamps are ignored.
    bool operator==(const newsletter& other) const {
        return std::tie(name, subscribed, format, lang, source, unsub_reason) ==
               std::tie(other.name, other.subscribed, other.format, other.lang, other.source, other.unsub_reason);
    }
};

/// A place on a waitlist.
struct CTMS_API waitlist {
    std::string name{};                               ///< name of the waitlist
    text source{};                                    ///< a URL
    std::string fields = "{}";                        ///< a JSON object, as it was sent
    bool subscribed = true;                           ///< input only: false means to leave the waitlist; stored ones are always true
    bool operator==(const waitlist&) const = default; ///< member by member
};

/// The older form of the waitlist `vpn`, which clients still send and read.
struct CTMS_API vpn_waitlist {
    text geo{};                                           ///< country where the VPN is awaited
    text platform{};                                      ///< platforms, separated by commas
    bool operator==(const vpn_waitlist&) const = default; ///< member by member
};

/// The older form of waitlists whose name starts with `relay`.
struct CTMS_API relay_waitlist {
    text geo{};                                             ///< country where Relay is awaited
    bool operator==(const relay_waitlist&) const = default; ///< member by member
};

/// A whole contact. A group that only has defaults is absent. Lists are sorted by name (bytes).
struct CTMS_API contact {
    std::optional<model::amo> amo{};       ///< addons.mozilla.org
    model::email email{};                  ///< every contact has one
    std::optional<model::fxa> fxa{};       ///< Firefox account
    std::optional<model::mofo> mofo{};     ///< Mozilla Foundation
    std::vector<newsletter> newsletters{}; ///< past and present subscriptions
    std::vector<waitlist> waitlists{};     ///< present waitlists

    /// Member by member. The timestamps of newsletters are ignored, as their own comparison does.
    bool operator==(const contact&) const = default;
};

/// The nine ids of a contact, in the order of the API.
struct CTMS_API identity {
    uuid email_id{};                                  ///< of the contact
    text primary_email{};                             ///< as stored
    text basket_token{};                              ///< Basket's
    text sfdc_id{};                                   ///< in the former CRM
    text mofo_contact_id{};                           ///< id of the person at the foundation
    text mofo_email_id{};                             ///< id of the address at the foundation
    text amo_user_id{};                               ///< at addons.mozilla.org
    text fxa_id{};                                    ///< of the Firefox account
    text fxa_primary_email{};                         ///< of the Firefox account
    bool operator==(const identity&) const = default; ///< member by member
};

/// A lookup: every given id must match. The two addresses match regardless of case.
struct CTMS_API identity_query {
    std::optional<uuid> email_id{};     ///< of the contact
    text primary_email{};               ///< case insensitive
    std::optional<uuid> basket_token{}; ///< Basket's
    text sfdc_id{};                     ///< in the former CRM
    text mofo_contact_id{};             ///< id of the person at the foundation
    text mofo_email_id{};               ///< id of the address at the foundation
    text amo_user_id{};                 ///< at addons.mozilla.org
    text fxa_id{};                      ///< of the Firefox account
    text fxa_primary_email{};           ///< of the Firefox account, case insensitive

    /// Returns true if the ids are the same, in the same spelling.
    bool operator==(const identity_query&) const = default;
};

} // namespace ctms::model
