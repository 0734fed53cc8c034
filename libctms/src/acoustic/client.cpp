// SPDX-License-Identifier: MPL-2.0
#include <ctms/acoustic/client.hpp>

#include "answer.hpp"
#include "token_source.hpp"
#include <ctms/net/http_client.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

namespace ctms::acoustic {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t longest_answer = 1 << 20;

net::http_options http_options(const client_options& options) {
    net::http_options out;
    out.timeout = options.timeout;
    out.most_idle = static_cast<std::size_t>(std::max(options.most_connections, 0));
    out.longest_body = longest_answer;
    out.ca_file = options.ca_file;
    return out;
}

net::http_options without_kept_connections(net::http_options options) {
    options.most_idle = 0;
    return options;
}

/// Whether nothing of the request can have reached the vendor. net::http_outcome lists the beginnings of these reasons.
bool never_left(const net::http_outcome& response) {
    if (response) return false;
    const auto& why = response.error().detail;
    return why.starts_with("cannot resolve the host name") || why.starts_with("cannot connect");
}

net::http_request form_post(std::string target, const std::vector<std::pair<std::string_view, std::string_view>>& values) {
    return {"POST", std::move(target), {{"Content-Type", "application/x-www-form-urlencoded"}}, net::form_encode(values)};
}

// An HTTP status is never about a contact: the API reports such errors in XML. A 404 from a wrong base URL must not park contacts.
failure status_failure(int status) { return {failure_kind::unavailable, fmt::format("HTTP {}", status)}; }

void check_rows(table target, std::span<const relational_row> rows) {
    if (target == table::main) throw std::invalid_argument("the main table has no relational rows");
    if (rows.size() > most_rows)
        throw std::invalid_argument(fmt::format("{} rows in one call; at most {} are allowed", rows.size(), most_rows));
}

} // namespace

std::string_view to_string(table which) noexcept {
    switch (which) {
    case table::main: return "main";
    case table::newsletter: return "newsletter";
    case table::product: return "product";
    }
    return "";
}

class client::impl {
public:
    impl(client_options options, call_observer observe)
        : options_(std::move(options)),
          observe_(std::move(observe)),
          http_(options_.base_url, http_options(options_)),
          http_once_(options_.base_url, without_kept_connections(http_options(options_))),
          tokens_([this] { return fetch_token(); }) {}

    /// Whether the vendor may get a call twice, if a connection is closed before the answer.
    enum class repeats : bool { no, yes };

    /// The result of a request: the vendor's answer, or the failure to get one.
    using reply = std::variant<answer, failure>;

    /// Sends the call and passes the answer to `judge`, which fills in the outcome.
    template <class Judge>
    outcome call(std::string_view method, table target, const std::string& xml, Judge judge, repeats may = repeats::yes) {
        outcome out;
        const auto got = send_twice(xml, out, may == repeats::yes ? http_ : http_once_);
        if (const auto* failed = std::get_if<failure>(&got)) {
            out.failed = *failed;
        } else {
            judge(std::get<answer>(got), out);
        }
        if (observe_) observe_({method, target, out.succeeded(), out.took.count()});
        return out;
    }

    std::optional<failure> check_credentials() {
        auto got = tokens_.get();
        if (!got.token.empty()) return std::nullopt;
        return failure{failure_kind::unavailable, std::move(got.problem)};
    }

    const std::string& id_of(table which) const {
        if (which == table::main) return options_.main_table_id;
        return which == table::newsletter ? options_.newsletter_table_id : options_.product_table_id;
    }

private:
    net::http_outcome fetch_token() {
        return http_.send(form_post("/oauth/token", {{"grant_type", "refresh_token"},
                                                     {"client_id", options_.client_id},
                                                     {"client_secret", options_.client_secret},
                                                     {"refresh_token", options_.refresh_token}}));
    }

    /// Sends the call, and once more with a new token if the vendor no longer accepts the first one.
    reply send_twice(const std::string& xml, outcome& noted, net::http_client& over) {
        noted.sent = false;
        auto first = tokens_.get();
        if (first.token.empty()) return failure{failure_kind::unavailable, std::move(first.problem)};
        auto out = send(xml, first.token, noted, over);
        if (!out.token_refused) return std::move(out.what);
        tokens_.drop(first.token);
        auto second = tokens_.get();
        if (second.token.empty()) return failure{failure_kind::unavailable, std::move(second.problem)};
        return send(xml, second.token, noted, over).what;
    }

    struct sent {
        reply what;
        bool token_refused = false;
    };
    static sent send(const std::string& xml, const std::string& token, outcome& noted, net::http_client& over) {
        auto request = form_post("/XMLAPI", {{"xml", xml}});
        request.headers.emplace_back("Authorization", "Bearer " + token);
        const auto start = clock::now();
        const auto response = over.send(request);
        noted.took += clock::now() - start;
        noted.sent = noted.sent || !never_left(response);
        sent out{read(response)};
        const auto* said = std::get_if<answer>(&out.what);
        out.token_refused = (response && response->status == 401) || (said != nullptr && is_session_lost(*said));
        return out;
    }

    static reply read(const net::http_outcome& response) {
        if (!response) return failure{failure_kind::unavailable, response.error().detail};
        if (response->status != 200) return status_failure(response->status);
        if (response->body.empty()) return failure{failure_kind::unavailable, "the response is empty"};
        auto out = read_answer(response->body);
        if (!out) return failure{failure_kind::unavailable, "the response is not valid XML of the API"};
        return *std::move(out);
    }

    client_options options_;
    call_observer observe_;
    net::http_client http_;
    net::http_client http_once_; ///< for a call that must not be sent again: a new connection for each
    token_source tokens_;
};

client::client(client_options options, call_observer observe) : impl_(std::make_unique<impl>(std::move(options), std::move(observe))) {}
client::~client() = default;

std::optional<failure> client::check_credentials() { return impl_->check_credentials(); }

outcome client::add_recipient(std::span<const column> main) {
    return impl_->call("add_recipient", table::main, add_recipient_xml(impl_->id_of(table::main), main),
                       [](const answer& from, outcome& out) { out.failed = whole_failure(from); });
}

outcome client::insert_rows(table target, std::span<const relational_row> rows) {
    check_rows(target, rows);
    return impl_->call("insert_update_relational_table", target, insert_rows_xml(impl_->id_of(target), rows),
                       [&](const answer& from, outcome& out) {
                           out.failed = whole_failure(from);
                           if (!out.failed) out.refused = refused_rows(from, rows, false);
                       });
}

outcome client::remove_recipient(const std::string& primary_email, const std::string& email_id) {
    return impl_->call("remove_recipient", table::main, remove_recipient_xml(impl_->id_of(table::main), primary_email, email_id),
                       [](const answer& from, outcome& out) { out.failed = removal_failure(from); });
}

outcome client::delete_rows(table target, std::span<const relational_row> rows) {
    check_rows(target, rows);
    return impl_->call("delete_relational_table_data", target, delete_rows_xml(impl_->id_of(target), target, rows),
                       [&](const answer& from, outcome& out) {
                           out.failed = whole_failure(from);
                           if (!out.failed) out.refused = refused_rows(from, rows, true);
                       });
}

job_answer<std::string> client::import_list(std::string_view map_file, std::string_view source_file) {
    job_answer<std::string> out;
    const auto called = impl_->call(
        "import_list", table::main, import_list_xml(map_file, source_file),
        [&](const answer& from, outcome& call) {
            call.failed = whole_failure(from);
            if (!call.failed && from.job_id.empty()) call.failed = failure{failure_kind::unavailable, "the answer has no JOB_ID"};
            out.value = from.job_id;
        },
        impl::repeats::no);
    out.failed = called.failed;
    out.sent = called.sent;
    return out;
}

job_answer<job_state> client::job_status(std::string_view job_id) {
    job_answer<job_state> out;
    const auto called = impl_->call("get_job_status", table::main, get_job_status_xml(job_id), [&](const answer& from, outcome& call) {
        call.failed = whole_failure(from);
        if (!call.failed) out.value = state_of_job(from);
    });
    out.failed = called.failed;
    out.sent = called.sent;
    return out;
}

} // namespace ctms::acoustic
