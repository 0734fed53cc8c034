// SPDX-License-Identifier: MPL-2.0
#include "raw_server.hpp"

#include <ctms/base/utf8.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace ctms::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds patience{60};

const tcp::endpoint any_port(asio::ip::address_v4::loopback(), 0);

std::size_t body_size(const std::string& head) {
    const auto lower = ascii_lower(head);
    const std::string name = "\r\ncontent-length:";
    const auto at = lower.find(name);
    return at == std::string::npos ? 0 : std::stoul(lower.substr(at + name.size()));
}

template <class Stream>
class connection final : public raw_connection {
public:
    connection(Stream& stream, tcp::socket& socket, std::size_t number) : stream_(stream), socket_(socket), number_(number) {}

    std::string read_request() override {
        std::size_t head = 0;
        while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) read_more();
        const auto size = head + 4 + body_size(buffer_.substr(0, head));
        while (buffer_.size() < size) read_more();
        auto out = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return out;
    }

    void send(std::string_view bytes) override { asio::write(stream_, asio::buffer(bytes)); }

    void stall() override {
        pollfd one{socket_.native_handle(), POLLRDHUP, 0};
        ::poll(&one, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
    }

    void notify_close() override {
        error_code ignored;
        if constexpr (!std::is_same_v<Stream, tcp::socket>) stream_.shutdown(ignored);
    }

    [[nodiscard]] std::size_t number() const noexcept override { return number_; }

private:
    void read_more() {
        std::array<char, 16 * 1024> chunk{};
        buffer_.append(chunk.data(), stream_.read_some(asio::buffer(chunk)));
    }

    Stream& stream_;
    tcp::socket& socket_;
    std::size_t number_;
    std::string buffer_;
};

} // namespace

class raw_server::impl {
public:
    impl(script run, const std::optional<certificate>& tls) : run_(std::move(run)), acceptor_(io_, any_port), has_tls_(tls.has_value()) {
        if (tls) {
            context_.use_certificate_chain(asio::buffer(tls->cert_pem));
            context_.use_private_key(asio::buffer(tls->key_pem), asio::ssl::context::pem);
        }
        accepting_ = std::thread([this] { accept(); });
    }

    ~impl() {
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR); // wakes the accepting thread
        accepting_.join();
        {
            const std::scoped_lock lock(mutex_);
            for (auto& one : peers_) {
                error_code ignored;
                if (one.socket.is_open()) one.socket.shutdown(tcp::socket::shutdown_both, ignored);
            }
        }
        for (auto& one : peers_) one.thread.join();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] bool has_tls() const noexcept { return has_tls_; }
    [[nodiscard]] std::size_t accepted() const noexcept { return accepted_; }

    bool wait_closed(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return closed_ >= count; });
    }

private:
    struct peer {
        tcp::socket socket;
        std::thread thread{};
    };

    void accept() {
        while (true) {
            tcp::socket socket(io_);
            error_code ec;
            acceptor_.accept(socket, ec);
            if (ec) return;
            const auto number = accepted_++;
            const std::scoped_lock lock(mutex_);
            auto& one = peers_.emplace_back(peer{std::move(socket)});
            one.thread = std::thread([this, &one, number] { serve(one, number); });
        }
    }

    void serve(peer& one, std::size_t number) {
        try {
            error_code ignored;
            one.socket.set_option(tcp::no_delay(true), ignored);
            talk(one.socket, number);
        } catch (const boost::system::system_error&) {
            // The client is gone, or the test is over.
        }
        const std::scoped_lock lock(mutex_);
        error_code ignored;
        one.socket.close(ignored);
        ++closed_;
        changed_.notify_all();
    }

    void talk(tcp::socket& socket, std::size_t number) {
        if (!has_tls_) {
            connection<tcp::socket> plain(socket, socket, number);
            return run_(plain);
        }
        asio::ssl::stream<tcp::socket&> stream(socket, context_);
        stream.handshake(asio::ssl::stream_base::server);
        connection<asio::ssl::stream<tcp::socket&>> secret(stream, socket, number);
        run_(secret);
    }

    const script run_;
    asio::io_context io_;
    asio::ssl::context context_{asio::ssl::context::tls_server};
    tcp::acceptor acceptor_;
    const bool has_tls_;
    std::atomic<std::size_t> accepted_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t closed_ = 0;
    std::list<peer> peers_;
    std::thread accepting_;
};

raw_server::raw_server(script run, std::optional<certificate> tls) : impl_(std::make_unique<impl>(std::move(run), tls)) {}
raw_server::~raw_server() = default;

std::uint16_t raw_server::port() const noexcept { return impl_->port(); }
std::size_t raw_server::accepted() const noexcept { return impl_->accepted(); }
bool raw_server::wait_closed(std::size_t count) const { return impl_->wait_closed(count); }

std::string raw_server::url(std::string_view host) const {
    return (impl_->has_tls() ? "https://" : "http://") + std::string(host) + ":" + std::to_string(port());
}

std::string answer_text(std::string_view body, std::string_view headers, std::string_view status) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers) +
           "\r\n" + std::string(body);
}

class full_port::impl {
public:
    impl() : acceptor_(io_, tcp::v4()) {
        acceptor_.bind(any_port);
        acceptor_.listen(0);
        // Linux accepts one more than the backlog and ignores connections after that.
        for (auto& one : waiting_) {
            one.open(tcp::v4());
            one.native_non_blocking(true);
            // Asio's connect would block.
            const auto where = acceptor_.local_endpoint();
            static_cast<void>(::connect(one.native_handle(), where.data(), static_cast<socklen_t>(where.size())));
        }
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    asio::io_context io_;
    tcp::acceptor acceptor_;
    std::array<tcp::socket, 4> waiting_{tcp::socket(io_), tcp::socket(io_), tcp::socket(io_), tcp::socket(io_)};
};

full_port::full_port() : impl_(std::make_unique<impl>()) {}
full_port::~full_port() = default;
std::uint16_t full_port::port() const noexcept { return impl_->port(); }

} // namespace ctms::test
