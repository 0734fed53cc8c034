// SPDX-License-Identifier: MPL-2.0
#include "metrics_port.hpp"

#include <support/http/reader.hpp>
#include <support/http/response_head.hpp>
#include <support/http/stream.hpp>
#include <support/http/ticking_loop.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <list>
#include <thread>

namespace ctms::sync_app {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using http::into;
using std::chrono::steady_clock;
using tcp = asio::ip::tcp;

constexpr std::chrono::seconds time_of_a_step{5}; // the time to send a request, and the time to read the response
constexpr std::chrono::milliseconds farewell{500};
constexpr std::size_t most_readers = 64;
// The limits of a request: its headers, and a body, which is ignored.
constexpr http::read_bounds bounds{
    .header_bytes = 16 * 1024, .body_bytes = 16 * 1024, .header_time = time_of_a_step, .body_time = time_of_a_step};

struct response {
    http::response_head head;
    std::string body;
};

response answer_of(int status) {
    response out{http::response_head(status), {}};
    out.head.add("Connection", "close");
    return out;
}

response answer_to(const http::message& request, const std::function<std::string()>& expose) {
    const auto target = http::origin_form(request.method, request.target);
    if (std::string_view(target).substr(0, target.find('?')) != "/metrics") return answer_of(404);
    if (request.method != "GET" && request.method != "HEAD") {
        auto refused = answer_of(405);
        refused.head.add("Allow", "GET, HEAD");
        return refused;
    }
    auto out = answer_of(200);
    out.head.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    out.body = expose();
    return out;
}

/// One connection, which serves one request.
class reader_session {
public:
    explicit reader_session(tcp::socket socket)
        : stream_(std::move(socket)),
          memory_(budget_, ""),
          reader_(stream_, bounds, [this](const http::request_head&) { return &memory_; }) {}

    asio::awaitable<void> run(const std::function<std::string()>& expose) {
        stream_.expire_after(time_of_a_step);
        const bool came = co_await reader_.wait_for_input();
        if (!came) co_return;
        auto read = co_await reader_.read();
        if (std::holds_alternative<http::ended>(read)) co_return;
        is_waiting_ = false;
        const auto* refused = std::get_if<http::refusal>(&read);
        const auto* request = std::get_if<http::message>(&read);
        auto answer = refused != nullptr ? answer_of(refused->status) : answer_to(*request, expose);
        co_await write(answer, request != nullptr && request->method == "HEAD");
        stream_.expire_after(farewell);
        co_await stream_.finish_sending();
        co_await reader_.drain();
    }

    /// Whether the request has not been received yet.
    [[nodiscard]] bool is_waiting() const noexcept { return is_waiting_; }
    void enforce(steady_clock::time_point now) noexcept { stream_.enforce(now); }
    void close() noexcept { stream_.close(); }

private:
    asio::awaitable<void> write(response& answer, bool to_head) {
        answer.head.add_length(answer.body.size());
        const auto text = answer.head.text();
        const auto body = to_head ? std::string_view() : std::string_view(answer.body);
        stream_.expire_after(time_of_a_step);
        const std::array<asio::const_buffer, 3> parts{asio::buffer(text), asio::buffer(body)};
        (void)co_await stream_.write(parts); // closes the connection next in any case
    }

    http::stream stream_;
    http::memory_budget budget_{bounds.header_bytes + bounds.body_bytes, bounds.header_bytes + bounds.body_bytes};
    http::memory_share memory_;
    http::reader reader_;
    bool is_waiting_ = true;
};

} // namespace

class metrics_port::impl {
public:
    impl(const tcp::endpoint& where, std::function<std::string()> expose, std::function<void(std::string_view)> on_failure)
        : expose_(std::move(expose)), on_failure_(std::move(on_failure)), acceptor_(loop_.context(), where) {
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~impl() {
        loop_.context().stop();
        thread_.join();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    using sessions = std::list<reader_session>; // oldest first

    void note(const std::exception& caught) noexcept {
        try {
            on_failure_(caught.what());
        } catch (const std::exception&) { // not enough memory to log; the connection ends anyway
        }
    }

    asio::awaitable<void> listen() {
        is_listening_ = true;
        const std::unique_ptr<bool, void (*)(bool*)> until_the_end(&is_listening_, [](bool* flag) { *flag = false; });
        for (;;) {
            error_code failed;
            auto socket = co_await acceptor_.async_accept(into(failed));
            if (failed == asio::error::operation_aborted) co_return;
            if (!failed) {
                start(std::move(socket));
            } else { // perhaps there are no file descriptors left
                asio::steady_timer pause(loop_.context(), std::chrono::milliseconds(100));
                co_await pause.async_wait(into(failed));
            }
        }
    }

    /// Starts a connection. If the limit is reached, closes the connection that has waited longest without sending a request.
    void start(tcp::socket socket) {
        try {
            if (open_.size() >= most_readers + most_closing) return;
            if (open_.size() >= most_readers) {
                const auto oldest = std::find_if(open_.begin(), open_.end(), [](const auto& one) { return one.is_waiting(); });
                if (oldest == open_.end()) return;
                oldest->close();
            }
            open_.emplace_back(std::move(socket));
            asio::co_spawn(loop_.context(), serve(std::prev(open_.end())), asio::detached);
        } catch (const std::exception& caught) {
            note(caught);
        }
    }

    asio::awaitable<void> serve(sessions::iterator one) {
        struct leaving {
            sessions& from;
            sessions::iterator one;
            ~leaving() { from.erase(one); }
        } const at_the_end{open_, one};
        try {
            co_await one->run(expose_);
        } catch (const std::exception& caught) {
            note(caught);
        }
    }

    /// Ends operations that have passed their deadline, and restarts what an exception ended.
    bool tick() {
        if (!is_listening_) asio::co_spawn(loop_.context(), listen(), asio::detached);
        const auto now = steady_clock::now();
        for (auto& one : open_) one.enforce(now);
        return true;
    }

    static constexpr std::size_t most_closing = 64; ///< connections closed to make room, whose coroutines have not ended yet

    std::function<std::string()> expose_;
    std::function<void(std::string_view)> on_failure_;
    sessions open_;
    static constexpr std::chrono::milliseconds period{100}; ///< between two ticks
    http::ticking_loop loop_{period, [this] { return tick(); }, [this](const std::exception& caught) { note(caught); }};
    tcp::acceptor acceptor_;
    bool is_listening_ = false;
    std::thread thread_;
};

result<std::unique_ptr<metrics_port>> metrics_port::open(const std::string& host, std::uint16_t port, std::function<std::string()> expose,
                                                         std::function<void(std::string_view)> on_failure) {
    try {
        const tcp::endpoint where(asio::ip::make_address(host), port);
        auto state = std::make_unique<impl>(where, std::move(expose), std::move(on_failure));
        return std::unique_ptr<metrics_port>(new metrics_port(std::move(state)));
    } catch (const boost::system::system_error& problem) {
        return unavailable(fmt::format("Cannot listen on {}:{} for metrics", host, port), problem.code().message());
    }
}

metrics_port::metrics_port(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
metrics_port::~metrics_port() = default;
std::uint16_t metrics_port::port() const { return impl_->port(); }

} // namespace ctms::sync_app
