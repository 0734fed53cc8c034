// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/bulk_sync.hpp>

#include "bulk_job.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace ctms::service {
namespace {

constexpr auto log_type = "ctms.acoustic_service";
constexpr std::array<std::string_view, 3> outcomes{"imported", "failed", "given_up"};

} // namespace

std::span<const std::string_view> bulk_outcomes() noexcept { return outcomes; }

class bulk_sync::impl {
public:
    impl(persistence::database& db, acoustic::client& vendor, acoustic::file_exchange& files, mozlog::logger& log, bulk_options options)
        : log_(log),
          options_(std::move(options)),
          job_(db, vendor, files, log, options_),
          thread_([this](const std::stop_token& stop) { work(stop); }) {}

    void request_stop() noexcept { thread_.request_stop(); }
    [[nodiscard]] bool takes_bulk() const noexcept { return job_.takes_bulk(); }

private:
    void work(const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        auto pause = std::chrono::milliseconds(0);
        while (!stopped.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); })) pause = step(stop);
        try {
            job_.let_go();
        } catch (const std::exception&) { // out of memory: the lease ends by itself
        }
    }

    std::chrono::milliseconds step(const std::stop_token& stop) noexcept {
        try {
            const auto wait = job_.step(stop);
            if (!wait) return note_failure(wait.error().detail), options_.failure_pause;
            is_failing_ = false;
            return *wait;
        } catch (const std::exception& caught) {
            note_failure(caught.what());
            return options_.failure_pause;
        }
    }

    /// Logs the first of a series of failures.
    void note_failure(std::string_view why) noexcept {
        if (std::exchange(is_failing_, true)) return;
        try {
            mozlog::fields members;
            members.add("error", why);
            log_.log(mozlog::severity::error, log_type, members, "A step of a bulk job failed: bulk jobs wait");
        } catch (const std::exception&) { // not enough memory for the line
        }
    }

    mozlog::logger& log_;
    const bulk_options options_;
    bulk_job job_;
    bool is_failing_ = false; ///< only the thread uses it
    std::jthread thread_;     ///< last, because it uses the other members
};

bulk_sync::bulk_sync(persistence::database& db, acoustic::client& vendor, acoustic::file_exchange& files, mozlog::logger& log,
                     bulk_options options)
    : impl_(std::make_unique<impl>(db, vendor, files, log, std::move(options))) {}
bulk_sync::~bulk_sync() = default;
void bulk_sync::request_stop() noexcept { impl_->request_stop(); }
bool bulk_sync::takes_bulk() const noexcept { return impl_->takes_bulk(); }

result<bool> is_bulk_job_under_way(persistence::database& db) {
    constexpr std::int64_t any = 0;
    const auto seen = persistence::bulk_job_repository(db).look(any);
    if (!seen) return seen.error();
    return seen->is_under_way;
}

} // namespace ctms::service
