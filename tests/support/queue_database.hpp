// SPDX-License-Identifier: MPL-2.0
// A database with a sync queue, for tests of the code that works the queue. Single-threaded, except that `queue` is thread safe.
#pragma once

#include "test_database.hpp"

#include <persistence/postgres/connection.hpp>

#include <ctms/base/uuid.hpp>
#include <persistence/sync/sync_queue_repository.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <optional>
#include <string>
#include <vector>

namespace ctms::test {

struct queue_database {
    static std::string id(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }
    static uuid contact(int number) { return uuid::parse(id(number)).value(); }
    static int number(const uuid& email_id) { return std::stoi(email_id.to_string().substr(24)); }

    /// Inserts contacts `first` to `last` without queueing them.
    void insert_contacts(int first, int last) {
        link.execute(fmt::format("insert into emails (email_id, primary_email, update_timestamp)"
                                 " select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com', now()"
                                 " from generate_series({}, {}) n",
                                 first, last));
    }
    /// The statement with which a write queues a contact.
    static std::string request_sql(int number) {
        return persistence::request_sync_sql(persistence::queue_priority::write,
                                             fmt::format("(select '{}'::uuid as email_id) c", id(number)));
    }
    /// Queues these contacts as a write does, each in its own transaction.
    void request(int first, int last) {
        for (int n = first; n <= last; ++n) link.execute(request_sql(n));
    }
    /// Queues a contact as the Python service does. The row waits in the inbox until drain().
    void insert_pending(int number) {
        link.execute(fmt::format("insert into pending_acoustic (email_id, retry, update_timestamp) values ('{}', 0, now())", id(number)));
    }
    /// Moves all rows of the inbox to the queue. Fails the test if it cannot.
    void drain() {
        while (!queue.drain_inbox(100).value()) {
        }
    }
    /// Makes all leases expire, as if time had passed.
    void expire_leases() { link.execute("update ctms_sync_queue set claimed_until = now() where claimed_until is not null"); }
    void make_due() { link.execute("update ctms_sync_queue set next_attempt_at = now() where state = 'pending'"); }

    /// Claims contacts for a worker, as the sync does: after it drained the inbox. See numbers(). Fails the test if that fails.
    std::vector<persistence::queued_contact> claim(const uuid& worker, int limit = 100) {
        drain();
        return queue.claim(worker, limit, std::chrono::seconds(60)).value();
    }
    /// Records that a contact was sent; true if its row was removed. Fails the test if the database fails.
    bool complete(const uuid& worker, const persistence::queued_contact& sent, const std::optional<persistence::vendor_state>& state) {
        return queue.complete(worker, std::vector<persistence::sent_contact>{{sent.email_id, sent.version, state, sent.is_deletion}})
                   .value() == 1;
    }
    static std::string numbers(const std::vector<persistence::queued_contact>& contacts) {
        std::string out;
        for (const auto& one : contacts) out += (out.empty() ? "" : ",") + std::to_string(number(one.email_id));
        return out;
    }

    /// The first cell of the result; "" when there are no rows.
    std::string value(const std::string& sql) {
        const auto found = link.execute(sql);
        return found.empty() ? "" : std::string(found.text(0, 0));
    }
    /// "" if the contact is not queued, else: operation, version, retry, state, priority, whether claimed, and whether due.
    std::string row(int number) {
        return value(fmt::format("select concat_ws(' ', operation, version, retry, state, priority,"
                                 " case when claimed_by is null and claimed_until is null then 'free' else 'claimed' end,"
                                 " case when next_attempt_at <= now() then 'due' else 'waits' end)"
                                 " from ctms_sync_queue where email_id = '{}'",
                                 id(number)));
    }
    std::int64_t rows_of(const std::string& table) {
        const auto found = link.execute("select count(*) from " + table);
        return found.integer(0, 0);
    }

    test_database db;
    persistence::database pool{db.options()};
    persistence::sync_queue_repository queue{pool};
    persistence::connection link{db.options()};
};

} // namespace ctms::test
