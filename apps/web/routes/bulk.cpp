// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/bulk_json.hpp>
#include <ctms/privacy/redact.hpp>
#include <ctms/service/contact_bulk.hpp>
#include <ctms/service/tokens.hpp>
#include <support/config/settings.hpp>
#include <web/server/answers.hpp>
#include <web/server/line_buffer.hpp>
#include <web/server/line_exchange.hpp>
#include <web/server/preconditions.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::web::routes {
namespace {

using service::bulk_outcome;

constexpr std::string_view told_of_kept_opt_out = "An opt-out of the contact was kept; send allow_opt_in=true to clear it";

/// The longest line, in bytes: as the body of a request about one contact.
constexpr std::size_t longest_line = std::size_t{1024} * 1024;

std::string_view name_of(bulk_outcome what) {
    switch (what) {
    case bulk_outcome::created: return "created";
    case bulk_outcome::unchanged: return "unchanged";
    case bulk_outcome::changed: return "changed";
    case bulk_outcome::removed: return "deleted";
    case bulk_outcome::refused:
    case bulk_outcome::needs_precondition: break;
    }
    return "refused";
}

int status_of(const service::bulk_result& one) {
    constexpr int created = 201;
    constexpr int ok = 200;
    constexpr int precondition_needed = 428;
    if (one.failure) return to_status(one.failure->code);
    if (one.what == bulk_outcome::needs_precondition) return precondition_needed;
    return one.what == bulk_outcome::created ? created : ok;
}

void write_result(std::string& out, std::size_t index, int status, const service::bulk_result& one) {
    object_writer writer(out);
    writer.add("index", static_cast<std::int64_t>(index));
    writer.add("status", status);
    one.email_id.is_nil() ? writer.add_null("email_id") : writer.add("email_id", std::string_view(one.email_id.to_string()));
    if (one.what == bulk_outcome::needs_precondition) writer.add("detail", told_of_needed_precondition);
    if (!one.failure && one.kept_opt_out) writer.add("detail", told_of_kept_opt_out);
    writer.close();
    if (!one.failure) return;
    out.back() = ',';
    const auto begin = out.size();
    json::write_error(out, *one.failure);
    out.erase(begin, 1); // its bracket: what it says belongs to the result
}

/// How a request wants its items to be done.
struct wanted_way {
    bool allow_opt_in = false;
    std::string token; ///< that authorizes the request
};

result<wanted_way> read_way(const call& now) {
    wanted_way out;
    out.token = now.http.bearer_token().value_or("");
    const auto sent = now.query.find("allow_opt_in");
    if (!sent || sent->empty()) return out;
    const auto word = ascii_lower(*sent);
    out.allow_opt_in = word == "true" || word == "1";
    if (out.allow_opt_in || word == "false" || word == "0") return out;
    return invalid_fields(
        {{{std::string("query"), std::string("allow_opt_in")}, "value could not be parsed to a boolean", "type_error.bool", {}}});
}

/// Items that are done together.
class bulk_batch {
public:
    /// All must outlive it. `first`: the index of the first item.
    bulk_batch(const services& all, const request& http, request_facts& facts, const wanted_way& how, std::size_t first)
        : all_(all), facts_(facts), token_(how.token), first_(first) {
        options_.by = {facts.client_id, http.id};
        options_.allow_opt_in = how.allow_opt_in;
        options_.needs_precondition = facts.must_have_precondition;
        options_.rules.geo_optional = all.settings.waitlist_geo_optional;
    }

    void add(result<json::body> sent) {
        auto item = sent ? json::read_bulk_item(*std::move(sent), options_.rules) : result<json::bulk_item>(std::move(sent).error());
        if (!item) item = bounded(std::move(item).error());
        if (item && item->input) note_trace((*item->input)->email.primary_email);
        deletes_ = deletes_ || (item && item->what == json::bulk_operation::remove);
        items_.push_back(std::move(item));
    }
    void add_too_long() {
        too_long_.insert(items_.size());
        items_.push_back(malformed(fmt::format("The line has more than {} bytes", longest_line)));
    }
    [[nodiscard]] std::size_t size() const { return items_.size(); }

    void run() {
        if (deletes_) options_.may_remove = all_.tokens.authenticate(token_, model::role::remove).verdict;
        results_ = all_.bulk.run(items_, options_);
        for (const auto& one : results_) {
            ++facts_.bulk[name_of(one.what)];
            if (one.kept_opt_out && !one.failure) ++facts_.bulk["opt_outs_kept"];
            if (one.failure && is_failure_here(one.failure->code)) note_failure(*one.failure);
        }
    }

    /// The failure of this service because of which no item was done; nullptr if there is none.
    [[nodiscard]] const error* outage() const {
        const bool all_failed = std::all_of(results_.begin(), results_.end(),
                                            [](const auto& one) { return one.failure && is_failure_here(one.failure->code); });
        return all_failed && !results_.empty() ? &*results_.front().failure : nullptr;
    }

    /// Appends the results with `between` between them, and `after` after each.
    void write(std::string& out, std::string_view between, std::string_view after) const {
        constexpr int line_too_long = 413;
        constexpr std::size_t usual_size = 80;
        out.reserve(out.size() + results_.size() * usual_size);
        for (std::size_t i = 0; i < results_.size(); ++i) {
            if (i > 0) out += between;
            write_result(out, first_ + i, too_long_.contains(i) ? line_too_long : status_of(results_[i]), results_[i]);
            out += after;
        }
    }

private:
    /// The errors of a batch have a limit together, as those of one contact have: beyond it, an item gets only the first of its errors.
    error bounded(error why) {
        constexpr std::size_t most_bytes = std::size_t{256} * 1024;
        constexpr std::size_t bytes_of_a_step = 16; // approximately, as JSON
        std::size_t bytes = 0;
        for (const auto& one : why.fields)
            bytes += one.message.size() + one.type.size() + one.context.size() + one.location.size() * bytes_of_a_step;
        if (error_bytes_ + bytes > most_bytes && why.fields.size() > 1) return invalid_fields({std::move(why.fields.front())});
        error_bytes_ += bytes;
        return why;
    }

    void note_trace(const std::string& address) {
        constexpr std::size_t longest = 1024;
        if (!privacy::is_traced(address) || facts_.trace.size() + address.size() > longest) return;
        facts_.trace += (facts_.trace.empty() ? "" : ",") + address;
    }

    void note_failure(const error& why) {
        if (facts_.error.empty()) facts_.error = why.detail.empty() ? why.message : why.detail;
    }

    const services& all_;
    request_facts& facts_;
    const std::string& token_;
    std::size_t first_;
    service::bulk_options options_;
    std::vector<result<json::bulk_item>> items_;
    std::set<std::size_t> too_long_; ///< places of lines that were not read
    bool deletes_ = false;
    std::size_t error_bytes_ = 0;
    std::vector<service::bulk_result> results_;
};

/// A bulk write of any length, an item in each line.
class bulk_lines final : public line_exchange {
public:
    /// All must live as long as the response is sent.
    bulk_lines(const services& all, const request& http, request_facts& facts, wanted_way how)
        : all_(all), http_(http), facts_(facts), how_(std::move(how)) {}

    void put(std::string_view part) override { lines_.put(part); }
    void finish() override { lines_.finish(); }
    [[nodiscard]] bool has_work() override { return lines_.has_line(); }
    [[nodiscard]] std::size_t bytes() const noexcept override { return lines_.bytes(); }

    // The token is checked again for each batch, as the token of an event stream is: a client that was disabled must not go on.
    [[nodiscard]] result<void> work(std::string& piece) override {
        const auto found = all_.tokens.authenticate(how_.token, model::role::write);
        if (!found.verdict) return found.verdict;
        facts_.must_have_precondition = found.must_have_precondition;
        bulk_batch batch(all_, http_, facts_, how_, done_);
        while (batch.size() < json::most_bulk_items) {
            const auto line = lines_.next();
            if (!line) break;
            line->is_too_long ? batch.add_too_long() : batch.add(json::body::parse(line->text));
        }
        batch.run();
        batch.write(piece, "", "\n");
        done_ += batch.size();
        return {};
    }

    void end(int status, std::string_view why, std::string& piece) override {
        object_writer writer(piece);
        writer.add("status", status);
        writer.add("detail", why);
        writer.close();
        piece += '\n';
    }

private:
    const services& all_;
    const request& http_;
    request_facts& facts_;
    const wanted_way how_;
    line_buffer lines_{longest_line};
    std::size_t done_ = 0;
};

} // namespace

response post_bulk(call& now, const services& all) {
    auto how = read_way(now);
    if (!how) return failed(now, how.error());
    response out;
    if (has_lines(now.http.headers)) {
        out.content_type = "application/x-ndjson";
        out.lines = std::make_shared<bulk_lines>(all, now.http, now.facts, *std::move(how));
        return out;
    }
    auto items = json::read_bulk_list(*now.body);
    if (!items) return failed(now, items.error());
    bulk_batch batch(all, now.http, now.facts, *how, 0);
    for (auto& one : *items) batch.add(std::move(one));
    batch.run();
    if (const auto* outage = batch.outage()) return failed(now, *outage);
    out.body = "[";
    batch.write(out.body, ",", "");
    out.body += ']';
    return out;
}

} // namespace ctms::web::routes
