// SPDX-License-Identifier: MPL-2.0
#include <ctms/persistence/embedded_postgres.hpp>

#include "embedded_supervisor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace ctms::persistence {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds longest_start{30};

std::string read_whole(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::system_error(errno, std::generic_category(), path.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

// On disk under its name only when it is complete.
void write_secret(const fs::path& path, const std::string& value) {
    const fs::path draft = path.string() + ".new";
    const file_handle file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const bool written = file.get() >= 0 && ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()) &&
                         ::fsync(file.get()) == 0;
    if (!written) throw std::system_error(errno, std::generic_category(), draft.string());
    fs::rename(draft, path);
}

} // namespace

struct embedded_postgres::impl {
    embedded_layout layout;
    file_handle user; ///< the users' lock, shared: what keeps the server running
    fs::path socket_folder;
};

result<embedded_postgres> embedded_postgres::start(const fs::path& directory, const embedded_options& options) {
    try {
        const auto deadline = std::chrono::steady_clock::now() + longest_start;
        auto state = std::make_unique<impl>();
        state->layout = prepare_directory(directory);
        const auto starting = open_lock_file(state->layout.start_lock());
        if (!lock_file(starting, lock_mode::exclusive, deadline))
            throw embedded_failure("Another program has been starting PostgreSQL for long.");
        state->user = open_lock_file(state->layout.users_lock());
        // Held exclusively by a supervisor that is stopping the server.
        if (!lock_file(state->user, lock_mode::shared, deadline)) throw embedded_failure("PostgreSQL has been stopping for long.");
        ::futimens(state->user.get(), nullptr); // tells a lingering supervisor that somebody came
        supervisor(state->layout, options).ensure_running(deadline);
        state->socket_folder = find_socket_folder(state->layout).value();
        return embedded_postgres(std::move(state));
    } catch (const std::runtime_error& failure) { // embedded_failure, and the file system's
        return error{errc::unavailable, std::string("Embedded PostgreSQL: ") + failure.what(), {}, {}, {}};
    }
}

embedded_postgres::embedded_postgres(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
embedded_postgres::embedded_postgres(embedded_postgres&&) noexcept = default;
embedded_postgres& embedded_postgres::operator=(embedded_postgres&&) noexcept = default;
embedded_postgres::~embedded_postgres() = default;

std::string embedded_postgres::url(const std::string& database) const { return embedded_url(impl_->socket_folder, database); }

const fs::path& embedded_postgres::directory() const { return impl_->layout.root; }

std::string embedded_postgres::kept_secret(const std::string& name, std::string (*make)()) const {
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
        throw std::logic_error("not a plain file name: " + name);
    const auto path = impl_->layout.root / name;
    const auto alone = open_lock_file(impl_->layout.start_lock());
    if (!lock_file(alone, lock_mode::exclusive, std::chrono::steady_clock::now() + longest_start)) {
        throw std::system_error(std::make_error_code(std::errc::timed_out), impl_->layout.start_lock().string());
    }
    if (!fs::exists(path)) write_secret(path, make());
    return read_whole(path);
}

} // namespace ctms::persistence
