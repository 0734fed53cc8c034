// SPDX-License-Identifier: MPL-2.0
#include "lanes.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace ctms::web {
namespace {

/// How many jobs of one owner may wait for the lane `password`: a few seconds of work.
constexpr std::size_t most_of_an_owner = 64;

/// How many exchanges of a group run together.
constexpr std::size_t most_together = 16;

} // namespace

lane_threads::lane_threads(int threads, int sharers, std::size_t most_each, std::size_t most, bool leaves_room)
    : sharers_(static_cast<std::size_t>(sharers)),
      leaves_room_(leaves_room && threads > 1),
      waiting_(most_each, most),
      running_(static_cast<std::size_t>(threads), nullptr),
      threads_(static_cast<std::size_t>(threads)) {}

void lane_threads::join() { threads_.join(); }

queued lane_threads::submit(const std::string& owner, std::function<void()> work) { return add({owner, std::move(work)}); }

queued lane_threads::submit(const std::string& owner, job_group& group, waiting_exchange one, bool alone) {
    return add({owner, {}, &group, std::move(one), alone});
}

queued lane_threads::add(job next) {
    const auto owner = next.owner;
    auto* const group = next.alone ? nullptr : next.group;
    const std::lock_guard lock(mutex_);
    note_owner(owner);
    const auto outcome = waiting_.push(owner, std::move(next), [&] {
        if (takers_ == size()) return;
        boost::asio::post(threads_, [this] { serve(); });
        ++takers_;
    });
    if (outcome == queued::taken && group != nullptr) ++group->waiting;
    return outcome;
}

void lane_threads::note_owner(const std::string& owner) {
    if (!leaves_room_ || owner.empty()) return; // an unknown owner may be any
    const auto now = clock::now();
    if (recent_[0].name != owner) {
        std::swap(recent_[0], recent_[1]);
        recent_[0].name = owner;
    }
    recent_[0].came = now;
}

/// Whether a free thread may run a job of this owner.
bool lane_threads::may_run(const std::string& owner) const {
    constexpr std::chrono::seconds recently{5};
    if (!leaves_room_) return true;
    const auto is_its = [&](const std::string* one) { return one != nullptr && *one == owner; };
    if (static_cast<std::size_t>(std::count_if(running_.begin(), running_.end(), is_its)) + 1 < size()) return true;
    const auto& other = recent_[0].name == owner ? recent_[1] : recent_[0];
    return other.name.empty() || other.name == owner || clock::now() - other.came > recently;
}

void lane_threads::take(std::vector<job>& to) {
    auto first = waiting_.pop([this](const std::string& owner) { return may_run(owner); });
    if (!first) return;
    auto* const group = first->alone ? nullptr : first->group;
    to.push_back(*std::move(first));
    if (group == nullptr) return;
    const auto share = (group->waiting + sharers_ - 1) / sharers_;
    waiting_.take(to, std::min(most_together, share), [&](const job& one) { return one.group == group && !one.alone; });
    group->waiting -= to.size();
}

/// Runs on a thread of the lane until there is nothing to do.
void lane_threads::serve() noexcept {
    std::string owner;
    const std::string** place = nullptr; // in running_
    for (;;) {
        auto jobs = retry_without_memory([] {
            std::vector<job> out;
            out.reserve(most_together);
            return out;
        });
        {
            const std::lock_guard lock(mutex_);
            if (place != nullptr) *place = nullptr;
            take(jobs);
            if (jobs.empty()) {
                --takers_;
                return;
            }
            owner = std::move(jobs.front().owner);
            place = &*std::find(running_.begin(), running_.end(), nullptr); // there is one for each thread
            *place = &owner;
        }
        if (jobs.front().group == nullptr) {
            jobs.front().work();
            continue;
        }
        auto together = retry_without_memory([&] {
            std::vector<waiting_exchange> out;
            out.reserve(jobs.size());
            return out;
        });
        for (auto& one : jobs) together.push_back(std::move(one.one));
        jobs.front().group->run(std::move(together));
    }
}

lanes::lanes(const lane_sizes& sizes, std::size_t most_waiting)
    : read_(sizes.read, sizes.read, most_waiting, most_waiting, true),
      write_(sizes.write, 1, most_waiting, most_waiting, true),
      token_(sizes.token, 1, most_waiting, most_waiting, false),
      password_(sizes.password, 1, most_of_an_owner, most_waiting, false),
      caller_(sizes.caller, 1, most_waiting, most_waiting, false),
      platform_(sizes.platform, 1, most_waiting, most_waiting, false),
      health_(sizes.health, 1, most_waiting, most_waiting, false) {}

lanes::~lanes() {
    for (auto* one : {&read_, &write_, &token_, &password_, &caller_, &platform_, &health_}) one->join();
}

lane_threads& lanes::threads_of(lane where) {
    switch (where) {
    case lane::write: return write_;
    case lane::token: return token_;
    case lane::password: return password_;
    case lane::caller: return caller_;
    case lane::platform: return platform_;
    case lane::health: return health_;
    case lane::immediate:
    case lane::read: return read_;
    }
    return read_;
}

bool lanes::submit(lane where, const std::string& owner, std::function<void()> work) {
    return threads_of(where).submit(owner, std::move(work)) == queued::taken;
}

bool lanes::submit(lane where, const std::string& owner, job_group& group, waiting_exchange one, bool alone) {
    return threads_of(where).submit(owner, group, std::move(one), alone) == queued::taken;
}

queued lanes::submit_in_turn(const std::string& owner, std::function<void(bool waited)> job, bool may_wait) {
    const bool waits = of_passwords_.fetch_add(1) >= password_.size();
    auto outcome = queued::full;
    try {
        const auto run = [this, waits, job = std::move(job)] {
            job(waits);
            of_passwords_.fetch_sub(1);
        };
        if (!waits || may_wait) outcome = password_.submit(owner, run);
    } catch (...) {
        of_passwords_.fetch_sub(1);
        throw;
    }
    if (outcome != queued::taken) of_passwords_.fetch_sub(1);
    return outcome;
}

void lanes::rest_after(std::chrono::steady_clock::duration took) {
    constexpr std::chrono::milliseconds longest{500};
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(took, longest));
}

} // namespace ctms::web
