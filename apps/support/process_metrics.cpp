// SPDX-License-Identifier: MPL-2.0
#include "process_metrics.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

namespace ctms::support {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

void add(std::vector<MetricFamily>& out, const char* name, const char* help, MetricType type, std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric metric;
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    family.metric.push_back(std::move(metric));
    out.push_back(std::move(family));
}

/// A field of /proc/self/stat by its number in proc(5). The second field is the name in parentheses, which may contain blanks.
std::optional<double> stat_field(int number) {
    std::ifstream file("/proc/self/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string value;
    constexpr int first = 3;
    for (int at = first; at <= number; ++at) fields >> value;
    return value.empty() ? std::nullopt : std::optional(std::strtod(value.c_str(), nullptr));
}

std::optional<double> cpu_seconds() {
    rusage used{};
    if (getrusage(RUSAGE_SELF, &used) != 0) return std::nullopt;
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::optional<double> boot_time() {
    std::ifstream file("/proc/stat");
    for (std::string word; file >> word;) {
        double value = 0;
        if (word == "btime" && file >> value) return value;
    }
    return std::nullopt;
}

std::optional<double> start_time() {
    constexpr int starttime = 22;
    const auto boot = boot_time();
    const auto ticks = stat_field(starttime);
    if (!boot || !ticks) return std::nullopt;
    return *boot + *ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::optional<double> resident_bytes() {
    constexpr int rss = 24;
    const auto pages = stat_field(rss);
    if (!pages) return std::nullopt;
    return *pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Uses readdir, because directory_iterator::increment(ec) of libstdc++ ends the process if memory runs out.
std::optional<double> open_descriptors() {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
    if (!folder) return std::nullopt;
    double count = 0;
    // Thread safe: only calls for the same stream would need a lock.
    while (const auto* entry = ::readdir(folder.get())) count += entry->d_name[0] == '.' ? 0 : 1; // NOLINT(concurrency-mt-unsafe)
    return count;
}

} // namespace

std::vector<MetricFamily> process_metrics::Collect() const {
    constexpr int vsize = 23;
    std::vector<MetricFamily> out;
    add(out, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", MetricType::Counter, cpu_seconds());
    add(out, "process_open_fds", "Number of open file descriptors.", MetricType::Gauge, open_descriptors());
    add(out, "process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge, resident_bytes());
    add(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge, stat_field(vsize));
    add(out, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", MetricType::Gauge, start_time());
    return out;
}

} // namespace ctms::support
