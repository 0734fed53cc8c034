// SPDX-License-Identifier: MPL-2.0
#include "embedded_supervisor.hpp"

#include "process.hpp"

#include <persistence/postgres/connection.hpp>

#include <fmt/core.h>

#include <unistd.h>

#include <cctype>
#include <thread>

namespace ctms::persistence {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// Descriptor 3 holds the supervisor's lock while this script runs. Because of --pdeathsig (in the server's command)
// the server also stops when the script is killed. SIGINT is PostgreSQL's fast shutdown; it is repeated because a server
// that has just been started ignores it.
constexpr const char* script = R"sh(
users=$1 linger=$2 server=$3
shift 3
exec 4>>"$users"
if [ -z "$server" ]; then
    setsid "$@" 3>&- 4>&- &
    server=$!
    child=yes
fi
setsid setpriv --pdeathsig KILL sh -c '
    users=$1 linger=$2 server=$3
    while :; do
        flock -x 4
        [ "$linger" = 0 ] && break
        before=$(stat -c %y "$users")
        flock -u 4
        sleep "$linger"
        flock -n -x 4 || continue
        [ "$before" = "$(stat -c %y "$users")" ] && break
        flock -u 4
    done
    while kill -INT "$server" 2>/dev/null; do sleep 0.2; done
' waiter "$users" "$linger" "$server" 3>&- &
waiter=$!
if [ -n "${child-}" ]; then
    wait "$server"
else
    while kill -0 "$server" 2>/dev/null; do sleep 0.2; done
fi
kill -KILL "-$waiter" 2>/dev/null # without `--`, which dash refuses; the waiter may have ended
)sh";

constexpr std::chrono::seconds longest_silence{4};

const statement has_database{"embedded_has_database", "select exists (select from pg_database where datname = 'ctms')"};
constexpr int most_starts = 20;
constexpr off_t longest_log = 4 << 20;

void shorten_log(const embedded_layout& layout) {
    const auto log = layout.open_log();
    if (::lseek(log.get(), 0, SEEK_END) > longest_log && ::ftruncate(log.get(), 0) != 0)
        throw embedded_failure("Cannot shorten " + layout.log().string());
}

} // namespace

std::string embedded_url(const fs::path& folder, const std::string& database) {
    std::string encoded;
    for (const char c : folder.string()) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", byte);
        }
    }
    return fmt::format("postgresql:///{}?host={}&port=5432&user=postgres", database, encoded);
}

bool supervisor::server_answers() const {
    const auto folder = find_socket_folder(layout_, account_);
    if (!folder || !fs::exists(*folder / ".s.PGSQL.5432")) return false;
    const auto begin = std::chrono::steady_clock::now();
    database_options options;
    options.connect_timeout = longest_silence;
    try {
        options.url = embedded_url(*folder, "postgres");
        options.prepared = false;
        connection link(options);
        if (!link.query(has_database, {}).boolean(0, 0)) link.execute("create database ctms");
        return true;
    } catch (const sql_error&) {
        // A server that starts or stops refuses connections at once.
        if (std::chrono::steady_clock::now() - begin < longest_silence) return false;
    }
    throw embedded_failure(fmt::format("PostgreSQL (process {}) in {} is running but does not answer. It may be suspended or overloaded.",
                                       recorded_server(layout_, account_), layout_.data().string()));
}

void supervisor::ensure_running(std::chrono::steady_clock::time_point deadline) {
    const auto patience = deadline - std::chrono::steady_clock::now();
    bool watched = false;
    for (; std::chrono::steady_clock::now() < deadline; std::this_thread::sleep_for(3ms)) {
        const bool answers = server_answers();
        auto lock = layout_.open_lock(embedded_layout::supervisor_lock_name);
        watched = !try_lock_file(lock, lock_mode::exclusive);
        if (answers && watched) return;
        if (watched) continue; // the server is starting or stopping
        if (answers) {
            watch_running_server(std::move(lock));
            std::this_thread::sleep_for(200ms); // a server whose supervisor was killed is about to stop: check again
        } else if (!in_use(layout_.data())) {
            const bool was_created = start_server(std::move(lock));
            // On a busy machine, initdb alone may take as long as a start may.
            if (was_created) deadline = std::chrono::steady_clock::now() + patience;
        }
    }
    if (watched) {
        throw embedded_failure(fmt::format("PostgreSQL (process {}) was started, but does not answer yet. Try again: {}",
                                           recorded_server(layout_, account_), end_of_log(layout_)));
    }
    if (in_use(layout_.data())) {
        throw embedded_failure(fmt::format("Another PostgreSQL (process {}) is using {}. Stop it.", recorded_server(layout_, account_),
                                           layout_.data().string()));
    }
    throw embedded_failure("PostgreSQL did not start in time: " + end_of_log(layout_));
}

bool supervisor::start_server(file_handle lock) {
    if (starts_ == most_starts) throw embedded_failure("PostgreSQL does not start: " + end_of_log(layout_));
    std::this_thread::sleep_for(20ms * starts_);
    ++starts_;
    const auto binaries = find_binaries(layout_);
    shorten_log(layout_);
    check_reachable(layout_, account_);
    const bool was_created = ensure_cluster(layout_, account_, binaries);
    const auto folder = ensure_socket_folder(layout_, account_);
    // No process uses the cluster, but PostgreSQL would refuse to start if another program now has the recorded process number.
    fs::remove(layout_.data() / "postmaster.pid");
    std::vector<std::string> server{
        (binaries / "postgres").string(), "-D", layout_.data().string(), "-k", folder.string(), "-p", "5432", "-c", "listen_addresses="};
    spawn(std::move(lock), "", as_account(account_, "INT", std::move(server)));
    return was_created;
}

void supervisor::watch_running_server(file_handle lock) const {
    const auto pid = recorded_server(layout_, account_);
    if (!pid.empty()) spawn(std::move(lock), pid, {});
}

void supervisor::spawn(file_handle lock, const std::string& running_server, std::vector<std::string> server_command) const {
    const auto log = layout_.open_log();
    command detached{{"setsid", "--fork", "sh", "-c", script, "ctms-embedded-postgres", layout_.users_lock().string(),
                      std::to_string(options_.linger.count()), running_server},
                     log.get(),
                     lock.get()};
    detached.arguments.insert(detached.arguments.end(), std::make_move_iterator(server_command.begin()),
                              std::make_move_iterator(server_command.end()));
    if (run_and_wait(detached) != 0) throw embedded_failure("Cannot start the supervisor of PostgreSQL: " + end_of_log(layout_));
}

} // namespace ctms::persistence
