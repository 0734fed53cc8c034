// SPDX-License-Identifier: MPL-2.0
// What Pub/Sub delivered and CTMS could not store: list it, try it again, forget it.
#include "commands.hpp"
#include "output.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/stripe_parking.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

namespace ctms::cli {
namespace {

using model::stripe::parked_object;

std::optional<std::int64_t> number_in(const std::string& text) {
    std::int64_t out = 0;
    const auto* const end = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), end, out);
    return failure == std::errc() && stopped == end && out > 0 ? std::optional(out) : std::nullopt;
}

/// The numbers that were given; none with --all.
result<std::vector<std::int64_t>> read_choice(const invocation& call) {
    if (call.has("all") == !call.operands.empty()) return malformed("give either numbers of parked objects or --all");
    std::vector<std::int64_t> out;
    for (const auto& text : call.operands) {
        const auto number = number_in(text);
        if (!number) return malformed(fmt::format("argument {} is not the number of a parked object", out.size() + 1));
        out.push_back(*number);
    }
    return out;
}

void add_members(object_writer& writer, const parked_object& one) {
    writer.add("number", one.id);
    writer.add("object", std::string_view(one.object));
    writer.add("reason", std::string_view(one.reason));
    writer.add("deliveries", std::int64_t{one.deliveries});
    writer.add("parked_at", std::string_view(to_iso(one.parked_at)));
}

/// Visits parked objects in the order of their numbers, at most `limit` of them. `visit` may remove them.
result<void> for_each_parked(service::stripe_parking& parking, std::int64_t limit,
                             const std::function<result<void>(const parked_object&)>& visit) {
    for (std::int64_t after = 0; limit > 0;) {
        const auto page = parking.list(after, static_cast<int>(std::min<std::int64_t>(limit, service::stripe_parking::most_at_once)));
        if (!page) return page.error();
        if (page->empty()) return {};
        for (const auto& one : *page) {
            if (auto visited = visit(one); !visited) return visited;
        }
        after = page->back().id;
        limit -= static_cast<std::int64_t>(page->size());
    }
    return {};
}

int print_one(invocation& call, service::stripe_parking& parking, const std::string& text) {
    const auto number = number_in(text);
    if (!number) return fail_usage("argument 1 is not the number of a parked object", "stripe");
    const auto one = parking.get(*number);
    if (!one) return fail(one.error());
    if (!call.json) return print_text(valid_utf8(one->payload)), support::ok;
    std::string out;
    object_writer writer(out);
    add_members(writer, *one);
    writer.add("payload", std::string_view(valid_utf8(one->payload)));
    writer.close();
    print_json(out);
    return support::ok;
}

constexpr std::int64_t all_of_them = 1'000'000'000;

/// Calls `act` with each chosen number.
result<void> for_each_chosen(service::stripe_parking& parking, const std::vector<std::int64_t>& chosen,
                             const std::function<result<void>(std::int64_t)>& act) {
    if (chosen.empty()) return for_each_parked(parking, all_of_them, [&](const parked_object& one) { return act(one.id); });
    for (const auto number : chosen) {
        if (auto done = act(number); !done) return done;
    }
    return {};
}

} // namespace

int stripe_parked(invocation& call) {
    const auto limit = call.number("limit", 100, 1, 1'000'000);
    if (!limit) return fail_usage(limit.error().message, "stripe");
    persistence::database db(support::database_options(call.settings));
    service::stripe_parking parking(db);
    if (!call.operands.empty()) return print_one(call, parking, call.operands.front());
    std::vector<parked_object> all;
    const auto read =
        for_each_parked(parking, *limit, [&](const parked_object& one) -> result<void> { return all.push_back(one), result<void>(); });
    if (!read) return fail(read.error());
    if (call.json) {
        std::string out;
        append_json_array(out, all, [](std::string& to, const parked_object& one) {
            object_writer writer(to);
            add_members(writer, one);
            writer.close();
        });
        print_json(out);
        return support::ok;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : all)
        rows.push_back({std::to_string(one.id), one.object, to_iso(one.parked_at), std::to_string(one.deliveries), one.reason});
    print_table({"NUMBER", "OBJECT", "PARKED", "DELIVERIES", "REASON"}, rows);
    return support::ok;
}

int stripe_retry(invocation& call) {
    const auto chosen = read_choice(call);
    if (!chosen) return fail_usage(chosen.error().message, "stripe");
    persistence::database db(support::database_options(call.settings));
    service::stripe_parking parking(db);
    std::int64_t stored = 0;
    std::int64_t parked = 0;
    const auto done = for_each_chosen(parking, *chosen, [&](std::int64_t number) -> result<void> {
        const auto tried = parking.retry(number, call.has("even-if-older"));
        if (!tried && tried.error().code != errc::not_found) return tried.error();
        if (tried && tried->stored) return ++stored, result<void>();
        ++parked;
        complain("{}: {}", number, tried ? fmt::format("{}: {}", tried->object, tried->reason) : tried.error().message);
        return {};
    });
    call.note("stored", stored);
    call.note("parked", parked);
    if (call.json) {
        print_json(fmt::format(R"({{"stored":{},"parked":{}}})", stored, parked));
    } else {
        fmt::print("Stored {}, {} still parked.\n", counted(static_cast<std::size_t>(stored), "parked object"), parked);
    }
    if (!done) return fail(done.error());
    return parked == 0 ? support::ok : support::bad_data;
}

int stripe_forget(invocation& call) {
    const auto chosen = read_choice(call);
    if (!chosen) return fail_usage(chosen.error().message, "stripe");
    const auto which = chosen->empty() ? std::string("all parked objects of Stripe") : counted(chosen->size(), "parked object");
    if (!call.has("yes") && !confirm(fmt::format("Forget {}? They were acknowledged, so Pub/Sub does not send them again.", which))) {
        complain("nothing was forgotten; answer y or use --yes");
        return support::failed;
    }
    persistence::database db(support::database_options(call.settings));
    service::stripe_parking parking(db);
    std::size_t forgotten = 0;
    const auto done = for_each_chosen(parking, *chosen, [&](std::int64_t number) -> result<void> {
        const auto removed = parking.forget(std::span(&number, 1));
        if (!removed) return removed.error();
        forgotten += *removed;
        return {};
    });
    call.note("forgotten", static_cast<std::int64_t>(forgotten));
    if (call.json) {
        print_json(fmt::format(R"({{"forgotten":{}}})", forgotten));
    } else {
        fmt::print("Forgot {}.\n", counted(forgotten, "parked object"));
    }
    if (!done) return fail(done.error());
    return forgotten >= chosen->size() ? support::ok : support::bad_data;
}

} // namespace ctms::cli
