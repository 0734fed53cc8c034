// SPDX-License-Identifier: MPL-2.0
// The base of every fuzz target. CTMS_FUZZ_TARGET(name) { ... input ... } defines libFuzzer's entry point in a fuzzer, and a named
// function for the replay of kept inputs in all other builds. A target accepts any bytes, keeps no state between inputs, and ends the
// process with require() when a condition does not hold. For one thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ctms::fuzz {

/// Ends the process when `holds` is false. `what` states the expected condition, without text from the input.
inline void require(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "fuzz: does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

/// Removes the first line from `text` and returns it without the line end.
[[nodiscard]] inline std::string_view take_line(std::string_view& text) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

/// Removes the first byte from `text` and returns it; NUL if there is none.
[[nodiscard]] inline char take_byte(std::string_view& text) {
    if (text.empty()) return '\0';
    const char first = text.front();
    text.remove_prefix(1);
    return first;
}

/// A target with its name, for the replay.
struct target {
    std::string_view name;
    void (*run)(std::string_view input);
};

#ifndef CTMS_FUZZER
/// Registers a target. Defined by the replay.
bool add_target(target one);
#endif

} // namespace ctms::fuzz

#ifdef CTMS_FUZZER
#define CTMS_FUZZ_TARGET(name)                                                                                                             \
    static void run_##name(std::string_view input);                                                                                        \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {                                                    \
        run_##name({reinterpret_cast<const char*>(data), size});                                                                           \
        return 0;                                                                                                                          \
    }                                                                                                                                      \
    static void run_##name(std::string_view input)
#else
#define CTMS_FUZZ_TARGET(name)                                                                                                             \
    static void run_##name(std::string_view input);                                                                                        \
    [[maybe_unused]] static const bool added_##name = ctms::fuzz::add_target({#name, &run_##name});                                        \
    static void run_##name(std::string_view input)
#endif
