// SPDX-License-Identifier: MPL-2.0
// Uses contacts without a server: stores one, changes it, finds it, deletes it.
// Usage: 01_contacts FOLDER    the first run creates a private PostgreSQL there
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/migrations.hpp>
#include <ctms/service/contacts.hpp>

#include <cstdlib>
#include <iostream>

namespace {

// Expected failures are return values: `message` may be shown to anyone, `detail` belongs in a log.
int report(const ctms::error& failure) {
    std::cerr << ctms::to_string(failure.code) << ": " << failure.message << " (" << failure.detail << ")\n";
    return EXIT_FAILURE;
}

int use(ctms::service::contacts& contacts) {
    ctms::model::contact_input jane;
    jane.email.primary_email = "jane@example.com";
    jane.email.first_name = "Jane";
    jane.newsletters.emplace_back().name = "firefox-tips";

    const auto created = contacts.create(jane); // assigns an email_id, because none was given
    if (!created) return report(created.error());
    const ctms::uuid id = created->contact.email.email_id;
    std::cout << "created " << created->contact.email.primary_email << '\n';

    // Only one contact may have a given address. `conflicts` names the fields that are already in use.
    if (const auto again = contacts.create(jane); !again)
        std::cout << "once more: " << to_string(again.error().code) << " of " << again.error().conflicts.at(0) << '\n';

    // Input follows the rules of the API. The errors list all mistakes, not only the first.
    ctms::model::contact_input wrong;
    wrong.email.basket_token = "not a UUID";
    const auto refused = contacts.create(wrong);
    for (const auto& mistake : refused.error().fields)
        std::cout << "refused " << std::get<std::string>(mistake.location.back()) << ": " << mistake.message << '\n';

    ctms::model::contact_patch change; // only what is set is changed
    change.email.set(&ctms::model::email::mailing_country, "de").set(&ctms::model::email::last_name, std::nullopt);
    change.newsletters.change("firefox-tips").set(&ctms::model::newsletter::lang, "de");
    if (const auto changed = contacts.patch(id, change); !changed) return report(changed.error());

    ctms::model::identity_query query; // searches by any of nine ids; if several are set, all must match
    query.primary_email = "JANE@example.com";
    const auto found = contacts.find(query);
    if (!found) return report(found.error());
    for (const auto& contact : *found) {
        std::cout << "found " << contact.email.first_name.value_or("?") << " in " << contact.email.mailing_country.value_or("?") << '\n';
        for (const auto& newsletter : contact.newsletters)
            std::cout << "  receives " << newsletter.name << " in " << newsletter.lang.value_or("?") << '\n';
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
    // The embedded server is for trying things out. In production, set options.url = "postgresql://user@host/ctms" instead.
    const auto server = ctms::persistence::embedded_postgres::start(argv[1]);
    if (!server) return report(server.error());
    ctms::persistence::database_options options;
    options.url = server->url();
    if (const auto done = ctms::persistence::migrate(options); !done) return report(done.error()); // creates the tables

    // Each object keeps a reference to the previous one: create them in this order, and they are destroyed in reverse.
    ctms::persistence::database database(options); // a connection pool: one per process, shared by all threads
    ctms::service::contacts contacts(database);
    return use(contacts);
}
