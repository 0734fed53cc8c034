// SPDX-License-Identifier: MPL-2.0
#include "contact_changes.hpp"

#include <ctms/service/contact_import.hpp>
#include <json/dumped_contact.hpp>
#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_dump_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

namespace ctms::service {
namespace {

using persistence::contact_bulk_repository;
using persistence::contact_dump_repository;
using persistence::contact_repository;

/// One contact of a batch: its text, what was read from it, and the verdict.
struct item {
    std::string_view text;
    import_verdict* verdict = nullptr;
    bool dumped = false;
    model::contact_input input; ///< for the API's form
    model::contact contact;     ///< for the API's form
    model::stored_rows rows;
};

using items = std::vector<item>;

void reject(item& one, std::string reason) { *one.verdict = {import_outcome::rejected, std::move(reason)}; }

std::string reason_of(const error& failure) {
    if (failure.code == errc::conflict) {
        const auto field = persistence::conflicting_field(failure);
        if (field == "newsletters" || field == "waitlists") return field + ": a name appears twice";
        return fmt::format("{}: another contact has this value", field.empty() ? "a unique field" : field);
    }
    return fmt::format("{}: {}", failure.message, failure.detail);
}

bool has_name_twice(const auto& sorted) {
    return std::adjacent_find(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.name == b.name; }) != sorted.end();
}

/// Reads a contact in the API's form as POST would create it. `out.rows` has a nil id if none was sent.
result<void> read_api_form(const json::body& sent, item& out) {
    auto read = json::read_contact(sent, json::purpose::create);
    if (!read) return read.error();
    model::contact_input input = **read;
    auto contact = new_contact(input);
    if (!contact) return contact.error();
    if (has_name_twice(contact->newsletters)) return invalid("newsletters: a name appears twice");
    if (has_name_twice(contact->waitlists)) return invalid("waitlists: a name appears twice");
    out.input = std::move(input);
    out.contact = std::move(*contact);
    out.rows.email_id = out.input.email.email_id;
    out.rows.primary_email = out.contact.email.primary_email;
    return {};
}

result<item> read_item(std::string_view text) {
    item out;
    out.text = text;
    const auto sent = json::body::parse(text);
    if (!sent) return invalid("not JSON: " + json::describe(sent.error()));
    out.dumped = json::is_dumped(*sent);
    if (out.dumped) {
        auto rows = json::read_dumped_contact(*sent);
        if (!rows) return rows.error();
        out.rows = std::move(*rows);
    } else if (const auto read = read_api_form(*sent, out); !read) {
        return read.error();
    }
    return out;
}

/// Processes one batch. Each step sets verdicts, or returns an error if the database is unavailable.
class batch {
public:
    batch(persistence::database& db, const import_options& how)
        : contacts_(db),
          bulk_(db),
          dump_(db),
          how_(how),
          write_{how.queue_for_sync ? std::optional(persistence::queue_priority::bulk) : std::nullopt, how.dry_run} {}

    /// Stores items. No two of them may have the same id or, if they have no id, the same address.
    result<void> store(std::span<item> round) {
        if (auto named = name(round); !named) return named;
        std::vector<model::stored_rows> rows;
        for (auto& one : round) rows.push_back(std::move(one.rows));
        std::vector<item*> existing;
        const auto create = [&](std::span<const model::stored_rows> part) { return bulk_.create(part, write_); };
        const auto created = write_in_parts(round, rows, create, import_outcome::created, &existing);
        return !created || existing.empty() ? created : settle_existing(existing);
    }

private:
    /// Gives an id to each item that has none: that of the stored contact with the same address, or a new one.
    result<void> name(std::span<item> round) {
        std::vector<std::string> addresses;
        for (const auto& one : round) {
            if (one.rows.email_id.is_nil()) addresses.push_back(one.rows.primary_email);
        }
        std::map<std::string, uuid, std::less<>> known;
        if (!addresses.empty()) {
            auto found = bulk_.find_ids(addresses);
            if (!found) return found.error();
            known = std::move(*found);
        }
        for (auto& one : round) {
            if (one.dumped) continue;
            if (const auto id = known.find(one.rows.primary_email); one.rows.email_id.is_nil() && id != known.end())
                one.contact.email.email_id = id->second;
            one.input.email.email_id = one.contact.email.email_id;
            one.rows = json::to_stored_rows(one.contact);
        }
        return {};
    }

    /// Writes all rows together. If one of them cannot be stored, halves the rows until it is found. `left` gets the items that
    /// the write skipped; if it is null, they are rejected.
    template <class Write>
    result<void> write_in_parts(std::span<item> all, std::span<const model::stored_rows> rows, const Write& write, import_outcome success,
                                std::vector<item*>* left) {
        const auto written = write(rows);
        if (!written) {
            const auto code = written.error().code;
            if (code != errc::conflict && code != errc::invalid) return written.error();
            if (rows.size() == 1) return reject(all.front(), reason_of(written.error())), result<void>();
            const auto half = rows.size() / 2;
            auto first = write_in_parts(all.first(half), rows.first(half), write, success, left);
            return first ? write_in_parts(all.subspan(half), rows.subspan(half), write, success, left) : first;
        }
        const std::set<uuid> done(written->begin(), written->end());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all[i].rows.email_id = rows[i].email_id;
            if (done.contains(rows[i].email_id)) {
                all[i].verdict->what = success;
            } else if (left != nullptr) {
                left->push_back(&all[i]);
            } else {
                reject(all[i], "the contact was deleted in the meantime: import it again");
            }
        }
        return {};
    }

    /// Compares items with the stored contacts that have their ids, and replaces these if the options say so.
    result<void> settle_existing(const std::vector<item*>& existing) {
        std::vector<uuid> api_ids;
        std::vector<uuid> dump_ids;
        for (const auto* one : existing) (one->dumped ? dump_ids : api_ids).push_back(one->rows.email_id);
        auto lines = dump_ids.empty() ? result<std::map<uuid, std::string>>(std::map<uuid, std::string>()) : dump_.lines(dump_ids);
        if (!lines) return lines.error();
        auto stored = api_ids.empty() ? result<std::vector<model::contact>>(std::vector<model::contact>()) : contacts_.find(api_ids);
        if (!stored) return stored.error();
        std::map<uuid, model::contact> contacts;
        for (auto& contact : *stored) contacts.emplace(contact.email.email_id, std::move(contact));
        items differing;
        for (auto* one : existing) {
            if (one->dumped ? !compare(*one, *lines) : !compare(*one, contacts)) differing.push_back(std::move(*one));
        }
        return differing.empty() ? result<void>() : replace(differing);
    }

    /// Returns false if the item must replace the stored contact.
    bool compare(item& one, const std::map<uuid, std::string>& lines) {
        const auto line = lines.find(one.rows.email_id);
        if (line == lines.end()) return reject(one, "the contact was deleted in the meantime: import it again"), true;
        if (json::same_object(line->second, one.text)) return one.verdict->what = import_outcome::unchanged, true;
        if (!how_.replace) return reject_other_content(one), true;
        one.rows = json::read_dumped_contact(json::body::parse(one.text).value()).value();
        return false;
    }

    bool compare(item& one, const std::map<uuid, model::contact>& contacts) {
        const auto stored = contacts.find(one.rows.email_id);
        if (stored == contacts.end()) return reject(one, "the contact was deleted in the meantime: import it again"), true;
        auto wanted = std::move(one.contact);
        if (how_.replace) {
            auto change = replaced(one.input, stored->second);
            if (!change) return reject(one, json::describe(change.error())), true;
            wanted = std::move(change->after);
        }
        if (same_content(stored->second, wanted)) return one.verdict->what = import_outcome::unchanged, true;
        if (!how_.replace) return reject_other_content(one), true;
        one.rows = json::to_stored_rows(wanted);
        return false;
    }

    static void reject_other_content(item& one) {
        reject(one, "email_id: the contact exists with different content; use --replace to change it");
    }

    result<void> replace(items& differing) {
        std::vector<model::stored_rows> rows;
        for (auto& one : differing) rows.push_back(std::move(one.rows));
        const auto write = [&](std::span<const model::stored_rows> part) { return bulk_.replace(part, write_); };
        return write_in_parts(differing, rows, write, import_outcome::replaced, nullptr);
    }

    contact_repository contacts_;
    contact_bulk_repository bulk_;
    contact_dump_repository dump_;
    const import_options& how_;
    persistence::bulk_options write_;
};

/// Takes the items that can be stored together: the first one of each id or address.
items take_round(items& pending) {
    std::set<uuid> ids;
    std::set<std::string> addresses;
    items round;
    items later;
    for (auto& one : pending) {
        const bool first =
            one.rows.email_id.is_nil() ? addresses.insert(one.rows.primary_email).second : ids.insert(one.rows.email_id).second;
        (first ? round : later).push_back(std::move(one));
    }
    pending = std::move(later);
    return round;
}

} // namespace

result<std::vector<import_verdict>> contact_import::run(std::span<const std::string> texts) {
    std::vector<import_verdict> verdicts(texts.size());
    items pending;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto read = read_item(texts[i]);
        if (!read) {
            verdicts[i].reason = json::describe(read.error());
            continue;
        }
        read->verdict = &verdicts[i];
        pending.push_back(std::move(*read));
    }
    batch work(db_, how_);
    while (!pending.empty()) {
        auto round = take_round(pending);
        if (const auto stored = work.store(round); !stored) return stored.error();
    }
    return verdicts;
}

} // namespace ctms::service
