// SPDX-License-Identifier: MPL-2.0
// Keeps every write of a contact waiting in the database of a web_fixture, and so its connection busy, until it ends or
// release() is called. Not thread safe.
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

    /// True as soon as so many writes wait; false when they did not in time.
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
