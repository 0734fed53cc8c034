// SPDX-License-Identifier: MPL-2.0
#include "embedded_supervisor.hpp"

#include <ctms/persistence/embedded_postgres.hpp>

#include <sys/stat.h>

#include <stdexcept>
#include <system_error>

namespace ctms::persistence {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds longest_start{30};

} // namespace

struct embedded_postgres::impl {
    embedded_layout layout;
    file_handle user; ///< holds the users' lock (shared), which keeps the server running
    fs::path socket_folder;
};

result<embedded_postgres> embedded_postgres::start(const fs::path& directory, const embedded_options& options) {
    try {
        const auto deadline = std::chrono::steady_clock::now() + longest_start;
        auto state = std::make_unique<impl>();
        state->layout = prepare_directory(directory);
        const auto account = choose_account();
        const auto starting = state->layout.open_lock(embedded_layout::start_lock_name);
        if (!lock_file(starting, lock_mode::exclusive, deadline))
            throw embedded_failure("Another program has been starting PostgreSQL for too long.");
        check_owners(state->layout, account);
        state->user = state->layout.open_lock(embedded_layout::users_lock_name);
        // A supervisor that is stopping the server holds this lock exclusively.
        if (!lock_file(state->user, lock_mode::shared, deadline)) throw embedded_failure("PostgreSQL is taking too long to stop.");
        ::futimens(state->user.get(), nullptr); // tells a lingering supervisor that there is a new user
        supervisor(state->layout, account, options).ensure_running(deadline);
        const auto socket_folder = find_socket_folder(state->layout, account);
        if (!socket_folder) throw embedded_failure("The directory of the server's socket is gone; try again.");
        state->socket_folder = *socket_folder;
        return embedded_postgres(std::move(state));
    } catch (const embedded_refusal& refused) {
        return invalid(std::string("Embedded PostgreSQL: ") + refused.what());
    } catch (const std::runtime_error& failure) { // embedded_failure, and the file system's
        return unavailable(std::string("Embedded PostgreSQL: ") + failure.what());
    }
}

embedded_postgres::embedded_postgres(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
embedded_postgres::embedded_postgres(embedded_postgres&&) noexcept = default;
embedded_postgres& embedded_postgres::operator=(embedded_postgres&&) noexcept = default;
embedded_postgres::~embedded_postgres() = default;

bool embedded_postgres::exists(const std::filesystem::path& directory) {
    std::error_code closed;
    // A lock alone: another program is about to create the cluster, and start() waits for it.
    return fs::exists(directory / embedded_layout::data_name / "PG_VERSION", closed) || closed ||
           fs::exists(directory / embedded_layout::start_lock_name, closed) || closed;
}

std::string embedded_postgres::url(const std::string& database) const { return embedded_url(impl_->socket_folder, database); }

const fs::path& embedded_postgres::directory() const { return impl_->layout.root(); }

std::string embedded_postgres::kept_secret(const std::string& name, std::string (*make)()) const {
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
        throw std::logic_error("not a plain file name: " + name);
    const auto& folder = impl_->layout.folder;
    const auto alone = impl_->layout.open_lock(embedded_layout::start_lock_name);
    if (!lock_file(alone, lock_mode::exclusive, std::chrono::steady_clock::now() + longest_start)) {
        throw std::system_error(std::make_error_code(std::errc::timed_out), (folder.path() / embedded_layout::start_lock_name).string());
    }
    if (auto kept = folder.read_secret(name)) return *kept;
    auto made = make();
    folder.write_file(name, made);
    return made;
}

} // namespace ctms::persistence
