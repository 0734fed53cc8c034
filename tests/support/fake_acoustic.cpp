// SPDX-License-Identifier: MPL-2.0
#include "fake_acoustic.hpp"

#include "certificate.hpp"
#include "fake_acoustic_session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/core.h>

#include <set>
#include <stdexcept>
#include <thread>

namespace ctms::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// A certificate for the loopback address: the file for clients and the TLS context for the server.
struct tls_identity {
    explicit tls_identity(const certificate& made) : file(made.cert_pem) {
        context.use_certificate_chain(asio::buffer(made.cert_pem));
        context.use_private_key(asio::buffer(made.key_pem), asio::ssl::context::pem);
    }

    asio::ssl::context context{asio::ssl::context::tls_server};
    temporary_file file;
};

} // namespace

class fake_acoustic::impl {
public:
    explicit impl(const fake_acoustic_options& options)
        : vendor_(options),
          tls_(options.tls ? std::make_unique<tls_identity>(make_certificate({"localhost", "127.0.0.1"})) : nullptr),
          shared_{vendor_, tls_ ? &tls_->context : nullptr, [this](std::chrono::milliseconds time) { sleep(time); }} {
        where_.port(options.port);
        reserve();
        where_ = acceptor_.local_endpoint();
        listen();
        thread_ = std::thread([this] { io_.run(); });
    }

    /// Ends everything the thread waits for, and with it the thread.
    ~impl() {
        asio::post(io_, [this] {
            cut_all();
            up_again_.cancel();
            work_.reset();
        });
        thread_.join();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    fake_vendor& vendor() { return vendor_; }
    [[nodiscard]] std::uint16_t port() const { return where_.port(); }
    [[nodiscard]] std::string url() const { return fmt::format("{}://127.0.0.1:{}", tls_ ? "https" : "http", port()); }
    [[nodiscard]] std::string ca_file() const { return tls_ ? tls_->file.path() : ""; }

    void set_down(bool down) {
        constexpr std::chrono::seconds patience{10};
        auto done = asio::post(io_, asio::use_future([this, down] { down ? go_down() : come_up(); }));
        if (done.wait_for(patience) != std::future_status::ready) throw std::runtime_error("fake_acoustic does not respond");
        done.get();
    }

private:
    /// Binds the port without listening: connections are refused, and no other process can take the port.
    void reserve() {
        acceptor_.open(tcp::v4());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind(where_);
    }

    void listen() {
        acceptor_.listen();
        listening_ = true;
        asio::co_spawn(io_, accept(++times_up_), asio::detached);
    }

    void cut_all() {
        error_code ignored;
        acceptor_.close(ignored);
        listening_ = false;
        for (const auto& one : sessions_) one->cut();
    }

    void go_down() {
        up_again_.cancel();
        if (!listening_) return;
        cut_all();
        reserve();
    }

    void come_up() {
        up_again_.cancel();
        if (!listening_) listen();
    }

    void sleep(std::chrono::milliseconds time) {
        go_down();
        up_again_.expires_after(time);
        up_again_.async_wait([this](const error_code& ec) {
            if (!ec) come_up();
        });
    }

    /// `turn`: an accept that was pending while the server went down and up again must not serve the new listener.
    asio::awaitable<void> accept(int turn) {
        while (turn == times_up_ && listening_) {
            tcp::socket socket(io_);
            error_code ec;
            co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
            if (turn != times_up_ || !listening_) co_return;
            if (ec) {
                co_await pause();
                continue;
            }
            vendor_.count_connection();
            start(std::move(socket));
        }
    }

    /// Waits before the next accept: most likely there are no file descriptors left, and some will become free.
    asio::awaitable<void> pause() {
        constexpr std::chrono::milliseconds time{50};
        asio::steady_timer timer(io_, time);
        error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    void start(tcp::socket socket) {
        const auto key = std::make_shared<std::weak_ptr<fake_acoustic_session>>();
        const auto one = start_session(std::move(socket), shared_, [this, key] { sessions_.erase(key->lock()); });
        *key = one;
        sessions_.insert(one);
    }

    fake_vendor vendor_;
    std::unique_ptr<tls_identity> tls_;
    session_environment shared_;
    tcp::endpoint where_{asio::ip::address_v4::loopback(), 0};
    std::set<std::shared_ptr<fake_acoustic_session>> sessions_;
    int times_up_ = 0;
    bool listening_ = false;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
    tcp::acceptor acceptor_{io_};
    asio::steady_timer up_again_{io_};
    std::thread thread_;
};

fake_acoustic::fake_acoustic(fake_acoustic_options options) : impl_(std::make_unique<impl>(options)) {}
fake_acoustic::~fake_acoustic() = default;

std::string fake_acoustic::url() const { return impl_->url(); }
std::uint16_t fake_acoustic::port() const { return impl_->port(); }
std::string fake_acoustic::ca_file() const { return impl_->ca_file(); }

void fake_acoustic::add_fault(fake_fault fault) { impl_->vendor().add_fault(std::move(fault)); }
void fake_acoustic::clear_faults() { impl_->vendor().clear_faults(); }
void fake_acoustic::set_down(bool down) { impl_->set_down(down); }
void fake_acoustic::set_latency(std::chrono::milliseconds latency) { impl_->vendor().set_latency(latency); }
void fake_acoustic::set_job_time(std::chrono::milliseconds time) { impl_->vendor().set_job_time(time); }
void fake_acoustic::end_jobs() { impl_->vendor().end_jobs(); }
void fake_acoustic::forget_tokens() { impl_->vendor().forget_tokens(); }

fake_acoustic_counts fake_acoustic::counts() const { return impl_->vendor().counts(); }
std::vector<std::string> fake_acoustic::last_calls() const { return impl_->vendor().last_calls(); }

std::map<std::string, fake_acoustic::row> fake_acoustic::contacts() const {
    return impl_->vendor().read([](const auto& store) { return store.contacts(); });
}

fake_acoustic::relational fake_acoustic::newsletters() const {
    return impl_->vendor().read([](const auto& store) { return store.newsletters(); });
}

fake_acoustic::relational fake_acoustic::products() const {
    return impl_->vendor().read([](const auto& store) { return store.products(); });
}

std::map<std::string, int> fake_acoustic::writes_by_contact() const {
    return impl_->vendor().read([](const auto& store) { return store.writes(); });
}

} // namespace ctms::test
