// SPDX-License-Identifier: MPL-2.0
#include "private_file.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace ctms::cli {

private_file::private_file(const std::string& name) {
    constexpr mode_t owner_only = 0600;
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, owner_only);
    if (descriptor < 0) return;
    file_.reset(::fdopen(descriptor, "w"));
    if (!file_) ::close(descriptor);
}

bool private_file::write(std::string_view text) {
    failed_ = failed_ || !file_ || std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size();
    return !failed_;
}

bool private_file::close() {
    if (!file_) return false;
    return std::fclose(file_.release()) == 0 && !failed_;
}

} // namespace ctms::cli
