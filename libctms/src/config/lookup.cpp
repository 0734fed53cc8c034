// SPDX-License-Identifier: MPL-2.0
#include "config/lookup.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

namespace ctms::config {
namespace {

constexpr std::size_t largest_file = 64 << 10; // a secret is shorter; a wrong path may lead to anything

// False when it is not there, a directory, or too long.
bool read_file(const std::string& path, std::string& into) {
    std::ifstream file(path, std::ios::binary);
    into.resize(largest_file + 1);
    file.read(into.data(), static_cast<std::streamsize>(into.size()));
    into.resize(static_cast<std::size_t>(file.gcount()));
    return file.eof();
}

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
    if (!value.empty()) return {{}, fmt::format("{0}: given twice, as {0} and as {0}_FILE; set one of them", name)};
    if (!read_file(path, value)) {
        return {{}, fmt::format("{0}: the file {1} of {0}_FILE cannot be read; a readable file of at most 64 KiB", name, path)};
    }
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
