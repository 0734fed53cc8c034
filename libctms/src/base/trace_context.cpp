// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/trace_context.hpp>

#include <ctms/base/uuid.hpp>

#include <algorithm>

namespace ctms {
namespace {

constexpr std::size_t trace_digits = 32;
constexpr std::size_t parent_digits = 16;

thread_local const trace_context* current_trace = nullptr;

/// Digits that are not all 0, because a random UUID has the digit 4 among its first 16.
std::string random_digits(std::size_t count) {
    auto digits = uuid::random().to_string();
    std::erase(digits, '-');
    return digits.substr(0, count);
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

int digit_of(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

} // namespace

trace_context trace_context::begin() { return {random_digits(trace_digits), false}; }

std::optional<trace_context> read_traceparent(std::string_view value) {
    constexpr std::size_t trace_at = 3;
    constexpr std::size_t parent_at = trace_at + trace_digits + 1;
    constexpr std::size_t flags_at = parent_at + parent_digits + 1;
    constexpr std::size_t length = flags_at + 2;
    if (value.size() < length) return std::nullopt;
    const auto version = value.substr(0, 2);
    const auto trace = value.substr(trace_at, trace_digits);
    const auto parent = value.substr(parent_at, parent_digits);
    const auto flags = value.substr(flags_at, 2);
    if (value[trace_at - 1] != '-' || value[parent_at - 1] != '-' || value[flags_at - 1] != '-') return std::nullopt;
    if (!is_hex(version) || version == "ff" || !is_id(trace) || !is_id(parent) || !is_hex(flags)) return std::nullopt;
    // A later version may have more after another hyphen.
    if (value.size() > length && (version == "00" || value[length] != '-')) return std::nullopt;
    return trace_context{std::string(trace), digit_of(flags[1]) % 2 == 1};
}

std::string write_traceparent(const trace_context& trace) {
    return "00-" + trace.trace_id + "-" + random_digits(parent_digits) + (trace.is_sampled ? "-01" : "-00");
}

trace_scope::trace_scope(const trace_context* trace) noexcept : outer_(current_trace) { current_trace = trace; }
trace_scope::~trace_scope() { current_trace = outer_; }
const trace_context* trace_scope::current() noexcept { return current_trace; }

} // namespace ctms
