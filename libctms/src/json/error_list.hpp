// SPDX-License-Identifier: MPL-2.0
// Collects the broken rules of one input with their locations. Each input has its own list; not thread safe.
// Keeps at most the first thousand and at most 256 KiB, so that an answer is not much larger than the request. Quotes of the
// input are cut to `longest_echo`.
#pragma once

#include <ctms/base/result.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::json {

class error_list {
public:
    explicit error_list(std::string_view origin) { path_.emplace_back(std::string(origin)); }

    /// Adds one step to the current location, and removes it when it is destroyed.
    class step {
    public:
        step(error_list& owner, location_step where) : owner_(owner) { owner_.path_.push_back(std::move(where)); }
        ~step() { owner_.path_.pop_back(); }
        step(const step&) = delete;
        step& operator=(const step&) = delete;

    private:
        error_list& owner_;
    };
    [[nodiscard]] step at(std::string_view name) { return {*this, std::string(name)}; }
    [[nodiscard]] step at(std::size_t index) { return {*this, index}; }

    void add(std::string message, std::string type, std::string context = {}) {
        constexpr std::size_t most = 1000;
        constexpr std::size_t most_bytes = 256 * 1024;
        constexpr std::size_t bytes_of_a_step = 16; // approximately, as JSON
        const auto bytes = message.size() + type.size() + context.size() + path_.size() * bytes_of_a_step;
        if (!found_.empty() && (found_.size() >= most || bytes_ + bytes > most_bytes)) return;
        bytes_ += bytes;
        found_.push_back({path_, std::move(message), std::move(type), std::move(context)});
    }

    [[nodiscard]] bool empty() const { return found_.empty(); }
    [[nodiscard]] std::size_t size() const { return found_.size(); }

    /// Returns all of them as one error.
    [[nodiscard]] error take() && { return invalid_fields(std::move(found_)); }

private:
    std::vector<location_step> path_;
    std::vector<field_error> found_;
    std::size_t bytes_ = 0; ///< the approximate size of what was found
};

} // namespace ctms::json
