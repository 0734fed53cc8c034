// SPDX-License-Identifier: MPL-2.0
#include "sftp.hpp"

#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace ctms::sync_app {
namespace {

struct end_easy {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct end_list {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

/// What the callbacks of one transfer use. Exceptions must not pass through libcurl.
struct transfer {
    const acoustic::file_exchange::source* next = nullptr;
    std::string piece; ///< not sent yet, from `at` on
    std::size_t at = 0;
    std::string received;
    std::size_t most = 0;
    bool is_too_long = false;
    const std::stop_token* stop = nullptr;
    std::exception_ptr thrown;
};

std::size_t give(char* into, std::size_t size, std::size_t count, void* user) noexcept {
    auto& state = *static_cast<transfer*>(user);
    try {
        if (state.at == state.piece.size()) {
            state.piece = (*state.next)();
            state.at = 0;
        }
        const auto given = std::min(size * count, state.piece.size() - state.at);
        std::copy_n(state.piece.data() + state.at, given, into);
        state.at += given;
        return given;
    } catch (...) {
        state.thrown = std::current_exception();
        return CURL_READFUNC_ABORT;
    }
}

std::size_t take(const char* from, std::size_t size, std::size_t count, void* user) noexcept {
    auto& state = *static_cast<transfer*>(user);
    const auto length = size * count;
    state.is_too_long = length > state.most - state.received.size();
    if (state.is_too_long) return 0;
    try {
        state.received.append(from, length);
        return length;
    } catch (...) {
        state.thrown = std::current_exception();
        return 0;
    }
}

int is_stopped(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return static_cast<transfer*>(user)->stop->stop_requested() ? 1 : 0;
}

class connection {
public:
    connection(const sftp_options& options, transfer& state) : handle_(curl_easy_init()) {
        if (!handle_) throw std::bad_alloc();
        set(CURLOPT_ERRORBUFFER, reason_.data());
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_PROXY, "");
        set(CURLOPT_PROTOCOLS_STR, "sftp");
        set(CURLOPT_USERNAME, options.user.c_str());
        if (options.key_file.empty()) {
            set(CURLOPT_SSH_AUTH_TYPES, static_cast<long>(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
            set(CURLOPT_PASSWORD, options.password.c_str());
        } else {
            set(CURLOPT_SSH_AUTH_TYPES, static_cast<long>(CURLSSH_AUTH_PUBLICKEY));
            set(CURLOPT_SSH_PRIVATE_KEYFILE, options.key_file.c_str());
            set(CURLOPT_SSH_PUBLIC_KEYFILE, ""); // libssh2 derives it
        }
        set(CURLOPT_SSH_KNOWNHOSTS, options.known_hosts.c_str()); // without a callback, only a key that matches is accepted
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect.count()));
        set(CURLOPT_LOW_SPEED_LIMIT, 1L);
        set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall.count()));
        set(CURLOPT_TIMEOUT, static_cast<long>(options.longest.count()));
        set(CURLOPT_NOPROGRESS, 0L);
        set(CURLOPT_XFERINFOFUNCTION, is_stopped);
        set(CURLOPT_XFERINFODATA, &state);
        set(CURLOPT_WRITEFUNCTION, take);
        set(CURLOPT_WRITEDATA, &state);
    }

    template <class Value>
    void set(CURLoption option, Value value) {
        if (const auto code = curl_easy_setopt(handle_.get(), option, value); code != CURLE_OK)
            throw std::logic_error(fmt::format("libcurl: {}", curl_easy_strerror(code)));
    }

    /// Returns why it failed; "" if it did not.
    [[nodiscard]] std::string perform() {
        const auto code = curl_easy_perform(handle_.get());
        if (code == CURLE_OK) return {};
        return reason_.front() == '\0' ? curl_easy_strerror(code) : reason_.data();
    }

private:
    std::array<char, CURL_ERROR_SIZE> reason_{};
    std::unique_ptr<CURL, end_easy> handle_;
};

std::string url_of(const sftp_options& options, std::string_view folder, std::string_view name) {
    const bool is_ipv6 = options.host.find(':') != std::string::npos && !options.host.starts_with('[');
    return fmt::format("sftp://{0}{1}{2}:{3}/~/{4}/{5}", is_ipv6 ? "[" : "", options.host, is_ipv6 ? "]" : "", options.port, folder, name);
}

error failed(std::string_view what, const sftp_options& options, std::string_view why) {
    return unavailable("The vendor's file server failed", fmt::format("SFTP, {} at {}:{}: {}", what, options.host, options.port, why));
}

} // namespace

bool has_sftp() noexcept {
    const auto* const known = curl_version_info(CURLVERSION_NOW);
    if (known == nullptr) return false;
    for (const char* const* one = known->protocols; *one != nullptr; ++one) {
        if (std::string_view(*one) == "sftp") return true;
    }
    return false;
}

sftp::sftp(sftp_options options) : options_(std::move(options)) {
    static const auto code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) throw std::runtime_error(fmt::format("libcurl: {}", curl_easy_strerror(code)));
}

result<void> sftp::upload(const std::string& name, const source& next, const std::stop_token& stop) {
    if (!acoustic::is_plain_file_name(name)) return failed("upload", options_, "the name of the file is not allowed");
    transfer state;
    state.next = &next;
    state.stop = &stop;
    connection to(options_, state);
    to.set(CURLOPT_URL, url_of(options_, acoustic::upload_folder, name).c_str());
    to.set(CURLOPT_UPLOAD, 1L);
    to.set(CURLOPT_READFUNCTION, give);
    to.set(CURLOPT_READDATA, &state);
    const auto why = to.perform();
    if (state.thrown) std::rethrow_exception(state.thrown);
    if (!why.empty()) return failed("upload", options_, why);
    return {};
}

result<std::string> sftp::download(const std::string& name, std::size_t most, const std::stop_token& stop) {
    if (!acoustic::is_plain_file_name(name)) return failed("download", options_, "the name of the file is not allowed");
    transfer state;
    state.most = most;
    state.stop = &stop;
    connection from(options_, state);
    from.set(CURLOPT_URL, url_of(options_, acoustic::download_folder, name).c_str());
    const auto why = from.perform();
    if (state.thrown) std::rethrow_exception(state.thrown);
    if (state.is_too_long) return failed("download", options_, fmt::format("the file is longer than {} bytes", most));
    if (!why.empty()) return failed("download", options_, why);
    return std::move(state.received);
}

result<void> sftp::remove(const std::string& path) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto folder = path.substr(0, slash);
    const auto name = path.substr(std::min(slash + 1, path.size()));
    const bool is_known = folder == acoustic::upload_folder || folder == acoustic::download_folder;
    if (!is_known || !acoustic::is_plain_file_name(name)) return failed("removal", options_, "the name of the file is not allowed");
    const std::stop_token never;
    transfer state;
    state.stop = &never;
    auto options = options_;
    options.longest = options_.longest_removal;
    connection to(options, state);
    // "*": a file that is not there is no failure.
    const std::unique_ptr<curl_slist, end_list> commands(curl_slist_append(nullptr, fmt::format("*rm /~/{}", path).c_str()));
    if (!commands) throw std::bad_alloc();
    to.set(CURLOPT_URL, url_of(options_, folder, "").c_str());
    to.set(CURLOPT_QUOTE, commands.get());
    to.set(CURLOPT_NOBODY, 1L);
    if (const auto why = to.perform(); !why.empty()) return failed("removal", options_, why);
    return {};
}

} // namespace ctms::sync_app
