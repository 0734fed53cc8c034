// SPDX-License-Identifier: MPL-2.0
#include "mozlog/clean.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/mozlog/logger.hpp>

namespace ctms::mozlog {
namespace {

template <class Write>
void add_member(std::string& members, const Write& write) {
    std::string object;
    object_writer writer(object);
    write(writer);
    if (!members.empty()) members += ',';
    members.append(object, 1); // skips the opening brace
}

} // namespace

fields& fields::add(std::string_view name, std::string_view text) {
    add_member(json_, [&](object_writer& out) { out.add(name, std::string_view(clean_text(text))); });
    return *this;
}

fields& fields::add(std::string_view name, bool value) {
    add_member(json_, [&](object_writer& out) { out.add(name, value); });
    return *this;
}

fields& fields::add(std::string_view name, std::int64_t value) {
    add_member(json_, [&](object_writer& out) { out.add(name, value); });
    return *this;
}

fields& fields::add_seconds(std::string_view name, double seconds) {
    add_member(json_, [&](object_writer& out) { out.add_seconds(name, seconds); });
    return *this;
}

fields& fields::add_null(std::string_view name) {
    add_member(json_, [&](object_writer& out) { out.add_null(name); });
    return *this;
}

fields& fields::add_json(std::string_view name, std::string_view json) {
    add_member(json_, [&](object_writer& out) { out.add_raw(name, clean_json(json)); });
    return *this;
}

fields& fields::add_service_account(std::string_view name, std::string_view address) {
    add_member(json_, [&](object_writer& out) { out.add(name, address); });
    return *this;
}

} // namespace ctms::mozlog
