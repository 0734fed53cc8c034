// SPDX-License-Identifier: MPL-2.0
// Starting and stopping the embedded PostgreSQL; each test has its own cluster.
#include <support/becomes_true.hpp>
#include <support/test_database.hpp>

#include <persistence/embedded/embedded_cluster.hpp>
#include <persistence/embedded/embedded_supervisor.hpp>
#include <persistence/embedded/process.hpp>
#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

using namespace ctms;
using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::temporary_directory;
namespace fs = std::filesystem;

namespace {

template <class Condition>
bool soon(Condition condition) {
    return ctms::test::becomes_true(condition);
}

int server_of(const fs::path& directory) {
    int pid = 0;
    std::ifstream(directory / "postgres" / "postmaster.pid") >> pid;
    return pid;
}

// PostgreSQL removes this file when it has shut down cleanly.
bool stopped_cleanly(const fs::path& directory) { return !fs::exists(directory / "postgres" / "postmaster.pid"); }

bool is_gone(int pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    return !(status >> number >> name >> state) || state == "Z";
}

database_options options_for(const embedded_postgres& server) {
    database_options options;
    options.url = server.url();
    return options;
}

int parent_of(int pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    int parent = 0;
    status >> number >> name >> state >> parent;
    return parent;
}

// Another process that uses the directory until it is told to leave or is killed. Create it before this process starts
// its own server: a forked process shares the locks that are held.
class user_process {
public:
    explicit user_process(const fs::path& directory) {
        int from_child[2];
        int to_child[2];
        REQUIRE(::pipe2(from_child, O_CLOEXEC) == 0);
        REQUIRE(::pipe2(to_child, O_CLOEXEC) == 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::close(to_child[1]);
            use(directory, from_child[1], to_child[0]);
        }
        ::close(from_child[1]);
        ::close(to_child[0]);
        leave_ = to_child[1];
        char answer = 'n';
        REQUIRE(::read(from_child[0], &answer, 1) == 1);
        ::close(from_child[0]);
        CHECK(answer == 'y');
    }
    ~user_process() { end(SIGKILL); }
    user_process(const user_process&) = delete;
    user_process& operator=(const user_process&) = delete;

    void leave() { end(0); }
    void kill() { end(SIGKILL); }

private:
    [[noreturn]] static void use(const fs::path& directory, int tell, int wait) {
        {
            const auto server = embedded_postgres::start(directory);
            char byte = server ? 'y' : 'n';
            if (::write(tell, &byte, 1) != 1) ::_exit(1);
            if (::read(wait, &byte, 1) < 0) ::_exit(1);
        }
        ::_exit(0);
    }
    void end(int signal) {
        if (child_ == 0) return;
        if (signal != 0) ::kill(child_, signal);
        if (signal == 0) CHECK(::write(leave_, "q", 1) == 1); // closing is not enough: later children also have the pipe
        ::close(leave_);
        ::waitpid(child_, nullptr, 0);
        child_ = 0;
    }

    pid_t child_ = 0;
    int leave_ = -1;
};

} // namespace

TEST_CASE("data are kept, and the server stops with its last user") {
    temporary_directory place;
    const auto directory = place.path() / "data";
    {
        auto server = embedded_postgres::start(directory);
        REQUIRE_MESSAGE(server.has_value(), server.error().message);
        connection link(options_for(*server));
        CHECK(link.execute("show fsync").text(0, 0) == "on");
        CHECK(link.execute("show listen_addresses").text(0, 0) == "");
        CHECK(link.execute("show server_encoding").text(0, 0) == "UTF8");
        link.execute("create table kept as select 42 as answer");
        CHECK(server->directory() == fs::canonical(directory));
        auto moved = std::move(*server);
        CHECK(moved.url("postgres").find("/postgres?") != std::string::npos);
    }
    CHECK(soon([&] { return stopped_cleanly(directory); }));
    auto again = embedded_postgres::start(directory);
    REQUIRE(again.has_value());
    CHECK(connection(options_for(*again)).execute("select answer from kept").integer(0, 0) == 42);
    struct stat info {};
    REQUIRE(::stat((directory / "postgres").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0700U);
    CHECK(info.st_uid != 0);
}

TEST_CASE("a shutdown writes no error of the shell to the log, and leaves no process of the supervisor") {
    temporary_directory place;
    const auto supervisors = [&] {
        int count = 0;
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
            std::ifstream file(entry.path() / "cmdline");
            std::ostringstream words; // a process may end while its file is read: then this operator stops, and an iterator would throw
            words << file.rdbuf();
            count += words.str().find(place.path().string() + "/users") != std::string::npos ? 1 : 0;
        }
        return count;
    };
    {
        const auto server = embedded_postgres::start(place.path());
        REQUIRE_MESSAGE(server.has_value(), server.error().message);
        CHECK(supervisors() > 0);
        SUBCASE("stopped by its last user") {}
        SUBCASE("killed") {
            ::kill(server_of(place.path()), SIGKILL);
            CHECK(soon([&] { return supervisors() == 0; })); // while there is still a user
        }
    }
    CHECK(soon([&] { return supervisors() == 0; }));
    std::ifstream file(place.path() / "log");
    const std::string log{std::istreambuf_iterator<char>(file), {}};
    CHECK(log.find("kill:") == std::string::npos);
    CHECK(log.find("sh:") == std::string::npos);
}

TEST_CASE("two processes share a server, and the last one stops it") {
    temporary_directory place;
    user_process first(place.path());
    const int server = server_of(place.path());
    user_process second(place.path());
    CHECK(server_of(place.path()) == server);
    first.leave();
    std::this_thread::sleep_for(300ms);
    CHECK_FALSE(is_gone(server));
    second.leave();
    CHECK(soon([&] { return stopped_cleanly(place.path()) && is_gone(server); }));
}

TEST_CASE("several threads can start the server at the same time") {
    temporary_directory place;
    std::vector<std::thread> users;
    std::atomic<int> failed = 0;
    for (int i = 0; i < 4; ++i) {
        users.emplace_back([&] {
            auto server = embedded_postgres::start(place.path());
            if (!server) {
                ++failed;
                return;
            }
            try {
                connection(options_for(*server)).execute("select 1");
            } catch (const sql_error&) {
                ++failed;
            }
        });
    }
    for (auto& user : users) user.join();
    CHECK(failed == 0);
    CHECK(soon([&] { return stopped_cleanly(place.path()); }));
}

TEST_CASE("the server can be started and stopped in quick succession") {
    temporary_directory place;
    for (int i = 0; i < 5; ++i) {
        auto server = embedded_postgres::start(place.path());
        REQUIRE_MESSAGE(server.has_value(), server.error().message);
        connection(options_for(*server)).execute("select 1");
    }
}

TEST_CASE("when its only user is killed, the server stops") {
    temporary_directory place;
    user_process user(place.path());
    const int server = server_of(place.path());
    user.kill();
    CHECK(soon([&] { return stopped_cleanly(place.path()) && is_gone(server); }));
}

TEST_CASE("a killed server is started again with its data") {
    temporary_directory place;
    auto first = embedded_postgres::start(place.path());
    REQUIRE(first.has_value());
    connection(options_for(*first)).execute("create table kept as select 42 as answer");
    const int killed = server_of(place.path());
    REQUIRE(::kill(killed, SIGKILL) == 0);
    auto second = embedded_postgres::start(place.path());
    REQUIRE_MESSAGE(second.has_value(), second.error().message);
    CHECK(server_of(place.path()) != killed);
    CHECK(connection(options_for(*second)).execute("select answer from kept").integer(0, 0) == 42);
    CHECK(connection(options_for(*first)).execute("select answer from kept").integer(0, 0) == 42);
}

TEST_CASE("when the supervisor is killed, the server stops and the next user starts it again") {
    temporary_directory place;
    auto first = embedded_postgres::start(place.path());
    REQUIRE(first.has_value());
    const int server = server_of(place.path());
    const int supervisor = parent_of(server);
    REQUIRE(supervisor > 1);
    REQUIRE(::kill(supervisor, SIGKILL) == 0);
    REQUIRE(soon([&] { return is_gone(supervisor); }));
    SUBCASE("immediately") {}
    SUBCASE("after the server has stopped") {
        CHECK(soon([&] { return is_gone(server); }));
    }
    auto second = embedded_postgres::start(place.path());
    REQUIRE_MESSAGE(second.has_value(), second.error().message);
    CHECK_NOTHROW(connection(options_for(*second)).execute("select 1"));
}

TEST_CASE("a server that runs without a supervisor is used and supervised") {
    temporary_directory place;
    user_process(place.path()).leave();
    REQUIRE(soon([&] { return stopped_cleanly(place.path()); }));
    const auto layout = prepare_directory(place.path());
    const auto account = choose_account();
    std::vector<std::string> by_hand{"setsid", "--fork", "setpriv"};
    if (account.switched) {
        by_hand.push_back("--reuid=" + std::to_string(account.user));
        by_hand.push_back("--regid=" + std::to_string(account.group));
        by_hand.emplace_back("--init-groups");
    } else {
        by_hand.emplace_back("--no-new-privs"); // setpriv requires at least one option
    }
    by_hand.insert(by_hand.end(),
                   {find_binaries(layout) / "postgres", "-D", layout.data(), "-k", layout.root() / "run", "-c", "listen_addresses="});
    const auto log = layout.open_log();
    REQUIRE(run_and_wait({by_hand, log.get(), -1}) == 0);
    REQUIRE(soon([&] { return fs::exists(layout.root() / "run" / ".s.PGSQL.5432"); }));
    const int server = server_of(place.path());
    {
        auto joined = embedded_postgres::start(place.path());
        REQUIRE_MESSAGE(joined.has_value(), joined.error().message);
        CHECK(server_of(place.path()) == server);
        CHECK_NOTHROW(connection(options_for(*joined)).execute("select 1"));
    }
    CHECK(soon([&] { return stopped_cleanly(place.path()) && is_gone(server); }));
}

TEST_CASE("a postmaster.pid that names another program is ignored") {
    temporary_directory place;
    user_process(place.path()).leave();
    REQUIRE(soon([&] { return stopped_cleanly(place.path()); }));
    std::ofstream(place.path() / "postgres" / "postmaster.pid") << ::getpid() << "\n" << (place.path() / "postgres").string() << "\n";
    auto server = embedded_postgres::start(place.path());
    CHECK_MESSAGE(server.has_value(), server.error().message);
}

TEST_CASE("an interrupted initdb does not prevent a start") {
    temporary_directory place;
    fs::create_directories(place.path() / "initdb-leftover" / "base");
    auto server = embedded_postgres::start(place.path());
    REQUIRE_MESSAGE(server.has_value(), server.error().message);
    CHECK_FALSE(fs::exists(place.path() / "initdb-leftover"));
}

TEST_CASE("if the directory's path is too long for a socket, the socket is placed elsewhere") {
    temporary_directory place;
    const auto directory = place.path() / std::string(100, 'd');
    std::string url;
    {
        auto server = embedded_postgres::start(directory);
        REQUIRE_MESSAGE(server.has_value(), server.error().message);
        url = server->url();
        CHECK_NOTHROW(connection(options_for(*server)).execute("select 1"));
    }
    std::string socket_folder;
    std::getline(std::ifstream(directory / "run.path"), socket_folder);
    CHECK(socket_folder.starts_with("/tmp/"));
    struct stat info {};
    REQUIRE(::stat(socket_folder.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0700U);
    CHECK(embedded_postgres::start(directory).value().url() == url);
    CHECK(soon([&] { return stopped_cleanly(directory); }));
    fs::remove_all(socket_folder);
}

TEST_CASE("files that are not a cluster are not touched") {
    temporary_directory place;
    fs::create_directory(place.path() / "postgres");
    std::ofstream(place.path() / "postgres" / "thesis.txt") << "precious";
    const auto refused = embedded_postgres::start(place.path());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::unavailable);
    CHECK(refused.error().message.find("no PostgreSQL cluster") != std::string::npos);
    CHECK(fs::exists(place.path() / "postgres" / "thesis.txt"));
}

TEST_CASE("if binaries are missing, the error names the package or the setting") {
    temporary_directory place;
    ::setenv("CTMS_PG_BINDIR", "/nonexistent", 1);
    const auto refused = embedded_postgres::start(place.path());
    ::unsetenv("CTMS_PG_BINDIR");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("CTMS_PG_BINDIR=/nonexistent") != std::string::npos);
}

TEST_CASE("data of another version is not touched, and the error says what to install") {
    const auto account = choose_account();
    for (const std::string version : {"9", "99"}) {
        CAPTURE(version);
        const bool advice = version == "9"; // only an older database can be upgraded
        temporary_directory place;
        const auto data = place.path() / "postgres";
        fs::create_directory(data);
        std::ofstream(data / "PG_VERSION") << version << '\n';
        fs::permissions(data, fs::perms(0700));
        if (account.switched) REQUIRE(::chown(data.c_str(), account.user, account.group) == 0);
        const auto refused = embedded_postgres::start(place.path());
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == errc::invalid); // exit code 78
        const auto& message = refused.error().message;
        CAPTURE(message);
        CHECK(message.find("was made by PostgreSQL " + version + ",") != std::string::npos);
        CHECK(message.find("postgresql-" + version + " ") != std::string::npos);
        CHECK((message.find("ctms-admin db upgrade") != std::string::npos) == advice);

        const auto upgraded = embedded_postgres::upgrade(place.path());
        REQUIRE_FALSE(upgraded.has_value());
        CHECK(upgraded.error().code == errc::invalid);
        CHECK(upgraded.error().message.find("postgresql-" + version + " ") != std::string::npos);
        CHECK((upgraded.error().message.find("--old-programs") != std::string::npos) == advice);
        CHECK(std::distance(fs::directory_iterator(data), {}) == 1);
    }
}

TEST_CASE("an upgrade leaves a database of the newest version alone, and there must be a database") {
    temporary_directory place;
    const auto missing = embedded_postgres::upgrade(place.path() / "none");
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == errc::invalid);
    CHECK(missing.error().message.find("no database in") != std::string::npos);

    const auto server = embedded_postgres::start(place.path()).value();
    const auto done = embedded_postgres::upgrade(place.path());
    REQUIRE(done.has_value());
    CHECK(done->from == done->to);
    CHECK(done->kept.empty());
    CHECK(fs::exists(place.path() / "postgres" / "PG_VERSION"));
}

TEST_CASE("a server starts in a new directory even if initdb alone takes longer than a start may") {
    temporary_directory place;
    const auto programs = place.path() / "bin";
    fs::create_directory(programs);
    const auto account = choose_account();
    const auto layout = prepare_directory(place.path() / "data");
    const auto real = find_binaries(layout);
    fs::create_symlink(real / "postgres", programs / "postgres");
    std::ofstream(programs / "initdb") << "#!/bin/sh\nsleep 13\nexec '" << (real / "initdb").string() << "' \"$@\"\n";
    fs::permissions(programs / "initdb", fs::perms(0755));
    const auto starting = layout.open_lock(embedded_layout::start_lock_name);
    const auto user = layout.open_lock(embedded_layout::users_lock_name);
    REQUIRE(lock_file(starting, lock_mode::exclusive, std::chrono::steady_clock::now() + 1s));
    REQUIRE(lock_file(user, lock_mode::shared, std::chrono::steady_clock::now() + 1s));
    const embedded_options options;
    ::setenv("CTMS_PG_BINDIR", programs.c_str(), 1);
    supervisor work(layout, account, options);
    CHECK_NOTHROW(work.ensure_running(std::chrono::steady_clock::now() + 12s));
    ::unsetenv("CTMS_PG_BINDIR");
}

TEST_CASE("the error names a directory that the server's account may not enter") {
    const bool is_root = ::geteuid() == 0; // only root can change the account
    temporary_directory place;
    const auto closed = place.path() / "closed";
    fs::create_directory(closed);
    fs::permissions(closed, fs::perms(is_root ? 0700 : 0));
    const auto refused = embedded_postgres::start(closed / "data");
    fs::permissions(closed, fs::perms(0700));
    REQUIRE_FALSE(refused.has_value());
    if (!is_root) return;
    CHECK(refused.error().message.find("may not enter " + closed.string() + ":") != std::string::npos);
    CHECK(refused.error().message.find("CTMS_DATA_DIR") != std::string::npos);
}

TEST_CASE("a secret is created once and readable only by its owner") {
    temporary_directory place;
    const auto read = [&](std::string (*make)()) {
        return embedded_postgres::start(place.path()).value().kept_secret("signing.key", make);
    };
    const auto first = read([] { return std::string("s\0cret\n", 7); });
    CHECK(first.size() == 7);
    CHECK(read([] { return std::string("other"); }) == first);
    struct stat info {};
    REQUIRE(::stat((place.path() / "signing.key").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
    const auto server = embedded_postgres::start(place.path()).value();
    CHECK_THROWS_AS((void)server.kept_secret("../x", [] { return std::string(); }), std::logic_error);
}

TEST_CASE("a server that lingers keeps running after its user for a while and then stops") {
    temporary_directory place;
    { CHECK(embedded_postgres::start(place.path(), {.linger = 5s}).has_value()); }
    const int server = server_of(place.path());
    { CHECK(embedded_postgres::start(place.path()).has_value()); }
    CHECK(server_of(place.path()) == server);
    CHECK(soon([&] { return stopped_cleanly(place.path()); }));
}
