// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/webhook_delivery.hpp>

#include "webhook_run.hpp"

#include <ctms/service/webhooks.hpp>
#include <persistence/contacts/change_feed.hpp>
#include <persistence/webhooks/webhook_repository.hpp>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace ctms::service {
namespace {

using namespace std::chrono_literals;

constexpr auto log_type = "ctms.webhooks";

} // namespace

std::span<const std::string_view> webhook_outcomes() noexcept { return webhook::outcome_names; }

std::vector<std::chrono::milliseconds> usual_webhook_waits() { return {5s, 5min, 30min, 2h, 5h, 10h, 14h, 20h, 24h}; }

std::chrono::seconds webhook_delivery::lease_for(std::chrono::milliseconds timeout) {
    return std::chrono::ceil<std::chrono::seconds>(3 * timeout) + 1s;
}

class webhook_delivery::impl {
public:
    impl(persistence::database& db, mozlog::logger& log, webhook_delivery_options options)
        : db_(db), log_(log), options_(std::move(options)), dispatcher_([this](const std::stop_token& stop) { work(stop); }) {}

    ~impl() {
        request_stop();
        dispatcher_.join();
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    void request_stop() noexcept { dispatcher_.request_stop(); }

private:
    /// A thread that delivers to one webhook.
    struct run {
        std::atomic<bool> is_done{false};
        std::jthread thread; ///< last, because it uses the other member
    };

    void work(const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        do {
            try {
                look();
            } catch (const std::exception&) { // out of memory or threads: tries again after the pause
            }
        } while (!stopped.wait_for(lock, stop, options_.poll, [&] { return stop.stop_requested(); }));
        for (auto& [id, one] : runs_) one.thread.request_stop(); // all at once, before the first is joined
        runs_.clear();
    }

    void look() {
        std::erase_if(runs_, [](const auto& one) { return one.second.is_done.load(); });
        persistence::webhook_repository repository(db_);
        if (const auto brought = repository.bring_times_back(longest_webhook_grace_period); !brought) return note_failure(brought.error());
        const auto all = repository.list();
        if (!all) return note_failure(all.error());
        if (options_.on_look) options_.on_look(*all);
        if (all->empty()) return note_success();
        const auto end = persistence::change_feed(db_).end();
        if (!end) return note_failure(end.error());
        note_success();
        for (const auto& hook : *all) {
            if (hook.is_due && has_news(hook, *end) && !runs_.contains(hook.id)) start(hook.id);
        }
    }

    void start(const uuid& id) {
        auto& made = runs_[id];
        try {
            made.thread = std::jthread([this, &made, id](const std::stop_token& stop) {
                try {
                    webhook_run(db_, log_, options_).deliver(id, stop);
                } catch (const std::exception& caught) { // the lease ends by itself
                    note_exception(caught);
                }
                made.is_done = true;
            });
        } catch (const std::exception&) {
            runs_.erase(id);
            throw;
        }
    }

    void note_exception(const std::exception& caught) noexcept {
        try {
            mozlog::fields members;
            members.add("error", caught.what());
            log_.log(mozlog::severity::error, log_type, members, "A delivery to a webhook failed");
        } catch (const std::exception&) { // not enough memory for the line
        }
    }

    /// Logs the first of a series of failures.
    void note_failure(const error& failure) {
        if (is_failing_) return;
        mozlog::fields members;
        members.add("error", failure.detail);
        log_.log(mozlog::severity::error, log_type, members, "The database failed: webhooks are not delivered");
        is_failing_ = true;
    }

    /// Logs the end of a series of failures.
    void note_success() {
        if (!is_failing_) return;
        log_.log(mozlog::severity::info, log_type, "Webhooks are delivered again");
        is_failing_ = false;
    }

    persistence::database& db_;
    mozlog::logger& log_;
    const webhook_delivery_options options_;
    std::map<uuid, run> runs_; ///< only the dispatcher uses it
    bool is_failing_ = false;
    std::jthread dispatcher_; ///< last, because it uses the other members
};

webhook_delivery::webhook_delivery(persistence::database& db, mozlog::logger& log, webhook_delivery_options options)
    : impl_(std::make_unique<impl>(db, log, std::move(options))) {}
webhook_delivery::~webhook_delivery() = default;
void webhook_delivery::request_stop() noexcept { impl_->request_stop(); }

} // namespace ctms::service
