// SPDX-License-Identifier: MPL-2.0
// The event stream of /changes for one client: first what the client has missed, read in pages on the lane of the route, and then what the
// hub reads for all. Not thread safe; see event_source.
#pragma once

#include "change_hub.hpp"

#include <ctms/base/result.hpp>
#include <ctms/model/change.hpp>
#include <web/server/event_source.hpp>
#include <web/server/page_size.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace ctms::web::streams {

class change_events final : public event_source {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `feed`, `metrics` and `draining` must outlive it. `query.limit` is not used.
    change_events(service::changes& feed, support::prometheus_metrics& metrics, const std::atomic<bool>& draining,
                  const model::changes_query& query, std::shared_ptr<subscription> place);

    /// Reads the first page. Call it once, before the response begins, so that a failure can have a status. Blocks.
    [[nodiscard]] result<void> begin();

    state take(std::string& piece) override;
    [[nodiscard]] bool is_ready() const noexcept override;
    [[nodiscard]] bool must_end() const noexcept override;
    void work() override;
    [[nodiscard]] std::string_view reason() const noexcept override { return to_string(ended_); }
    [[nodiscard]] std::uint64_t events() const noexcept override { return events_; }

private:
    [[nodiscard]] end_reason why_end() const noexcept;
    [[nodiscard]] result<void> read_page();
    bool take_published(std::string& piece);
    void end(std::string& piece);
    void take_made(std::string& piece);

    service::changes& feed_;
    support::prometheus_metrics& metrics_;
    const std::atomic<bool>& draining_;
    model::changes_query query_;          ///< `after` is the place after everything that was made
    std::shared_ptr<subscription> place_; ///< null for HEAD
    page_size page_;

    std::string made_;              ///< by read_page(), to be sent
    std::uint64_t made_events_ = 0; ///< in it
    std::size_t in_batch_ = 0;      ///< the next event of the hub's current batch
    time_point reads_at_{};         ///< when to read again
    time_point beats_at_{};         ///< when to send something although nothing happens
    std::uint64_t events_ = 0;
    end_reason ended_ = end_reason::none;
};

} // namespace ctms::web::streams
