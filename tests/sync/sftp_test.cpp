// SPDX-License-Identifier: MPL-2.0
// The client for the vendor's file server, with OpenSSH's server.
#include <support/becomes_true.hpp>
#include <support/files.hpp>
#include <support/sftp_server.hpp>
#include <sync/sftp.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

sync_app::sftp_options options_for(const sftp_server& server) {
    sync_app::sftp_options out;
    out.host = "127.0.0.1";
    out.port = server.port();
    out.user = server.user();
    out.key_file = server.key_file();
    out.known_hosts = server.known_hosts();
    return out;
}

/// Pieces of a file; "" at the end.
acoustic::file_exchange::source pieces(std::vector<std::string> all) {
    return [left = std::move(all), at = std::size_t{0}]() mutable { return at < left.size() ? left[at++] : std::string(); };
}

/// A file without an end.
std::string more() { return std::string(100'000, 'x'); }

std::string why(const result<void>& outcome) { return outcome ? "" : outcome.error().detail; }

const std::stop_token never;

} // namespace

TEST_CASE("sftp: the libcurl of this system can do it") { CHECK(sync_app::has_sftp()); }

TEST_CASE("sftp: files are uploaded in pieces, downloaded and removed") {
    const sftp_server server;
    sync_app::sftp files(options_for(server));
    const std::string big(3'000'000, 'y');
    CHECK(why(files.upload("a.csv", pieces({"first,", "second\r\n", big}), never)).empty());
    CHECK(content(server.exchange() + "/upload/a.csv") == "first,second\r\n" + big);
    CHECK(why(files.upload("a.csv", pieces({"shorter"}), never)).empty());
    CHECK(content(server.exchange() + "/upload/a.csv") == "shorter");
    put(server.exchange() + "/download/7001.err", big);
    CHECK(files.download("7001.err", big.size(), never).value() == big);
    CHECK(files.download("7001.err", big.size() - 1, never).error().detail.find("longer than") != std::string::npos);
    CHECK(!files.download("missing.err", 100, never));
    CHECK(why(files.remove("download/7001.err")).empty());
    CHECK(!files.download("7001.err", big.size(), never));
    CHECK(why(files.remove("upload/a.csv")).empty());
    CHECK(server.uploaded().empty());
    CHECK(why(files.remove("upload/a.csv")).empty());
}

TEST_CASE("sftp: a server whose key is not known gets nothing") {
    sftp_server server;
    auto options = options_for(server);
    SUBCASE("its key has changed") { server.change_host_key(); }
    SUBCASE("there is no key for it") {
        options.known_hosts += ".empty";
        put(options.known_hosts, "");
    }
    SUBCASE("there is no such file") { options.known_hosts += ".missing"; }
    sync_app::sftp files(options);
    CHECK(!files.upload("a.csv", pieces({"text"}), never));
    CHECK(!files.download("a.err", 100, never));
    CHECK(!files.remove("upload/a.csv"));
    CHECK(server.uploaded().empty());
    CHECK(server.log().find("Accepted") == std::string::npos);
}

TEST_CASE("sftp: an account that the server does not accept") {
    const sftp_server server;
    auto options = options_for(server);
    SUBCASE("with a password") {
        options.key_file.clear();
        options.password = "secret-word";
    }
    SUBCASE("with another key") { options.key_file = server.key_file() + ".missing"; }
    SUBCASE("with another name") { options.user = "somebody-else"; }
    const auto outcome = sync_app::sftp(options).upload("a.csv", pieces({"text"}), never);
    CHECK(!outcome);
    CHECK(why(outcome).find("secret-word") == std::string::npos);
    CHECK(server.uploaded().empty());
}

TEST_CASE("sftp: a full disk fails the upload") {
    const sftp_server server(100);
    sync_app::sftp files(options_for(server));
    CHECK(why(files.upload("small.csv", pieces({"text"}), never)).empty());
    CHECK(!files.upload("large.csv", pieces({std::string(1'000'000, 'z')}), never));
}

TEST_CASE("sftp: a connection that ends, stalls or is stopped fails the upload") {
    const sftp_server server;
    auto options = options_for(server);
    options.stall = 1s;
    sync_app::sftp files(options);
    std::stop_source stop;
    std::function<void()> disturb;
    SUBCASE("the connection ends") {
        disturb = [&] { server.signal_connections(SIGKILL); };
    }
    SUBCASE("the server hangs") {
        disturb = [&] { server.signal_connections(SIGSTOP); };
    }
    SUBCASE("a stop is requested") {
        disturb = [&] { stop.request_stop(); };
    }
    std::jthread disturber([&] {
        if (becomes_true([&] { return !server.uploaded().empty(); })) disturb();
    });
    const auto began = clock_type::now();
    CHECK(!files.upload("a.csv", more, stop.get_token()));
    CHECK(clock_type::now() - began < 20s); // the rate is an average of some seconds
    disturber.join();
    server.signal_connections(SIGKILL);
}

TEST_CASE("sftp: an exception of the source ends the upload and is passed on") {
    const sftp_server server;
    sync_app::sftp files(options_for(server));
    int calls = 0;
    const auto throws = [&]() -> std::string {
        if (++calls == 2) throw std::runtime_error("the database is away");
        return "text";
    };
    CHECK_THROWS_WITH_AS((void)files.upload("a.csv", throws, never), "the database is away", std::runtime_error);
}

TEST_CASE("sftp: names that lead out of the folder are refused") {
    const sftp_server server;
    sync_app::sftp files(options_for(server));
    for (const auto* name : {"", ".", "..", "../a", "a/b", "a b", "a\nrm b", "/etc/passwd", ".hidden"}) {
        CAPTURE(name);
        CHECK(!files.upload(name, pieces({"text"}), never));
        CHECK(!files.download(name, 100, never));
        CHECK(!files.remove("upload/" + std::string(name)));
    }
    for (const auto* path : {"", "a.csv", "upload", "etc/passwd", "/upload/a.csv"}) CHECK(!files.remove(path));
}

TEST_CASE("sftp: nobody listens") {
    sync_app::sftp_options options;
    options.host = "127.0.0.1";
    options.port = 1;
    options.user = "nobody";
    options.password = "none";
    options.known_hosts = "/dev/null";
    CHECK(!sync_app::sftp(options).upload("a.csv", pieces({"text"}), never));
}
