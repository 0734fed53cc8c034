// SPDX-License-Identifier: MPL-2.0
// Moves an embedded cluster to a newer version of PostgreSQL with pg_upgrade, which keeps transaction ids. The new cluster is made next to
// the old one and takes its place in one step at the end, so that an interrupted upgrade changes nothing and can be repeated.
#include "embedded_cluster.hpp"
#include "file_lock.hpp"
#include "process.hpp"

#include <ctms/persistence/embedded_postgres.hpp>
#include <persistence/postgres/feed_epoch.hpp>

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <system_error>
#include <thread>

namespace ctms::persistence {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 30s;
// Only the servers that pg_upgrade starts use these ports, so that those of an interrupted upgrade can be told from others.
constexpr auto old_port = "50432";
constexpr auto new_port = "50433";
// A new cluster, its log of transactions, and what pg_upgrade writes beside them.
constexpr std::uintmax_t least_space = 256ULL << 20U;

// pg_upgrade keeps ids of transactions, so places in the feed of changes are as good as before, but they name the old cluster. Moves those
// of webhooks, and keeps the deletions of the feed. One line, because single-user mode reads lines.
std::string move_feed_sql() {
    return fmt::format("do $$ declare id bigint; epoch_before text; begin"
                       " if to_regclass('ctms_changes_state') is null then return; end if;"
                       " select s.system_identifier, {0} into id, epoch_before from ctms_changes_state s;"
                       " update ctms_changes_state set system_identifier = (select system_identifier from pg_control_system());"
                       " if to_regclass('ctms_webhooks') is null then return; end if;"
                       " update ctms_webhooks w set system_identifier = s.system_identifier, epoch = {0}"
                       " from ctms_changes_state s where w.system_identifier = id and w.epoch = epoch_before; end $$",
                       epoch_sql);
}

std::uintmax_t disk_usage(const fs::path& folder) {
    std::uintmax_t total = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        struct stat file {};
        if (::lstat(entry.path().c_str(), &file) == 0) total += static_cast<std::uintmax_t>(file.st_blocks) * 512;
    }
    return total;
}

void check_space(const embedded_layout& layout) {
    struct statvfs disk {};
    if (::statvfs(layout.root().c_str(), &disk) != 0) throw std::system_error(errno, std::generic_category(), "statvfs");
    const auto free = static_cast<std::uintmax_t>(disk.f_bavail) * disk.f_frsize;
    const auto needed = disk_usage(layout.data()) + least_space;
    if (free >= needed) return;
    throw embedded_failure(fmt::format("The upgrade copies the database and needs {} MiB, but the disk of {} has {} MiB. Make room.",
                                       (needed >> 20U) + 1, layout.root().string(), free >> 20U));
}

// Stops a server that an interrupted upgrade has left running in the folder.
void stop_left_server(const fs::path& folder, std::chrono::steady_clock::time_point deadline) {
    const file_handle data(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    std::istringstream lines(data.get() < 0 ? std::string() : read_plain_file(data, "postmaster.pid").value_or(""));
    std::string pid, directory, started, port; // the first lines of the file
    std::getline(lines, pid) && std::getline(lines, directory) && std::getline(lines, started) && std::getline(lines, port);
    pid_t server = 0;
    std::from_chars(pid.data(), pid.data() + pid.size(), server);
    std::error_code ignored;
    if ((port != old_port && port != new_port) || server <= 1 || fs::read_symlink(fs::path("/proc") / pid / "cwd", ignored) != folder)
        return;
    ::kill(server, SIGINT);
    while (in_use(folder) && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(20ms);
}

void stop_left_servers(const embedded_layout& layout, std::chrono::steady_clock::time_point deadline) {
    stop_left_server(layout.data(), deadline);
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(layout.root(), ignored)) stop_left_server(entry.path() / "data", deadline);
}

class upgrade_run {
public:
    upgrade_run(const embedded_layout& layout, fs::path old_programs) : layout_(layout), old_programs_(std::move(old_programs)) {}

    embedded_upgrade run() {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        const auto starting = layout_.open_lock(embedded_layout::start_lock_name);
        if (!lock_file(starting, lock_mode::exclusive, deadline))
            throw embedded_failure("Another program has been starting PostgreSQL for too long.");
        check_owners(layout_, account_);
        from_ = version_of_cluster(layout_);
        if (from_ == 0) throw embedded_refusal(fmt::format("There is no database in {}.", layout_.root().string()));
        new_programs_ = newest_binaries();
        to_ = version_of_binaries(new_programs_);
        if (to_ == from_) return {from_, to_, {}};
        check_programs();
        // Held until the end: nothing starts the server meanwhile.
        const auto supervising = layout_.open_lock(embedded_layout::supervisor_lock_name);
        if (!lock_file(supervising, lock_mode::exclusive, deadline))
            throw embedded_failure("Other programs use the database. Stop them, and repeat the upgrade.");
        stop_left_servers(layout_, deadline);
        if (in_use(layout_.data())) throw embedded_failure(fmt::format("A PostgreSQL is running in {}. Stop it.", layout_.data().string()));
        remove_drafts(layout_);
        remove_unfinished();
        check_space(layout_);
        check_reachable(layout_, account_);
        const auto draft = make_draft(layout_, account_);
        make_new_cluster(draft);
        exchange(draft / "data");
        remove_drafts(layout_);
        return {from_, to_, kept()};
    }

private:
    [[nodiscard]] fs::path kept() const { return layout_.root() / fmt::format("{}-{}", embedded_layout::data_name, from_); }

    void check_programs() {
        if (to_ < from_) {
            throw embedded_refusal(
                fmt::format("{} was made by PostgreSQL {}, which is newer than the programs in {} (version {}). Install the"
                            " package postgresql-{} (Debian).",
                            layout_.data().string(), from_, new_programs_.string(), to_, from_));
        }
        if (old_programs_.empty()) old_programs_ = usual_binaries(from_);
        if (!holds_server(old_programs_) || version_of_binaries(old_programs_) != from_) {
            throw embedded_refusal(
                fmt::format("The upgrade also needs the programs of PostgreSQL {}, which are not in {}: install the package"
                            " postgresql-{} (Debian), or name their folder with --old-programs.",
                            from_, old_programs_.string(), from_));
        }
        if (::access((new_programs_ / "pg_upgrade").c_str(), X_OK) != 0)
            throw embedded_refusal(fmt::format("{} does not contain pg_upgrade.", new_programs_.string()));
    }

    // The folder for the old data may contain a new cluster that an interrupted upgrade did not put in its place.
    void remove_unfinished() const {
        std::error_code closed;
        if (!fs::exists(kept(), closed)) return;
        const file_handle folder = layout_.folder.open_folder(kept().filename().string(), account_.user);
        const auto version = read_plain_file(folder, "PG_VERSION").value_or("");
        if (version == fmt::format("{}\n", from_)) {
            throw embedded_refusal(fmt::format(
                "{} has the data from before an earlier upgrade. Delete it or move it away, and repeat the upgrade.", kept().string()));
        }
        fs::remove_all(kept());
    }

    void run_program(const std::string& what, std::vector<std::string> words) const {
        const auto log = layout_.open_log();
        // In a session of its own, so that Ctrl-C does not end it: it would leave its servers running.
        std::vector<std::string> apart{"setsid", "--wait"};
        apart.insert(apart.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
        if (run_and_wait({as_account(account_, "KILL", std::move(apart)), log.get(), -1}) != 0)
            throw embedded_failure(what + " failed: " + end_of_log(layout_));
    }

    // Whether the pages of the old cluster have checksums, which the new one must have, too.
    [[nodiscard]] bool has_checksums() const {
        const auto facts = output_of({(old_programs_ / "pg_controldata").string(), "-D", layout_.data().string()});
        return facts && facts->find("Data page checksum version:           0") == std::string::npos;
    }

    void make_new_cluster(const fs::path& draft) const {
        const auto data = draft / "data";
        // Without a server, the recorded process is another program by now. In single-user mode PostgreSQL recovers and shuts down cleanly,
        // which pg_upgrade requires.
        fs::remove(layout_.data() / "postmaster.pid");
        run_program("The recovery of the old database",
                    {(old_programs_ / "postgres").string(), "--single", "-D", layout_.data().string(), "postgres"});
        std::vector<std::string> options;
        if (has_checksums()) {
            options.emplace_back("--data-checksums");
        } else if (to_ >= 18) { // where they are the default
            options.emplace_back("--no-data-checksums");
        }
        create_cluster(layout_, account_, new_programs_, data, options);
        // pg_upgrade writes a script into its current folder. It copies files, so the old cluster stays as it is.
        run_program("pg_upgrade", {"env",           "-C",
                                   draft.string(),  (new_programs_ / "pg_upgrade").string(),
                                   "--old-bindir",  old_programs_.string(),
                                   "--new-bindir",  new_programs_.string(),
                                   "--old-datadir", layout_.data().string(),
                                   "--new-datadir", data.string(),
                                   "--username",    "postgres",
                                   "--socketdir",   ensure_socket_folder(layout_, account_).string(),
                                   "--old-port",    old_port,
                                   "--new-port",    new_port});
        // The statistics of the planner are not copied either.
        run_program("The last step in the new database",
                    {"sh", "-c", R"(printf '%s\nanalyze\n' "$3" | "$1" --single -c exit_on_error=on -D "$2" ctms)", "sh",
                     (new_programs_ / "postgres").string(), data.string(), move_feed_sql()});
    }

    // The old cluster gets its new name, and the new one takes its place. At each moment there is a complete cluster in the place.
    void exchange(const fs::path& made) const {
        fs::rename(made, kept());
        if (::renameat2(AT_FDCWD, kept().c_str(), AT_FDCWD, layout_.data().c_str(), RENAME_EXCHANGE) != 0)
            throw std::system_error(errno, std::generic_category(), "exchanging " + kept().string() + " and " + layout_.data().string());
        const file_handle root(::open(layout_.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (::fsync(root.get()) != 0) throw std::system_error(errno, std::generic_category(), "fsync " + layout_.root().string());
    }

    const embedded_layout& layout_;
    server_account account_ = choose_account();
    fs::path old_programs_;
    fs::path new_programs_;
    int from_ = 0;
    int to_ = 0;
};

} // namespace

result<embedded_upgrade> embedded_postgres::upgrade(const fs::path& directory, const fs::path& old_programs) {
    try {
        const auto layout = prepare_directory(directory);
        return upgrade_run(layout, old_programs).run();
    } catch (const embedded_refusal& refused) {
        return invalid(std::string("Embedded PostgreSQL: ") + refused.what());
    } catch (const std::runtime_error& failure) { // embedded_failure, and the file system's
        return unavailable(std::string("Embedded PostgreSQL: ") + failure.what());
    }
}

} // namespace ctms::persistence
