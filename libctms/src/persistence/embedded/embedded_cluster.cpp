// SPDX-License-Identifier: MPL-2.0
#include "embedded_cluster.hpp"

#include "process.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <system_error>

namespace ctms::persistence {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_socket_path = 107;
constexpr std::string_view socket_name = "/.s.PGSQL.5432";
constexpr std::string_view draft_name = "initdb";          ///< of folders that are renamed when they are complete
constexpr auto installed_versions = "/usr/lib/postgresql"; ///< where Debian's packages have the programs

std::optional<server_account> find_account(const char* name) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (::getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
    return server_account{true, entry.pw_uid, entry.pw_gid, name};
}

std::string first_line(const std::optional<std::string>& text) { return text ? text->substr(0, text->find('\n')) : std::string(); }

bool is_number(const std::string& text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos; }

void give_to(const fs::path& path, const server_account& account) {
    if (account.switched && ::lchown(path.c_str(), account.user, account.group) != 0) {
        throw std::system_error(errno, std::generic_category(), "chown " + path.string());
    }
}

fs::path make_private_folder(std::string pattern, const server_account& account) {
    pattern += "-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
    give_to(pattern, account);
    return pattern;
}

int number_of(const std::string& text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<fs::path> newest_installed() {
    std::optional<fs::path> best;
    int best_version = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(installed_versions, ignored)) {
        const int version = number_of(entry.path().filename());
        if (version > best_version && holds_server(entry.path() / "bin")) {
            best_version = version;
            best = entry.path() / "bin";
        }
    }
    return best;
}

} // namespace

server_account choose_account() {
    if (::geteuid() != 0) return {false, ::geteuid(), ::getegid(), {}};
    if (auto found = find_account("postgres")) return *found;
    if (auto found = find_account("nobody")) return *found;
    throw embedded_failure("PostgreSQL does not run as root, and there is no account `postgres` or `nobody` for it.");
}

std::vector<std::string> as_account(const server_account& account, const std::string& signal, std::vector<std::string> program) {
    std::vector<std::string> all{"setpriv", "--pdeathsig", signal};
    if (account.switched) {
        all.push_back(fmt::format("--reuid={}", account.user));
        all.push_back(fmt::format("--regid={}", account.group));
        all.emplace_back("--init-groups");
    }
    all.emplace_back("--");
    all.insert(all.end(), std::make_move_iterator(program.begin()), std::make_move_iterator(program.end()));
    return all;
}

file_handle embedded_layout::open_log() const { return folder.open_file(log_name, O_RDWR | O_CREAT | O_APPEND); }

file_handle embedded_layout::open_lock(const char* name) const { return folder.open_file(name, O_RDWR | O_CREAT); }

embedded_layout prepare_directory(const fs::path& directory) {
    // If the server runs under another account, that account must be able to enter; its own files are in a private folder inside.
    return {own_directory::open(directory, ::geteuid() == 0 ? 0711 : 0700)};
}

void check_owners(const embedded_layout& layout, const server_account& account) {
    // The owner only matters if the folder contains a cluster; other files are not touched.
    std::error_code closed;
    if (fs::exists(layout.data() / "PG_VERSION", closed) || closed)
        (void)layout.folder.open_folder(embedded_layout::data_name, account.user);
    (void)layout.folder.open_folder(embedded_layout::run_name, account.user);
}

std::string recorded_server(const embedded_layout& layout, const server_account& account) {
    const auto folder = layout.folder.open_folder(embedded_layout::data_name, account.user);
    auto pid = first_line(folder.get() < 0 ? std::nullopt : read_plain_file(folder, "postmaster.pid"));
    // The file belongs to the account, which must not be able to make us stop another program.
    std::error_code ignored;
    return is_number(pid) && fs::read_symlink(fs::path("/proc") / pid / "cwd", ignored) == layout.data() ? pid : std::string();
}

void check_reachable(const embedded_layout& layout, const server_account& account) {
    if (!account.switched) return;
    const auto log = layout.open_log();
    // Checked by the system while running as the account, so that groups and access control lists count.
    std::vector<std::string> question{"sh", "-c", "n=0; for d; do n=$((n+1)); [ -x \"$d\" ] || exit $n; done", "sh"};
    std::vector<fs::path> folders;
    fs::path folder;
    for (const auto& part : layout.root()) {
        folder /= part;
        folders.push_back(folder);
        question.push_back(folder.string());
    }
    const auto answer = static_cast<std::size_t>(run_and_wait({as_account(account, "KILL", std::move(question)), log.get(), -1}));
    if (answer == 0) return;
    if (answer > folders.size()) throw embedded_failure("Cannot run programs as `" + account.name + "`: " + end_of_log(layout));
    const auto& closed = folders[answer - 1].string();
    throw embedded_failure(fmt::format("PostgreSQL runs as the account `{}`, which may not enter {}: choose another directory with"
                                       " CTMS_DATA_DIR, or allow it with `chmod o+x {}`.",
                                       account.name, closed, closed));
}

bool holds_server(const fs::path& folder) {
    return ::access((folder / "postgres").c_str(), X_OK) == 0 && ::access((folder / "initdb").c_str(), X_OK) == 0;
}

fs::path usual_binaries(int version) { return fs::path(installed_versions) / std::to_string(version) / "bin"; }

int version_of_binaries(const fs::path& folder) {
    // For example "postgres (PostgreSQL) 17.4 (Debian 17.4-1)".
    const auto told = output_of({(folder / "postgres").string(), "--version"});
    constexpr std::string_view label = "(PostgreSQL) ";
    const auto at = told ? told->find(label) : std::string::npos;
    const int version = at == std::string::npos ? 0 : number_of(told->substr(at + label.size()));
    if (version == 0) throw embedded_failure(fmt::format("{} did not report its version.", (folder / "postgres").string()));
    return version;
}

int version_of_cluster(const embedded_layout& layout) {
    const file_handle cluster(::open(layout.data().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return number_of(first_line(cluster.get() < 0 ? std::nullopt : read_plain_file(cluster, "PG_VERSION")));
}

fs::path newest_binaries() {
    if (const char* chosen = std::getenv("CTMS_PG_BINDIR"); chosen != nullptr && *chosen != '\0') {
        if (holds_server(chosen)) return chosen;
        throw embedded_failure(fmt::format("CTMS_PG_BINDIR={} does not contain the programs `postgres` and `initdb`.", chosen));
    }
    const auto in_path = find_program("initdb");
    auto found = newest_installed().value_or(in_path ? in_path->parent_path() : fs::path());
    if (found.empty() || !holds_server(found)) {
        throw embedded_failure("The programs of PostgreSQL are not installed: install the package postgresql (Debian), or set"
                               " CTMS_PG_BINDIR to their folder.");
    }
    return found;
}

fs::path find_binaries(const embedded_layout& layout) {
    for (const char* tool : {"setpriv", "setsid", "flock"}) {
        if (!find_program(tool)) throw embedded_failure(fmt::format("The program `{}` is missing: install the package util-linux.", tool));
    }
    const int needed = version_of_cluster(layout);
    const char* chosen = std::getenv("CTMS_PG_BINDIR");
    if (needed != 0 && (chosen == nullptr || *chosen == '\0')) {
        if (holds_server(usual_binaries(needed))) return usual_binaries(needed);
        if (!newest_installed() && !find_program("initdb"))
            throw embedded_refusal(fmt::format("{} was made by PostgreSQL {}, whose programs are not installed. Install the package"
                                               " postgresql-{} (Debian), or set CTMS_PG_BINDIR to the folder of its programs.",
                                               layout.data().string(), needed, needed));
    }
    auto found = newest_binaries();
    const int version = needed == 0 ? 0 : version_of_binaries(found);
    if (version == needed) return found;
    throw embedded_refusal(fmt::format("{} was made by PostgreSQL {}, but the programs in {} are of version {}. Install the package"
                                       " postgresql-{} (Debian), or set CTMS_PG_BINDIR to the folder of its programs.{}",
                                       layout.data().string(), needed, found.string(), version, needed,
                                       needed < version ? " To use the newer version, run `ctms-admin db upgrade` then." : ""));
}

bool in_use(const fs::path& data) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
        const auto name = entry.path().filename().string();
        if (std::isdigit(static_cast<unsigned char>(name[0])) != 0 && fs::read_symlink(entry.path() / "cwd", ignored) == data) return true;
    }
    return false;
}

fs::path make_draft(const embedded_layout& layout, const server_account& account) {
    return make_private_folder((layout.root() / draft_name).string(), account);
}

void remove_drafts(const embedded_layout& layout) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(layout.root(), ignored)) {
        if (entry.path().filename().string().starts_with(fmt::format("{}-", draft_name))) fs::remove_all(entry.path(), ignored);
    }
}

void create_cluster(const embedded_layout& layout, const server_account& account, const fs::path& binaries, const fs::path& folder,
                    const std::vector<std::string>& more) {
    const auto log = layout.open_log();
    std::vector<std::string> words{(binaries / "initdb").string(),
                                   "-D",
                                   folder.string(),
                                   "-A",
                                   "trust",
                                   "-U",
                                   "postgres",
                                   "-E",
                                   "UTF8",
                                   "--locale=C.UTF-8",
                                   "--no-instructions"};
    words.insert(words.end(), more.begin(), more.end());
    if (run_and_wait({as_account(account, "KILL", std::move(words)), log.get(), -1}) != 0)
        throw embedded_failure("initdb failed: " + end_of_log(layout));
}

bool ensure_cluster(const embedded_layout& layout, const server_account& account, const fs::path& binaries) {
    if (fs::exists(layout.data() / "PG_VERSION")) return false;
    if (fs::exists(layout.data()) && !fs::is_empty(layout.data())) {
        throw embedded_failure(fmt::format("{} contains files but no PostgreSQL cluster. Move them away.", layout.data().string()));
    }
    remove_drafts(layout);
    // Created under another name, so that the remains of an interrupted initdb are not mistaken for a cluster.
    const auto draft = make_draft(layout, account);
    create_cluster(layout, account, binaries, draft);
    fs::rename(draft, layout.data());
    return true;
}

std::optional<fs::path> find_socket_folder(const embedded_layout& layout, const server_account& account) {
    auto usual = layout.root() / embedded_layout::run_name;
    if (usual.string().size() + socket_name.size() <= longest_socket_path) {
        const auto folder = layout.folder.open_folder(embedded_layout::run_name, account.user);
        return folder.get() < 0 ? std::nullopt : std::optional(usual);
    }
    // The folder is in /tmp: after it was cleaned up, another account may have created one with the same name.
    const fs::path recorded = first_line(layout.folder.read_file(embedded_layout::run_path_name));
    return is_private_folder(recorded, account.user) ? std::optional(recorded) : std::nullopt;
}

fs::path ensure_socket_folder(const embedded_layout& layout, const server_account& account) {
    if (auto found = find_socket_folder(layout, account)) return *found;
    auto usual = layout.root() / embedded_layout::run_name;
    if (usual.string().size() + socket_name.size() <= longest_socket_path) {
        // Created with its final owner and then renamed, so that an interrupted start never leaves a folder that the server cannot use.
        fs::rename(make_draft(layout, account), usual);
        return usual;
    }
    auto made = make_private_folder("/tmp/ctms-run", account);
    layout.folder.write_file(embedded_layout::run_path_name, made.string() + '\n');
    return made;
}

std::string end_of_log(const embedded_layout& layout) {
    const auto log = layout.open_log();
    std::string text(8192, '\0');
    const auto size = ::lseek(log.get(), 0, SEEK_END);
    const auto count = ::pread(log.get(), text.data(), text.size(), std::max<off_t>(0, size - static_cast<off_t>(text.size())));
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    std::istringstream in(text);
    std::string line;
    std::array<std::string, 3> last;
    while (std::getline(in, line)) {
        if (line.empty()) continue;
        std::rotate(last.begin(), last.begin() + 1, last.end());
        last.back() = line;
    }
    return fmt::format("{} {} {} (see {})", last[0], last[1], last[2], layout.log().string());
}

} // namespace ctms::persistence
