// SPDX-License-Identifier: MPL-2.0
// A database with contacts and webhooks, and deliveries with short waits. The contacts are written by the library. Not thread safe, except
// for write().
#pragma once

#include "receiver.hpp"

#include <support/becomes_true.hpp>
#include <support/captured_log.hpp>
#include <support/test_database.hpp>

#include <ctms/service/contacts.hpp>
#include <ctms/service/webhook_delivery.hpp>
#include <ctms/service/webhooks.hpp>

#include <persistence/contacts/change_feed.hpp>
#include <persistence/postgres/connection.hpp>

#include <fmt/core.h>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctms::test {

/// Transactions of other tests in the cluster delay the feed.
inline constexpr std::chrono::seconds patience{60};

template <class Condition>
[[nodiscard]] bool soon(const Condition& condition) {
    return becomes_true(condition, patience);
}

/// The id of contact number `n`.
[[nodiscard]] inline std::string id_of(int n) { return fmt::format("00000000-0000-4000-8000-{:012}", n); }

class webhook_scene {
    void note(const service::webhook_attempt& one) {
        const std::lock_guard lock(mutex_);
        outcomes_.emplace_back(one.outcome);
    }

    mutable std::mutex mutex_;
    std::vector<std::string> outcomes_;

public:
    webhook_scene() {
        options.on_attempt = [this](const service::webhook_attempt& one) { note(one); };
    }

    /// Adds a webhook for the receiver when the feed shows everything before it, and returns its secret.
    std::string add(const std::string& name, const webhook_receiver& receiver, const service::new_webhook& more = {}) {
        wait_for_feed();
        auto wanted = more;
        wanted.name = name;
        wanted.url = receiver.url();
        if (wanted.events.empty()) wanted.events = {model::change_kind::created, model::change_kind::updated, model::change_kind::deleted};
        wanted.allow_http = wanted.allow_private_address = true;
        return hooks.add(wanted).value().secret;
    }

    /// Starts to deliver when the feed shows everything before it, so that all of it can be delivered together.
    void start() {
        wait_for_feed();
        delivery = std::make_unique<service::webhook_delivery>(db, log, options);
    }
    void stop() { delivery.reset(); }

    /// Creates contact number `n`.
    void create(int n) { contacts.create(input_of(n)).value(); }
    /// Changes contact number `n`.
    void write(int n, const std::string& first_name) {
        model::contact_patch patch;
        patch.email.set(&model::email::first_name, first_name);
        contacts.patch(uuid::parse(id_of(n)).value(), patch).value();
    }
    void remove(int n) { contacts.remove(uuid::parse(id_of(n)).value()).value(); }

    [[nodiscard]] model::webhook find(const std::string& name) { return hooks.find(name).value(); }
    void wait_for_feed() {
        if (!soon([&] { return shows_everything(); })) throw std::runtime_error("the feed does not show every change");
    }
    [[nodiscard]] bool shows_everything() {
        persistence::connection link(database.options());
        return link.execute("select from ctms_changes where xid >= pg_snapshot_xmin(pg_current_snapshot()) limit 1").empty();
    }
    /// Whether the webhook has delivered everything.
    [[nodiscard]] bool is_done(const std::string& name) {
        persistence::connection link(database.options());
        return link
            .execute(fmt::format("select from ctms_changes c, ctms_webhooks w where w.name = '{}' and (w.holder is not null"
                                 " or (c.xid, c.email_id) > (w.xid, w.email_id))",
                                 name))
            .empty();
    }

    /// The outcomes of all attempts so far.
    [[nodiscard]] std::vector<std::string> outcomes() const {
        const std::lock_guard lock(mutex_);
        return outcomes_;
    }

    static model::contact_input input_of(int n) {
        model::contact_input out;
        out.email.email_id = uuid::parse(id_of(n)).value();
        out.email.primary_email = fmt::format("contact{}@example.com", n);
        return out;
    }

    test_database database;
    persistence::database db{database.options()};
    service::contacts contacts{db};
    service::webhooks hooks{db};
    std::string log_text; ///< complete after the end of `log`
    mozlog::logger log{{}, std::make_unique<memory_sink>(log_text)};
    service::webhook_delivery_options options{.timeout = std::chrono::seconds(2),
                                              .poll = std::chrono::milliseconds(20),
                                              .waits = std::vector<std::chrono::milliseconds>(5, std::chrono::milliseconds(20))};
    std::unique_ptr<service::webhook_delivery> delivery; ///< last, because its threads use the others
};

} // namespace ctms::test
