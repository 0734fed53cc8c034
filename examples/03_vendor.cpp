// SPDX-License-Identifier: MPL-2.0
// The email vendor: turns a contact into rows of the vendor's tables and sends them.
// Usage: 03_vendor URL    the URL of Acoustic Campaign or of fake-acoustic
#include <ctms/acoustic/client.hpp>
#include <ctms/acoustic/vendor_rows.hpp>

#include <cstdlib>
#include <iostream>

namespace acoustic = ctms::acoustic;
namespace model = ctms::model;

namespace {

// Which fields the vendor gets. This is normally stored in the database (persistence/acoustic_configuration.hpp).
model::acoustic_configuration configuration() {
    model::acoustic_configuration out;
    out.sync_fields["main"] = {"first_name", "email_lang"}; // email and email_id are always sent
    out.newsletter_mappings["firefox-tips"] = "sub_firefox_tips";
    return out;
}

model::contact jane() {
    model::contact out;
    out.email.email_id = *ctms::uuid::parse("3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93");
    out.email.primary_email = "jane@example.com";
    out.email.first_name = "Jane";
    out.newsletters.emplace_back().name = "firefox-tips";
    out.newsletters.emplace_back().name = "unknown-to-the-vendor";
    return out;
}

// A call succeeds, fails as a whole, or is refused for single rows. The kind of a failure says whether to try again.
bool report(std::string_view call, const acoustic::outcome& came) {
    std::cout << call << ": " << (came.succeeded() ? "done" : "failed") << '\n';
    if (came.failed) std::cout << "  " << came.failed->reason << '\n';
    for (const auto& row : came.refused) std::cout << "  refused " << row.email_id << ": " << row.why.reason << '\n';
    return came.succeeded();
}

acoustic::client_options options(const char* url) {
    acoustic::client_options out;
    out.base_url = url;
    // These are the credentials of fake-acoustic. Keep real ones in a secret store, never in source code.
    out.client_id = "fake-client";
    out.client_secret = "fake-secret";
    out.refresh_token = "fake-refresh";
    out.main_table_id = "1001";
    out.newsletter_table_id = "1002";
    out.product_table_id = "1003";
    return out;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::cerr << "Usage: 03_vendor URL\n", EXIT_FAILURE;
    const auto contact = jane();
    const auto rows = acoustic::to_rows(contact, {}, configuration()); // without products
    for (const auto& column : rows.main) std::cout << "  " << column.name << " = " << column.value << '\n';
    for (const auto& name : rows.newsletters_skipped) std::cout << "  not sent: " << name << '\n';

    // Calls block and have a timeout. Share one client between threads: it keeps connections and the token.
    acoustic::client vendor(options(argv[1]));
    bool good = report("contact", vendor.add_recipient(rows.main));
    good = report("newsletters", vendor.insert_rows(acoustic::table::newsletter, rows.newsletters)) && good;
    good = report("deletion", vendor.remove_recipient(contact.email.primary_email, contact.email.email_id.to_string())) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
