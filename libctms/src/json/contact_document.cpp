// SPDX-License-Identifier: MPL-2.0
#include "contact_document.hpp"

#include <ctms/json/contact_json.hpp>
#include <fields/tables.hpp>

#include <algorithm>

namespace ctms::json {
namespace {

/// Raise it when documents change although the names of the fields stay.
constexpr std::uint32_t revision = 1;

/// FNV-1a.
class hash {
public:
    void add(std::string_view text) {
        for (const char c : text) add(static_cast<unsigned char>(c));
        add(0);
    }
    void add(std::uint32_t value) {
        constexpr std::uint32_t prime = 16777619;
        value_ = (value_ ^ value) * prime;
    }
    [[nodiscard]] std::uint32_t value() const { return value_; }

private:
    std::uint32_t value_ = 2166136261;
};

template <class T>
void add_fields(hash& to) {
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        if (!field.rule.input_only) to.add(std::string_view(field.name));
    });
    to.add(std::string_view());
}

} // namespace

std::string write_document(const model::contact& contact) {
    const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
    std::string out;
    constexpr std::size_t usual_size = 2048;
    out.reserve(usual_size);
    if (std::is_sorted(contact.newsletters.begin(), contact.newsletters.end(), by_name) &&
        std::is_sorted(contact.waitlists.begin(), contact.waitlists.end(), by_name)) {
        write_contact(out, contact, false);
        return out;
    }
    auto sorted = contact;
    std::sort(sorted.newsletters.begin(), sorted.newsletters.end(), by_name);
    std::sort(sorted.waitlists.begin(), sorted.waitlists.end(), by_name);
    write_contact(out, sorted, false);
    return out;
}

std::int32_t document_format() {
    static const std::int32_t number = [] {
        hash all;
        all.add(revision);
        add_fields<model::amo>(all);
        add_fields<model::email>(all);
        add_fields<model::fxa>(all);
        add_fields<model::mofo>(all);
        add_fields<model::newsletter>(all);
        add_fields<model::waitlist>(all);
        add_fields<model::vpn_waitlist>(all);
        add_fields<model::relay_waitlist>(all);
        constexpr std::uint32_t positive = 0x7fffffff;
        return std::max(static_cast<std::int32_t>(all.value() & positive), 1);
    }();
    return number;
}

} // namespace ctms::json
