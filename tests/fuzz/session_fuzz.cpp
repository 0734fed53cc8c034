// SPDX-License-Identifier: MPL-2.0
// A complete connection: a client's bytes go through the real session, exchange and routing to handlers that need no database. Input:
// a letter whose bits choose limits and deadlines that expire immediately (see limits_of), then what the client sends (pieces.hpp).
// The client reads everything and closes its side at the end. The session must then end, and its answers must be valid HTTP.
#include "fuzz_target.hpp"
#include "pieces.hpp"
#include "session_answers.hpp"
#include "session_services.hpp"

#include <web/server/session.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace {

using namespace ctms;
using fuzz::require;
namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::size_t most_bytes = 192 * 1024;
constexpr std::size_t least_request = 16; // "G / HTTP/1.1" and two line ends

struct chosen_limits {
    web::limits bounds;
    bool passes_at_once = false; ///< at least one deadline expires immediately
};

chosen_limits limits_of(char letter) {
    chosen_limits out;
    out.bounds.header_bytes = 2 * 1024;
    out.bounds.body_bytes = 16 * 1024;
    const auto bits = static_cast<unsigned char>(letter) - '0';
    if (bits < 0 || bits > 31) return out;
    constexpr std::chrono::milliseconds at_once{0};
    if ((bits & 1) != 0) out.bounds.header_time = at_once;
    if ((bits & 2) != 0) out.bounds.body_time = at_once;
    if ((bits & 4) != 0) out.bounds.write_time = at_once;
    if ((bits & 8) != 0) out.bounds.idle_time = std::chrono::milliseconds{1};
    out.passes_at_once = (bits & 15) != 0;
    if ((bits & 16) != 0) {
        const web::limits usual;
        out.bounds.header_bytes = usual.header_bytes;
        out.bounds.body_bytes = usual.body_bytes;
        out.bounds.memory_bytes = 64 * 1024;
    }
    return out;
}

/// Both ends of a connection, on one thread.
class conversation {
public:
    explicit conversation(const web::limits& bounds) : bounds_(bounds), serving_(bounds_) {
        std::array<int, 2> ends{};
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0, "file descriptors are available");
        client_ = ends[0];
        asio::ip::tcp::socket socket(io_);
        socket.assign(asio::ip::tcp::v4(), ends[1]); // the session works with sockets other than TCP
        const auto one = std::make_shared<web::session>(std::move(socket), serving_.environment());
        session_ = one;
        asio::co_spawn(io_, one->run(), [this, one](const std::exception_ptr& failure) {
            ended_ = true;
            if (failure) std::rethrow_exception(failure); // out of the event loop: a session must not let exceptions escape
        });
    }
    ~conversation() { ::close(client_); }
    conversation(const conversation&) = delete;
    conversation& operator=(const conversation&) = delete;

    /// Sends the pieces one after another and returns everything that was answered.
    std::string run(const std::vector<std::string>& pieces) {
        for (const auto& piece : pieces) {
            send(piece);
            turn();
        }
        ::shutdown(client_, SHUT_WR);
        while (!ended_) wait();
        receive();
        finish();
        require(serving_.is_clean(), "an ended session has released its memory and requests");
        return std::move(answers_);
    }

private:
    /// Checks that nothing of the session is left, except what a lane's thread still holds for a moment after it has handed over.
    void finish() {
        const auto soon = steady_clock::now() + std::chrono::seconds(2);
        do {
            require(steady_clock::now() < soon, "nothing is left of an ended session");
            io_.restart();
            io_.poll();
        } while (!io_.stopped() || !session_.expired());
    }

    void send(std::string_view text) {
        while (!text.empty() && !ended_) {
            const auto count = ::send(client_, text.data(), text.size(), MSG_NOSIGNAL);
            if (count > 0) {
                text.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno == EAGAIN) {
                wait();
            } else {
                return; // the server has closed
            }
        }
    }

    /// True when something was received.
    bool receive() {
        std::array<char, 16 * 1024> part{};
        bool any = false;
        while (true) {
            const auto count = ::recv(client_, part.data(), part.size(), 0);
            if (count <= 0) return any;
            any = true;
            answers_.append(part.data(), static_cast<std::size_t>(count));
        }
    }

    /// Runs everything that is ready. True when anything ran or was received.
    bool turn() {
        io_.restart();
        const bool ran = io_.poll() > 0;
        return receive() || ran;
    }

    /// Continues, and waits for other threads when nothing else is ready.
    void wait() {
        if (const auto one = session_.lock()) one->enforce(steady_clock::now());
        if (turn()) return;
        constexpr std::chrono::milliseconds a_moment{2};
        io_.restart();
        io_.run_one_for(a_moment);
        require(steady_clock::now() < until_, "a session ends when its client is gone");
    }

    web::limits bounds_;
    fuzz::serving serving_;
    std::weak_ptr<web::session> session_;
    asio::io_context& io_ = fuzz::event_loop();
    int client_ = -1;
    bool ended_ = false;
    std::string answers_;
    steady_clock::time_point until_ = steady_clock::now() + std::chrono::seconds(20);
};

} // namespace

CTMS_FUZZ_TARGET(session) {
    const auto chosen = limits_of(ctms::fuzz::take_byte(input));
    const auto pieces = ctms::fuzz::to_pieces(input, most_bytes);
    std::size_t sent = 0;
    for (const auto& piece : pieces) sent += piece.size();
    const auto answers = conversation(chosen.bounds).run(pieces);
    const auto count = ctms::fuzz::count_answers(answers, chosen.passes_at_once);
    require(count <= sent / least_request + 1, "there are no more answers than requests, plus one for input that is not a request");
}
