// SPDX-License-Identifier: MPL-2.0
// Contacts without a server: stores one, changes it, finds it, deletes it.
// Usage: 01_contacts FOLDER    a private PostgreSQL is made there the first time
#include <ctms/json/contact_json.hpp>
#include <ctms/persistence/contact_repository.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/migrations.hpp>
#include <ctms/service/contacts.hpp>

#include <cstdlib>
#include <iostream>

namespace {

// Expected failures are values: `message` may be shown to anybody, `detail` belongs into a log.
int report(const ctms::error& failure) {
    std::cerr << ctms::to_string(failure.code) << ": " << failure.message << " (" << failure.detail << ")\n";
    return EXIT_FAILURE;
}

int use(ctms::service::contacts& contacts) {
    ctms::model::contact_input jane;
    jane.email.primary_email = "jane@example.com";
    jane.email.first_name = "Jane";
    jane.newsletters.emplace_back().name = "firefox-tips";

    const auto created = contacts.create(jane); // no email_id was given: it gets one
    if (!created) return report(created.error());
    const ctms::uuid id = created->contact.email.email_id;
    std::cout << "created " << created->contact.email.primary_email << '\n';

    // Only one contact may have an address. `conflicts` names what is taken.
    if (const auto again = contacts.create(jane); !again)
        std::cout << "once more: " << to_string(again.error().code) << " of " << again.error().conflicts.at(0) << '\n';

    // A change in the form in which clients of the API send it. Reading tells all mistakes at once.
    const auto body = ctms::json::body::parse(R"({"email": {"mailing_country": "de"}})");
    const auto change = ctms::json::read_patch(*body);
    if (const auto changed = contacts.patch(id, *change); !changed) return report(changed.error());

    ctms::model::identity_query query; // by any of nine ids; several must all match
    query.primary_email = "JANE@example.com";
    const auto found = contacts.find(query);
    if (!found) return report(found.error());
    for (const auto& contact : *found) {
        std::cout << "found " << contact.email.first_name.value_or("?") << " in " << contact.email.mailing_country.value_or("?") << '\n';
        for (const auto& newsletter : contact.newsletters) std::cout << "  receives " << newsletter.name << '\n';
    }

    const auto removed = contacts.remove("jane@example.com");
    if (!removed) return report(removed.error());
    std::cout << "deleted " << removed->size() << '\n';
    std::cout << "now: " << contacts.get(id).error().message << '\n';
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::cerr << "Usage: 01_contacts FOLDER\n", EXIT_FAILURE;
    // For trying things out. In production: options.url = "postgresql://user@host/ctms", and no embedded_postgres.
    const auto server = ctms::persistence::embedded_postgres::start(argv[1]);
    if (!server) return report(server.error());
    ctms::persistence::database_options options;
    options.url = server->url();
    if (const auto done = ctms::persistence::migrate(options); !done) return report(done.error()); // makes the tables

    // Each object keeps references to those below it: make them in this order, and they end in the other.
    ctms::persistence::database database(options); // a pool of connections: one for a process, for all threads
    ctms::persistence::contact_repository repository(database);
    ctms::service::contacts contacts(repository);
    return use(contacts);
}
