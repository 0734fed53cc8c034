// SPDX-License-Identifier: MPL-2.0
#include "process_load.hpp"

#include <support/sync_scene.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <random>

namespace ctms::test {
namespace {

constexpr int contacts_of_thread = 40;

persistence::contact_change changed(const model::contact& stored, unsigned choice) {
    persistence::contact_change out;
    out.after = stored;
    out.after.email.first_name = fmt::format("Changed {}", choice);
    auto& newsletters = out.after.newsletters;
    if (choice % 3 == 0 && !newsletters.empty()) {
        newsletters.front().subscribed = !newsletters.front().subscribed;
        newsletters.front().lang = fmt::format("l{}", choice % 100);
    }
    if (choice % 3 == 1) std::erase_if(newsletters, [](const auto& one) { return one.name == "mozilla-and-you"; });
    if (choice % 3 == 2 &&
        std::none_of(newsletters.begin(), newsletters.end(), [](const auto& one) { return one.name == "mozilla-and-you"; })) {
        model::newsletter added;
        added.name = "mozilla-and-you";
        newsletters.push_back(added);
    }
    return out;
}

} // namespace

contact_writers::contact_writers(const persistence::database_options& database, int threads, std::chrono::milliseconds pause)
    : db_(database) {
    for (int thread = 0; thread < threads; ++thread)
        threads_.emplace_back([this, thread, pause](const std::stop_token& stop) { run(thread, stop, pause); });
}

void contact_writers::run(int thread, const std::stop_token& stop, std::chrono::milliseconds pause) {
    std::minstd_rand random(static_cast<unsigned>(thread) + 1);
    while (!stop.stop_requested()) {
        const auto choice = static_cast<unsigned>(random());
        write((thread + 1) * 1000 + static_cast<int>(random() % contacts_of_thread), choice);
        std::this_thread::sleep_for(pause);
    }
}

void contact_writers::write(int number, unsigned choice) {
    const auto contact = numbered_contact(number);
    const auto stored = contacts_.find(contact.email.email_id);
    bool done = false;
    if (stored && choice % 7 == 0) {
        done = contacts_.remove(contact.email.primary_email).has_value();
        if (done) ++deletions_;
    } else if (stored) {
        done =
            contacts_.change(contact.email.email_id, [&](const auto& now) { return changed(now.value_or(contact), choice); }).has_value();
    } else if (stored.error().code == errc::not_found) {
        done = contacts_.create(contact).has_value();
    }
    if (done) ++writes_;
}

} // namespace ctms::test
