// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_range.hpp>
#include <ctms/service/contacts.hpp>

#include <persistence/contacts/contact_repository.hpp>

#include <algorithm>
#include <vector>

namespace ctms::service {

struct contact_range::state {
    contacts& owner;
    persistence::contact_repository& from;
    model::updates_query query;
    std::vector<result<model::contact>> page{}; ///< an error is its only element
    std::size_t at = 0;
    bool is_last_page = false;

    void fail(const error& why) {
        page.clear(); // it may be incomplete
        page.emplace_back(why);
        is_last_page = true;
    }

    /// Reads the next page that has contacts.
    void read_page() {
        page.clear();
        at = 0;
        if (const auto set = owner.set_end(query); !set) return fail(set.error());
        while (page.empty() && !is_last_page) {
            const auto next = from.visit_updates(query, [&](const model::contact& contact) { page.emplace_back(contact); });
            if (!next) return fail(next.error());
            is_last_page = !*next;
            query.after = *next;
        }
    }

    void advance() {
        if (++at < page.size()) return;
        if (is_last_page) return page.clear();
        read_page();
    }
};

contact_range::contact_range(contacts& owner, persistence::contact_repository& from, const model::updates_query& query)
    : state_(std::make_unique<state>(state{owner, from, query})) {
    constexpr int largest_page = 1'000;
    state_->query.limit = std::clamp(query.limit, 1, largest_page);
}
contact_range::contact_range(contact_range&&) noexcept = default;
contact_range& contact_range::operator=(contact_range&&) noexcept = default;
contact_range::~contact_range() = default;

contact_range::iterator contact_range::begin() {
    state_->read_page();
    return iterator(*this);
}

contact_range::iterator::reference contact_range::iterator::operator*() const { return owner_->state_->page[owner_->state_->at]; }

contact_range::iterator& contact_range::iterator::operator++() {
    owner_->state_->advance();
    return *this;
}

bool contact_range::iterator::is_at_end() const { return owner_->state_->page.empty(); }

} // namespace ctms::service
