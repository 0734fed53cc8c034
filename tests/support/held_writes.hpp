// SPDX-License-Identifier: MPL-2.0
// Blocks every write of a contact in the database of a web_fixture, which keeps the connection of each write busy, until
// the object is destroyed or release() is called. Not thread safe.
#pragma once

#include "web_fixture.hpp"

#include <cstddef>

namespace ctms::test {

class held_writes {
public:
    explicit held_writes(web_fixture& web) : web_(web) { web_.sql("begin; lock table emails in access exclusive mode"); }
    ~held_writes() { release(); }
    held_writes(const held_writes&) = delete;
    held_writes& operator=(const held_writes&) = delete;

    /// Waits until this many writes are blocked. False when they were not in time.
    [[nodiscard]] bool hold(std::size_t writes) {
        return becomes_true([&] {
            return web_.sql("select from pg_locks where not granted and database = (select oid from pg_database where datname = "
                            "current_database())")
                       .size() == writes;
        });
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
