// SPDX-License-Identifier: MPL-2.0
// held_writes blocks every write of a contact in the database of a web_fixture, which keeps the connection of each write
// busy, until the object is destroyed or release() is called. Not thread safe.
#pragma once

#include "web_fixture.hpp"

#include <cstddef>

namespace ctms::test {

/// Returns how many statements of requests wait for a lock in the database of `web`. The drain of the inbox, which `web` runs beside its
/// requests and which deletes from the inbox, does not count.
[[nodiscard]] inline std::size_t blocked_statements(web_fixture& web) {
    return web
        .sql("select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())"
             " and pid not in (select pid from pg_locks where granted and relation = 'ctms_inbox'::regclass and mode = 'RowExclusiveLock')")
        .size();
}

class held_writes {
public:
    explicit held_writes(web_fixture& web) : web_(web) { web_.sql("begin; lock table emails in access exclusive mode"); }
    ~held_writes() { release(); }
    held_writes(const held_writes&) = delete;
    held_writes& operator=(const held_writes&) = delete;

    /// Waits until this many writes are blocked. False when they were not in time.
    [[nodiscard]] bool hold(std::size_t writes) {
        return becomes_true([&] { return blocked_statements(web_) == writes; });
    }
    void release() {
        if (held_) web_.sql("commit");
        held_ = false;
    }

private:
    web_fixture& web_;
    bool held_ = true;
};

} // namespace ctms::test
