// SPDX-License-Identifier: MPL-2.0
// A progress bar on standard error, for what takes longer than a second: share, count, rate and time left. Nothing is
// drawn where that is not a terminal, nor in the first second. For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ctms::cli {

class progress {
public:
    /// `what`: "contacts"; `total`: nullopt when it is not known.
    progress(std::string what, std::optional<std::uint64_t> total);
    ~progress(); ///< takes the bar away
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    /// So much is done now; draws at most ten times a second.
    void set(std::uint64_t done);

    /// The bar as it would be drawn after `elapsed`, on `columns` columns: "contacts  42% [====>     ] 42,000/100,000  21,000/s  0:03
    /// left".
    [[nodiscard]] static std::string text(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                                          std::chrono::duration<double> elapsed, int columns);

private:
    using clock = std::chrono::steady_clock;
    void erase();

    std::string what_;
    std::optional<std::uint64_t> total_;
    bool on_terminal_;
    bool drawn_ = false;
    clock::time_point began_ = clock::now();
    clock::time_point last_draw_ = began_;
};

} // namespace ctms::cli
