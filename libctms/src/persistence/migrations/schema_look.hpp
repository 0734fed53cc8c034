// SPDX-License-Identifier: MPL-2.0
// What a database holds, compared with the migrations of this program. Private to this room.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <set>
#include <stdexcept>
#include <string_view>

namespace ctms::persistence {

struct embedded_migration;

/// The tables of the Python service, and some of ours, as an SQL array: whatever has these names was not made by chance.
inline constexpr std::string_view telling_tables =
    "array['acoustic_field', 'acoustic_newsletter_mapping', 'amo', 'api_client', 'ctms_sync_queue', 'emails', 'fxa', 'mofo',"
    " 'newsletters', 'pending_acoustic', 'stripe_customer', 'stripe_invoice', 'stripe_invoice_line_item', 'stripe_price',"
    " 'stripe_subscription', 'stripe_subscription_item', 'waitlists']";

[[nodiscard]] migration_info info_of(const embedded_migration& one);

/// The state of the schema. Throws sql_error{forbidden} if the account may not look.
[[nodiscard]] schema_state inspect(connection& link);

/// Thrown for a migration that a release with another text has begun.
class other_content : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The numbers of the steps of a migration that were done before it was interrupted. Throws other_content.
[[nodiscard]] std::set<int> finished_steps(connection& link, const embedded_migration& one);

} // namespace ctms::persistence
