// SPDX-License-Identifier: MPL-2.0
// The contacts of a period as an input range: reads page after page while a caller loops over it. One thread at a time; ends early at the
// first error, which is its last element.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/updates_query.hpp>

#include <cstddef>
#include <iterator>
#include <memory>

namespace ctms::persistence {
class contact_repository;
}

namespace ctms::service {

class contacts;

/// Made by contacts::updates(), which must outlive it:
/// \code
/// for (auto& contact : contacts.updates(query)) {
///     if (!contact) return contact.error();
///     use(*contact);
/// }
/// \endcode
/// Contacts come in order of (update_timestamp, email_id). One page of `query.limit` contacts is in memory at a time. A contact that
/// changes during the loop comes again with its new time if that is before the end of the period. A query without an end gets one when the
/// loop begins, as by contacts::set_end(). To continue after an error or later, set
/// `query.after` to the update_timestamp and the email_id of the last contact.
class CTMS_API contact_range {
public:
    /// An input iterator. Dereference and increment it only before the end.
    class CTMS_API iterator {
    public:
        using value_type = result<model::contact>;         ///< a contact, or the error that ends the range
        using reference = value_type&;                     ///< the caller may move the contact out
        using pointer = value_type*;                       ///< as above
        using difference_type = std::ptrdiff_t;            ///< not used: the range has no length
        using iterator_category = std::input_iterator_tag; ///< for the algorithms of C++17
        using iterator_concept = std::input_iterator_tag;  ///< for the algorithms of C++20

        iterator() = default;
        reference operator*() const;                   ///< Returns the current element; valid until the next increment.
        pointer operator->() const { return &**this; } ///< Accesses the current element.
        iterator& operator++();                        ///< Goes to the next element; may read the next page.
        void operator++(int) { ++*this; }              ///< As above.
        friend bool operator==(const iterator& at, std::default_sentinel_t) { return at.is_at_end(); } ///< Returns true at the end.

    private:
        friend class contact_range;
        explicit iterator(contact_range& owner) : owner_(&owner) {}
        [[nodiscard]] bool is_at_end() const;

        contact_range* owner_ = nullptr;
    };

    contact_range(contact_range&&) noexcept;            ///< invalidates iterators
    contact_range& operator=(contact_range&&) noexcept; ///< as above
    ~contact_range();

    /// Reads the first page. Call it once.
    [[nodiscard]] iterator begin();
    /// Returns the end.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    friend class contacts;
    contact_range(contacts& owner, persistence::contact_repository& from, const model::updates_query& query);

    struct state;
    std::unique_ptr<state> state_;
};

} // namespace ctms::service
