// SPDX-License-Identifier: MPL-2.0
#include "event_stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

namespace ctms::test {

using std::chrono::steady_clock;

event_stream::event_stream(std::uint16_t port, std::string_view target, const header_list& headers, bool http_1_0)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto text = request_text("GET", target, headers);
    if (http_1_0) text.replace(text.find("HTTP/1.1"), 8, "HTTP/1.0");
    text.insert(text.size() - 2, "Accept: text/event-stream\r\n");
    const auto size = static_cast<ssize_t>(text.size());
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 ||
        ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != size) {
        if (socket_ >= 0) ::close(socket_);
        throw std::runtime_error("no connection");
    }
    const auto until = steady_clock::now() + std::chrono::seconds(20);
    auto end = std::string::npos;
    while ((end = raw_.find("\r\n\r\n")) == std::string::npos) {
        if (read_more(until)) continue;
        ::close(socket_);
        throw std::runtime_error("no answer");
    }
    head_ = raw_.substr(0, end + 2);
    raw_.erase(0, end + 4);
    status_ = std::stoi(head_.substr(head_.find(' ')));
    is_chunked_ = head_.find("Transfer-Encoding: chunked") != std::string::npos;
    take_chunks();
}

event_stream::~event_stream() { ::close(socket_); }

/// Reads what has arrived. False at the end of the connection, and when `until` passes.
bool event_stream::read_more(steady_clock::time_point until) {
    if (ended_) return false;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
    pollfd one{socket_, POLLIN, 0};
    if (left < 0 || ::poll(&one, 1, static_cast<int>(left)) <= 0) return false;
    std::array<char, 64 * 1024> bytes{};
    const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (count > 0) {
        raw_.append(bytes.data(), static_cast<std::size_t>(count));
        return true;
    }
    ended_ = true;
    if (count == 0 && !is_chunked_) is_whole_ = true;
    return false;
}

/// Moves the contents of complete chunks to the text.
void event_stream::take_chunks() {
    if (!is_chunked_) {
        text_ += raw_;
        raw_.clear();
        return;
    }
    for (;;) {
        const auto line = raw_.find("\r\n");
        if (line == std::string::npos) return;
        const auto size = std::stoul(raw_.substr(0, line), nullptr, 16);
        if (raw_.size() < line + 2 + size + 2) return;
        text_.append(raw_, line + 2, size);
        raw_.erase(0, line + 2 + size + 2);
        if (size > 0) continue;
        is_whole_ = true;
        ended_ = true;
        return;
    }
}

std::string event_stream::body(std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    while (read_more(until)) {
        const auto at = head_.find("Content-Length: ");
        if (at != std::string::npos && raw_.size() >= std::stoul(head_.substr(at + 16))) break;
    }
    take_chunks();
    return text_;
}

/// Takes lines up to the end of the next event. Nullopt if it is not there yet.
std::optional<server_event> event_stream::take_event() {
    for (auto end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
        const auto line = text_.substr(0, end);
        text_.erase(0, end + 1);
        if (line.empty()) {
            last_id_ = id_; // not before, as the specification says: the event may still be incomplete
            if (data_.empty()) continue;
            server_event out{type_.empty() ? "message" : type_, data_, last_id_};
            data_.clear();
            type_.clear();
            return out;
        }
        const auto colon = std::min(line.find(':'), line.size());
        const auto name = line.substr(0, colon);
        auto value = colon < line.size() ? line.substr(colon + 1) : std::string();
        if (value.starts_with(' ')) value.erase(0, 1);
        if (name.empty()) ++comments_;
        if (name == "data") data_ += (data_.empty() ? "" : "\n") + value;
        if (name == "event") type_ = value;
        if (name == "id") id_ = value;
        if (name == "retry") retry_ = std::stoi(value);
    }
    return std::nullopt;
}

std::optional<server_event> event_stream::next(std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    for (;;) {
        take_chunks();
        if (auto event = take_event()) return event;
        if (!read_more(until)) return std::nullopt;
    }
}

bool event_stream::ends_within(std::chrono::milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    while (read_more(until)) take_chunks();
    return ended_;
}

} // namespace ctms::test
