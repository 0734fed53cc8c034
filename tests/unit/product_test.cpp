// SPDX-License-Identifier: MPL-2.0
#include <ctms/model/stripe.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using ctms::model::product;
using ctms::model::product_segment;
using ctms::model::segment_of;

namespace {

ctms::timestamp at(int seconds) { return ctms::timestamp(std::chrono::seconds(seconds)); }

/// Returns a product whose times all differ, so that a wrong one is noticed.
product with_status(const std::string& status, int sub_count = 1) {
    product out;
    out.status = status;
    out.created = at(1);
    out.start = at(2);
    out.current_period_start = at(3);
    out.current_period_end = at(4);
    out.sub_count = sub_count;
    return out;
}

product canceled_at(product of, int seconds) {
    of.canceled_at = at(seconds);
    return of;
}

product ended_at(product of, int seconds) {
    of.ended_at = at(seconds);
    return of;
}

} // namespace

TEST_CASE("an active subscription has been active since its start") {
    CHECK(segment_of(with_status("active")) == product_segment{"active", at(2)});
    CHECK(segment_of(with_status("active", 2)) == product_segment{"re-active", at(2)});
    CHECK(segment_of(with_status("active", 3)) == product_segment{"re-active", at(2)});
}

TEST_CASE("an active subscription that will end has been cancelling since the cancellation") {
    CHECK(segment_of(canceled_at(with_status("active"), 5)) == product_segment{"cancelling", at(5)});
    CHECK(segment_of(canceled_at(with_status("active", 2), 5)) == product_segment{"re-cancelling", at(5)});
    // A cancellation without its time does not count.
    auto wished = with_status("active");
    wished.cancel_at_period_end = true;
    CHECK(segment_of(wished) == product_segment{"active", at(2)});
}

TEST_CASE("a canceled subscription has been canceled since its end, if the end is known") {
    const auto ended = ended_at(canceled_at(with_status("canceled"), 5), 6);
    CHECK(segment_of(ended) == product_segment{"canceled", at(6)});
    CHECK(segment_of(canceled_at(with_status("canceled"), 5)) == product_segment{"canceled", {}});
    CHECK(segment_of(ended_at(with_status("canceled", 2), 6)) == product_segment{"re-canceled", at(6)});
    CHECK(segment_of(with_status("canceled", 2)) == product_segment{"re-canceled", {}});
}

TEST_CASE("a subscription with any other status is other since its creation, however many there are") {
    for (const std::string status : {"incomplete", "incomplete_expired", "trialing", "past_due", "unpaid", ""}) {
        CAPTURE(status);
        CHECK(segment_of(with_status(status)) == product_segment{"other", at(1)});
        CHECK(segment_of(ended_at(canceled_at(with_status(status, 2), 5), 6)) == product_segment{"other", at(1)});
    }
}
