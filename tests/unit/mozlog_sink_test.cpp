// SPDX-License-Identifier: MPL-2.0
// Tests the descriptor sink alone; mozlog_test.cpp tests the logger above it.
#include <ctms/mozlog/logger.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <string>

using ctms::mozlog::make_descriptor_sink;

namespace {

std::string read_to_end(int from) {
    std::string all;
    std::array<char, 8192> part{};
    for (ssize_t n = 0; (n = ::read(from, part.data(), part.size())) > 0;) all.append(part.data(), static_cast<std::size_t>(n));
    return all;
}

// While an object exists, files cannot grow beyond `bytes`, as if the disk were full.
class small_disk {
public:
    explicit small_disk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    ~small_disk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    small_disk(const small_disk&) = delete;
    small_disk& operator=(const small_disk&) = delete;

private:
    void (*handler_)(int);
    rlimit before_{};
};

} // namespace

TEST_SUITE("mozlog sink") {
    TEST_CASE("lines longer than a pipe accepts in one write arrive whole") {
        for (const int flags : {0, O_NONBLOCK}) {
            std::array<int, 2> ends{};
            REQUIRE(::pipe(ends.data()) == 0);
            ::fcntl(ends[1], F_SETFL, flags);
            auto reader = std::async(std::launch::async, read_to_end, ends[0]);

            std::string lines;
            for (const auto length : std::array<std::size_t, 6>{300'000, 1, 4095, 4096, 4097, 100'000})
                lines.append(length, 'x').append("\n");
            CHECK(make_descriptor_sink(ends[1])->write(lines) == 0);
            CHECK((::fcntl(ends[1], F_GETFL) & O_NONBLOCK) == flags); // others may share the pipe: its flags were not changed
            ::close(ends[1]);
            CHECK(reader.get() == lines);
            ::close(ends[0]);
        }
    }

    TEST_CASE("a sink that is told to give up stops waiting for its reader, and returns how many lines are lost") {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        const auto sink = make_descriptor_sink(ends[1]);
        constexpr std::size_t count = 100'000; // more than a pipe holds
        const std::string line = "123456789\n";
        std::string lines;
        for (std::size_t i = 0; i < count; ++i) lines += line;
        auto writer = std::async(std::launch::async, [&] { return sink->write(lines); });
        sink->give_up();
        CHECK(writer.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
        ::close(ends[1]);
        const auto arrived = read_to_end(ends[0]);
        ::close(ends[0]);
        CHECK(arrived == lines.substr(0, arrived.size()));
        CHECK(arrived.size() % line.size() == 0);
        CHECK(writer.get() == count - arrived.size() / line.size());
    }

    TEST_CASE("a descriptor that is not open does no harm") {
        for (const int descriptor : {-1, 1'000'000}) CHECK(make_descriptor_sink(descriptor)->write("lost\nlost\n") == 2);
    }

    TEST_CASE("a line that was cut by a full disk is finished when there is space again") {
        std::string path = "/tmp/ctms_mozlog_XXXXXX";
        const int file = ::mkstemp(path.data());
        REQUIRE(file >= 0);
        const auto sink = make_descriptor_sink(file);
        {
            const small_disk full(10);
            CHECK(sink->write("first\nsecond\nlost\n") == 1);
            CHECK(sink->write("lost\n") == 1);
        }
        CHECK(sink->write("third\n") == 0);
        ::close(file);
        std::ifstream written(path);
        const std::string text(std::istreambuf_iterator<char>(written), {});
        ::unlink(path.c_str());
        CHECK(text == "first\nsecond\nthird\n");
    }
}
