// SPDX-License-Identifier: MPL-2.0
// The log: MozLog 2.0 (https://wiki.mozilla.org/Firefox/Services/Logging), one JSON object per line, or a console format for people. The
// string values of every line pass privacy::redact_text before they are written. A logger does not block its caller: lines go through a
// bounded queue to one writer thread. If the reader of the log is too slow or fails, lines are dropped and counted. Thread safe.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ctms::mozlog {

/// Syslog severities, as MozLog writes them.
enum class severity : std::uint8_t { critical = 2, error = 3, warning = 4, info = 6, debug = 7 };

/// Receives finished lines.
class CTMS_API sink {
public:
    virtual ~sink() = default;
    /// Writes `lines` (complete lines, each ending with a newline), and returns how many of them are lost: 0 if all are written. Called
    /// only by the writer thread, which has all signals blocked. May block; must not throw.
    [[nodiscard]] virtual std::size_t write(std::string_view lines) = 0;
    /// Called once, from another thread, when the logger ends and has waited long enough: write should then return soon. If it does not,
    /// the logger abandons the sink with its thread, and the sink is destroyed when write returns.
    virtual void give_up() noexcept {}
};

/// Returns a sink that writes complete lines to a file descriptor with write(2). It does not own the descriptor. It waits for a slow reader
/// until give_up is called; meanwhile the logger's queue fills, and lines are dropped. If the descriptor fails in the middle of a line, the
/// sink writes the rest of that line first when the descriptor works again, so lines are never torn. O_NONBLOCK may be set or not.
[[nodiscard]] CTMS_API std::unique_ptr<sink> make_descriptor_sink(int descriptor);

/// One line, before it is formatted. Its texts are redacted.
struct CTMS_API record {
    std::chrono::system_clock::time_point when; ///< when it was logged
    severity level = severity::info;            ///< its severity
    std::string_view type;                      ///< MozLog's Type
    std::string_view members;                   ///< the members of Fields, as JSON without the braces
    std::string_view message;                   ///< the field `msg`
};

/// Format and content of a log.
struct CTMS_API options {
    bool json = true;                  ///< true: MozLog; false: the console format
    bool color = false;                ///< console format only: show the level in colour
    severity level = severity::info;   ///< less severe lines are not written
    std::string logger_name = "ctms";  ///< MozLog's `Logger`
    std::string hostname;              ///< gethostname() if empty
    std::size_t queue_bytes = 8 << 20; ///< maximum size of queued lines, besides those being written; more are dropped
    /// If set, also gets each written line of severity error or worse, on the thread that logs it. It must return soon and must not throw;
    /// what it gets is valid only during the call.
    std::function<void(const record&)> on_error{};
};

/// Builds the `Fields` of one line, in the order of the calls. Names and strings are redacted when they are added.
class CTMS_API fields {
public:
    /// Adds a string, redacted.
    fields& add(std::string_view name, std::string_view text);
    /// Adds a string, redacted.
    fields& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
    /// Adds a boolean.
    fields& add(std::string_view name, bool value);
    /// Adds a number.
    fields& add(std::string_view name, std::int64_t value);
    /// Adds a number.
    fields& add(std::string_view name, int value) { return add(name, static_cast<std::int64_t>(value)); }
    /// Adds a number of seconds, rounded to milliseconds.
    fields& add_seconds(std::string_view name, double seconds);
    /// Adds null.
    fields& add_null(std::string_view name);
    /// Adds an object with these members.
    fields& add_object(std::string_view name, const fields& members);
    /// Adds a JSON value that the caller has already cleaned (the body of a traced request). Addresses that are not traced are still
    /// removed from its string values. `json` must be valid JSON.
    fields& add_json(std::string_view name, std::string_view json);

    /// Adds an address that may be logged because it does not belong to a person: that of a configured service account.
    fields& add_service_account(std::string_view name, std::string_view address);

    /// Returns the members so far, without the braces.
    [[nodiscard]] const std::string& json() const { return json_; }

private:
    std::string& key(std::string_view name);

    std::string json_;
};

/// The log of one process. The destructor writes the queued lines and waits for at most five seconds.
class CTMS_API logger {
public:
    /// Starts the writer thread, which is the only user of `out`.
    logger(options opts, std::unique_ptr<sink> out);
    ~logger();
    logger(const logger&) = delete;
    logger& operator=(const logger&) = delete;

    /// Returns true if lines of this severity are written.
    [[nodiscard]] bool enabled(severity level) const noexcept;

    /// Queues one line. `type` is MozLog's Type ("ctms.web"). `message` becomes the last field, `msg`.
    void log(severity level, std::string_view type, const fields& members, std::string_view message);
    /// Queues a line that has only a message.
    void log(severity level, std::string_view type, std::string_view message) { log(level, type, {}, message); }

    /// Waits until all lines queued so far are passed to the sink. Returns false after `limit`.
    bool flush(std::chrono::milliseconds limit);

    /// Returns the number of lines dropped so far, because the reader was too slow or the sink lost them.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::mozlog
