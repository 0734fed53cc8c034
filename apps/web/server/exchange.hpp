// SPDX-License-Identifier: MPL-2.0
// One request from its route to its log line, without sockets or threads: the session says when each step runs.
//   begin    finds the route (on the sockets' thread)
//   execute  parses, authenticates, runs the handler (on the route's lane; blocks)
//   go_on    runs the next step that a handler asked for (on the lane that the step names; blocks)
//   next_piece  makes more of an answer that is sent while it is made (on the route's lane; blocks)
//   finish   logs and counts (on the sockets' thread), after the last piece of such an answer
// An exchanger is shared by all sessions and thread safe; an exchange belongs to one request.
#pragma once

#include "route.hpp"

#include <ctms/mozlog/logger.hpp>

#include <memory>

namespace ctms::web {

struct exchange {
    request http;
    const route* matched = nullptr;
    std::vector<std::pair<std::string, std::string>> path_parameters;
    request_facts facts;
    std::chrono::steady_clock::time_point waits_since{}; ///< when it was handed to the lane of its route
    response answer;                                     ///< filled by begin when no route matches, else by execute
};

class exchanger {
public:
    exchanger(const services& all, mozlog::logger& log, std::span<const route> routes = all_routes())
        : services_(all), log_(log), routes_(routes) {}

    /// When `matched` is null afterwards, the answer is there already.
    void begin(exchange& one) const;
    void execute(exchange& one) const;
    /// The rest of an exchange whose answer has a `next` step, on the lane of that step; blocks. There may be another.
    void go_on(exchange& one) const;
    /// Executes exchanges of one route together, if it can; else one after another.
    void execute(std::span<exchange* const> several) const;
    /// Appends the next piece of an answer that is sent while it is made, and says whether another follows; nullopt when it
    /// cannot be made, which the facts tell then. On the route's lane; blocks.
    std::optional<bool> next_piece(exchange& one, std::string& piece) const;
    void finish(exchange& one) const;

private:
    /// Keeps what `answer(call&)` answers; an exception becomes an answer too.
    template <class Answer>
    void run(exchange& one, const Answer& answer) const;
    void run_together(std::span<exchange* const> several) const;
    /// Reads the body and checks the token: the answer when one of them is refused.
    std::optional<response> refuse(call& now, const route& matched) const;

    services services_;
    mozlog::logger& log_;
    std::span<const route> routes_;
};

} // namespace ctms::web
