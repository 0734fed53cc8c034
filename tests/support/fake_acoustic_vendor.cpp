// SPDX-License-Identifier: MPL-2.0
#include "fake_acoustic_vendor.hpp"

#include <ctms/base/uuid.hpp>
#include <web/server/form.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace ctms::test {
namespace {

namespace json = boost::json;
using kind = fake_fault::kind;

constexpr std::size_t most_kept_calls = 100;

vendor_answer as_json(int status, const json::value& body) { return {status, "application/json", json::serialize(body)}; }
vendor_answer as_html(int status) { return {status, "text/html", fmt::format("<html><body><h1>{}</h1></body></html>\n", status)}; }

/// The answer for a fault that replaces the call's own answer. The other kinds do not change the answer.
vendor_answer answer_of(const fake_fault& fault) {
    constexpr int default_status = 500;
    switch (fault.what) {
    case kind::fault_answer: return {.body = fault_xml(fault.number, fault.text.empty() ? "injected fault" : fault.text)};
    case kind::status: return as_html(fault.number == 0 ? default_status : fault.number);
    case kind::no_xml: return {.body = "Sorry, we are busy & cannot <help"};
    case kind::cut_before: return {.sent = delivery::nothing};
    default: return {};
    }
}

bool replaces_answer(kind what) {
    return what != kind::cut && what != kind::cut_after && what != kind::stall && what != kind::job_error && what != kind::job_hang;
}

std::string describe(const fake_fault& fault) {
    switch (fault.what) {
    case kind::fault_answer: return fmt::format("injected fault {}", fault.number);
    case kind::status: return fmt::format("injected status {}", fault.number);
    case kind::empty_body: return "injected empty body";
    case kind::no_xml: return "injected non-XML body";
    case kind::cut_before: return "injected cut before the answer";
    case kind::cut: return "injected cut";
    case kind::cut_after: return "injected cut after the effect";
    case kind::job_error: return "injected error of the job";
    case kind::job_hang: return "injected job that never ends";
    default: return "injected stall";
    }
}

/// Some of the contact ids of a call. A value with an @ is an address sent by mistake, so it is not shown.
std::string some_ids(const std::set<std::string>& ids) {
    constexpr std::size_t most = 3;
    std::string out;
    std::size_t count = 0;
    for (const auto& id : ids) {
        if (count++ == most) return out + fmt::format(",and {} more", ids.size() - most);
        out += (out.empty() ? "" : ",") + (id.find('@') == std::string::npos ? id : "?");
    }
    return out.empty() ? "-" : out;
}

double to_double(const std::string& text) {
    double out = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || out < 0)
        throw std::invalid_argument(fmt::format("'{}' is not a number", text));
    return out;
}

json::object to_json(const fake_acoustic::row& row) {
    json::object out;
    for (const auto& [name, value] : row) out[name] = value;
    return out;
}

template <class Table>
json::array to_array(const Table& table) {
    json::array out;
    for (const auto& one : table) out.push_back(to_json(one.second));
    return out;
}

} // namespace

void fake_vendor::call::end() {
    if (!holds_slot_) return;
    const std::lock_guard lock(vendor_.mutex_);
    holds_slot_ = false;
    --vendor_.under_way_;
    for (const auto& one : writes_) vendor_.being_written_.erase(one);
}

fake_vendor::fake_vendor(fake_acoustic_options options)
    : options_(std::move(options)),
      store_(options_),
      jobs_(options_.exchange, options_.lists_refused),
      latency_(options_.latency),
      job_time_(options_.job_time) {}

vendor_answer fake_vendor::give_token(const std::string& form) {
    const auto given = web::parse_urlencoded(form);
    const std::lock_guard lock(mutex_);
    ++counts_.calls["token"];
    const auto fault = faults_.take_for_token(form);
    if (fault && fault->what == kind::fault_answer) return as_json(400, {{"error", fault->text.empty() ? "invalid_grant" : fault->text}});
    if (fault && replaces_answer(fault->what)) return answer_of(*fault);
    const bool good = given.find("grant_type") == "refresh_token" && given.find("client_id") == options_.client_id &&
                      given.find("client_secret") == options_.client_secret && given.find("refresh_token") == options_.refresh_token;
    if (!good) return as_json(400, {{"error", "invalid_grant"}});
    const auto now = clock::now();
    std::erase_if(tokens_, [&](const auto& one) { return one.second <= now; });
    auto token = uuid::random().to_string();
    tokens_[token] = now + options_.token_life;
    auto out = as_json(200, {{"access_token", token}, {"token_type", "bearer"}, {"expires_in", options_.token_life.count()}});
    if (fault && fault->what == kind::cut) out.sent = delivery::part;
    if (fault && fault->what == kind::cut_after) out.sent = delivery::nothing;
    if (fault) out.wait = fault->wait;
    return out;
}

bool fake_vendor::is_good_token(std::string_view authorization) const {
    constexpr std::string_view scheme = "Bearer ";
    if (!authorization.starts_with(scheme)) return false;
    const auto found = tokens_.find(authorization.substr(scheme.size()));
    return found != tokens_.end() && clock::now() < found->second;
}

std::unique_ptr<fake_vendor::call> fake_vendor::begin(std::string_view authorization, std::string_view form) {
    auto out = std::make_unique<call>(*this, web::parse_urlencoded(form).find("xml").value_or(""));
    const std::lock_guard lock(mutex_);
    ++counts_.calls[out->xml.method()];
    if (under_way_ >= options_.most_at_once) {
        ++counts_.refused_as_too_many;
        out->refused = as_html(429);
    } else if (!is_good_token(authorization)) {
        ++counts_.refused_tokens;
        out->refused = as_json(401, {{"error", "invalid_token"}});
    } else {
        out->holds_slot_ = true;
        counts_.most_at_once = std::max(counts_.most_at_once, ++under_way_);
        keep(out->xml.text());
        note_writes(*out);
    }
    if (out->refused) log(*out, fmt::format("refused {}", out->refused->status));
    return out;
}

void fake_vendor::keep(const std::string& xml) {
    if (last_calls_.size() == most_kept_calls) last_calls_.erase(last_calls_.begin());
    last_calls_.push_back(xml);
}

void fake_vendor::note_writes(call& one) {
    const auto write = [&](std::string what) {
        if (being_written_.insert(what).second) {
            one.writes_.push_back(std::move(what));
        } else {
            ++counts_.overlapping;
        }
    };
    const auto& xml = one.xml;
    if (xml.rows().empty()) {
        for (const auto& id : xml.email_ids()) write(id);
    }
    for (const auto& row : xml.rows()) {
        std::string key = xml.table_id();
        for (const auto& column : row.children()) {
            const std::string_view name = column.attribute("name").value();
            if (name == "email_id" || name == "newsletter_name" || name == "product_id") key += fmt::format(" {}", column.child_value());
        }
        write(std::move(key));
    }
}

vendor_answer fake_vendor::take_effect(call& one) {
    const std::lock_guard lock(mutex_);
    const auto hit = faults_.take(one.xml);
    if (hit.call && replaces_answer(hit.call->what)) {
        log(one, describe(*hit.call));
        return answer_of(*hit.call);
    }
    const auto effect = apply(one.xml, hit);
    if (effect.oversized) ++counts_.oversized;
    vendor_answer out{.body = effect.answer};
    if (!hit.call) {
        log(one, effect.outcome);
        return out;
    }
    if (hit.call->what == kind::cut) out.sent = delivery::part;
    if (hit.call->what == kind::cut_after) out.sent = delivery::nothing;
    out.wait = hit.call->wait;
    log(one, effect.outcome + ", " + describe(*hit.call));
    return out;
}

vendor_effect fake_vendor::apply(const xml_call& xml, const hits& faults) {
    const auto now = clock::now();
    jobs_.advance(now, store_);
    if (xml.method() == "GetJobStatus") return jobs_.status(xml);
    if (xml.method() != "ImportList") {
        const auto ids = xml.email_ids();
        if (xml.rows().empty() && std::any_of(ids.begin(), ids.end(), [&](const auto& id) { return jobs_.has(id); })) ++counts_.during_job;
        return store_.apply(xml, faults.rows);
    }
    auto ends = std::optional<std::string>("");
    if (faults.call && faults.call->what == kind::job_error) ends = "ERROR";
    if (faults.call && faults.call->what == kind::job_hang) ends.reset();
    auto out = jobs_.start(xml, faults.rows, ends, now + job_time_, store_);
    counts_.jobs = jobs_.started();
    counts_.jobs_at_once = jobs_.most_at_once();
    return out;
}

void fake_vendor::log(const call& one, std::string_view outcome) const {
    if (!options_.log) return;
    const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto& xml = one.xml;
    const auto rows = xml.rows().empty() ? 1 : xml.rows().size();
    options_.log(fmt::format("{:%FT%T}.{:03}Z {} {} rows={} {} {}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                             now.time_since_epoch().count() % 1000, xml.method(), store_.table_name(xml.table_id()), rows,
                             some_ids(xml.email_ids()), outcome));
}

std::chrono::milliseconds fake_vendor::control(std::string_view form) {
    std::chrono::milliseconds down{0};
    const auto orders = web::parse_urlencoded(form);
    for (const auto& [name, value] : orders.pairs()) {
        constexpr double thousand = 1000;
        if (name == "fault")
            add_fault(parse_fault(value));
        else if (name == "clear_faults")
            clear_faults();
        else if (name == "forget_tokens")
            forget_tokens();
        else if (name == "latency_ms")
            set_latency(std::chrono::milliseconds(std::int64_t(to_double(value))));
        else if (name == "job_ms")
            set_job_time(std::chrono::milliseconds(std::int64_t(to_double(value))));
        else if (name == "down")
            down = std::chrono::milliseconds(std::int64_t(to_double(value) * thousand));
        else
            throw std::invalid_argument(fmt::format("unknown parameter '{}'", name));
    }
    return down;
}

std::string fake_vendor::state(bool full) {
    const std::lock_guard lock(mutex_);
    jobs_.advance(clock::now(), store_);
    json::object calls;
    for (const auto& [method, count] : counts_.calls) calls[method] = count;
    json::object out{{"contacts", store_.contacts().size()},     {"newsletters", store_.newsletters().size()},
                     {"products", store_.products().size()},     {"calls", std::move(calls)},
                     {"most_at_once", counts_.most_at_once},     {"refused_as_too_many", counts_.refused_as_too_many},
                     {"refused_tokens", counts_.refused_tokens}, {"connections", counts_.connections},
                     {"oversized", counts_.oversized},           {"jobs", counts_.jobs},
                     {"jobs_at_once", counts_.jobs_at_once},     {"during_job", counts_.during_job}};
    if (full) {
        out["contact_rows"] = to_array(store_.contacts());
        out["newsletter_rows"] = to_array(store_.newsletters());
        out["product_rows"] = to_array(store_.products());
    }
    return json::serialize(out) + "\n";
}

void fake_vendor::count_connection() {
    const std::lock_guard lock(mutex_);
    ++counts_.connections;
}

void fake_vendor::add_fault(fake_fault fault) {
    const std::lock_guard lock(mutex_);
    faults_.add(std::move(fault));
}

void fake_vendor::clear_faults() {
    const std::lock_guard lock(mutex_);
    faults_.clear();
}

void fake_vendor::set_latency(std::chrono::milliseconds latency) {
    const std::lock_guard lock(mutex_);
    latency_ = latency;
}

void fake_vendor::set_job_time(std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    job_time_ = time;
}

void fake_vendor::end_jobs() {
    const std::lock_guard lock(mutex_);
    jobs_.advance(clock::time_point::max(), store_);
}

std::chrono::milliseconds fake_vendor::latency() const {
    const std::lock_guard lock(mutex_);
    return latency_;
}

void fake_vendor::forget_tokens() {
    const std::lock_guard lock(mutex_);
    tokens_.clear();
}

fake_acoustic_counts fake_vendor::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

std::vector<std::string> fake_vendor::last_calls() const {
    const std::lock_guard lock(mutex_);
    return last_calls_;
}

} // namespace ctms::test
