// SPDX-License-Identifier: MPL-2.0
// Finds the items of a list by their names in constant time, because a contact may have any number of newsletters and waitlists. The list
// must not change meanwhile. Private to the library.
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>

namespace ctms {

/// `List`: a vector, perhaps const, whose items have a member `name`.
template <class List>
class name_index {
public:
    explicit name_index(List& list) : list_(list) {
        if (list.size() <= few) return;
        places_.reserve(list.size());
        for (std::size_t place = 0; place < list.size(); ++place) places_.try_emplace(list[place].name, place);
    }

    /// Returns a pointer to the first item with this name, or null.
    [[nodiscard]] auto* find(std::string_view name) const {
        if (list_.size() > few) {
            const auto found = places_.find(name);
            return found == places_.end() ? nullptr : &list_[found->second];
        }
        for (auto& one : list_) {
            if (one.name == name) return &one;
        }
        return static_cast<decltype(&list_[0])>(nullptr);
    }

private:
    static constexpr std::size_t few = 16; ///< are compared one by one: most contacts have no more

    List& list_;
    std::unordered_map<std::string_view, std::size_t> places_;
};

} // namespace ctms
