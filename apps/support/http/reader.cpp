// SPDX-License-Identifier: MPL-2.0
#include "reader.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/net/last_chunk.hpp>

#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace ctms::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using boost::system::error_code;

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const boost::beast::flat_buffer& bytes) { return {static_cast<const char*>(bytes.cdata().data()), bytes.size()}; }

/// Whether the text has characters that are forbidden in fields and extensions (RFC 9110, 5.5 and 5.6.4).
bool has_controls(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

constexpr refusal malformed{400, "malformed"};
constexpr refusal too_slow{408, "timeout"};
constexpr refusal body_too_large{413, "body_too_large"};
constexpr refusal headers_too_large{431, "header_too_large"};
constexpr refusal no_memory{503, "memory"};

} // namespace

namespace {

/// A body as a string. Other than beast_http::string_body, it takes memory only as bytes arrive, at most twice as much as they need.
struct text_body {
    using value_type = std::string;

    class reader {
    public:
        template <bool IsRequest, class Fields>
        reader(beast_http::header<IsRequest, Fields>& /*head*/, value_type& body) : body_(body) {}

        void init(const boost::optional<std::uint64_t>& length, error_code& ec) {
            if (length) length_ = *length;
            body_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(length.value_or(0), memory_share::free_bytes)));
            ec = {};
        }
        template <class Buffers>
        std::size_t put(const Buffers& buffers, error_code& ec) {
            ec = {};
            const auto before = body_.size();
            make_room(before + boost::beast::buffer_bytes(buffers));
            for (const asio::const_buffer one : boost::beast::buffers_range_ref(buffers)) {
                body_.append(static_cast<const char*>(one.data()), one.size());
            }
            return body_.size() - before;
        }
        void finish(error_code& ec) { ec = {}; }

    private:
        /// Takes at most twice the memory that it has, and none beyond the length of the body. The string alone would always double it.
        void make_room(std::size_t size) {
            if (size <= body_.capacity()) return;
            value_type larger;
            larger.reserve(std::max(size, static_cast<std::size_t>(std::min<std::uint64_t>(length_, 2 * body_.capacity()))));
            larger.append(body_);
            body_.swap(larger);
        }

        value_type& body_;
        std::uint64_t length_ = std::numeric_limits<std::uint64_t>::max(); ///< of the whole body
    };
};

} // namespace

/// The state of one request that is being parsed.
class reader::parsing {
public:
    explicit parsing(const read_bounds& bounds) {
        parser.header_limit(static_cast<std::uint32_t>(bounds.header_bytes));
        parser.body_limit(boost::none); // until bound_body()
        parser.on_chunk_header(on_chunk);
    }
    parsing(const parsing&) = delete;
    parsing& operator=(const parsing&) = delete;

    /// Bounds the body, once the head is complete.
    void bound_body(std::size_t most) {
        const auto length = parser.content_length();
        if (length && *length > most) refused = body_too_large;
        parser.body_limit(most);
    }

    /// Passes the buffered bytes to the parser. Returns true if the parser needs more.
    bool put(boost::beast::flat_buffer& from) {
        if (parser.is_header_done() && parser.chunked() && !parser.is_done() && net::is_part_of_last_chunk(view(from))) return true;
        error_code ec;
        const auto taken = parser.put(from.data(), ec);
        from.consume(taken);
        consumed += taken;
        if (ec == beast_http::error::need_more) return true;
        const bool in_first_line = ec && consumed == 0;
        if (in_first_line && (ec == beast_http::error::header_limit || ec == beast_http::error::bad_version)) {
            refused = refuse_request_line(view(from));
        } else if (ec) {
            fail(ec);
        }
        return false;
    }

    void fail(const error_code& why) {
        // Errors of this category are parse errors; all others mean that the connection has ended.
        const error_code parse_error = beast_http::error::bad_method;
        if (why == beast_http::error::header_limit) {
            refused = headers_too_large;
        } else if (why == beast_http::error::body_limit) {
            refused = body_too_large;
        } else if (why.category() == parse_error.category()) {
            refused = malformed;
        } else {
            lost = true;
        }
    }

    [[nodiscard]] bool is_over() const { return refused.has_value() || lost; }

    /// Copies the head. Called before the body is read, because the parser adds trailers, which are not headers (RFC 9110, 6.5.1).
    void note_head() {
        const auto& head = parser.get();
        read.method = std::string(view(head.method_string()));
        read.target = std::string(view(head.target()));
        read.http_1_1 = head.version() == 11;
        constexpr std::size_t usual_fields = 16;
        read.headers.reserve(usual_fields);
        for (const auto& field : head) read.headers.emplace_back(ascii_lower(view(field.name_string())), std::string(view(field.value())));
        read.keep_alive = keeps_connection(checked());
        refused = check_head(checked());
        expects_continue = http::expects_continue(checked());
        head_bytes = consumed;
    }

    [[nodiscard]] request_head checked() const { return {read.method, read.target, read.http_1_1, read.headers}; }

    beast_http::request_parser<text_body> parser;
    message read;
    bool expects_continue = false;
    std::size_t consumed = 0;
    std::size_t head_bytes = 0;
    std::size_t chunks = 0; ///< whose heads were read
    // Beast accepts control characters in a quoted extension, but a proxy that ends the line at a line feed would see another request.
    std::function<void(std::uint64_t, boost::beast::string_view, error_code&)> on_chunk =
        [this](std::uint64_t, boost::beast::string_view extension, error_code& ec) {
            ++chunks;
            if (has_controls(view(extension))) ec = beast_http::error::bad_chunk_extension;
        };
    std::optional<refusal> refused;
    bool lost = false;
};

asio::awaitable<error_code> reader::receive(std::size_t most) {
    error_code ec;
    const auto count = co_await from_.read_some(buffer_.prepare(most), ec);
    buffer_.commit(count);
    co_return ec;
}

asio::awaitable<bool> reader::wait_for_input() {
    constexpr std::size_t usual_request = 4096;
    if (buffer_.capacity() > 2 * usual_request) buffer_ = {}; // an idle connection must not hold much memory
    co_return !co_await receive(usual_request);
}

asio::awaitable<void> reader::read_head(parsing& one) {
    constexpr std::size_t chunk = 4096;
    constexpr int most_empty_lines = 4; // allowed before a request line (RFC 9112, 2.2)
    from_.expire_after(bounds_.header_time);
    for (int lines = 0; lines < most_empty_lines && one.consumed == 0; ++lines) {
        while (buffer_.size() < 2 && !one.is_over()) {
            if (const auto ec = co_await receive(chunk)) one.fail(ec);
        }
        if (one.is_over() || view({static_cast<const char*>(buffer_.data().data()), 2}) != "\r\n") break;
        buffer_.consume(2);
    }
    while (!one.is_over() && !one.parser.is_header_done()) {
        if (one.consumed == 0) is_for_head_ = view(buffer_).starts_with("HEAD ");
        if (!one.put(buffer_)) continue;
        if (const auto ec = co_await receive(chunk)) one.fail(ec);
    }
    if (one.is_over()) co_return;
    one.note_head();
    one.read.in_parts = in_parts_ && !one.refused && in_parts_(one.checked());
    if (!one.read.in_parts) one.bound_body(bounds_.body_bytes);
}

reader::reader(stream& from, const read_bounds& bounds, head_listener on_head, parts_predicate in_parts)
    : from_(from), bounds_(bounds), on_head_(std::move(on_head)), in_parts_(std::move(in_parts)) {}
reader::~reader() = default;

asio::awaitable<error_code> reader::go_on(const parsing& one) {
    if (buffer_.size() > 0 || !one.expects_continue) co_return error_code();
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const std::array<asio::const_buffer, 3> answer{asio::buffer(go_on)};
    co_return co_await from_.write(answer);
}

/// Reads the body to its end or, for a part, until there is something and no more has arrived, or there is enough.
asio::awaitable<void> reader::read_body(parsing& one, memory_share& memory, std::optional<std::size_t> enough) {
    constexpr std::size_t chunk = 32 * 1024;
    // Enough for a chunk's size and line ends. Anything beyond is extensions or trailers, which count towards the limit on headers.
    constexpr std::size_t free_per_chunk = 20;
    const auto most_around_body = bounds_.header_bytes - std::min(one.head_bytes, bounds_.header_bytes) + free_per_chunk;
    const auto before = one.consumed;
    one.chunks = 0;
    one.parser.eager(true);
    while (!one.is_over() && !one.parser.is_done()) {
        const auto& body = one.parser.get().body();
        if (!memory.grow_to(body.capacity() + buffer_.size())) {
            one.refused = no_memory;
            break;
        }
        const bool needs_more = buffer_.size() > 0 && one.put(buffer_);
        if (one.is_over()) break;
        // What the parser leaves is part of a chunk's head or of a trailer. With the bytes that come next, it must be less than the 64 KiB
        // that Beast accepts in one field.
        if (needs_more && buffer_.size() > bounds_.header_bytes) {
            one.refused = headers_too_large;
            break;
        }
        const auto around_body = one.consumed - before - body.size() + (one.parser.is_done() ? 0 : buffer_.size());
        if (around_body > most_around_body + free_per_chunk * one.chunks) {
            one.refused = headers_too_large;
        } else if (around_body > bounds_.body_bytes) { // too many tiny chunks
            one.refused = body_too_large;
        }
        if (one.is_over() || one.parser.is_done()) break;
        if (enough && !body.empty() && (one.consumed - before >= *enough || !from_.has_input())) break;
        if (const auto ec = co_await receive(chunk)) one.fail(ec);
    }
}

asio::awaitable<std::variant<message, refusal, ended>> reader::read() {
    parts_.reset();
    auto started = std::make_unique<parsing>(bounds_);
    auto& one = *started;
    is_for_head_ = false;
    co_await read_head(one);
    if (!one.is_over()) {
        auto* memory = on_head_(one.checked());
        one.read.whole = memory != nullptr || one.parser.is_done();
        one.read.in_parts = one.read.in_parts && one.read.whole;
        if (one.read.whole && !one.read.in_parts && !one.parser.is_done()) {
            from_.expire_after(bounds_.body_time);
            if (const auto ec = co_await go_on(one)) one.fail(ec);
            co_await read_body(one, *memory, std::nullopt);
        }
    }
    if (one.lost && from_.expired()) one.refused = too_slow;
    if (one.refused) co_return *one.refused;
    if (one.lost) co_return ended{};
    from_.expire_never(); // the owner of the stream sets the next deadline
    auto read = std::move(one.read);
    read.body = std::move(one.parser.get().body());
    if (read.in_parts) parts_ = std::move(started);
    co_return std::move(read);
}

asio::awaitable<bool> reader::accept_parts() {
    if (parts_->parser.is_done()) co_return true;
    co_return !co_await go_on(*parts_);
}

asio::awaitable<std::variant<bool, refusal, ended>> reader::read_part(std::string& part, std::size_t enough, memory_share& memory) {
    auto& one = *parts_;
    part.clear();
    one.lost = false; // perhaps only the deadline has passed
    // The parser gets the memory of the part, unless it still has what it read before the deadline passed.
    if (one.parser.get().body().empty()) std::swap(one.parser.get().body(), part);
    co_await read_body(one, memory, enough);
    if (one.refused) co_return *one.refused;
    if (one.lost) co_return ended{};
    part = std::exchange(one.parser.get().body(), {});
    co_return !one.parser.is_done();
}

asio::awaitable<void> reader::drain() {
    constexpr int most_reads = 256;
    error_code ec;
    for (int reads = 0; !ec && reads < most_reads; ++reads) {
        buffer_.clear();
        ec = co_await receive(16 * 1024);
    }
}

} // namespace ctms::http
