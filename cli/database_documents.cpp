// SPDX-License-Identifier: MPL-2.0
#include "commands.hpp"
#include "interrupts.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/contact_documents.hpp>
#include <ctms/service/contact_export.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <chrono>
#include <thread>

namespace ctms::cli {
namespace {

/// Shows the progress, pauses between two pages, and stops on a signal.
class walk_display {
public:
    explicit walk_display(std::chrono::milliseconds pause) : pause_(pause) {}

    bool operator()(const service::document_tally& so_far) {
        bar_.set(static_cast<std::uint64_t>(so_far.contacts));
        if (!so_far.complete) std::this_thread::sleep_for(pause_);
        return !interrupts::requested();
    }

private:
    const interrupts signals_;
    progress bar_{"contacts", std::nullopt};
    std::chrono::milliseconds pause_;
};

/// Calls `work` with a display, which is gone from the terminal when this returns.
template <class Work>
result<service::document_tally> show(std::chrono::milliseconds pause, const Work& work) {
    walk_display display(pause);
    return work(std::ref(display));
}

} // namespace

int db_verify(invocation& call) {
    persistence::database db(support::database_options(call.settings));
    const bool fix = call.has("fix");
    const auto tally = show(std::chrono::milliseconds{0}, [&](const auto& on_page) { return service::verify_documents(db, fix, on_page); });
    if (!tally) return fail(tally.error());
    call.note("contacts", tally->contacts);
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("contacts", tally->contacts);
        writer.add("documents", tally->with_document);
        append_json_array(writer.key("stale"), tally->stale,
                          [](std::string& to, const uuid& one) { append_json_string(to, one.to_string()); });
        writer.add("left_behind", tally->left_behind);
        writer.add("fixed", fix);
        writer.add("complete", tally->complete);
        writer.close();
        print_json(out);
    } else {
        print_text(fmt::format("{} contacts, {} documents: {} differ from the tables, {} have no contact.{}{}", tally->contacts,
                               tally->with_document, tally->stale.size(), tally->left_behind, fix ? " These were removed." : "",
                               tally->complete ? "" : " Stopped before the end."));
        for (const auto& one : tally->stale) print_text("  " + one.to_string());
    }
    const bool is_good = fix || (tally->stale.empty() && tally->left_behind == 0);
    if (!tally->complete) return support::temporary;
    return is_good ? support::ok : support::failed;
}

int db_build_documents(invocation& call) {
    constexpr std::int64_t longest_pause = 60'000;
    const auto pause = call.number("pause", 0, 0, longest_pause);
    if (!pause) return fail(pause.error());
    persistence::database db(support::database_options(call.settings));
    const auto tally = show(std::chrono::milliseconds(*pause), [&](const auto& on_page) { return service::build_documents(db, on_page); });
    if (!tally) return fail(tally.error());
    call.note("stored", tally->stored);
    if (call.json) {
        std::string out;
        object_writer writer(out);
        writer.add("contacts", tally->contacts);
        writer.add("had_document", tally->with_document);
        writer.add("stored", tally->stored);
        writer.add("complete", tally->complete);
        writer.close();
        print_json(out);
    } else {
        print_text(fmt::format("{} contacts: {} had a document, {} were stored.{}", tally->contacts, tally->with_document, tally->stored,
                               tally->complete ? "" : " Stopped before the end; run it again to continue."));
    }
    return tally->complete ? support::ok : support::temporary;
}

} // namespace ctms::cli
