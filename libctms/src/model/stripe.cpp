// SPDX-License-Identifier: MPL-2.0
#include <ctms/model/stripe.hpp>

namespace ctms::model {
namespace {

/// The segment, ignoring earlier subscriptions.
product_segment first_time(const product& product) {
    if (product.status == "active" && product.canceled_at) return {"cancelling", product.canceled_at};
    if (product.status == "active") return {"active", product.start};
    if (product.status == "canceled") return {"canceled", product.ended_at};
    return {"other", product.created};
}

} // namespace

product_segment segment_of(const product& product) {
    auto out = first_time(product);
    if (product.sub_count > 1 && out.name != "other") out.name.insert(0, "re-");
    return out;
}

} // namespace ctms::model
