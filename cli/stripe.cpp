// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "output.hpp"
#include "stripe_files.hpp"
#include "tally.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/stripe_ingest.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ctms::cli {
namespace {

/// Reads all files, does something with each object, and counts the results.
class run_over_files {
public:
    explicit run_over_files(tally counts) : counts_(std::move(counts)) {}

    /// Calls `act(object, counts)`, which returns a result<void>, for each object. Returns the exit code.
    template <class Act>
    int run(invocation& call, Act act) {
        for (const auto& file : call.operands) {
            const auto read = read_stripe_file(
                file, [&](const std::string& place, const result<json::any_stripe_object>& object) { return take(place, object, act); });
            if (!read) {
                fail(read.error());
                (read.error().code == errc::not_found ? unreadable_ : failed_) = true;
            } else if (!*read) {
                break; // the database is not available
            }
        }
        counts_.print(call.json);
        counts_.note(call);
        if (!stopped_ && done_ > 0 && unknown_ == done_) {
            complain("nothing was done: CTMS stores objects of none of these kinds; the first object is of the kind '{}'",
                     printable(first_unknown_));
            failed_ = true;
        }
        if (stopped_) return support::temporary;
        if (unreadable_) return support::no_input;
        return failed_ ? support::bad_data : support::ok;
    }

private:
    template <class Act>
    bool take(const std::string& place, const result<json::any_stripe_object>& object, Act act) {
        if (!object) return note_failure(place, object.error()), count();
        if (const auto* unknown = std::get_if<json::unknown_kind>(&*object)) {
            if (unknown_++ == 0) first_unknown_ = unknown->kind;
            return counts_.add("skipped"), count();
        }
        const result<void> acted = act(std::get<model::stripe::object>(*object), counts_);
        if (acted) return count();
        if (acted.error().code == errc::unavailable || acted.error().code == errc::outcome_unknown) return stop(place, acted.error());
        return note_failure(place, acted.error()), count();
    }

    bool count() {
        counts_.add("objects");
        ++done_;
        return true;
    }

    void note_failure(const std::string& place, const error& failure) {
        complain("{}: {}", place, failure.detail.empty() ? failure.message : failure.detail);
        counts_.add("failed");
        failed_ = true;
    }

    bool stop(const std::string& place, const error& failure) {
        complain("stopped at {}: {}: {}", place, failure.message, failure.detail);
        complain("{} processed before it; it is safe to run the command again, because stored objects do not change",
                 counted(done_, "object was", "objects were"));
        stopped_ = true;
        return false;
    }

    tally counts_;
    std::size_t done_ = 0;
    std::size_t unknown_ = 0; ///< objects of a kind that is not stored
    std::string first_unknown_;
    bool failed_ = false;
    bool unreadable_ = false;
    bool stopped_ = false;
};

/// Runs `act(service, object, counts)` on every object of the files.
template <class Act>
int with_objects(invocation& call, tally counts, Act act) {
    persistence::database db(support::database_options(call.settings));
    if (const auto keys = service::erasures(db).check_keys(); !keys) return fail(keys.error());
    service::stripe_ingest service(db);
    return run_over_files(std::move(counts)).run(call, [&](const model::stripe::object& object, tally& counted) {
        return act(service, object, counted);
    });
}

} // namespace

int stripe_ingest(invocation& call) {
    return with_objects(call, tally{"objects", "created", "updated", "no_change", "deleted", "skipped", "failed"},
                        [](service::stripe_ingest& service, const model::stripe::object& object, tally& counts) -> result<void> {
                            const auto report = service.ingest(object);
                            if (!report) return report.error();
                            for (const auto& [action, objects] : report->actions) counts.add(action, objects.size());
                            return {};
                        });
}

int stripe_queue(invocation& call) {
    return with_objects(call, tally{"objects", "queued", "skipped", "failed"},
                        [](service::stripe_ingest& service, const model::stripe::object& object, tally& counts) -> result<void> {
                            const auto queued = service.queue_contacts(object);
                            if (!queued) return queued.error();
                            counts.add("queued", *queued);
                            return {};
                        });
}

} // namespace ctms::cli
