// SPDX-License-Identifier: MPL-2.0
#include "base/json_seconds.hpp"
#include "mozlog/clean.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/mozlog/logger.hpp>

#include <fmt/format.h>

namespace ctms::mozlog {

std::string& fields::key(std::string_view name) {
    if (!json_.empty()) json_ += ',';
    append_clean_string(json_, name);
    return json_ += ':';
}

fields& fields::add(std::string_view name, std::string_view text) {
    append_clean_string(key(name), text);
    return *this;
}

fields& fields::add(std::string_view name, bool value) {
    key(name) += value ? "true" : "false";
    return *this;
}

fields& fields::add(std::string_view name, std::int64_t value) {
    key(name) += fmt::format_int(value).c_str();
    return *this;
}

fields& fields::add_seconds(std::string_view name, double seconds) {
    append_json_seconds(key(name), seconds);
    return *this;
}

fields& fields::add_null(std::string_view name) {
    key(name) += "null";
    return *this;
}

fields& fields::add_object(std::string_view name, const fields& members) {
    key(name).append("{").append(members.json_).append("}");
    return *this;
}

fields& fields::add_json(std::string_view name, std::string_view json) {
    key(name) += clean_json(json);
    return *this;
}

fields& fields::add_service_account(std::string_view name, std::string_view address) {
    append_json_string(key(name), address);
    return *this;
}

} // namespace ctms::mozlog
