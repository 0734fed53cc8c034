// SPDX-License-Identifier: MPL-2.0
#include "session.hpp"

#include "answers.hpp"
#include "client_address.hpp"
#include "events.hpp"
#include "line_stream.hpp"
#include "problem.hpp"
#include "stream.hpp"

#include <ctms/base/uuid.hpp>
#include <support/http/response_head.hpp>
#include <support/traceback.hpp>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <iterator>

namespace ctms::web {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using boost::system::error_code;
using http::into;
using std::chrono::steady_clock;

/// Whether a request id that the client chose is acceptable: short, with only characters that are safe in a header and a log.
bool is_good_request_id(std::string_view id) {
    constexpr std::size_t longest = 128;
    return !id.empty() && id.size() <= longest && std::all_of(id.begin(), id.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '+' || c == '=';
    });
}

/// The trace of the request; nullopt without a valid traceparent, or if there are several.
std::optional<trace_context> trace_of(const header_list& headers) {
    const auto is_parent = [](const auto& header) { return header.first == "traceparent"; };
    const auto found = std::find_if(headers.begin(), headers.end(), is_parent);
    if (found == headers.end() || std::any_of(std::next(found), headers.end(), is_parent)) return std::nullopt;
    return read_traceparent(found->second);
}

std::string new_request_id() {
    auto id = uuid::random().to_string();
    std::erase(id, '-');
    return id;
}

peer peer_of(const asio::ip::tcp::socket& socket) {
    error_code ec;
    const auto endpoint = socket.remote_endpoint(ec);
    if (ec) return {"unknown", 0};
    auto address = endpoint.address();
    // Without the interface of a link-local address, which neither identifies the client nor is in the settings.
    if (address.is_v6()) address = asio::ip::address_v6(address.to_v6().to_bytes());
    return {address.to_string(), endpoint.port()};
}

/// Whether a response with this status has a body and a length (RFC 9110, 6.4.1 and 8.6).
bool has_content(int status) { return status >= 200 && status != 204 && status != 304; }

/// The head of a response, without what depends on how the body is written.
http::response_head head_of(const exchange& one, bool keep_alive, bool to_http_1_1) {
    const auto& answer = one.answer;
    http::response_head head(answer.status);
    if (!answer.content_type.empty()) head.add("Content-Type", answer.content_type);
    for (const auto& [name, value] : answer.headers) head.add(name, value);
    head.add("X-Request-Id", one.http.id);
    if (answer.status == 503) head.add("Retry-After", "1");
    if (!keep_alive) head.add("Connection", "close");
    if (keep_alive && !to_http_1_1) head.add("Connection", "keep-alive"); // RFC 9112, C.2.2
    return head;
}

/// The head of a response that is written in pieces: in chunks, or to an HTTP/1.0 client until the connection ends.
http::response_head head_of_pieces(const exchange& one, bool keep_alive, bool to_http_1_1) {
    auto head = head_of(one, keep_alive, to_http_1_1);
    if (to_http_1_1) head.add_chunked();
    return head;
}

} // namespace

counted_request::counted_request(requests_by_network& counts, std::string network) : counts_(counts), network_(std::move(network)) {
    if (!network_.empty()) ++counts_[network_];
}

counted_request::~counted_request() {
    const auto found = counts_.find(network_);
    if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

bool counted_request::is_over(std::size_t most) const {
    const auto found = counts_.find(network_);
    return found != counts_.end() && found->second > most;
}

void note_failure(mozlog::logger& log, support::prometheus_metrics& metrics, const std::exception& caught,
                  std::string_view peer_address) noexcept {
    try {
        metrics.request_rejected("internal");
        mozlog::fields members;
        if (!peer_address.empty()) members.add("client_host", peer_address);
        members.add("error", support::exception_text(caught)).add("traceback", support::traceback_text(caught));
        log.log(mozlog::severity::error, "ctms.web", members, "A connection failed and was closed");
    } catch (const std::exception&) { // not enough memory to write the log line
    }
}

session::session(asio::ip::tcp::socket socket, const session_environment& shared)
    : shared_(shared),
      peer_(peer_of(socket)),
      network_(network_of(peer_.address)),
      is_trusted_proxy_(is_trusted(peer_.address, shared_.trusted_proxies)),
      stream_(std::move(socket), shared.tls == nullptr ? nullptr : shared.tls->context()),
      reader_(
          stream_, shared_.read_bounds, [this](const http::request_head& head) { return begin(head); },
          [this](const http::request_head& head) {
              return has_lines(head.headers) &&
                     shared_.dispatch.exchanges().takes_lines(head.method, http::origin_form(head.method, head.target));
          }),
      idle_since_(steady_clock::now()) {
    stream_.expire_after(shared_.bounds.header_time); // the deadline until a coroutine sets another one
}

void session::drain() {
    if (until_handshake_) return cut_off();
    if (is_waiting_) stream_.expire_after(shared_.bounds.drain_idle_time);
    if (events_ != nullptr) events_->stop();
}

void session::enforce(steady_clock::time_point now) {
    stream_.enforce(now);
    if (events_ != nullptr) events_->check(now);
}

void session::cut_off() {
    writes_pieces_ ? stream_.reset() : stream_.close();
    if (until_handshake_) until_handshake_->cancel();
    if (events_ != nullptr) events_->wake();
}

asio::awaitable<void> session::run() {
    const auto self = shared_from_this(); // keeps the session alive until its last operation has ended
    try {
        co_await serve_all();
    } catch (const std::exception& caught) {
        note_failure(shared_.log, shared_.metrics, caught, peer_.address);
    }
    cut_off();
}

asio::awaitable<void> session::serve_all() {
    stream_.expire_after(shared_.bounds.header_time);
    if (stream_.is_tls() && !co_await shake_hands()) co_return;
    while (co_await wait_for_request()) {
        auto read = co_await reader_.read();
        if (const auto* why = std::get_if<http::refusal>(&read)) co_return co_await refuse(*why);
        auto* message = std::get_if<http::message>(&read);
        if (message == nullptr) break;
        idle_since_.reset();
        if (!co_await serve(std::move(*message))) break;
        end_request();
    }
    end_request();
    co_await say_farewell();
}

/// Performs the TLS handshake when it is the turn of the client's network. Returns false if the handshake did not succeed.
asio::awaitable<bool> session::shake_hands() {
    const auto now = steady_clock::now();
    auto begin = std::optional(now); // a trusted proxy waits for nobody, whatever its neighbours do
    if (!is_trusted_proxy_) {
        begin =
            shared_.handshakes.next(network_, site_of(peer_.address), shared_.tls->handshake_cost(), now, now + shared_.bounds.header_time);
    }
    if (begin && *begin > now) {
        until_handshake_.emplace(stream_.get_executor(), *begin);
        error_code ignored;
        co_await until_handshake_->async_wait(into(ignored));
        until_handshake_.reset();
    }
    stream_.expire_after(shared_.bounds.header_time);
    std::string_view refused;
    if (!begin) {
        refused = "address";
    } else if (stream_.peer_has_closed() || co_await stream_.shake_hands()) {
        refused = "tls";
    }
    if (!refused.empty()) note_refusal(0, refused, new_request_id());
    co_return refused.empty();
}

/// Shuts down sending and discards what the client still sends: closing immediately would reset the connection, and the client
/// could lose the last response (RFC 9112, 9.6).
asio::awaitable<void> session::say_farewell() {
    constexpr std::chrono::milliseconds linger{500};
    idle_since_ = steady_clock::now();
    stream_.expire_after(linger);
    co_await stream_.finish_sending();
    co_await reader_.drain();
}

asio::awaitable<void> session::turn_away(std::string_view reason) {
    const auto self = shared_from_this();
    try {
        // A TLS client could get a response only after a handshake, which would cost more than the response is worth.
        if (stream_.is_tls()) {
            note_refusal(0, reason, new_request_id());
        } else {
            co_await refuse({503, reason});
        }
    } catch (const std::exception& caught) {
        note_failure(shared_.log, shared_.metrics, caught, peer_.address);
    }
    stream_.close();
}

/// Waits for the next request. Returns false if the connection ended or was idle for too long.
asio::awaitable<bool> session::wait_for_request() {
    received_ = steady_clock::now();
    idle_since_ = received_;
    if (reader_.has_input()) co_return true; // a pipelined request
    is_waiting_ = true;
    stream_.expire_after(shared_.draining ? shared_.bounds.drain_idle_time : shared_.bounds.idle_time);
    const bool came = co_await reader_.wait_for_input();
    is_waiting_ = false;
    received_ = steady_clock::now();
    co_return came;
}

/// Counts and logs a request or connection that is not served. Status 0: no response is sent.
void session::note_refusal(int status, std::string_view reason, const std::string& id) {
    shared_.metrics.request_rejected(reason);
    mozlog::fields members;
    members.add("client_host", peer_.address).add("rid", id);
    if (status != 0) members.add("status_code", status);
    shared_.log.log(mozlog::severity::info, "ctms.web", members, fmt::format("{}:{} refused: {}", peer_.address, peer_.port, reason));
}

/// Counts a request as soon as its head has been read. Behind a trusted proxy it counts for the forwarded address; if that address
/// has too many requests in progress, the body is not read.
http::memory_share* session::begin(const http::request_head& head) {
    client_network_ = is_trusted_proxy_ ? network_of(client_address(peer_.address, head.headers, shared_.trusted_proxies)) : network_;
    counted_.emplace(shared_.under_way, is_trusted_proxy_ ? client_network_ : std::string());
    memory_.emplace(shared_.memory, client_network_);
    is_one_too_many_ = counted_->is_over(shared_.bounds.connections_of_address);
    return is_one_too_many_ ? nullptr : &*memory_;
}

void session::end_request() {
    counted_.reset();
    memory_.reset();
}

/// Answers a request that is not served, logs it, and ends the connection.
asio::awaitable<void> session::refuse(http::refusal why) {
    end_request();
    exchange one;
    if (reader_.is_for_head()) one.http.method = "HEAD";
    one.http.id = new_request_id();
    note_refusal(why.status, why.reason, one.http.id);
    const auto text = beast_http::obsolete_reason(static_cast<beast_http::status>(why.status));
    one.answer = detail_response(why.status, std::string_view(text.data(), text.size()));
    const http::message unread; // a named variable, because GCC 12 would destroy a temporary twice
    co_await write(one, unread, false);
    co_await say_farewell();
}

exchange session::to_exchange(http::message& read) {
    exchange one;
    auto& to = one.http;
    to.method = read.method;
    to.target = http::origin_form(read.method, read.target);
    const auto question = std::min(to.target.find('?'), to.target.size());
    to.path = percent_decode(std::string_view(to.target).substr(0, question), false);
    if (question < to.target.size()) to.query = to.target.substr(question + 1);
    to.headers = std::move(read.headers);
    to.body = std::move(read.body);
    to.peer_address = peer_.address;
    to.peer_port = peer_.port;
    const auto id = to.header("x-request-id");
    to.id = is_good_request_id(id) ? std::string(id) : new_request_id();
    to.trace = trace_of(to.headers);
    to.received = received_;
    return one;
}

/// Serves one request. Returns false if the connection ends with it.
asio::awaitable<bool> session::serve(http::message read) {
    const auto kept = std::make_shared<exchange>(to_exchange(read)); // shared with the pieces that are made ahead
    auto& one = *kept;
    one.admitted.is_decided = is_one_too_many_; // what is not served uses up no limit of its client
    const auto& exchanges = shared_.dispatch.exchanges();
    const bool goes_on = exchanges.begin(one);
    if (is_one_too_many_) {
        shared_.metrics.request_rejected("address");
        one.answer = too_many_at_once_response();
        one.answer.close = !read.whole;
    } else if (goes_on) {
        co_await shared_.dispatch.execute(stream_.get_executor(), one);
    }
    std::string().swap(one.http.body); // frees the body now: the client may take long to read the response
    if (one.answer.events) {
        co_await write_events(one, read);
        co_return false;
    }
    if (one.answer.lines) co_return co_await write_lines(one, read);
    if (read.in_parts) one.answer.close = true; // its body was not read
    const bool keep_alive = read.keep_alive && !one.answer.close && !shared_.draining;
    if (!memory_->grow_to(one.answer.content().size() + (one.answer.rest ? memory_of_stream(one.answer) : 0))) {
        shared_.metrics.request_rejected("memory");
        one.answer = busy_response();
    }
    if (one.answer.rest) co_return co_await write_pieces(kept, read, keep_alive && read.http_1_1);
    describe_error(one); // answers that no handler gave
    exchanges.finish(one);
    co_return co_await write(one, read, keep_alive) && keep_alive;
}

/// Writes a streamed response, or only its head for HEAD, and logs it afterwards. Returns false if the connection ends with it.
asio::awaitable<bool> session::write_pieces(std::shared_ptr<exchange> kept, const http::message& asked, bool keep_alive) {
    auto& one = *kept;
    const auto head = head_of_pieces(one, keep_alive, asked.http_1_1);
    bool whole = false;
    if (one.http.method == "HEAD") {
        auto text = head.text();
        whole = co_await write(std::move(text), {});
    } else {
        writes_pieces_ = true;
        whole = co_await write_stream({stream_, *memory_, shared_, shared_.bounds.write_time}, head, kept);
        writes_pieces_ = false;
    }
    shared_.dispatch.exchanges().finish(one);
    co_return whole&& keep_alive && !shared_.draining;
}

/// Writes a response that is made in turn with reading the request's body, and logs it afterwards. Returns false if the connection ends.
asio::awaitable<bool> session::write_lines(exchange& one, const http::message& asked) {
    const bool keep_alive = asked.keep_alive && asked.http_1_1 && !shared_.draining;
    const auto head = head_of_pieces(one, keep_alive, asked.http_1_1);
    writes_pieces_ = true;
    const bool whole = co_await exchange_lines({stream_, *memory_, shared_, shared_.bounds.write_time},
                                               {reader_, is_waiting_, shared_.bounds.body_time}, head, one);
    writes_pieces_ = false;
    shared_.dispatch.exchanges().finish(one);
    co_return whole&& keep_alive && !shared_.draining;
}

/// Writes a response that stays open, or only its head for HEAD. The request counts as answered when its first events are there.
asio::awaitable<void> session::write_events(exchange& one, const http::message& asked) {
    const auto head = head_of_pieces(one, false, asked.http_1_1);
    const auto& exchanges = shared_.dispatch.exchanges();
    exchanges.finish(one);
    if (one.http.method == "HEAD") {
        auto text = head.text();
        co_await write(std::move(text), {});
        co_return;
    }
    shared_.set_aside(*this);
    end_request();
    one.admitted.release();
    http::memory_share memory(shared_.event_memory, client_network_);
    event_writer writer({stream_, memory, shared_, shared_.bounds.write_time}, one);
    // Resets the pointer even if an exception ends the coroutine.
    events_ = &writer;
    const std::unique_ptr<event_writer*, void (*)(event_writer**)> until_the_end(&events_, [](event_writer** place) { *place = nullptr; });
    writes_pieces_ = true;
    std::exception_ptr thrown;
    try {
        co_await writer.run(head);
    } catch (const std::exception&) {
        one.facts.cut = "server";
        thrown = std::current_exception();
    }
    if (!thrown) writes_pieces_ = false;
    exchanges.end_events(one);
    if (thrown) std::rethrow_exception(thrown);
}

/// Writes the response, without its body for HEAD. Returns false if the client does not read it in time.
asio::awaitable<bool> session::write(exchange& one, const http::message& asked, bool keep_alive) {
    const bool is_head_only = one.http.method == "HEAD" || !has_content(one.answer.status);
    const auto content = is_head_only ? std::string_view() : one.answer.content();
    auto head = head_of(one, keep_alive, asked.http_1_1);
    if (has_content(one.answer.status)) head.add_length(one.answer.content().size());
    auto text = head.text();
    co_return co_await write(std::move(text), content);
}

asio::awaitable<bool> session::write(std::string head, std::string_view content) {
    stream_.expire_after(shared_.bounds.write_time);
    const std::array<asio::const_buffer, 3> parts{asio::buffer(head), asio::buffer(content)};
    co_return !co_await stream_.write(parts);
}

} // namespace ctms::web
