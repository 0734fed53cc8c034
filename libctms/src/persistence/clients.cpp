// SPDX-License-Identifier: MPL-2.0
#include <ctms/persistence/clients.hpp>

#include "pool.hpp"

#include <optional>

namespace ctms::persistence {

namespace {

constexpr statement find_client{"client_find", "select client_id, email, coalesce(enabled, true), hashed_secret,"
                                               " round(extract(epoch from create_timestamp) * 1000000)::bigint,"
                                               " round(extract(epoch from update_timestamp) * 1000000)::bigint"
                                               " from api_client where client_id = $1"};
constexpr statement list_clients{"client_list", "select client_id, email, coalesce(enabled, true), hashed_secret,"
                                                " round(extract(epoch from create_timestamp) * 1000000)::bigint,"
                                                " round(extract(epoch from update_timestamp) * 1000000)::bigint"
                                                " from api_client order by client_id collate \"C\""};
constexpr statement create_client{"client_create",
                                  "insert into api_client (client_id, email, enabled, hashed_secret) values ($1, $2, $3::boolean, $4)"};
constexpr statement set_client_enabled{"client_set_enabled",
                                       "update api_client set enabled = $2::boolean, update_timestamp = now() where client_id = $1"};
constexpr statement set_client_secret{"client_set_secret",
                                      "update api_client set hashed_secret = $2, update_timestamp = now() where client_id = $1"};
constexpr statement remove_client{"client_remove", "delete from api_client where client_id = $1"};

model::api_client read_client(const rows& answer, std::size_t row) {
    const auto when = [&](std::size_t column) { return timestamp(std::chrono::microseconds(answer.integer(row, column))); };
    model::api_client client;
    client.client_id = answer.text(row, 0);
    client.email = answer.text(row, 1);
    client.enabled = answer.boolean(row, 2);
    client.hashed_secret = answer.text(row, 3);
    client.create_timestamp = when(4);
    client.update_timestamp = when(5);
    return client;
}

error no_such_client() { return {errc::not_found, "Unknown client_id", {}, {}, {}}; }

// A NUL cannot be part of a stored id, and no parameter may hold one.
bool storable(std::string_view client_id) { return client_id.find('\0') == std::string_view::npos; }

result<void> change(database& db, const statement& what, std::string_view client_id, std::optional<std::string> value) {
    if (!storable(client_id)) return no_such_client();
    std::vector<parameter> parameters{std::string(client_id)};
    if (value) parameters.push_back(std::move(value));
    const auto touched = run(db, [&](connection& link) { return link.query(what, parameters, true).affected(); });
    if (!touched) return touched.error();
    if (*touched == 0) return no_such_client();
    return {};
}

} // namespace

result<model::api_client> client_repository::find(std::string_view client_id) {
    if (!storable(client_id)) return no_such_client();
    const auto found = run(db_, [&](connection& link) { return link.query(find_client, {std::string(client_id)}); });
    if (!found) return found.error();
    if (found->empty()) return no_such_client();
    return read_client(*found, 0);
}

result<std::vector<model::api_client>> client_repository::list() {
    return run(db_, [](connection& link) {
        const auto answer = link.query(list_clients, {});
        std::vector<model::api_client> all;
        all.reserve(answer.size());
        for (std::size_t row = 0; row < answer.size(); ++row) all.push_back(read_client(answer, row));
        return all;
    });
}

result<void> client_repository::create(const model::api_client& client) {
    auto done = run(db_, [&](connection& link) {
        link.query(create_client, {client.client_id, client.email, client.enabled ? "t" : "f", client.hashed_secret}, true);
    });
    if (done || done.error().code != errc::conflict) return done;
    error taken = done.error();
    taken.message = "client_id is taken";
    taken.conflicts = {"client_id"};
    return taken;
}

result<void> client_repository::set_enabled(std::string_view client_id, bool enabled) {
    return change(db_, set_client_enabled, client_id, enabled ? "t" : "f");
}

result<void> client_repository::set_hashed_secret(std::string_view client_id, std::string_view hashed_secret) {
    return change(db_, set_client_secret, client_id, std::string(hashed_secret));
}

result<void> client_repository::remove(std::string_view client_id) { return change(db_, remove_client, client_id, std::nullopt); }

} // namespace ctms::persistence
