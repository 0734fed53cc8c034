// SPDX-License-Identifier: MPL-2.0
#include "migration_file.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

namespace ctms::persistence {

namespace {

constexpr std::string_view directive = "-- ctms: ";
constexpr std::string_view replaces = "replaces ";
constexpr std::string_view serves = "serves ";

using words = std::vector<std::string>;

std::string_view take_line(std::string_view& text) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
}

bool holds_statement(std::string_view sql) { return !lines_of(sql).empty(); }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Skips a comment, a literal or the body of a function. Returns how many characters it has, 0 if `text` begins with something else.
std::size_t length_of_skipped(std::string_view text) {
    const auto until = [&](std::string_view end, std::size_t from) {
        const auto at = text.find(end, from);
        return at == std::string_view::npos ? text.size() : at + end.size();
    };
    if (text.starts_with("--")) return until("\n", 0);
    if (text.starts_with("'")) return until("'", 1);
    if (text.starts_with("$$")) return until("$$", 2);
    return 0;
}

std::vector<words> statements_of(std::string_view sql) {
    std::vector<words> all(1);
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) all.back().push_back(std::exchange(word, {}));
    };
    while (!sql.empty()) {
        if (const auto skipped = length_of_skipped(sql); skipped > 0) {
            end_word();
            sql.remove_prefix(skipped);
            continue;
        }
        const char c = sql.front();
        sql.remove_prefix(1);
        if (is_word(c)) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            continue;
        }
        end_word();
        if (c == ';') all.emplace_back();
    }
    end_word();
    return all;
}

bool has(const words& statement, std::string_view word) { return std::find(statement.begin(), statement.end(), word) != statement.end(); }

// The word after `marker`, without "if exists" and "only"; "" if there is none.
std::string name_after(const words& statement, std::string_view marker) {
    auto at = std::find(statement.begin(), statement.end(), marker);
    if (at == statement.end()) return {};
    do {
        ++at;
    } while (at != statement.end() && (*at == "if" || *at == "not" || *at == "exists" || *at == "only"));
    return at == statement.end() ? std::string() : *at;
}

table_lock lock_of(const words& statement) {
    using enum table_lock::kind;
    const auto begins = [&](std::string_view verb, std::string_view what) {
        const auto head = std::span(statement).first(std::min<std::size_t>(statement.size(), 4)); // "create or replace trigger"
        return !head.empty() && head.front() == verb && std::find(head.begin(), head.end(), what) != head.end();
    };
    if (begins("create", "trigger")) return {name_after(statement, "on"), writers};
    if (begins("create", "index")) return {name_after(statement, "on"), has(statement, "concurrently") ? none : writers};
    if (begins("alter", "table")) return {name_after(statement, "table"), everything};
    if (begins("lock", "table")) return {name_after(statement, "table"), everything};
    if (begins("drop", "trigger")) return {name_after(statement, "on"), everything};
    return {};
}

migration_step::kind kind_of(std::string_view text) {
    using enum migration_step::kind;
    if (text == "step") return transaction;
    if (text == "batch") return batch;
    if (text == "outside a transaction") return outside;
    throw std::logic_error("a migration has an unknown directive: " + std::string(text));
}

int number_in(std::string_view text) {
    int number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size() || number < 1)
        throw std::logic_error("a migration has no number after `serves`: " + std::string(text));
    return number;
}

} // namespace

std::vector<std::string_view> lines_of(std::string_view sql) {
    std::vector<std::string_view> all;
    while (!sql.empty()) {
        const auto line = take_line(sql);
        if (!line.empty() && !line.starts_with("--")) all.push_back(line);
    }
    return all;
}

migration_file read_migration(std::string_view sql) {
    migration_file file;
    migration_step step;
    const char* begin = sql.data();
    const auto end_step = [&](const char* end) {
        step.sql = std::string_view(begin, static_cast<std::size_t>(end - begin));
        if (holds_statement(step.sql)) file.steps.push_back(step);
        begin = end;
    };
    for (auto rest = sql; !rest.empty();) {
        const auto line = take_line(rest);
        if (!line.starts_with(directive)) continue;
        const auto text = line.substr(directive.size());
        if (text.starts_with(replaces)) {
            file.older_sha256s.push_back(text.substr(replaces.size()));
            continue;
        }
        if (text.starts_with(serves)) {
            file.oldest_program = number_in(text.substr(serves.size()));
            continue;
        }
        end_step(line.data());
        step.what = kind_of(text);
    }
    end_step(sql.data() + sql.size());
    return file;
}

std::vector<table_lock> locks_of(std::string_view sql) {
    std::vector<table_lock> all;
    std::set<std::string> created;
    for (const auto& statement : statements_of(sql)) {
        if (statement.size() > 2 && statement[0] == "create" && statement[1] == "table") created.insert(name_after(statement, "table"));
        auto one = lock_of(statement);
        if (one.table.empty() || created.contains(one.table)) continue;
        const auto known = std::find_if(all.begin(), all.end(), [&](const table_lock& lock) { return lock.table == one.table; });
        if (known == all.end()) {
            all.push_back(std::move(one));
        } else {
            known->what = std::max(known->what, one.what);
        }
    }
    return all;
}

std::string source_of(std::string_view sql) {
    for (const auto& statement : statements_of(sql)) {
        if (auto name = name_after(statement, "from"); !name.empty()) return name;
    }
    return {};
}

} // namespace ctms::persistence
