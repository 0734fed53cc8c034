// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/http_client.hpp>

#include "failure.hpp"
#include "http_connection.hpp"
#include "server_url.hpp"
#include "tls_context.hpp"

#include <ctms/base/trace_context.hpp>
#include <ctms/base/version.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>

namespace ctms::net {
namespace {

namespace http = boost::beast::http;
using clock_type = std::chrono::steady_clock;

boost::beast::string_view view(std::string_view text) { return {text.data(), text.size()}; }

/// Throws if the text contains a control character: a line break in any part of the head could start another request.
void check(std::string_view text, unsigned char lowest) {
    const auto bad = [lowest](char c) { return static_cast<unsigned char>(c) < lowest || c == '\x7f'; };
    if (std::any_of(text.begin(), text.end(), bad)) throw std::invalid_argument("a request contains a character that HTTP does not allow");
}

void check_head(const http_request& request) {
    constexpr unsigned char no_blank = '!';
    check(request.method, no_blank);
    check(request.target, no_blank);
    for (const auto& [name, value] : request.headers) {
        check(name, no_blank);
        check(value, ' ');
    }
}

http_message to_message(const http_request& request, const server_url& server) {
    http_message out;
    out.version(11);
    out.method_string(view(request.method));
    out.target(view(server.target_of(request.target)));
    out.set(http::field::host, view(server.authority));
    out.set(http::field::user_agent, view("ctms/" + std::string(version())));
    if (const auto* trace = trace_scope::current()) out.set("traceparent", view(write_traceparent(*trace)));
    for (const auto& [name, value] : request.headers) out.set(view(name), view(value));
    out.body() = request.body;
    out.prepare_payload();
    return out;
}

/// Connections that are not in use. Thread safe.
class idle_connections {
public:
    explicit idle_connections(const http_options& options) : longest_(options.idle), most_(options.most_idle) {}

    /// Returns the connection that was used last, or null.
    std::unique_ptr<http_connection> take() {
        std::vector<entry> closing; // destroyed after the lock is released
        const std::scoped_lock lock(mutex_);
        drop_old(closing);
        while (!entries_.empty()) {
            auto last = std::move(entries_.back());
            entries_.pop_back();
            if (last.connection->is_alive()) return std::move(last.connection);
            closing.push_back(std::move(last));
        }
        return nullptr;
    }

    void put(std::unique_ptr<http_connection> one) {
        std::vector<entry> closing;
        const std::scoped_lock lock(mutex_);
        entries_.push_back({std::move(one), clock_type::now()});
        drop_old(closing);
        while (entries_.size() > most_) drop_first(1, closing);
    }

private:
    struct entry {
        std::unique_ptr<net::http_connection> connection;
        clock_type::time_point since;
    };

    void drop_first(std::ptrdiff_t count, std::vector<entry>& closing) {
        std::move(entries_.begin(), entries_.begin() + count, std::back_inserter(closing));
        entries_.erase(entries_.begin(), entries_.begin() + count);
    }

    void drop_old(std::vector<entry>& closing) {
        const auto limit = clock_type::now() - longest_;
        const auto fresh = std::find_if(entries_.begin(), entries_.end(), [limit](const auto& one) { return one.since > limit; });
        drop_first(fresh - entries_.begin(), closing);
    }

    const std::chrono::milliseconds longest_;
    const std::size_t most_;
    std::mutex mutex_;
    std::vector<entry> entries_; ///< the least recently used one first
};

} // namespace

class http_client::impl {
public:
    impl(std::string_view url, http_options options)
        : options_(std::move(options)),
          server_(parse_server_url(url)),
          tls_(server_.tls ? make_tls_context(options_.ca_file) : boost::asio::ssl::context(boost::asio::ssl::context::tls_client)),
          idle_(options_) {}

    http_outcome send(const http_request& request) {
        const auto until = clock_type::now() + options_.timeout;
        check_head(request);
        // Any other exception must end only this exchange. Its connection has been destroyed when the exception is caught
        // here.
        try {
            return send(to_message(request, server_), until);
        } catch (const std::bad_alloc&) {
            return service_unavailable("out of memory");
        } catch (const std::system_error& failure) { // no more threads
            return service_unavailable(std::string("cannot connect: ") + failure.code().message());
        } catch (const boost::system::system_error& failure) { // no more file descriptors
            return service_unavailable("cannot connect: " + failure.code().message());
        } catch (const std::exception& failure) {
            return service_unavailable(std::string("the call failed: ") + failure.what());
        }
    }

private:
    http_outcome send(const http_message& message, deadline until) {
        if (auto kept = idle_.take()) {
            auto answer = exchange(kept, message, until);
            // The server may have closed the connection while the request was being sent. Does not take another one from
            // the pool, because that may be just as old.
            if (answer || kept->answer_began() || clock_type::now() >= until) return answer;
        }
        return send_on_new(message, until);
    }

    http_outcome send_on_new(const http_message& message, deadline until) {
        auto fresh = std::make_unique<http_connection>(server_, tls_);
        if (auto opened = fresh->open(until, options_.public_addresses_only); !opened) return opened.error();
        return exchange(fresh, message, until);
    }

    /// Moves the connection into the pool if the response allows it.
    http_outcome exchange(std::unique_ptr<http_connection>& on, const http_message& message, deadline until) {
        auto answer = on->exchange(message, until, options_.longest_body);
        if (answer && on->can_be_kept()) idle_.put(std::move(on));
        return answer;
    }

    const http_options options_;
    const server_url server_;
    boost::asio::ssl::context tls_;
    idle_connections idle_;
};

http_client::http_client(std::string_view url, http_options options) : impl_(std::make_unique<impl>(url, std::move(options))) {}
http_client::~http_client() = default;

http_outcome http_client::send(const http_request& request) { return impl_->send(request); }

std::string_view http_response::header(std::string_view name) const noexcept {
    const auto found = std::find_if(headers.begin(), headers.end(), [name](const auto& one) { return one.first == name; });
    return found == headers.end() ? std::string_view() : found->second;
}

} // namespace ctms::net
