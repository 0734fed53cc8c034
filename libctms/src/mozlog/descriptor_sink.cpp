// SPDX-License-Identifier: MPL-2.0
#include <ctms/mozlog/logger.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

namespace ctms::mozlog {
namespace {

// Other processes may share the descriptor, so O_NONBLOCK must not be set on it. Instead each write waits for poll and
// is at most PIPE_BUF bytes long: a pipe that poll reports as writable accepts these completely and without blocking.
class descriptor_sink final : public sink {
public:
    explicit descriptor_sink(int descriptor) : descriptor_(descriptor) {}

    std::size_t write(std::string_view lines) override {
        torn_.erase(0, write_all(torn_));
        if (torn_.empty()) {
            const auto written = write_all(lines);
            const bool inside_line = written > 0 && written < lines.size() && lines[written - 1] != '\n';
            lines.remove_prefix(written);
            if (inside_line) {
                torn_ = lines.substr(0, lines.find('\n') + 1);
                lines.remove_prefix(torn_.size());
            }
        }
        return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    }

    void give_up() noexcept override { given_up_ = true; }

private:
    // As many whole lines as fit, so that output of other processes to the same pipe never appears inside a line.
    static std::size_t chunk_length(std::string_view lines) noexcept {
        const auto most = std::min<std::size_t>(lines.size(), PIPE_BUF);
        const auto last_end = lines.substr(0, most).rfind('\n');
        return last_end == std::string_view::npos ? most : last_end + 1;
    }

    // Returns how much was written: less than everything if the descriptor failed or give_up was called.
    std::size_t write_all(std::string_view text) noexcept {
        std::size_t done = 0;
        while (done < text.size()) {
            const auto rest = text.substr(done);
            const auto written = write_some(rest.substr(0, chunk_length(rest)));
            if (written == 0) break;
            done += written;
        }
        return done;
    }

    // Returns how much was written; 0 if further attempts are pointless.
    std::size_t write_some(std::string_view text) noexcept {
        while (wait_until_writable()) {
            const auto written = ::write(descriptor_, text.data(), text.size());
            if (written > 0) return static_cast<std::size_t>(written);
            if (written < 0 && errno != EINTR && errno != EAGAIN) return 0;
        }
        return 0;
    }

    bool wait_until_writable() const noexcept {
        // poll ignores negative descriptors and would wait forever.
        while (!given_up_ && descriptor_ >= 0) {
            pollfd waiting{descriptor_, POLLOUT, 0};
            // A short timeout, so that give_up is noticed without a second descriptor to wake poll.
            if (::poll(&waiting, 1, 50) > 0) return (waiting.revents & POLLNVAL) == 0;
        }
        return false;
    }

    int descriptor_;
    std::string torn_; // the rest of a line whose beginning has been written
    std::atomic<bool> given_up_ = false;
};

} // namespace

std::unique_ptr<sink> make_descriptor_sink(int descriptor) { return std::make_unique<descriptor_sink>(descriptor); }

} // namespace ctms::mozlog
