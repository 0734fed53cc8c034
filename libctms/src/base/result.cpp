// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/result.hpp>

#include <boost/throw_exception.hpp>
#include <fmt/core.h>

#include <stdexcept>
#include <utility>

namespace ctms {

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
