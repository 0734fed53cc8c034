// SPDX-License-Identifier: MPL-2.0
#include "routes.hpp"

#include <ctms/json/erasure_json.hpp>
#include <ctms/service/erasures.hpp>
#include <web/server/answers.hpp>

namespace ctms::web::routes {
namespace {

response receipt_response(int status, const model::erasure& receipt) {
    std::string body;
    json::write_erasure(body, receipt);
    return json_response(status, std::move(body));
}

} // namespace

response post_erasure(call& now, const services& all) {
    const auto order = json::read_erasure(*now.body);
    if (!order) return failed(now, order.error());
    const auto done = all.erasures.erase(order->primary_email, order->suppress, {now.facts.client_id, now.http.id});
    if (!done) return failed(now, done.error());
    auto out = receipt_response(done->is_new ? 201 : 200, done->receipt);
    out.headers.emplace_back("Location", "/erasures/" + done->receipt.id.to_string());
    return out;
}

response get_erasure(call& now, const services& all) {
    const auto id = uuid::parse(now.path_parameter("id"));
    if (!id)
        return failed(now,
                      invalid_fields({{{std::string("path"), std::string("id")}, "value is not a valid uuid", "type_error.uuid", {}}}));
    const auto receipt = all.erasures.get(*id);
    return receipt ? receipt_response(200, *receipt) : failed(now, receipt.error());
}

} // namespace ctms::web::routes
