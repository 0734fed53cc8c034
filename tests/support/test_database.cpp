// SPDX-License-Identifier: MPL-2.0
#include "test_database.hpp"

#include <persistence/embedded/file_lock.hpp>
#include <persistence/migrations/rights.hpp>
#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/grants.hpp>
#include <ctms/persistence/migrations.hpp>

#include <fmt/core.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
// libpqxx 6.4 leaks the result that reports a broken connection.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx-6.4"; }
#endif

namespace ctms::test {

namespace {

using namespace persistence;

constexpr std::chrono::seconds linger{15};

database_options options_for(const std::string& url) {
    database_options options;
    options.url = url;
    options.statement_timeout = std::chrono::seconds(30);
    options.lock_timeout = std::chrono::seconds(20);
    return options;
}

// Each set of migrations and rights gets another name, so that new code never uses an old template.
std::string template_name() {
    std::uint64_t hash = 1469598103934665603U;
    const auto add = [&](std::string_view text) {
        for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    };
    for (const auto& one : known_migrations()) add(one.sha256);
    for (const auto& one : all_rights) {
        for (const auto rights : one.of) add(rights);
    }
    return fmt::format("ctms_template_{:016x}", hash);
}

bool exists(connection& link, const std::string& name) {
    return !link.execute(fmt::format("select from pg_database where datname = '{}'", name)).empty();
}

void drop(connection& link, const std::string& name) { link.execute(fmt::format("drop database if exists {} with (force)", name)); }

// Drops the databases test_<process>_<number> of processes that were killed.
void drop_leftovers(connection& link) {
    const auto found = link.execute("select datname from pg_database where datname like 'test\\_%'");
    for (std::size_t row = 0; row < found.size(); ++row) {
        const auto name = found.text(row, 0);
        pid_t process = 0;
        std::from_chars(name.data() + 5, name.data() + name.size(), process);
        if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) drop(link, std::string(name));
    }
}

std::string role_of(program_account program) { return fmt::format("ctms_test_{}", program_names.at(static_cast<std::size_t>(program))); }

void grant_to_test_roles(const database_options& options) {
    connection link(options);
    std::vector<account_role> roles;
    for (const auto program : {program_account::web, program_account::sync, program_account::admin}) {
        roles.push_back({program, role_of(program)});
        link.execute(fmt::format("do $$ begin create role {} login; exception when duplicate_object or unique_violation then null; end $$",
                                 roles.back().role));
    }
    const auto statements = grant_statements(options, roles);
    if (!statements || !apply_grants(options, *statements)) throw std::runtime_error("the rights of the test roles cannot be granted");
}

void make_template(connection& link, const embedded_postgres& cluster, const std::string& name) {
    const std::string draft = name + "_draft";
    drop(link, draft);
    link.execute(fmt::format("create database {}", draft));
    const auto done = migrate(options_for(cluster.url(draft)));
    if (!done) throw std::runtime_error("cannot migrate the template: " + done.error().message + " " + done.error().detail);
    grant_to_test_roles(options_for(cluster.url(draft)));
    link.execute(fmt::format("alter database {} rename to {}", draft, name));
}

// Several test processes start at the same time; one of them makes the template.
void ensure_template(connection& link, const embedded_postgres& cluster, const std::string& name) {
    if (exists(link, name)) return;
    const auto alone = file_handle(::open((cluster.directory() / "template.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_file(alone, lock_mode::exclusive, std::chrono::steady_clock::now() + std::chrono::minutes(1))) {
        throw std::runtime_error("the template database was not made in time");
    }
    drop_leftovers(link);
    if (!exists(link, name)) make_template(link, cluster, name);
}

// The cluster keeps these settings when it starts again.
void configure_cluster(connection& link) {
    static constexpr std::string_view prefix = "%m [%p] %d "; // all tests share the log, so a line names its database
    const auto is_done = [&] { return link.execute("show log_line_prefix").text(0, 0) == prefix; };
    if (is_done()) return;
    // Tests do not need their data after a crash of the machine.
    for (const auto* setting : {"fsync", "full_page_writes", "synchronous_commit"})
        link.execute(fmt::format("alter system set {} = off", setting));
    link.execute(fmt::format("alter system set log_line_prefix = '{}'", prefix));
    link.execute("select pg_reload_conf()");
    for (const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10); !is_done();) {
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("PostgreSQL did not read its settings again in time");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::string new_name() {
    static std::atomic<int> made = 0;
    return fmt::format("test_{}_{}", ::getpid(), ++made);
}

// PostgreSQL removes its postmaster.pid last in a clean shutdown.
bool holds_running_server(const std::filesystem::path& place) {
    return std::filesystem::exists(place / "postgres" / "postmaster.pid") ||
           std::filesystem::exists(place / "data" / "postgres" / "postmaster.pid");
}

} // namespace

std::filesystem::path test_data_directory() {
    const char* chosen = std::getenv("CTMS_TEST_DATA_DIR");
    return chosen != nullptr && *chosen != '\0' ? chosen : fmt::format("/tmp/ctms-test-{}", ::getuid());
}

embedded_postgres shared_cluster() {
    auto started = embedded_postgres::start(test_data_directory(), {.linger = linger});
    if (!started) throw std::runtime_error(started.error().message);
    return std::move(*started);
}

test_database::test_database(content what) : cluster_(shared_cluster()), name_(new_name()), url_(cluster_.url(name_)) {
    connection link(options_for(cluster_.url("postgres")));
    configure_cluster(link);
    std::string source = "template0";
    if (what == content::migrated) {
        source = template_name();
        ensure_template(link, cluster_, source);
    }
    drop(link, name_); // left over if a test crashed and its process id is in use again
    link.execute(fmt::format("create database {} template {}", name_, source));
}

test_database::~test_database() {
    try {
        connection link(options_for(cluster_.url("postgres")));
        drop(link, name_);
    } catch (const std::exception&) { // the next process calls drop_leftovers
    }
}

database_options test_database::options() const { return options_for(url_); }

void test_database::grant_rights() const { grant_to_test_roles(options()); }

std::string test_database::url(program_account program) const { return url_ + "&user=" + role_of(program); }

temporary_directory::temporary_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ctms-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = pattern;
    if (::geteuid() == 0) std::filesystem::permissions(path_, std::filesystem::perms(0711));
}

temporary_directory::~temporary_directory() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto wait = [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return std::chrono::steady_clock::now() < deadline;
    };
    while (holds_running_server(path_) && wait()) {
    }
    std::error_code failed;
    do {
        std::filesystem::remove_all(path_, failed);
    } while (failed && wait());
}

} // namespace ctms::test
