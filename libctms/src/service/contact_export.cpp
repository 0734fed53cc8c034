// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_export.hpp>

#include <persistence/contacts/contact_dump_repository.hpp>

#include <algorithm>

namespace ctms::service {

using persistence::contact_dump_repository;

result<std::int64_t> contact_export::dump(const std::function<bool(std::string_view)>& visit) {
    return contact_dump_repository(db_).dump(visit);
}

result<std::optional<std::int64_t>> contact_export::estimate() { return contact_dump_repository(db_).estimate(); }

result<void> contact_export::duplicates(const std::function<bool(std::span<const model::duplicate_contact>)>& visit) {
    constexpr int addresses_of_a_page = 1'000;
    contact_dump_repository contacts(db_);
    for (std::optional<std::string> after;;) {
        const auto page = contacts.duplicates(after, addresses_of_a_page);
        if (!page) return page.error();
        if (page->empty()) return {};
        for (auto begin = page->begin(); begin != page->end();) {
            const auto end = std::find_if(begin, page->end(), [&](const auto& one) { return one.address != begin->address; });
            if (!visit(std::span(begin, end))) return {};
            begin = end;
        }
        after = page->back().address;
    }
}

} // namespace ctms::service
