// SPDX-License-Identifier: MPL-2.0
// A request whose body is lines, of any number, and whose response has lines about them. The server reads some lines, lets them be done,
// and sends what the response says about them before it reads the next: so only some lines are in memory, and a client that does not read
// its response is not read from. A handler puts one into its response.
#pragma once

#include <ctms/base/result.hpp>

#include <string>
#include <string_view>

namespace ctms::web {

/// Not thread safe: the server never calls two functions at the same time.
class line_exchange {
public:
    line_exchange() = default;
    virtual ~line_exchange() = default;
    line_exchange(const line_exchange&) = delete;
    line_exchange& operator=(const line_exchange&) = delete;

    /// Takes the next part of the body, of any size. Call it while there is no work.
    virtual void put(std::string_view part) = 0;
    /// The body is complete.
    virtual void finish() = 0;
    /// Whether there is a line to work on.
    [[nodiscard]] virtual bool has_work() = 0;
    /// Works on some lines, and appends to `piece` what the response says about them. Returns an error to end the exchange. Blocks; called
    /// on the lane of the route.
    [[nodiscard]] virtual result<void> work(std::string& piece) = 0;
    /// Appends the last line of a response that ends before the body: why it does, as the status and text of an error.
    virtual void end(int status, std::string_view why, std::string& piece) = 0;
    /// The bytes that are kept in memory.
    [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
};

} // namespace ctms::web
