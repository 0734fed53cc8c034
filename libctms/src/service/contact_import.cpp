// SPDX-License-Identifier: MPL-2.0
#include "contact_changes.hpp"
#include "import_gate.hpp"
#include "rows_in_parts.hpp"

#include <ctms/base/address_text.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/service/contact_import.hpp>
#include <json/dumped_contact.hpp>
#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_dump_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <optional>
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
    bool is_known = false;                                    ///< a contact with its address exists
    std::optional<json::checked<model::contact_patch>> patch; ///< for a merge
    model::contact_input input;                               ///< for the API's form
    model::contact contact;                                   ///< for the API's form
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

error not_an_address() { return invalid("email.primary_email: not an email address"); }

constexpr auto cleared = "the contact has opted out of email or of a newsletter; use --allow-opt-in to replace it nevertheless";
constexpr auto gone = "the contact was deleted in the meantime: import it again";

/// Reads a contact in the API's form as POST would create it. `out.rows` has a nil id if none was sent.
result<void> read_api_form(const json::body& sent, const import_options& how, item& out) {
    auto read = json::read_contact(sent, json::purpose::create, how.rules);
    if (!read) return read.error();
    if (how.merge) {
        auto patch = json::read_patch(sent, how.rules);
        if (!patch) return patch.error();
        out.patch = std::move(*patch);
    }
    model::contact_input input = **read;
    if (!how.exact) {
        input.email.primary_email = std::string(without_blanks_around(input.email.primary_email));
        if (!can_be_address(input.email.primary_email)) return not_an_address();
    }
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

result<item> read_item(std::string_view text, const import_options& how) {
    item out;
    out.text = text;
    const auto sent = json::body::parse(text);
    if (!sent) return invalid("not JSON: " + json::describe(sent.error()));
    out.dumped = json::is_dumped(*sent);
    if (out.dumped) {
        auto rows = json::read_dumped_contact(*sent);
        if (!rows) return rows.error();
        if (how.merge) return invalid("a line of a dump has every field: import it with --replace, not with --merge");
        if (!how.exact && !can_be_address(rows->primary_email)) return not_an_address();
        out.rows = std::move(*rows);
    } else if (const auto read = read_api_form(*sent, how, out); !read) {
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
          write_{how.queue_for_sync ? std::optional(persistence::queue_priority::bulk) : std::nullopt, how.dry_run, how.client} {}

    /// Stores items. No two of them may have the same id or, other than those of a dump, the same address in whatever spelling.
    result<void> store(items& round) {
        if (auto named = name(round); !named) return named;
        if (auto checked = compare_with_suppressed(round); !checked) return checked;
        std::vector<model::stored_rows> rows;
        for (auto& one : round) rows.push_back(std::move(one.rows));
        if (rows.empty()) return {};
        std::vector<item*> all;
        for (auto& one : round) all.push_back(&one);
        std::vector<item*> existing;
        const auto create = [&](std::span<const model::stored_rows> part) { return bulk_.create(part, write_); };
        auto created = write(all, rows, create, import_outcome::created, existing);
        return created ? settle_existing(std::move(existing)) : created;
    }

private:
    /// Gives an id to each item that has none: that of the stored contact with the same address, or a new one.
    result<void> name(items& round) {
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
            if (const auto id = known.find(one.rows.primary_email); one.rows.email_id.is_nil() && id != known.end()) {
                one.contact.email.email_id = id->second;
                one.is_known = true;
            }
        }
        if (auto alike = name_alike(round); !alike) return alike;
        for (auto& one : round) {
            if (one.dumped) continue;
            one.input.email.email_id = one.contact.email.email_id;
            one.rows = json::to_stored_rows(one.contact);
        }
        return {};
    }

    /// Where case does not matter: gives items that have no id yet the id and the address of the contact that has it in another spelling.
    result<void> name_alike(items& round) {
        if (!how_.case_insensitive) return {};
        const auto lacks_id = [](const item& one) { return !one.dumped && !one.is_known && one.rows.email_id.is_nil(); };
        auto matches = find_alike(round, lacks_id);
        if (!matches) return matches.error();
        std::size_t place = 0;
        std::erase_if(round, [&](item& one) {
            if (!lacks_id(one)) return false;
            const auto& found = matches->at(place++);
            if (found.size() > 1) {
                reject(one,
                       "email.primary_email: several contacts have this address in different case; see ctms-admin contacts duplicates");
                return true;
            }
            if (found.empty()) return false;
            one.is_known = true;
            one.contact.email.email_id = found.front().email_id;
            one.contact.email.primary_email = one.input.email.primary_email = found.front().primary_email;
            return false;
        });
        return {};
    }

    /// Rejects new contacts of the API's form that would receive what the owner of the same address has opted out of.
    result<void> compare_with_suppressed(items& round) {
        const auto is_new = [](const item& one) { return !one.dumped && !one.is_known && !one.contact.email.has_opted_out_of_email; };
        auto matches = find_alike(round, is_new);
        if (!matches) return matches.error();
        std::size_t place = 0;
        std::erase_if(round, [&](item& one) {
            if (!is_new(one)) return false;
            const auto& found = matches->at(place++);
            const bool is_suppressed = std::any_of(found.begin(), found.end(), [&](const persistence::address_match& other) {
                return other.opted_out && other.email_id != one.rows.email_id && other.primary_email != one.rows.primary_email;
            });
            if (is_suppressed) {
                reject(one, "email.primary_email: differs only in case or Unicode form from the address of a contact that has opted out of "
                            "email; use --case-insensitive to treat them as the same");
            }
            return is_suppressed;
        });
        return {};
    }

    /// The contacts with the addresses of these items, in the order of the items.
    result<std::vector<std::vector<persistence::address_match>>> find_alike(const items& round, const auto& which) {
        std::vector<std::string> addresses;
        for (const auto& one : round) {
            if (which(one)) addresses.push_back(one.rows.primary_email);
        }
        if (addresses.empty()) return std::vector<std::vector<persistence::address_match>>();
        return bulk_.find_alike(addresses);
    }

    /// Writes all rows, which are those of the items. `left` gets the items that the write skipped.
    static result<void> write(std::span<item* const> all, std::span<const model::stored_rows> rows, const write_rows& how,
                              import_outcome success, std::vector<item*>& left) {
        const auto done = [&](std::size_t place, bool written) {
            auto& one = *all[place];
            one.rows.email_id = rows[place].email_id;
            if (written) {
                one.verdict->what = success;
            } else {
                left.push_back(&one);
            }
        };
        return write_in_parts(rows, how, {done, [&](std::size_t place, const error& why) { reject(*all[place], reason_of(why)); }});
    }

    /// Compares items with the stored contacts that have their ids, and replaces these if the options say so. Compares those again that
    /// somebody has written meanwhile.
    result<void> settle_existing(std::vector<item*> existing) {
        constexpr int most_attempts = 3;
        for (int attempt = 1; attempt <= most_attempts && !existing.empty(); ++attempt) {
            auto left = settle(existing);
            if (!left) return left.error();
            existing = std::move(*left);
        }
        for (auto* one : existing) reject(*one, "email_id: the contact changes all the time; import it again");
        return {};
    }

    /// Returns the items whose contacts were written between the comparison and the replacement.
    result<std::vector<item*>> settle(const std::vector<item*>& existing) {
        std::vector<uuid> api_ids;
        std::vector<uuid> dump_ids;
        for (const auto* one : existing) (one->dumped ? dump_ids : api_ids).push_back(one->rows.email_id);
        // First: what is compared is not older than its version.
        std::map<uuid, std::string> versions;
        if (how_.replace) {
            std::vector<uuid> ids = api_ids;
            ids.insert(ids.end(), dump_ids.begin(), dump_ids.end());
            auto found = bulk_.find_versions(ids);
            if (!found) return found.error();
            versions = std::move(*found);
        }
        auto lines = dump_ids.empty() ? result<std::map<uuid, std::string>>(std::map<uuid, std::string>()) : dump_.lines(dump_ids);
        if (!lines) return lines.error();
        auto stored = api_ids.empty() ? result<std::vector<model::contact>>(std::vector<model::contact>()) : contacts_.find(api_ids);
        if (!stored) return stored.error();
        std::map<uuid, model::contact> contacts;
        for (auto& contact : *stored) contacts.emplace(contact.email.email_id, std::move(contact));
        if (how_.merge) {
            if (auto merged = merge(existing, contacts); !merged) return merged.error();
            return std::vector<item*>();
        }
        std::vector<item*> differing;
        for (auto* one : existing) {
            if (one->dumped ? compare(*one, *lines) : compare(*one, contacts)) continue;
            one->rows.version = versions[one->rows.email_id];
            differing.push_back(one);
        }
        return replace(differing);
    }

    /// Returns false if the item must replace the stored contact.
    bool compare(item& one, const std::map<uuid, std::string>& lines) {
        const auto line = lines.find(one.rows.email_id);
        if (line == lines.end()) return reject(one, gone), true;
        if (json::same_object(line->second, one.text)) return one.verdict->what = import_outcome::unchanged, true;
        if (!how_.replace) return reject_other_content(one), true;
        const auto after = json::body::parse(one.text).value();
        const auto before = json::body::parse(line->second);
        if (!how_.allow_opt_in && before && json::opt_outs_of(*before).are_cleared_by(json::opt_outs_of(after)))
            return reject(one, cleared), true;
        one.rows = json::read_dumped_contact(after).value();
        return false;
    }

    bool compare(item& one, const std::map<uuid, model::contact>& contacts) {
        const auto stored = contacts.find(one.rows.email_id);
        if (stored == contacts.end()) return reject(one, gone), true;
        auto wanted = std::move(one.contact);
        if (how_.replace) {
            auto change = replaced(one.input, stored->second);
            if (!change) return reject(one, json::describe(change.error())), true;
            wanted = std::move(change->after);
        }
        if (same_content(stored->second, wanted)) return one.verdict->what = import_outcome::unchanged, true;
        if (!how_.replace) return reject_other_content(one), true;
        if (!how_.allow_opt_in && json::opt_outs_of(stored->second).are_cleared_by(json::opt_outs_of(wanted)))
            return reject(one, cleared), true;
        one.rows = json::to_stored_rows(wanted);
        return false;
    }

    static void reject_other_content(item& one) {
        reject(one, "email_id: the contact exists with different content; use --merge to change the given fields, or --replace");
    }

    /// The contact after a merge. Sets `kept_opt_out` of the verdict.
    static result<persistence::contact_change> merged(const item& one, const model::contact& stored) {
        auto change = patched(**one.patch, stored);
        if (!change) return change;
        auto& after = change->after;
        after.email.primary_email = one.input.email.primary_email;
        one.verdict->kept_opt_out = keep_opt_outs(stored, after);
        return change;
    }

    /// Changes existing contacts as PATCH does. The state that counts is the one that the write finds: somebody may opt out meanwhile.
    result<void> merge(const std::vector<item*>& existing, const std::map<uuid, model::contact>& contacts) {
        std::vector<persistence::contact_to_change> changes;
        std::vector<item*> changed;
        for (auto* one : existing) {
            const auto stored = contacts.find(one->rows.email_id);
            if (stored == contacts.end()) {
                reject(*one, gone);
                continue;
            }
            const auto change = merged(*one, stored->second);
            if (!change) {
                reject(*one, reason_of(change.error()));
            } else if (same_content(stored->second, change->after)) {
                one->verdict->what = import_outcome::unchanged;
            } else if (how_.dry_run) {
                one->verdict->what = import_outcome::merged;
            } else {
                changed.push_back(one);
                changes.push_back({stored->first,
                                   [one](const std::optional<model::contact>& now) {
                                       return now ? merged(*one, *now) : result<persistence::contact_change>(not_found(gone));
                                   },
                                   how_.client});
            }
        }
        const auto written = contacts_.change(changes);
        for (std::size_t i = 0; i < written.size(); ++i) {
            if (written[i]) {
                changed[i]->verdict->what = import_outcome::merged;
                continue;
            }
            const auto code = written[i].error().code;
            if (code != errc::conflict && code != errc::invalid && code != errc::not_found) return written[i].error();
            reject(*changed[i], code == errc::not_found ? gone : reason_of(written[i].error()));
        }
        return {};
    }

    /// Returns the items whose contacts are not there as they were compared.
    result<std::vector<item*>> replace(const std::vector<item*>& differing) {
        std::vector<model::stored_rows> rows;
        for (auto* one : differing) rows.push_back(std::move(one->rows));
        std::vector<item*> left;
        const auto replace_part = [&](std::span<const model::stored_rows> part) { return bulk_.replace(part, write_); };
        if (auto written = write(differing, rows, replace_part, import_outcome::replaced, left); !written) return written.error();
        return left;
    }

    contact_repository contacts_;
    contact_bulk_repository bulk_;
    contact_dump_repository dump_;
    const import_options& how_;
    persistence::bulk_options write_;
};

/// A text that is the same for all spellings of an address. A part with other characters than ASCII is left out, because only the database
/// knows their spellings; such addresses may have the same text as others.
std::string spelling_key(const std::string& address) {
    const auto key_of = [](std::string_view part) {
        const bool is_ascii = std::all_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
        return is_ascii ? ascii_lower(part) : std::string();
    };
    const auto at = std::min(address.rfind('@'), address.size());
    return key_of(std::string_view(address).substr(0, at)) + '@' + key_of(std::string_view(address).substr(at));
}

/// Takes the items that can be stored together: the first one of each id, and of each address in whatever spelling. Each round compares its
/// addresses with those that the rounds before it stored. Lines of a dump are not compared.
items take_round(items& pending) {
    std::set<uuid> ids;
    std::set<std::string> addresses;
    items round;
    items later;
    for (auto& one : pending) {
        const auto key = one.dumped ? std::string() : spelling_key(one.rows.primary_email);
        const bool is_first = (one.rows.email_id.is_nil() || !ids.contains(one.rows.email_id)) && (one.dumped || !addresses.contains(key));
        if (is_first && !one.rows.email_id.is_nil()) ids.insert(one.rows.email_id);
        if (is_first && !one.dumped) addresses.insert(key);
        (is_first ? round : later).push_back(std::move(one));
    }
    pending = std::move(later);
    return round;
}

/// What the items are about, as far as the items of another batch may be about the same.
import_gate::keys keys_of(const items& all) {
    import_gate::keys out;
    for (const auto& one : all) {
        if (!one.rows.email_id.is_nil()) out.insert(std::hash<uuid>()(one.rows.email_id));
        out.insert(std::hash<std::string>()(spelling_key(one.rows.primary_email)));
    }
    return out;
}

} // namespace

contact_import::contact_import(persistence::database& db, import_options how)
    : db_(db), how_(std::move(how)), gate_(std::make_unique<import_gate>()) {}

contact_import::~contact_import() = default;

result<std::vector<import_verdict>> contact_import::run(std::span<const std::string> texts, const std::function<void()>& on_read) {
    std::vector<import_verdict> verdicts(texts.size());
    items pending;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto read = read_item(texts[i], how_);
        if (!read) {
            verdicts[i].reason = json::describe(read.error());
            continue;
        }
        read->verdict = &verdicts[i];
        pending.push_back(std::move(*read));
    }
    import_gate::place place(*gate_, keys_of(pending));
    if (on_read) on_read();
    if (const auto all_before = place.wait(); !all_before) return all_before.error();
    batch work(db_, how_);
    while (!pending.empty()) {
        auto round = take_round(pending);
        if (const auto stored = work.store(round); !stored) {
            place.note(stored);
            return stored.error();
        }
    }
    place.note({});
    return verdicts;
}

} // namespace ctms::service
