// SPDX-License-Identifier: MPL-2.0
// A file of personal data to write: only its owner may read it. For one thread.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace ctms::cli {

class private_file {
public:
    /// Makes the file, or empties it; good() tells whether that worked.
    explicit private_file(const std::string& name);

    [[nodiscard]] bool good() const { return file_ != nullptr; }
    /// False when it could not be written (a full disk).
    [[nodiscard]] bool write(std::string_view text);
    /// Writes what is still in memory. False when that, or anything before, failed.
    [[nodiscard]] bool close();

private:
    struct closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, closer> file_;
    bool failed_ = false;
};

} // namespace ctms::cli
