// SPDX-License-Identifier: MPL-2.0
// Keeps a copy of all contacts in SQLite. It may be killed at any moment: it stores each page of the feed together with the place in it, in
// one transaction, and goes on from there.
// Usage: 05_mirror DATABASE_URL MIRROR.db [once]    "once": ends when the copy is up to date, instead of following on
#include <ctms/json/changes_json.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/change_follower.hpp>
#include <ctms/service/changes.hpp>

#include <sqlite3.h>

#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace {

/// A few statements on one SQLite file. Throws std::runtime_error if SQLite fails: the program then ends, and the transaction with it.
class sqlite_file {
public:
    explicit sqlite_file(const char* path) {
        sqlite3* opened = nullptr;
        const int code = sqlite3_open(path, &opened);
        file_.reset(opened);
        check(code, SQLITE_OK);
    }

    /// Runs a statement with these values, and returns the first column of its first row; "" if there is none.
    std::string run(const char* sql, std::initializer_list<std::string_view> values = {}) {
        sqlite3_stmt* made = nullptr;
        check(sqlite3_prepare_v2(file_.get(), sql, -1, &made, nullptr), SQLITE_OK);
        const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(made, sqlite3_finalize);
        int position = 0;
        for (const auto value : values) {
            check(sqlite3_bind_text(made, ++position, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT), SQLITE_OK);
        }
        const int code = sqlite3_step(made);
        if (code != SQLITE_ROW) check(code, SQLITE_DONE);
        const auto* text = code == SQLITE_ROW ? sqlite3_column_text(made, 0) : nullptr;
        std::string out = text != nullptr ? reinterpret_cast<const char*>(text) : "";
        if (code == SQLITE_ROW) check(sqlite3_step(made), SQLITE_DONE);
        return out;
    }

private:
    void check(int code, int wanted) const {
        if (code != wanted) throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(file_.get()));
    }

    std::unique_ptr<sqlite3, int (*)(sqlite3*)> file_{nullptr, sqlite3_close};
};

/// The copy: a row per contact, and one row with the place in the feed. `pass` counts how often the feed was read from its beginning: when
/// the list of all contacts has come again, those that did not come with it are gone.
class mirror {
public:
    explicit mirror(const char* path) : file_(path) {
        file_.run("create table if not exists contacts (email_id text primary key, contact text not null, pass integer not null)");
        file_.run("create table if not exists state (only_row integer primary key check (only_row = 1), place text not null,"
                  " pass integer not null, is_complete integer not null)");
        file_.run("insert or ignore into state values (1, '', 1, 0)");
    }

    /// Where to go on; nullopt: at the beginning.
    [[nodiscard]] std::optional<ctms::model::change_cursor> place() {
        return ctms::json::read_change_cursor(file_.run("select place from state"));
    }

    void begin_again() { file_.run("update state set place = '', pass = pass + 1, is_complete = 0"); }

    void store(const ctms::model::change_page& page) {
        file_.run("begin immediate");
        for (const auto& change : page.items) store(change);
        if (!page.more) {
            file_.run("delete from contacts where (select is_complete = 0 and contacts.pass < state.pass from state)");
            file_.run("update state set is_complete = 1");
        }
        file_.run("update state set place = ?", {ctms::json::write_cursor(page.next)});
        file_.run("commit");
    }

private:
    void store(const ctms::model::change& change) {
        const auto id = change.email_id.to_string();
        if (change.what == ctms::model::change_kind::deleted) {
            file_.run("delete from contacts where email_id = ?", {id});
        } else if (change.stored) { // otherwise it was deleted meanwhile, which comes later
            file_.run("insert or replace into contacts select ?, ?, pass from state", {id, change.stored->json});
        }
    }

    sqlite_file file_;
};

/// Follows the feed. Returns when the copy is up to date and `once` is set, or on a failure that does not pass.
int follow(ctms::service::changes& feed, mirror& copy, bool once) {
    for (;;) {
        ctms::service::follow_options options;
        options.after = copy.place();
        options.with_contacts = true;
        options.until_end = once;
        ctms::service::change_follower follower(feed, options);
        for (const auto& page : follower) copy.store(page);
        const auto& failure = follower.failure();
        if (!failure) return EXIT_SUCCESS;
        std::cerr << to_string(failure->code) << ": " << failure->message << '\n';
        if (failure->code == ctms::errc::not_found) {
            copy.begin_again();
        } else if (failure->code == ctms::errc::unavailable && !once) {
            std::this_thread::sleep_for(std::chrono::seconds(1));
        } else {
            return EXIT_FAILURE;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3 && argc != 4) return std::cerr << "Usage: 05_mirror DATABASE_URL MIRROR.db [once]\n", EXIT_FAILURE;
    try {
        ctms::persistence::database_options options;
        options.url = argv[1];
        ctms::persistence::database database(options);
        ctms::service::changes feed(database);
        mirror copy(argv[2]);
        return follow(feed, copy, argc == 4);
    } catch (const std::exception& failure) {
        std::cerr << failure.what() << '\n';
        return EXIT_FAILURE;
    }
}
