// SPDX-License-Identifier: MPL-2.0
// Sinks that keep what a logger writes: memory_sink for a test that reads it after the logger has ended, captured_log for one that reads it
// meanwhile.
#pragma once

#include <ctms/mozlog/logger.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::test {

/// Appends to a string, which must outlive the logger.
class memory_sink final : public mozlog::sink {
public:
    explicit memory_sink(std::string& out) : out_(out) {}
    std::size_t write(std::string_view lines) override {
        out_ += lines;
        return 0;
    }

private:
    std::string& out_;
};

/// The lines of a log, as they were written. Thread safe.
class captured_log {
public:
    void append(std::string_view lines) {
        const std::lock_guard lock(mutex_);
        text_ += lines;
    }
    [[nodiscard]] std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }
    [[nodiscard]] std::vector<boost::json::object> lines() const {
        std::istringstream all(text());
        std::vector<boost::json::object> out;
        for (std::string line; std::getline(all, line);) out.push_back(boost::json::parse(line).as_object());
        return out;
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

/// Writes into a captured_log.
class capturing_sink final : public mozlog::sink {
public:
    explicit capturing_sink(std::shared_ptr<captured_log> into) : into_(std::move(into)) {}
    std::size_t write(std::string_view lines) override {
        into_->append(lines);
        return 0;
    }

private:
    std::shared_ptr<captured_log> into_;
};

} // namespace ctms::test
