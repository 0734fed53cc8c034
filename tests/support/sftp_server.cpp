// SPDX-License-Identifier: MPL-2.0
#include "sftp_server.hpp"

#include "becomes_true.hpp"
#include "files.hpp"

#include <fmt/core.h>

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace ctms::test {
namespace {

namespace fs = std::filesystem;

std::string account() {
    const auto* const entry = ::getpwuid(::getuid());
    if (::geteuid() == 0) return "nobody";
    if (entry == nullptr) throw std::runtime_error("this account has no name");
    return entry->pw_name;
}

/// Gives a file to the account of the server.
void give(const fs::path& path) {
    if (::geteuid() != 0) return;
    const auto* const entry = ::getpwnam("nobody");
    if (entry == nullptr || ::chown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0)
        throw std::runtime_error("cannot give a file to nobody");
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
}

std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto where = loopback(0);
    socklen_t size = sizeof where;
    const bool found = ::bind(socket, reinterpret_cast<const sockaddr*>(&where), size) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&where), &size) == 0;
    ::close(socket);
    if (!found) throw std::runtime_error("no port is free");
    return ntohs(where.sin_port);
}

bool is_listening(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto where = loopback(port);
    const bool out = ::connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
    ::close(socket);
    return out;
}

void run(std::vector<std::string> words) {
    auto program = words.front();
    words.erase(words.begin());
    child_process child(std::move(program), {}, std::move(words));
    if (child.wait() != 0) throw std::runtime_error("a command failed: " + child.log());
}

std::vector<pid_t> children_of(pid_t parent) {
    std::istringstream list(content(fmt::format("/proc/{0}/task/{0}/children", parent)));
    std::vector<pid_t> out;
    for (pid_t child = 0; list >> child;) out.push_back(child);
    return out;
}

void signal_descendants(pid_t parent, int number) {
    for (const auto child : children_of(parent)) {
        signal_descendants(child, number);
        ::kill(child, number);
    }
}

} // namespace

sftp_server::sftp_server(int most_kib) : user_(account()) {
    fs::permissions(folder_.path(), fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    for (const auto* name : {"exchange", "exchange/upload", "exchange/download"}) {
        fs::create_directory(in(name));
        give(in(name));
    }
    make_key("host_key");
    give(in("host_key"));
    make_key("client_key");
    fs::copy_file(in("client_key.pub"), in("authorized_keys"));
    port_ = free_port();
    auto host_key = content(in("host_key.pub"));
    put(in("known_hosts"), fmt::format("[127.0.0.1]:{} {}", port_, host_key));
    start(most_kib);
}

void sftp_server::make_key(const std::string& name) const {
    for (const auto& old : {in(name), in(name + ".pub")}) fs::remove(old);
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(name)});
}

void sftp_server::start(int most_kib) {
    // Without PAM, the server would ask the list of passwords whether the account is locked, and may not read it.
    put(in("sshd_config"), fmt::format("ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n"
                                       "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
                                       "Subsystem sftp internal-sftp\nForceCommand internal-sftp -d {}\n",
                                       port_, in("host_key"), in("authorized_keys"), exchange()));
    const auto limit = most_kib == 0 ? std::string() : fmt::format("trap '' XFSZ; ulimit -f {}; ", most_kib * 2); // in blocks of 512 bytes
    std::vector<std::string> words{"-c", fmt::format("{}exec \"$@\"", limit), "sh"};
    if (::geteuid() == 0) {
        for (const auto* word : {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"}) words.emplace_back(word);
    }
    for (const auto& word : {std::string("/usr/sbin/sshd"), std::string("-D"), std::string("-e"), std::string("-f"), in("sshd_config")})
        words.push_back(word);
    server_ = std::make_unique<child_process>("sh", environment{}, words);
    if (!becomes_true([&] { return is_listening(port_); })) throw std::runtime_error("sshd does not listen: " + server_->log());
}

void sftp_server::restart(int most_kib) {
    signal_connections(SIGKILL);
    server_.reset();
    start(most_kib);
}

void sftp_server::change_host_key() {
    make_key("host_key");
    give(in("host_key"));
    restart(0);
}

void sftp_server::signal_connections(int number) const { signal_descendants(server_->id(), number); }

std::vector<std::string> sftp_server::uploaded() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(exchange() + "/upload")) out.push_back(entry.path().filename().string());
    return out;
}

} // namespace ctms::test
