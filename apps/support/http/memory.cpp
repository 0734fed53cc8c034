// SPDX-License-Identifier: MPL-2.0
#include "memory.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>

#include <sys/mman.h>
#include <sys/resource.h>

namespace ctms::http {
namespace {

void lower(std::optional<std::size_t>& least, std::size_t limit) {
    if (!least || limit < *least) least = limit;
}

void lower_to_resource(std::optional<std::size_t>& least, __rlimit_resource resource) {
    rlimit now{};
    if (getrlimit(resource, &now) == 0 && now.rlim_cur != RLIM_INFINITY) lower(least, now.rlim_cur);
}

/// Reads a control group file that contains one number; "max", or a huge number in version 1, means no limit.
void lower_to_file(std::optional<std::size_t>& least, const std::string& file) {
    constexpr std::size_t none = std::size_t{1} << 60U;
    std::ifstream in(file);
    std::string text;
    std::size_t limit = 0;
    if (!(in >> text)) return;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (problem == std::errc() && limit < none) lower(least, limit);
}

/// Applies the limits of a group and its ancestors, up to the root that the process can see (cgroups(7)).
void lower_to_groups(std::optional<std::size_t>& least, const std::string& root, std::string group, const char* name) {
    for (;;) {
        lower_to_file(least, root + group + '/' + name);
        const auto slash = group.rfind('/');
        if (slash == std::string::npos) return;
        group.resize(slash);
    }
}

/// The memory set aside: small blocks, every other one of which is freed when memory runs out. The blocks between them keep the
/// freed ones apart, so that a large allocation cannot use them up.
class reserve {
public:
    /// Frees the reserve so that a failed allocation can be tried again. Throws std::bad_alloc if the reserve is already in use.
    void use() {
        const std::lock_guard lock(mutex_);
        if (!is_whole_) throw std::bad_alloc();
        is_whole_ = false;
        for (std::size_t i = 0; i < blocks_.size(); i += 2) blocks_[i].reset();
    }
    void refill() noexcept {
        if (is_whole_) return;
        const std::lock_guard lock(mutex_);
        for (auto& block : blocks_) {
            if (block == nullptr) block.reset(std::malloc(block_bytes)); // NOLINT(cppcoreguidelines-no-malloc): new would call use()
            if (block == nullptr) return;
        }
        is_whole_ = true;
    }
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

private:
    struct freeing {
        void operator()(void* block) const noexcept { std::free(block); } // NOLINT(cppcoreguidelines-no-malloc)
    };
    static constexpr std::size_t block_bytes = 16 * 1024;
    std::mutex mutex_;
    std::array<std::unique_ptr<void, freeing>, 128> blocks_;
    std::atomic<bool> is_whole_ = false;
};

/// Never destroyed: threads may run out of memory until the process ends.
reserve& set_aside() {
    static auto* const one = new reserve; // NOLINT(cppcoreguidelines-owning-memory)
    return *one;
}
std::atomic<bool> is_kept = false;

} // namespace

void set_memory_aside() {
    set_aside().refill();
    std::set_new_handler([] { set_aside().use(); });
    is_kept = true;
}

void set_memory_aside_again() noexcept {
    if (is_kept) set_aside().refill();
}

std::optional<std::size_t> memory_limit() {
    std::optional<std::size_t> least;
    lower_to_resource(least, RLIMIT_AS);
    lower_to_resource(least, RLIMIT_DATA);
    // Lines have the form "id:controllers:group"; version 2 lists no controllers.
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const auto group = line.substr(second + 1);
        if (controllers.empty()) {
            lower_to_groups(least, "/sys/fs/cgroup", group, "memory.max");
        } else if ((',' + controllers + ',').find(",memory,") != std::string::npos) {
            lower_to_groups(least, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        }
    }
    return least;
}

bool has_memory_for(std::size_t bytes) noexcept {
    if (is_kept && !set_aside().is_whole()) return false;
    // The mapping is never touched, so it costs only a few microseconds and no memory.
    void* probe = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) return false; // NOLINT(performance-no-int-to-ptr): defined so in the system's header
    munmap(probe, bytes);
    return true;
}

} // namespace ctms::http
