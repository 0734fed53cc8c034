// SPDX-License-Identifier: MPL-2.0
// POST /ctms/bulk of a whole process: it is killed, and its memory is measured.
#include "bulk_client.hpp"
#include "support/server_process.hpp"
#include "support/web_fixture.hpp"

#include <ctms/auth/access_token.hpp>
#include <persistence/clients/client_repository.hpp>
#include <persistence/postgres/connection.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

constexpr auto key = "a key of the tests that is long enough";

header_list authorization() {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return {{"Authorization", "Bearer " + auth::token_signer(key, true).sign("api_client:id_bulk", now + 1h)}};
}

std::vector<std::string> variables_for(const test_database& database) {
    persistence::database db(database.options());
    REQUIRE(persistence::client_repository(db).create({"id_bulk", "team@example.com", true, "x", {}, {}}).has_value());
    return {"CTMS_DB_URL=" + database.url(persistence::program_account::web), std::string("CTMS_SECRET_KEY=") + key};
}

std::string chunk_of(std::size_t from, std::size_t to) {
    std::string out;
    for (auto i = from; i < to; ++i)
        out += fmt::format(
            "{{\"email\":{{\"primary_email\":\"p{}@example.com\",\"first_name\":\"Jane\"}},\"newsletters\":[{{\"name\":\"hubs\"}}]}}\n", i);
    return out;
}

/// The peak of the memory of a process, in KiB.
std::size_t peak_memory(pid_t id) {
    std::ifstream from(fmt::format("/proc/{}/status", id));
    for (std::string word; from >> word;) {
        std::size_t out = 0;
        if (word == "VmHWM:" && from >> out) return out;
    }
    return 0;
}

} // namespace

TEST_CASE("bulk: what was acknowledged is stored after the server was killed") {
    const test_database database;
    server_process server(CTMS_WEB, variables_for(database));
    std::set<std::string> acknowledged;
    {
        bulk_client client(server.port(), authorization());
        std::jthread sender([&](const std::stop_token& stop) {
            constexpr std::size_t step = 500;
            for (std::size_t i = 0; !stop.stop_requested() && client.send(chunk_of(i, i + step)); i += step) {
            }
        });
        try {
            while (const auto result = client.next()) {
                if (result->at("status") == 201) acknowledged.emplace(result->at("email_id").as_string());
                if (acknowledged.size() == 3000) server.signal(SIGKILL);
            }
        } catch (const std::runtime_error&) { // the connection broke
        }
    }
    CHECK(server.wait(10s) == 128 + SIGKILL);
    REQUIRE(acknowledged.size() >= 3000);
    persistence::connection link(database.options());
    const auto found = link.execute("select email_id::text from emails");
    std::set<std::string> stored;
    for (std::size_t row = 0; row < found.size(); ++row) stored.emplace(found.text(row, 0));
    for (const auto& one : acknowledged)
        if (!stored.contains(one)) FAIL_CHECK("lost: ", one);
}

TEST_CASE("bulk: 200,000 contacts take no more memory than 20,000") {
    const test_database database;
    server_process server(CTMS_WEB, variables_for(database));
    const auto write = [&](std::size_t from, std::size_t to) {
        bulk_client client(server.port(), authorization());
        std::jthread sender([&] {
            constexpr std::size_t step = 1000;
            for (auto i = from; i < to && client.send(chunk_of(i, i + step)); i += step) {
            }
            client.finish();
        });
        std::size_t created = 0;
        while (const auto result = client.next()) created += result->at("status") == 201 ? 1 : 0;
        return created;
    };
    CHECK(write(0, 20'000) == 20'000);
    const auto before = peak_memory(server.id());
    REQUIRE(before > 0);
    CHECK(write(20'000, 220'000) == 200'000);
    const auto after = peak_memory(server.id());
    MESSAGE("peak: ", before, " KiB, then ", after, " KiB");
    CHECK(after < before + 32 * 1024);
    server.signal(SIGTERM);
    CHECK(server.wait(20s) == 0);
}

} // namespace ctms::test
