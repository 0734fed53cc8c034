// SPDX-License-Identifier: MPL-2.0
#include "lookup.hpp"

#include <ctms/base/files.hpp>

#include <fmt/core.h>

#include <cstdlib>
#include <utility>

namespace ctms::config {
namespace {

constexpr std::size_t largest_file = 64 << 10; // longer than any secret; a wrong path may name any file

void trim_newline(std::string& text) {
    if (!text.ends_with('\n')) return;
    text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
}

} // namespace

found_text look_up(std::string_view name, const getenv_fn& getenv) {
    std::string value = getenv(std::string(name)).value_or("");
    const std::string path = getenv(fmt::format("{}_FILE", name)).value_or("");
    if (path.empty()) return {std::move(value), {}};
    if (!value.empty()) return {{}, fmt::format("{0}: set twice, as {0} and as {0}_FILE; set only one of them", name)};
    auto content = read_small_file(path, largest_file);
    if (!content) {
        return {{},
                fmt::format("{0}: the file {1} of {0}_FILE cannot be read; allowed: a readable file of at most 64 KiB ({2})", name, path,
                            content.error().detail)};
    }
    value = std::move(*content);
    trim_newline(value);
    return {std::move(value), {}};
}

getenv_fn process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* const value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
    };
}

} // namespace ctms::config
