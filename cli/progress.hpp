// SPDX-License-Identifier: MPL-2.0
// A progress bar on standard error, with percentage, count, rate and time left. Draws nothing during the first second, or
// if standard error is not a terminal. Not thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ctms::cli {

class progress {
public:
    /// `what`: the name of the items, as in "contacts"; `total`: nullopt if unknown.
    progress(std::string what, std::optional<std::uint64_t> total);
    ~progress() { erase(); }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    /// Sets how many items are done; draws at most ten times a second.
    void set(std::uint64_t done);
    /// Removes the bar from the terminal, so that the next text starts on a line of its own.
    void erase();

    /// The text of the bar after `elapsed`, at most `columns` wide if they suffice: "contacts  42% [====>     ] 42,000/100,000
    /// 21,000/s  0:03 left".
    [[nodiscard]] static std::string text(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                                          std::chrono::duration<double> elapsed, int columns);

private:
    using clock = std::chrono::steady_clock;

    std::string what_;
    std::optional<std::uint64_t> total_;
    bool on_terminal_;
    bool drawn_ = false;
    clock::time_point began_ = clock::now();
    clock::time_point last_draw_ = began_;
};

} // namespace ctms::cli
