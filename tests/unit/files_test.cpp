// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/files.hpp>
#include <ctms/base/printable.hpp>
#include <support/files.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ctms::new_file;
using ctms::printable;
using ctms::read_regular_file;
using ctms::read_small_file;
using ctms::test::content;
using ctms::test::mode_of;
using ctms::test::put;

namespace {

class folder {
public:
    folder() {
        std::string pattern = (fs::temp_directory_path() / "ctms-files-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = pattern;
    }
    ~folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;

    [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
    }

private:
    fs::path path_;
};

bool make(const std::string& path, const std::string& text, const ctms::new_file_options& how = {}) {
    auto file = new_file::create(path, how);
    return file && file->write(text) && file->commit();
}

std::string reason_of(const std::string& path) {
    const auto file = new_file::create(path);
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().message == path + " cannot be written");
    return file.error().detail;
}

} // namespace

TEST_CASE("a new file appears complete and with its mode, whatever the umask is") {
    const folder place;
    for (const mode_t mask : {0000U, 0077U, 0777U}) {
        const auto before = ::umask(mask);
        auto file = new_file::create(place / "out");
        const bool written = file && file->write("one") && file->write(" two");
        CHECK_FALSE(fs::exists(place / "out"));
        const bool kept = written && file->commit();
        const bool shared = make(place / "health", "x", {0644, false});
        ::umask(before);
        CHECK(kept);
        CHECK(shared);
        CHECK(content(place / "out") == "one two");
        CHECK(mode_of(place / "out") == 0600);
        CHECK(mode_of(place / "health") == 0644);
        fs::remove(place / "out");
    }
    CHECK(place.count() == 1);
}

TEST_CASE("a new file replaces an existing one, and an uncommitted file leaves nothing") {
    const folder place;
    put(place / "out", "old");
    ::chmod((place / "out").c_str(), 0666);
    {
        auto file = new_file::create(place / "out").value();
        CHECK(file.write("new"));
    }
    CHECK(content(place / "out") == "old");
    CHECK(place.count() == 1);
    CHECK(make(place / "out", "new"));
    CHECK(content(place / "out") == "new");
    CHECK(mode_of(place / "out") == 0600);
    CHECK(place.count() == 1);
}

TEST_CASE("two writers of the same name do not interfere") {
    const folder place;
    auto first = new_file::create(place / "out").value();
    auto second = new_file::create(place / "out").value();
    CHECK(first.write("first"));
    CHECK(second.write("second"));
    CHECK(second.commit().has_value());
    CHECK(first.commit().has_value());
    CHECK(content(place / "out") == "first");
    CHECK(place.count() == 1);
}

TEST_CASE("symbolic links are not followed") {
    const folder place;
    put(place / "victim", "precious");
    for (const auto* name : {"out", "out.part", "out.new"}) fs::create_symlink("victim", place / name);
    fs::create_symlink(place / "nowhere", place / "dangling");
    CHECK(make(place / "out", "data"));
    CHECK(make(place / "dangling", "data"));
    CHECK(content(place / "victim") == "precious");
    CHECK(fs::is_regular_file(fs::symlink_status(place / "out")));
    CHECK(content(place / "out") == "data");
    CHECK_FALSE(fs::exists(place / "nowhere"));
}

TEST_CASE("pipes, devices and open descriptors are written to directly") {
    const folder place;
    // The test does not use /dev/null and the like: replacing them by mistake would harm the whole machine.
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE((terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0));
    const std::string device = ::ptsname(terminal);
    CHECK(make(device, "x"));
    std::string shown(1, ' ');
    CHECK(::read(terminal, shown.data(), 1) == 1);
    CHECK(shown == "x");
    CHECK(fs::is_character_file(device));
    ::close(terminal);

    const int no_room = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    auto full = new_file::create("/dev/fd/" + std::to_string(no_room)).value();
    (void)full.write("x");
    const auto failed = full.commit();
    ::close(no_room);
    REQUIRE(failed.has_error());
    CHECK(failed.error().detail == "No space left on device");

    const int any = ::open((place / "any").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int next = ::fcntl(any, F_DUPFD_CLOEXEC, 3); // the number that the file gets
    ::close(next);
    auto cannot_be_closed = new_file::create("/dev/fd/" + std::to_string(any)).value();
    ::close(next);
    const auto not_closed = cannot_be_closed.commit();
    ::close(any);
    REQUIRE(not_closed.has_error());
    CHECK(not_closed.error().detail == "Bad file descriptor");

    REQUIRE(::mkfifo((place / "pipe").c_str(), 0600) == 0);
    std::string got;
    std::thread reader([&] { got = content(place / "pipe"); });
    CHECK(make(place / "pipe", "through"));
    reader.join();
    CHECK(got == "through");
    CHECK(fs::is_fifo(place / "pipe"));

    const int out = ::open((place / "target").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(::write(out, "before ", 7) == 7);
    for (const std::string folder_name : {"/dev/fd/", "/proc/self/fd/"}) CHECK(make(folder_name + std::to_string(out), "after "));
    ::close(out);
    CHECK(content(place / "target") == "before after after ");
}

TEST_CASE("a failed write says why") {
    const folder place;
    CHECK(reason_of(place / "no/such/folder") == "No such file or directory");
    CHECK(reason_of(place / "") == "Is a directory");
    CHECK(reason_of(place / ".") == "Is a directory");
    fs::create_directory(place / "directory");
    CHECK(reason_of(place / "directory") == "Is a directory");
    CHECK(reason_of("/dev/fd/99999") == "Bad file descriptor");
}

TEST_CASE("a pipe that nobody reads can be refused instead of waited for") {
    const folder place;
    REQUIRE(::mkfifo((place / "pipe").c_str(), 0600) == 0);
    const auto refused = new_file::create(place / "pipe", {.waits = false});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().detail == "No such device or address");
}

TEST_CASE("another user's pipe gets no data") {
    if (::geteuid() != 0) return; // only root can change the owner of a file
    const folder place;
    REQUIRE(::mkfifo((place / "pipe").c_str(), 0666) == 0);
    REQUIRE(::chown((place / "pipe").c_str(), 65534, 65534) == 0);
    CHECK(reason_of(place / "pipe") == "Operation not permitted");
}

TEST_CASE("a small file is read through links, with a limit on its size and on the time") {
    const folder place;
    put(place / "secret", "s3cret\n");
    fs::create_symlink("secret", place / "link");
    CHECK(read_small_file(place / "link", 7).value() == "s3cret\n");
    CHECK(read_small_file(place / "link", 6).error().detail == "File too large");
    CHECK(read_small_file("/dev/zero", 1000).error().detail == "File too large");
    CHECK(read_small_file("/dev/null", 1000).value().empty());
    CHECK(read_regular_file(place / "link", 7).value() == "s3cret\n");
    CHECK(read_regular_file(place / "link", 6).error().detail == "File too large");
    CHECK(read_regular_file(place / "none", 1000).error().detail == "No such file or directory");
    for (const auto& other : {std::string("/dev/zero"), std::string("/dev/null"), std::string(place / "")})
        CHECK(read_regular_file(other, 1000).error().detail == "Not a regular file");
    CHECK(read_small_file(place / "", 1000).error().detail == "Is a directory");
    CHECK(read_small_file(place / "none", 1000).error().detail == "No such file or directory");
    REQUIRE(::mkfifo((place / "pipe").c_str(), 0600) == 0);
    const auto began = std::chrono::steady_clock::now();
    CHECK(read_small_file(place / "pipe", 1000, 50ms).error().detail == "Connection timed out");
    CHECK(read_regular_file(place / "pipe", 1000).error().detail == "Not a regular file");
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    std::thread writer([&] { put(place / "pipe", "late"); });
    CHECK(read_small_file(place / "pipe", 1000, 20s).value() == "late");
    writer.join();
}

TEST_CASE("a count has its noun in the singular or the plural") {
    CHECK(ctms::counted(0, "contact") == "0 contacts");
    CHECK(ctms::counted(1, "contact") == "1 contact");
    CHECK(ctms::counted(std::size_t{2}, "contact") == "2 contacts");
    CHECK(ctms::counted(1, "address", "addresses") == "1 address");
    CHECK(ctms::counted(std::int64_t{12}, "address", "addresses") == "12 addresses");
}

TEST_CASE("unprintable characters are escaped") {
    CHECK(printable("plain, \\ and \u00e9\u200d\U0001f600") == "plain, \\ and \u00e9\u200d\U0001f600");
    CHECK(printable("\x1b[2J\n\t\x7F") == R"(\x1b[2J\x0a\x09\x7f)");
    CHECK(printable("\u0080\u009b\u009f\u00a0") == "\\u{80}\\u{9b}\\u{9f}\u00a0");
    CHECK(printable("\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029\ufeff") ==
          R"(\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}\u{feff})");
    CHECK(printable("\U000e0041") == R"(\u{e0041})");
    CHECK(printable("\xFF\xE2\x80 \xC0\x80\xED\xA0\x80") == R"(\xff\xe2\x80 \xc0\x80\xed\xa0\x80)");
    CHECK(ctms::printable_lines("a\tb\nc\r\x1b") == "a\tb\nc\\x0d\\x1b");
    CHECK(ctms::printable_json("{\n\t\"a\":\"\u202e\x7F\U000e0041\u00e9\"}") == "{\n\t\"a\":\"\\u202e\\u007f\\udb40\\udc41\u00e9\"}");
    CHECK(ctms::printable_json("\"\xFF\"") == "\"\\ufffd\"");
}
