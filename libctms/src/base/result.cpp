// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/result.hpp>

#include <boost/throw_exception.hpp>
#include <fmt/core.h>

#include <stdexcept>
#include <utility>

namespace ctms {
namespace {

error make(errc code, std::string message, std::string detail) { return {code, std::move(message), std::move(detail), {}, {}}; }

} // namespace

error malformed(std::string message, std::string detail) { return make(errc::malformed, std::move(message), std::move(detail)); }
error invalid(std::string message, std::string detail) { return make(errc::invalid, std::move(message), std::move(detail)); }
error unauthorized(std::string message, std::string detail) { return make(errc::unauthorized, std::move(message), std::move(detail)); }
error forbidden(std::string message, std::string detail) { return make(errc::forbidden, std::move(message), std::move(detail)); }
error missing_role(std::string message, std::string detail) { return make(errc::missing_role, std::move(message), std::move(detail)); }
error not_found(std::string message, std::string detail) { return make(errc::not_found, std::move(message), std::move(detail)); }
error conflict(std::string message, std::string detail) { return make(errc::conflict, std::move(message), std::move(detail)); }
error too_many(std::string message, std::string detail) { return make(errc::too_many, std::move(message), std::move(detail)); }
error unavailable(std::string message, std::string detail) { return make(errc::unavailable, std::move(message), std::move(detail)); }
error misconfigured(std::string message, std::string detail) { return make(errc::misconfigured, std::move(message), std::move(detail)); }
error interrupted(std::string message, std::string detail) { return make(errc::interrupted, std::move(message), std::move(detail)); }

error service_unavailable(std::string detail) { return unavailable("Service temporarily unavailable", std::move(detail)); }
error invalid_fields(std::vector<field_error> fields) { return {errc::invalid, {}, {}, std::move(fields), {}}; }
error conflict_of(std::vector<std::string> fields) { return {errc::conflict, {}, {}, {}, std::move(fields)}; }

std::string_view to_string(errc code) noexcept {
    switch (code) {
    case errc::malformed: return "malformed";
    case errc::invalid: return "invalid";
    case errc::unauthorized: return "unauthorized";
    case errc::forbidden: return "forbidden";
    case errc::missing_role: return "missing_role";
    case errc::not_found: return "not_found";
    case errc::conflict: return "conflict";
    case errc::too_many: return "too_many";
    case errc::unavailable: return "unavailable";
    case errc::outcome_unknown: return "outcome_unknown";
    case errc::misconfigured: return "misconfigured";
    case errc::interrupted: return "interrupted";
    }
    return "unknown";
}

namespace detail {

stored_error::stored_error(error&& failure) noexcept : value(std::move(failure)) {}
stored_error::stored_error(const error& failure) : value(failure) {}
stored_error::stored_error(const stored_error& other) = default;
stored_error::stored_error(stored_error&& other) noexcept = default;
stored_error::~stored_error() = default;

const error& no_error() noexcept {
    static const error none;
    return none;
}

void throw_error(const error& failure, const call_site& where) {
    std::string what = fmt::format("{}: {}", to_string(failure.code), failure.message);
    if (!failure.detail.empty()) what += " (" + failure.detail + ")";
    // Adds the location, so that the code that logs the exception can say where it was thrown (boost::get_throw_location).
    boost::throw_with_location(std::runtime_error(what), boost::source_location(where.file, where.line, ""));
}

} // namespace detail

} // namespace ctms
