// SPDX-License-Identifier: MPL-2.0
// The log: MozLog 2.0 (https://wiki.mozilla.org/Firefox/Services/Logging), one JSON object a line,
// or a console format for people. Every line passes privacy::redact_text on its string values before it is written.
// A logger never blocks its caller for long: lines go through a bounded queue to one writer thread;
// when the reader is too slow, lines are dropped and counted. Thread safe.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ctms::mozlog {

/// Syslog severities, as MozLog writes them.
enum class severity : std::uint8_t { critical = 2, error = 3, warning = 4, info = 6, debug = 7 };

/// Where finished lines go.
class CTMS_API sink {
public:
    virtual ~sink() = default;
    /// Writes `lines` (whole lines, each with its '\n') and returns when they are handed over.
    /// Called by the writer thread only, in which every signal is blocked. May block; must not throw.
    virtual void write(std::string_view lines) = 0;
    /// Called by another thread, once, when the logger ends and has waited long enough: write should return soon.
    /// A sink that does not listen is left behind with its thread, and destroyed when its write returns.
    virtual void give_up() noexcept {}
};

/// A sink that writes to a file descriptor with write(2), whole; it owns nothing. It waits for a slow reader until
/// it has to give up (meanwhile the logger's queue fills, and drops). When the descriptor fails inside a line, the rest of
/// that line is written first when it works again, so that no line is torn. O_NONBLOCK may be set or not.
[[nodiscard]] CTMS_API std::unique_ptr<sink> make_descriptor_sink(int descriptor);

/// How a log looks, and what stands in it.
struct CTMS_API options {
    bool json = true;                  ///< MozLog; false: the console format
    bool color = false;                ///< console format only: level in colour
    severity level = severity::info;   ///< less severe lines are not written
    std::string logger_name = "ctms";  ///< MozLog's `Logger`
    std::string hostname;              ///< empty: gethostname()
    std::size_t queue_bytes = 8 << 20; ///< lines waiting for the writer (up to as many again are being written); more are dropped
};

/// Builds the `Fields` of one line, in the order of the calls. Strings are redacted on the way in.
class CTMS_API fields {
public:
    /// Adds a text, redacted; likewise a truth and a number.
    fields& add(std::string_view name, std::string_view text);
    /// As above.
    fields& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
    /// As above.
    fields& add(std::string_view name, bool value);
    /// As above.
    fields& add(std::string_view name, std::int64_t value);
    /// As above.
    fields& add(std::string_view name, int value) { return add(name, static_cast<std::int64_t>(value)); }
    /// Seconds rounded to milliseconds.
    fields& add_seconds(std::string_view name, double seconds);
    /// Adds null.
    fields& add_null(std::string_view name);
    /// A JSON value as text that the caller has already cleaned (the body of a traced request,
    /// an object of redacted headers). It still passes the address filter: its string values lose
    /// every address that is not traced. `json` must be valid JSON.
    fields& add_json(std::string_view name, std::string_view json);

    /// An address that is nobody's in particular and may be logged: that of a service account that an operator configured.
    fields& add_service_account(std::string_view name, std::string_view address);

    /// The members so far, without the braces.
    [[nodiscard]] const std::string& json() const { return json_; }

private:
    std::string json_;
};

/// The log of one process. Destroying it writes what is queued, waiting at most five seconds.
class CTMS_API logger {
public:
    /// Starts the writer thread, which alone uses `out`.
    logger(options opts, std::unique_ptr<sink> out);
    ~logger();
    logger(const logger&) = delete;
    logger& operator=(const logger&) = delete;

    /// True when lines of this severity are written.
    [[nodiscard]] bool enabled(severity level) const noexcept;

    /// Queues one line. `type` is MozLog's Type ("ctms.web"). `message` becomes the field `msg`, last.
    void log(severity level, std::string_view type, const fields& members, std::string_view message);
    /// A line without fields of its own.
    void log(severity level, std::string_view type, std::string_view message) { log(level, type, {}, message); }

    /// Waits until everything queued so far is with the sink; false when `limit` passed first.
    bool flush(std::chrono::milliseconds limit);

    /// How many lines were dropped so far because the reader was too slow.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::mozlog
