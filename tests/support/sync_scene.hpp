// SPDX-License-Identifier: MPL-2.0
// A database with contacts, and the fake vendor that ctms-sync sends them to. Not thread safe.
#pragma once

#include <support/child_process.hpp>
#include <support/fake_acoustic.hpp>
#include <support/test_database.hpp>

#include <ctms/model/contact.hpp>
#include <persistence/contacts/contact_repository.hpp>
#include <persistence/postgres/connection.hpp>

#include <string>

namespace ctms::test {

/// The environment that ctms-sync needs to send the contacts of the database at `url` to the fake vendor.
[[nodiscard]] environment sync_environment(const std::string& url, const fake_acoustic& vendor);

/// Contact number `n`. Every third has a Firefox account, two newsletters with a mapping and one without.
[[nodiscard]] model::contact numbered_contact(int n);
[[nodiscard]] std::string numbered_id(int n);

struct sync_scene {
    explicit sync_scene(fake_acoustic_options options = {}) : vendor(std::move(options)) {}

    /// Stores contacts `first` to `last`, which queues them.
    void add_contacts(int first, int last);
    /// Adds a Stripe subscription to contact `n`, which must have a Firefox account.
    void add_product(int n);
    /// The first cell of the result; "" when there are no rows.
    [[nodiscard]] std::string value(const std::string& sql);
    /// The number of queued contacts, including parked ones.
    [[nodiscard]] int queued() { return std::stoi(value("select count(*) from ctms_sync_queue")); }
    [[nodiscard]] environment variables() const { return sync_environment(database.url(persistence::program_account::sync), vendor); }
    /// The same variables with some values changed.
    [[nodiscard]] environment variables(const environment& changed) const;

    test_database database;
    fake_acoustic vendor;
    persistence::database pool{database.options()};
    persistence::contact_repository contacts{pool};
    persistence::connection link{database.options()};
};

} // namespace ctms::test
