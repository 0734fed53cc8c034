// SPDX-License-Identifier: MPL-2.0
#include "kept_answers.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace ctms::persistence {
namespace {

const statement lock_key{"lock_answer_key", "select pg_try_advisory_xact_lock($1::bigint)"};
const statement find_kept{"find_answer", "select request is null, request = $2::bytea, status, entity_tag, location, body,"
                                         " array_to_string(email_ids, ',') from ctms_kept_answers where digest = $1::bytea"};
const statement keep{"keep_answer", "insert into ctms_kept_answers (digest, client_id, request, size, status, entity_tag, location, body,"
                                    " email_ids) values ($1::bytea, $2, $3::bytea, $4::integer, $5::integer, $6, $7, $8, $9::uuid[])"};
const statement forget_old{"forget_old_answers", "delete from ctms_kept_answers where digest in (select digest from ctms_kept_answers"
                                                 " where created_at < clock_timestamp() - $1::bigint * interval '1 second'"
                                                 " order by created_at limit $2::integer for update skip locked)"};
const statement sizes{"sizes_of_answers", "select client_id, sum(size)::bigint from ctms_kept_answers group by client_id"};

// The oldest answers, each with the bytes of those that are older.
constexpr std::string_view forget_oldest =
    " order by created_at, digest limit $2::integer for update skip locked),"
    " chosen as (select digest, sum(size) over (order by created_at, digest) - size as before"
    " from oldest) delete from ctms_kept_answers kept using chosen where kept.digest = chosen.digest and chosen.before < $1::bigint"
    " returning kept.size";

const statement& forget_oldest_of_all() {
    static const statement made{"forget_oldest_answers",
                                "with oldest as materialized (select digest, size, created_at from ctms_kept_answers" +
                                    std::string(forget_oldest)};
    return made;
}

const statement& forget_oldest_of_client() {
    static const statement made{"forget_oldest_answers_of_client",
                                "with oldest as materialized (select digest, size, created_at from ctms_kept_answers where client_id = $3" +
                                    std::string(forget_oldest)};
    return made;
}

/// The size of a row, approximately: its text, and what the row and its places in the indexes take besides.
std::size_t size_of(const model::kept_answer& answer) {
    constexpr std::size_t around = 500;
    return around + answer.body.size() + answer.location.size() + answer.entity_tag.size();
}

} // namespace

bool try_lock(connection& db, const answer_key& key) { return db.query(lock_key, {std::to_string(key.lock)}).boolean(0, 0); }

std::optional<stored_answer> find_answer(connection& db, const answer_key& key) {
    const auto found = db.query(find_kept, {key.digest, key.request});
    if (found.empty()) return std::nullopt;
    stored_answer out{.is_erased = found.boolean(0, 0), .is_same_request = found.boolean(0, 1)};
    out.answer.status = static_cast<int>(found.integer(0, 2));
    out.answer.entity_tag = found.text(0, 3);
    out.answer.location = found.text(0, 4);
    out.answer.body = found.text(0, 5);
    constexpr std::size_t id_size = 36; // and a comma
    for (std::string_view ids = found.text(0, 6); ids.size() >= id_size; ids.remove_prefix(std::min(ids.size(), id_size + 1)))
        out.answer.email_ids.push_back(uuid::parse(ids.substr(0, id_size)).value_or(uuid{}));
    return out;
}

void keep_answer(connection& db, const answer_key& key, const model::kept_answer& answer) {
    db.query(keep,
             {key.digest, key.client, key.request, std::to_string(size_of(answer)), std::to_string(answer.status), answer.entity_tag,
              answer.location, answer.body, array_of(answer.email_ids)},
             true);
}

result<std::size_t> forget_old_answers(database& db, std::chrono::seconds age, std::size_t most) {
    return run(db, [&](connection& link) {
        return link.query(forget_old, {std::to_string(age.count()), std::to_string(most)}, true).affected();
    });
}

result<std::map<std::string, std::int64_t>> sizes_of_answers(database& db) {
    return run(db, [](connection& link) {
        std::map<std::string, std::int64_t> out;
        const auto found = link.query(sizes, {});
        for (std::size_t row = 0; row < found.size(); ++row) out.emplace(found.text(row, 0), found.integer(row, 1));
        return out;
    });
}

result<forgotten_answers> forget_oldest_answers(database& db, const std::optional<std::string>& client, std::int64_t bytes,
                                                std::size_t most) {
    return run(db, [&](connection& link) {
        std::vector<parameter> parameters{std::to_string(bytes), std::to_string(most)};
        if (client) parameters.emplace_back(*client);
        const auto removed = link.query(client ? forget_oldest_of_client() : forget_oldest_of_all(), parameters, true);
        forgotten_answers out{.count = removed.size()};
        for (std::size_t row = 0; row < removed.size(); ++row) out.bytes += removed.integer(row, 0);
        return out;
    });
}

} // namespace ctms::persistence
