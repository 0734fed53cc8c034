// SPDX-License-Identifier: MPL-2.0
// Handles one request, from finding its route to writing its log line, without sockets or threads. Its callers decide when each step runs:
//   begin    finds the route (on the I/O thread)
//   execute  parses, authenticates, runs the handler (on the route's lane; blocks)
//   go_on    runs the next step that a handler asked for (on the lane that the step names; blocks)
//   next_piece  makes the next piece of a streamed response (on the route's lane; blocks)
//   work_on_lines  does some lines of a request that is read and answered in turn (on the route's lane; blocks)
//   finish   logs and counts the request (on the I/O thread), for a streamed response after its last piece, for events when they begin
//   end_events  logs and counts the end of events (on the I/O thread)
// An exchanger is shared by all sessions and thread safe; an exchange belongs to one request.
#pragma once

#include "client_limiter.hpp"
#include "route.hpp"

#include <ctms/mozlog/logger.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::web {

struct exchange {
    request http;
    const route* matched = nullptr;
    std::vector<std::pair<std::string, std::string>> path_parameters;
    request_facts facts;
    std::chrono::steady_clock::time_point waits_since{}; ///< when the request was submitted to the lane of its route
    response answer;                                     ///< set by begin if no route matches or a limit is reached, otherwise by execute
    std::string client; ///< the API client that sent it: until execute(), the probable one; "" if not known
    admission admitted; ///< the decision about the limits of the client
};

/// Sets a 503 response, even if there is not enough memory for its body.
void set_busy(exchange& one) noexcept;

/// Takes exchanges that have their answers.
using answered_early = std::function<void(std::span<exchange* const>)>;

class exchanger {
public:
    exchanger(const services& all, mozlog::logger& log, std::span<const route> routes) : services_(all), log_(log), routes_(routes) {}

    /// Whether a handler takes the body of such a request in parts, as a line_exchange, if has_lines(): it may have any length.
    [[nodiscard]] bool takes_lines(std::string_view method, std::string_view target) const;
    /// Finds the route. If the token was accepted before, finds its client and enforces its limits, so that requests beyond them do not
    /// wait; for other requests, execute() does that after it has checked the token. Returns false if the answer is already set.
    [[nodiscard]] bool begin(exchange& one) const;
    /// Answers one exchange, or several of one route whose handler takes several. If they fail together, answers each of them alone.
    /// Passes exchanges that are answered before others of the group to `early`, and does not touch them afterwards.
    void execute(std::span<exchange* const> some, const answered_early& early = {}) const;
    /// Runs the `next` step of the answer. Call on the lane of that step; blocks. The step may leave another one.
    void go_on(exchange& one) const;
    /// Appends the next piece of a streamed response to `piece` and returns whether another one follows. If the token is no longer valid,
    /// returns the error that authentication gives. If the piece cannot be made, returns `unavailable`, and `one.facts.error` says why.
    /// Call on the route's lane; blocks.
    [[nodiscard]] result<bool> next_piece(exchange& one, std::string& piece) const;
    /// Works on some lines of a line_exchange. Call on the route's lane; blocks.
    [[nodiscard]] result<void> work_on_lines(exchange& one, std::string& piece) const;
    void finish(exchange& one) const;
    /// Notes that the client of an exchange, if it may use the route, uses the API now: for responses that take long.
    void note_use(const exchange& one) const noexcept;
    /// Logs and counts the end of a response that stayed open, after finish().
    void end_events(const exchange& one) const;

private:
    /// Sets the answers, or throws. Removes exchanges that it passes to `early` from `some`.
    void answer(std::vector<exchange*>& some, const answered_early& early) const;
    /// Reads the body and checks the token. Returns the response if the request is refused.
    std::optional<response> refuse(exchange& one, call& now) const;
    /// Enforces the limits of the client that sent the request, once. Returns the response if it exceeds them.
    std::optional<response> limit(exchange& one, const std::string& client_id, const model::client_limits& limits) const;
    /// Checks the token of a response that is being sent; the error is that of authentication.
    [[nodiscard]] result<void> check_again(exchange& one) const;

    services services_;
    mozlog::logger& log_;
    std::span<const route> routes_;
};

} // namespace ctms::web
