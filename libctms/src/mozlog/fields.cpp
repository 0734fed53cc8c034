// SPDX-License-Identifier: MPL-2.0
#include "mozlog/clean.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/mozlog/logger.hpp>

namespace ctms::mozlog {
namespace {

/// Adds a member with a redacted name; `write(writer, name)` writes it.
template <class Write>
void add_member(std::string& members, std::string_view name, const Write& write) {
    std::string object;
    object_writer writer(object);
    write(writer, clean_text(name));
    if (!members.empty()) members += ',';
    members.append(object, 1); // skips the opening brace
}

} // namespace

fields& fields::add(std::string_view name, std::string_view text) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add(clean, std::string_view(clean_text(text))); });
    return *this;
}

fields& fields::add(std::string_view name, bool value) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add(clean, value); });
    return *this;
}

fields& fields::add(std::string_view name, std::int64_t value) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add(clean, value); });
    return *this;
}

fields& fields::add_seconds(std::string_view name, double seconds) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add_seconds(clean, seconds); });
    return *this;
}

fields& fields::add_null(std::string_view name) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add_null(clean); });
    return *this;
}

fields& fields::add_json(std::string_view name, std::string_view json) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add_raw(clean, clean_json(json)); });
    return *this;
}

fields& fields::add_service_account(std::string_view name, std::string_view address) {
    add_member(json_, name, [&](object_writer& out, const std::string& clean) { out.add(clean, address); });
    return *this;
}

} // namespace ctms::mozlog
