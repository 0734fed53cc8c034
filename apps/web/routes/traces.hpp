// SPDX-License-Identifier: MPL-2.0
// Records which traced addresses (privacy::is_traced) a request found. Thread safe like any function of its arguments.
#pragma once

#include <ctms/model/contact_document.hpp>
#include <web/server/route.hpp>

#include <span>

namespace ctms::web::routes {

/// Adds the addresses of the contacts that are traced, sorted, to the log line of the request.
void trace_results(request_facts& facts, std::span<const model::contact_document> found);

} // namespace ctms::web::routes
