// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_history.hpp>

#include <persistence/contacts/history_repository.hpp>

namespace ctms::service {

result<model::history_page> contact_history::read(const uuid& email_id, const model::history_query& query) {
    constexpr int most = 1'000;
    if (query.limit < 1 || query.limit > most) return invalid("the limit of a page must be from 1 to 1000");
    return persistence::history_repository(db_).read(email_id, query);
}

result<std::int64_t> contact_history::forget(std::chrono::seconds age) {
    return persistence::history_repository(db_).forget(age, most_forgotten);
}

} // namespace ctms::service
