// SPDX-License-Identifier: MPL-2.0
// The body of a response that stays open and sends events as they occur. The server asks it for what there is to send, and asks again when
// it is ready; meanwhile the response occupies no thread. The functions are never called concurrently.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ctms::web {

class event_source {
public:
    /// What follows a piece.
    enum class state : std::uint8_t {
        more,    ///< take() may be called again at once
        work,    ///< work() must be called before anything else can be sent
        waiting, ///< nothing can be sent at the moment: see is_ready()
        ended    ///< the response is complete
    };

    event_source() = default;
    virtual ~event_source() = default;
    event_source(const event_source&) = delete;
    event_source& operator=(const event_source&) = delete;

    /// Appends what can be sent now, at most about 64 KiB, to `piece`. Called on the I/O thread after the previous piece was sent; does not
    /// block.
    virtual state take(std::string& piece) = 0;
    /// Whether take() has something to do again after it returned `waiting`. Called several times a second, on the I/O thread.
    [[nodiscard]] virtual bool is_ready() const noexcept = 0;
    /// Whether the response must end whatever there is to send, so that a client that does not read need not be waited for. Called several
    /// times a second, on the I/O thread, also while work() runs.
    [[nodiscard]] virtual bool must_end() const noexcept = 0;
    /// Makes what take() needs. Called on the lane of the route; blocks.
    virtual void work() = 0;

    /// Why the source ended the response, as one of a few fixed words; "" if it did not.
    [[nodiscard]] virtual std::string_view reason() const noexcept = 0;
    /// How many events take() has returned.
    [[nodiscard]] virtual std::uint64_t events() const noexcept = 0;
};

} // namespace ctms::web
