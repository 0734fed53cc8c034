// SPDX-License-Identifier: MPL-2.0
// The order in which the sync takes contacts from its queue (column ctms_sync_queue.priority). Plain values.
#pragma once

namespace ctms::persistence {

/// Lower values are sent first. A contact that is already waiting keeps the lower value.
enum class queue_priority : int {
    write = 0,       ///< a write through the API, or of the Python service
    suppression = 5, ///< an opt-out from a list
    after_bulk = 8,  ///< an import or a resync; a bulk job sent the row of the main table, or cannot send it
    bulk = 10        ///< an import or a resync
};

} // namespace ctms::persistence
