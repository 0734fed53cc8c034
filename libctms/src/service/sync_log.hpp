// SPDX-License-Identifier: MPL-2.0
// Writes the log line of one contact, with the fields that the deployment guide lists. Private to this layer.
#pragma once

#include "sync_item.hpp"

#include <ctms/mozlog/logger.hpp>

namespace ctms::service {

/// `why`: the failure, or nullopt if the contact was sent.
void log_contact(mozlog::logger& log, const sync_item& item, const std::optional<acoustic::failure>& why);

} // namespace ctms::service
