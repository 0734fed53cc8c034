// SPDX-License-Identifier: MPL-2.0
#include "changed_fields.hpp"

#include "document.hpp"
#include "field_writer.hpp"

#include <ctms/json/contact_json.hpp>

#include <base/name_index.hpp>
#include <ctms/base/json_text.hpp>
#include <fields/tables.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace ctms::json {
namespace {

bool is_empty(bool value) { return !value; }
bool is_empty(const std::string& value) { return value.empty() || value == "{}"; }
template <class T>
bool is_empty(const std::optional<T>& value) {
    if constexpr (std::is_same_v<T, std::string>) return !value || value->empty();
    return !value;
}

/// Null pointers stand for absent values.
template <class Member>
bool differs(const fields::rules& rule, const Member* before, const Member* after) {
    const bool was_empty = before == nullptr || is_empty(*before);
    const bool is_now_empty = after == nullptr || is_empty(*after);
    if (was_empty || is_now_empty) return was_empty != is_now_empty;
    if constexpr (std::is_same_v<Member, std::string>) {
        if (rule.as == fields::format::object) return !same_object(*before, *after);
    }
    return *before != *after;
}

/// Appends the objects of an array.
class change_list {
public:
    explicit change_list(std::string& out) : out_(out) { out_ += '['; }
    void close() { out_ += ']'; }

    /// Adds the fields of a group, or of an item of a list with this name. Null pointers stand for what is absent.
    template <class T>
    void compare(std::string_view name, const T* before, const T* after) {
        fields::for_each_column<T>([&](const auto& field) {
            if (!name.empty() && field.name == "name") return;
            const auto* was = before == nullptr ? nullptr : &(before->*(field.member));
            const auto* is = after == nullptr ? nullptr : &(after->*(field.member));
            if (!differs(field.rule, was, is)) return;
            auto writer = begin(fields::table<T>::group, field.name, name);
            if (fields::keeps_values(field)) {
                was == nullptr ? writer.add_null("old") : write_value(writer.key("old"), field.rule, *was);
                is == nullptr ? writer.add_null("new") : write_value(writer.key("new"), field.rule, *is);
            }
            writer.close();
        });
    }

    template <class T>
    void compare(const std::optional<T>& before, const std::optional<T>& after) {
        compare({}, before ? &*before : nullptr, after ? &*after : nullptr);
    }

    template <class T>
    void compare(const std::vector<T>& before, const std::vector<T>& after) {
        const name_index was(before);
        for (const auto& one : after) compare_items(one.name, was.find(one.name), &one);
        const name_index is(after);
        for (const auto& one : before) {
            if (is.find(one.name) == nullptr) compare_items(one.name, &one, static_cast<const T*>(nullptr));
        }
    }

private:
    template <class T>
    void compare_items(std::string_view name, const T* before, const T* after) {
        if (std::is_same_v<T, model::waitlist> && (before == nullptr) != (after == nullptr)) {
            auto writer = begin(fields::table<T>::group, "subscribed", name);
            writer.add("old", before != nullptr);
            writer.add("new", after != nullptr);
            writer.close();
        }
        compare(name, before, after);
    }

    object_writer begin(std::string_view group, std::string_view field, std::string_view name) {
        if (out_.back() != '[') out_ += ',';
        object_writer writer(out_);
        writer.add("field", std::string_view(std::string(group) + '.' + std::string(field)));
        if (!name.empty()) writer.add("name", name);
        return writer;
    }

    std::string& out_;
};

} // namespace

std::string changed_fields(const model::contact* before, const model::contact& after) {
    static const model::contact nothing;
    const auto& old = before == nullptr ? nothing : *before;
    std::string out;
    change_list changes(out);
    changes.compare({}, before == nullptr ? nullptr : &before->email, &after.email);
    changes.compare(old.amo, after.amo);
    changes.compare(old.fxa, after.fxa);
    changes.compare(old.mofo, after.mofo);
    changes.compare(old.newsletters, after.newsletters);
    changes.compare(old.waitlists, after.waitlists);
    changes.close();
    return out;
}

} // namespace ctms::json
