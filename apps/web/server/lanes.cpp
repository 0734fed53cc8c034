// SPDX-License-Identifier: MPL-2.0
#include "lanes.hpp"

#include <algorithm>
#include <thread>

namespace ctms::web {
namespace {

/// How many jobs of one owner may wait for the lane `password`: a few seconds of work.
constexpr std::size_t most_of_an_owner = 64;

} // namespace

lanes::lanes(const lane_sizes& sizes, std::size_t most_waiting)
    : most_waiting_(most_waiting),
      in_turn_(most_of_an_owner, most_waiting),
      read_(sizes.read, sizes.read),
      write_(sizes.write, 1),
      token_(sizes.token, 1),
      password_(sizes.password, 1),
      caller_(sizes.caller, 1),
      platform_(sizes.platform, 1),
      health_(sizes.health, 1) {}

lanes::~lanes() {
    for (auto* one : {&read_, &write_, &token_, &password_, &caller_, &platform_, &health_}) one->threads.join();
}

lanes::queue& lanes::queue_of(lane where) {
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

queued lanes::submit_in_turn(const std::string& owner, std::function<void(bool waited)> job, bool may_wait) {
    const bool waits = of_passwords_.fetch_add(1) >= password_.size;
    auto outcome = queued::full;
    try {
        const auto run = [this, waits, job = std::move(job)] {
            job(waits);
            of_passwords_.fetch_sub(1);
        };
        // One taker is posted for each job. Each taker finds a job, though not always the one it was posted for.
        const auto send_taker = [this] {
            boost::asio::post(password_.threads, [this] {
                if (auto next = in_turn_.pop()) (*next)();
            });
        };
        if (!waits || may_wait) outcome = in_turn_.push(owner, run, send_taker);
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
