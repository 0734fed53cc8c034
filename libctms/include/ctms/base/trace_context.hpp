// SPDX-License-Identifier: MPL-2.0
// The trace that a piece of work belongs to, as the header `traceparent` names it (W3C Trace Context, Level 1,
// https://www.w3.org/TR/2021/REC-trace-context-1-20211123/). net::http_client sends the trace of the calling thread with each call.
#pragma once

#include <ctms/base/export.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// A trace. Plain data.
struct CTMS_API trace_context {
    std::string trace_id;    ///< 32 lower-case hexadecimal digits, not all 0
    bool is_sampled = false; ///< the caller may have recorded the trace

    /// Returns a new trace, with an id from the system's random source. It is not sampled. Thread safe.
    [[nodiscard]] static trace_context begin();

    friend bool operator==(const trace_context&, const trace_context&) = default; ///< member by member
};

/// Reads the value of the header: `00-TRACE-PARENT-FLAGS`, or a later version that begins like it (3.2 and 3.3 of the recommendation).
/// nullopt if it is not valid. Thread safe.
[[nodiscard]] CTMS_API std::optional<trace_context> read_traceparent(std::string_view value);

/// Writes the header for a call that belongs to the trace: version 00, with a new id for the call. Thread safe.
[[nodiscard]] CTMS_API std::string write_traceparent(const trace_context& trace);

/// The calling thread works for a trace as long as the object lives. Scopes may be nested. Not for coroutines that wait meanwhile.
class CTMS_API trace_scope {
public:
    /// `trace` must outlive the object; null: for no trace.
    explicit trace_scope(const trace_context* trace) noexcept;
    ~trace_scope();
    trace_scope(const trace_scope&) = delete;
    trace_scope& operator=(const trace_scope&) = delete;

    /// Returns the trace that the calling thread works for, or null.
    [[nodiscard]] static const trace_context* current() noexcept;

private:
    const trace_context* outer_;
};

} // namespace ctms
