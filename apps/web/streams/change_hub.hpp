// SPDX-License-Identifier: MPL-2.0
// What all event streams of /changes share: one thread that reads the end of the feed a few times a second, however many streams are open,
// and that checks their tokens. A stream that has read the feed to its end itself joins the hub, and gets what the hub reads. Thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/model/change.hpp>
#include <ctms/mozlog/logger.hpp>
#include <web/server/page_size.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace ctms::service {
class changes;
class tokens;
} // namespace ctms::service
namespace ctms::support {
class prometheus_metrics;
}

namespace ctms::web::streams {

/// Why a stream ends although its client still listens.
enum class end_reason : std::uint8_t { none, token_invalid, client_disabled, role_missing, cursor_gone, server_stopping };

/// The name of a reason in events, logs and metrics, one of support::stream_end_reasons; "" for none.
[[nodiscard]] std::string_view to_string(end_reason why) noexcept;

/// A change as an event, without and with the contact.
struct change_event {
    model::change_cursor cursor;
    timestamp when;
    std::string text;
    std::string text_with_contact; ///< empty unless batch::has_contacts
};

/// Changes that follow each other in the feed.
struct batch {
    model::change_cursor from; ///< the place before the first one
    std::vector<change_event> events;
    bool has_contacts = false;
    std::size_t bytes = 0;
};

/// Appends a change in the form of the event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html).
void append_event(std::string& out, const model::change& change, bool with_contact);

/// Whether `a` is before `b` in the feed. Only for cursors of one epoch that are not in the list of contacts.
[[nodiscard]] bool is_before(const model::change_cursor& a, const model::change_cursor& b) noexcept;

class change_hub;

/// One open stream, from its request to its end. Gives its place back when it is destroyed. The functions are never called concurrently for
/// one stream.
class subscription {
public:
    ~subscription();
    subscription(const subscription&) = delete;
    subscription& operator=(const subscription&) = delete;

    /// Why the stream must end; none if it need not.
    [[nodiscard]] end_reason ended() const noexcept { return ended_; }

    /// Begins to take what the hub reads, after `at`, the end of the feed that the stream has found. Returns false if the hub cannot go on
    /// from there; the stream must then read on itself, and try again at the next end that it finds.
    [[nodiscard]] bool join(const model::change_cursor& at);
    /// Whether current() has something to return. Cheap.
    [[nodiscard]] bool has_next() const noexcept;
    /// The batch after those that were passed since joining; null if there is none yet, or if the stream is not joined any more. Do not
    /// keep it while the client reads: only the hub decides how much memory batches use.
    [[nodiscard]] std::shared_ptr<const batch> current();
    /// Passes the batch that current() has returned.
    void pass() noexcept { ++next_; }
    /// False before joining, and after the stream was too slow for what the hub keeps, so that it must read on itself.
    [[nodiscard]] bool is_joined() const noexcept { return is_joined_; }
    /// After how much silence the stream should send a comment, so that proxies keep the connection and dead peers are noticed.
    [[nodiscard]] std::chrono::milliseconds longest_silence() const noexcept;

private:
    friend class change_hub;
    subscription(change_hub& hub, std::string client_id, std::string_view token, bool with_contacts)
        : hub_(hub), client_id_(std::move(client_id)), token_(token), with_contacts_(with_contacts) {}

    change_hub& hub_;
    const std::string client_id_;
    const std::string token_;
    const bool with_contacts_;
    const std::chrono::steady_clock::time_point opened_ = std::chrono::steady_clock::now();
    std::atomic<end_reason> ended_ = end_reason::none;
    bool is_counted_ = false; ///< it has a place: set once, before it is shared
    bool is_joined_ = false;  ///< this and the next one: written by the stream, with the mutex of the hub
    std::uint64_t next_ = 0;  ///< number of the current batch
};

class change_hub {
public:
    struct options {
        std::size_t most = 500;                            ///< open streams
        std::size_t most_of_client = 100;                  ///< of one API client
        std::chrono::milliseconds longest_silence{15'000}; ///< on a stream: then it sends a comment
        std::chrono::milliseconds pause{250};              ///< between two reads of the feed
        std::chrono::milliseconds between_checks{1000};    ///< of a token
    };

    /// All references must outlive the hub, and the hub must outlive its subscriptions. `feed` and `tokens` should share a database
    /// connection of their own, which only the hub's thread uses: then requests that wait for connections do not delay the streams.
    /// `tokens` must cache clients for less than `between_checks`.
    change_hub(service::changes& feed, service::tokens& tokens, support::prometheus_metrics& metrics, mozlog::logger& log,
               const options& wanted);
    change_hub(const change_hub&) = delete;
    change_hub& operator=(const change_hub&) = delete;

    /// Takes a place for a stream of this client, whose token has been checked. errc::unavailable if there are too many streams,
    /// errc::too_many if there are too many of this client.
    [[nodiscard]] result<std::shared_ptr<subscription>> open(const std::string& client_id, std::string_view token, bool with_contacts);

private:
    friend class subscription;
    void work(const std::stop_token& stop);
    bool check_tokens(const std::stop_token& stop);
    bool read_feed();
    model::change_cursor publish(const model::change_cursor& from, const model::change_page& page, bool with_contacts);
    void note_failure(std::string_view what, const error& failure);
    void end_round();
    void give_up_place();
    void leave(subscription& one);

    service::changes& feed_;
    service::tokens& tokens_;
    support::prometheus_metrics& metrics_;
    mozlog::logger& log_;
    const options options_;

    std::mutex mutex_; ///< for all members up to the next comment
    std::condition_variable_any opened_;
    std::map<subscription*, std::weak_ptr<subscription>> open_;
    std::map<std::string, std::size_t, std::less<>> of_client_; ///< open streams
    std::size_t with_contacts_ = 0;                             ///< open streams that want contacts
    std::size_t joined_ = 0;
    std::optional<model::change_cursor> end_;       ///< of what was read; nullopt: no stream has joined
    std::deque<std::shared_ptr<const batch>> kept_; ///< the last batches, for slow streams
    std::size_t kept_bytes_ = 0;

    std::atomic<std::uint64_t> published_ = 0; ///< number of batches so far; written with the mutex
    page_size page_;                           ///< this and all others up to the next comment: for the thread alone
    std::size_t next_check_ = 0;               ///< whose token is checked next
    bool has_read_ = false;                    ///< the feed, in this round
    bool has_failed_ = false;                  ///< something, in this round
    bool is_outage_ = false;                   ///< a failure was logged, and no recovery since
    std::jthread worker_;                      ///< last: it uses the other members
};

} // namespace ctms::web::streams
