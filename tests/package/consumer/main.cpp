// SPDX-License-Identifier: MPL-2.0
// Uses an installed libctms: stores a contact on a private PostgreSQL in the given directory. Also uses Asio on its own, which
// must work however the library was built.
#include <ctms/base/version.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/migrations.hpp>
#include <ctms/service/contacts.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <iostream>

#if defined(BOOST_ASIO_SEPARATE_COMPILATION) || defined(BOOST_BEAST_SEPARATE_COMPILATION) || defined(BOOST_ASIO_DISABLE_VISIBILITY)
#error "the library's definitions reach its users"
#endif

namespace {

int use(const char* folder) {
    const auto server = ctms::persistence::embedded_postgres::start(folder).value();
    ctms::persistence::database_options options;
    options.url = server.url();
    ctms::persistence::migrate(options).value();
    ctms::persistence::database database(options);
    ctms::service::contacts contacts(database);

    ctms::model::contact_input jane;
    jane.email.primary_email = "jane@example.com";
    const auto made = contacts.create(jane).value();
    ctms::model::contact_patch patch;
    patch.email.set(&ctms::model::email::first_name, "Jane");
    (void)contacts.patch(made.contact.email.email_id, patch).value();
    const auto read = contacts.get(made.contact.email.email_id).value();
    std::cout << "ctms " << ctms::version() << ": " << read.email.primary_email << '\n';
    return contacts.get(ctms::uuid::random()) ? 1 : 0;
}

bool timer_works() {
    boost::asio::io_context context;
    boost::asio::steady_timer timer(context, std::chrono::milliseconds(1));
    bool rang = false;
    timer.async_wait([&](const boost::system::error_code& failed) { rang = !failed; });
    context.run_for(std::chrono::seconds(10));
    return rang;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return argc == 2 && timer_works() ? use(argv[1]) : 1;
    } catch (const std::exception& problem) {
        return std::cerr << problem.what() << '\n', 1;
    }
}
