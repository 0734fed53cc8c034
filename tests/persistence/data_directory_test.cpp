// SPDX-License-Identifier: MPL-2.0
// A data directory that another account can change: planted files are refused, and the target of a link is never touched.
#include <support/files.hpp>
#include <support/test_database.hpp>

#include <persistence/embedded/embedded_cluster.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::content;
using ctms::test::mode_of;
using ctms::test::put;
using ctms::test::temporary_directory;
namespace fs = std::filesystem;

namespace {

constexpr uid_t stranger = 65534; // `nobody`
constexpr auto precious = "precious";

bool is_root() { return ::geteuid() == 0; }

void make_folder(const fs::path& path, mode_t mode) {
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
}

/// Runs `act` as another account, which may work in `place`; returns true if it succeeded.
bool as_stranger(const std::function<bool()>& act) {
    const auto child = ::fork();
    if (child == 0) {
        const bool changed = ::setgid(stranger) == 0 && ::setuid(stranger) == 0;
        ::_exit(changed && act() ? 0 : 1);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && status == 0;
}

/// Returns the error for a directory that is refused; the message must say what to do.
std::string refusal(const fs::path& directory) {
    const auto refused = embedded_postgres::start(directory);
    REQUIRE_FALSE(refused.has_value());
    CAPTURE(refused.error().message);
    CHECK(refused.error().code == errc::invalid); // exit code 78
    CHECK(refused.error().message.find("CTMS_DATA_DIR") != std::string::npos);
    return refused.error().message;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a data directory that belongs to another account is refused") {
    if (!is_root()) return; // needs two accounts
    temporary_directory place;
    fs::permissions(place.path(), fs::perms(01777));
    const auto planted = place.path() / "planted";
    REQUIRE(as_stranger([&] { return ::mkdir(planted.c_str(), 0777) == 0; }));
    const auto text = refusal(planted);
    CHECK(holds(text, planted.string() + " belongs to `nobody` (uid 65534), but should belong to `root` (uid 0)"));
    CHECK(holds(text, "chown -h root " + planted.string()));
    CHECK(fs::is_empty(planted));
}

TEST_CASE("another account's link on the path to the data directory is refused, and the user's own link is followed") {
    temporary_directory place;
    make_folder(place.path() / "real", 0700);
    fs::create_symlink("real", place.path() / "own");
    const auto opened = own_directory::open(place.path() / "own" / "data", 0700);
    CHECK(opened.path() == fs::canonical(place.path()) / "real" / "data");
    if (!is_root()) return; // the rest needs two accounts
    fs::permissions(place.path(), fs::perms(01777));
    const auto planted = place.path() / "planted";
    REQUIRE(as_stranger([&] { return ::symlink("real", planted.c_str()) == 0; }));
    CHECK(holds(refusal(planted), planted.string() + " is a symbolic link of `nobody`"));
    CHECK(holds(refusal(planted / "data"), planted.string() + " is a symbolic link of `nobody`"));
    CHECK_FALSE(fs::exists(place.path() / "real" / "log"));
}

TEST_CASE("a parent directory that every account may change is refused unless it has the sticky bit") {
    temporary_directory place;
    const auto open = place.path() / "open";
    make_folder(open, 0777);
    CHECK(holds(refusal(open / "data"), "Every account may change what is in " + fs::canonical(open).string()));
    CHECK_FALSE(fs::exists(open / "data"));
    fs::permissions(open, fs::perms(01777));
    CHECK_NOTHROW((void)own_directory::open(open / "data", 0700));
    if (!is_root()) return; // the rest needs two accounts
    REQUIRE(::chown(open.c_str(), stranger, stranger) == 0);
    fs::permissions(open, fs::perms(0755));
    CHECK_NOTHROW((void)own_directory::open(open / "data", 0700)); // for example sudo in someone else's checkout
    REQUIRE(as_stranger([&] { return ::mkdir((open / "planted").c_str(), 0755) == 0; }));
    CHECK(holds(refusal(open / "planted"), "belongs to `nobody` (uid 65534)"));
}

TEST_CASE("the user's own directory that others may change is restricted if it is empty and refused otherwise") {
    temporary_directory place;
    const auto empty = place.path() / "empty";
    make_folder(empty, 0777);
    (void)own_directory::open(empty, 0700);
    CHECK(mode_of(empty) == 0700);
    const auto full = place.path() / "full";
    make_folder(full, 0777);
    put(full / "secret_key", "planted");
    CHECK(holds(refusal(full), "chmod go-w " + fs::canonical(full).string()));
    CHECK(mode_of(full) == 0777);
}

TEST_CASE("link loops and files on the path cause errors and no waiting") {
    temporary_directory place;
    fs::create_symlink("loop", place.path() / "loop");
    put(place.path() / "file", "");
    for (const auto* name : {"loop", "file", "file/data"}) {
        const auto failed = embedded_postgres::start(place.path() / name);
        REQUIRE_FALSE(failed.has_value());
        CHECK(failed.error().code == errc::unavailable);
    }
}

TEST_CASE("links in the data directory are not followed") {
    for (const std::string name : {"log", "users.lock", "start.lock", "supervisor.lock", "postgres", "run", "secret_key"}) {
        CAPTURE(name);
        temporary_directory place;
        const bool is_folder = name == "postgres" || name == "run";
        const auto victim = place.path() / "victim";
        if (is_folder) {
            make_folder(victim, 0700);
            put(victim / "PG_VERSION", "15\n");
        } else {
            put(victim, precious);
        }
        const auto data = place.path() / "data";
        make_folder(data, 0700);
        fs::create_symlink(victim, data / name);
        std::string text;
        if (name == "secret_key") {
            try {
                (void)own_directory::open(data, 0700).read_secret(name);
            } catch (const embedded_refusal& refused) {
                text = refused.what();
            }
        } else {
            text = refusal(data);
        }
        CHECK(holds(text, (data / name).string() + " is a symbolic link of "));
        CHECK(holds(text, "Remove it."));
        if (!is_folder) CHECK(content(victim) == precious);
    }
}

TEST_CASE("pipes, hard links and files that others may change are refused") {
    temporary_directory place;
    const auto data = own_directory::open(place.path() / "data", 0700);
    REQUIRE(::mkfifo((data.path() / "pipe").c_str(), 0600) == 0);
    CHECK_THROWS_AS((void)data.read_file("pipe"), embedded_refusal);
    make_folder(data.path() / "folder", 0700);
    CHECK_THROWS_AS((void)data.open_file("folder", O_RDWR | O_CREAT), embedded_refusal);
    put(place.path() / "victim", precious);
    fs::create_hard_link(place.path() / "victim", data.path() / "log");
    CHECK_THROWS_AS((void)data.open_file("log", O_RDWR | O_CREAT | O_APPEND), embedded_refusal);
    put(data.path() / "shared", "x");
    fs::permissions(data.path() / "shared", fs::perms(0666));
    CHECK_THROWS_AS((void)data.read_file("shared"), embedded_refusal);
    fs::permissions(data.path() / "shared", fs::perms(0644));
    CHECK(data.read_file("shared") == "x");
    CHECK_THROWS_AS((void)data.read_secret("shared"), embedded_refusal);
    CHECK_FALSE(data.read_file("nothing").has_value());
}

TEST_CASE("a secret is written with the right mode, whatever is planted at its temporary name") {
    temporary_directory place;
    put(place.path() / "victim", precious);
    const auto data = own_directory::open(place.path() / "data", 0700);
    fs::create_symlink(place.path() / "victim", data.path() / "secret_key.new");
    const auto before = ::umask(0);
    data.write_file("secret_key", "s3cret");
    ::umask(before);
    CHECK(data.read_secret("secret_key") == "s3cret");
    CHECK(mode_of(data.path() / "secret_key") == 0600);
    CHECK(content(place.path() / "victim") == precious);
}

TEST_CASE("files of another account in the data directory are refused") {
    if (!is_root()) return; // needs two accounts
    for (const std::string name : {"log", "users.lock", "start.lock", "supervisor.lock", "run", "postgres"}) {
        CAPTURE(name);
        temporary_directory place;
        const auto data = place.path() / "data";
        make_folder(data, 0711);
        const uid_t other = stranger - 1; // neither this account nor the server's account
        if (name == "run" || name == "postgres") {
            make_folder(data / name, 0700);
            put(data / name / "PG_VERSION", "15\n");
        } else {
            put(data / name, "");
        }
        REQUIRE(::chown((data / name).c_str(), other, other) == 0);
        CHECK(holds(refusal(data), (data / name).string() + " belongs to uid 65533"));
    }
    temporary_directory place;
    auto server = embedded_postgres::start(place.path() / "data").value();
    put(server.directory() / "secret_key", "planted-planted-planted-planted-planted");
    fs::permissions(server.directory() / "secret_key", fs::perms(0600));
    REQUIRE(::chown((server.directory() / "secret_key").c_str(), stranger, stranger) == 0);
    CHECK_THROWS_AS((void)server.kept_secret("secret_key", [] { return std::string("x"); }), embedded_refusal);
}

TEST_CASE("the socket's folder is not used if another account has replaced it") {
    if (!is_root()) return; // needs two accounts
    temporary_directory place;
    const auto layout = prepare_directory(place.path() / std::string(100, 'd'));
    const auto recorded = place.path() / "socket";
    make_folder(recorded, 0700);
    layout.folder.write_file("run.path", recorded.string() + "\n");
    CHECK(find_socket_folder(layout, {false, 0, 0, {}}) == recorded);
    REQUIRE(::chown(recorded.c_str(), stranger, stranger) == 0);
    CHECK_FALSE(find_socket_folder(layout, {false, 0, 0, {}}).has_value());
}

TEST_CASE("a postmaster.pid can only name a process of its own cluster") {
    temporary_directory place;
    const auto layout = prepare_directory(place.path());
    const server_account us{false, ::geteuid(), ::getegid(), {}};
    make_folder(layout.data(), 0700);
    for (const auto& text : {std::to_string(::getpid()), std::string("-1"), std::string("1; id"), std::string("../self")}) {
        put(layout.data() / "postmaster.pid", text + "\n");
        CHECK(recorded_server(layout, us).empty());
    }
}
