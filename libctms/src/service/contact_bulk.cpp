// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_bulk.hpp>

#include "bulk_rounds.hpp"
#include "contact_changes.hpp"
#include "rows_in_parts.hpp"

#include <ctms/persistence/database.hpp>
#include <json/dumped_contact.hpp>
#include <persistence/contacts/contact_bulk_repository.hpp>
#include <persistence/contacts/contact_repository.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace ctms::service {
namespace {

using persistence::contact_bulk_repository;
using persistence::contact_repository;

void settle(bulk_entry& one, bulk_outcome what) {
    one.out->what = what;
    one.out->failure.reset();
}

void refuse(bulk_entry& one, error why) {
    one.out->what = bulk_outcome::refused;
    one.out->failure = std::move(why);
}

/// Whether an item failed because the database did not do the work, and not because of the item.
bool is_undone(const bulk_entry& one) {
    if (!one.out->failure) return false;
    const auto code = one.out->failure->code;
    return code == errc::unavailable || code == errc::outcome_unknown || code == errc::misconfigured;
}

/// Whether an item failed because others kept a lock (SQLSTATE lock_not_available). The database answers then.
bool is_locked(const error& failure) { return failure.detail.find("55P03") != std::string::npos; }

/// What the database says about such an item.
error locked() { return service_unavailable("another transaction kept a value locked [SQLSTATE 55P03]"); }

/// Writes the items of a bulk. Once the database does not answer, `outage` is set, and everything else is refused with it.
class bulk_work {
public:
    bulk_work(persistence::database& db, metrics::recorder& recorder, const bulk_options& how)
        : db_(db), recorder_(recorder), how_(how), contacts_(db), bulk_(db), rounds_(contacts_, bulk_) {}

    void make(bulk_entries pending) {
        while (!pending.empty() && !outage_) {
            auto round = rounds_.take(pending);
            if (!round) {
                outage_ = round.error();
                break;
            }
            make_round(*round);
            rounds_.note(*round);
            note_undone(*round);
        }
        for (auto& one : pending) refuse(one, outage_.value_or(service_unavailable()));
    }

private:
    using chosen = std::vector<bulk_entry*>;

    /// Does items of different contacts.
    void make_round(bulk_entries& round) {
        chosen fresh;
        chosen existing;
        chosen removals;
        chosen alone;
        for (auto& one : round) {
            const auto what = one.item->what;
            const bool is_new = what == json::bulk_operation::create || (what == json::bulk_operation::upsert && one.target.is_nil());
            if (const auto stuck = stuck_.find(key_of(one)); stuck != stuck_.end()) {
                refuse(one, stuck->second);
            } else if (is_new) {
                (one.is_taken ? alone : fresh).push_back(&one);
            } else {
                (what == json::bulk_operation::remove ? removals : existing).push_back(&one);
            }
        }
        create(fresh, existing, alone);
        change(existing, alone);
        remove(removals);
        each_alone(alone, [this](bulk_entry& one) { store_alone(one); });
    }

    /// Does items one by one. If the database has not done two in a row, but not because of locks, it does not answer.
    template <class Act>
    void each_alone(const chosen& some, const Act& act) {
        int undone = 0;
        for (auto* one : some) {
            if (outage_) {
                refuse(*one, *outage_);
                continue;
            }
            act(*one);
            const bool waited = is_undone(*one) && is_locked(*one->out->failure);
            if (waited) ++locked_;
            undone = is_undone(*one) && !waited ? undone + 1 : 0;
            if (undone > 1) outage_ = one->out->failure;
        }
    }

    /// What identifies the contact of an item within the bulk.
    static std::string key_of(const bulk_entry& one) { return one.target.is_nil() ? std::string(one.address) : one.target.to_string(); }

    /// Remembers the contacts that could not be written, for example because they stay locked, so that other items for them do not wait
    /// too. If nothing at all could be done, and not because of locks, ends the work.
    void note_undone(const bulk_entries& round) {
        const bulk_entry* last = nullptr;
        std::size_t undone = 0;
        for (const auto& one : round) {
            if (!is_undone(one)) continue;
            ++undone;
            if (!is_locked(*one.out->failure)) last = &one;
            stuck_.emplace(key_of(one), *one.out->failure);
        }
        if (last != nullptr && undone > 1 && undone == round.size()) outage_ = last->out->failure;
    }

    /// The contact that an item would create. Its id is remembered as the target.
    result<model::contact> new_contact_of(bulk_entry& one) {
        const auto& input = **one.item->input;
        if (uses_older_form(input) && !one.counted) recorder_.legacy_waitlists_used();
        one.counted = true;
        auto out = new_contact(input);
        if (!out) return out;
        if (!one.item->email_id.is_nil()) out->email.email_id = one.item->email_id;
        return out;
    }

    /// Stores new contacts together. `existing` gets upserts whose ids exist, and `alone` what cannot be stored together.
    void create(chosen& fresh, chosen& existing, chosen& alone) {
        // In order of address, so that others who store the same contacts wait for each other instead of deadlocking.
        std::sort(fresh.begin(), fresh.end(), [](const auto* a, const auto* b) { return a->address < b->address; });
        std::vector<model::stored_rows> rows;
        chosen owners; // of the rows
        for (auto* one : fresh) {
            const auto contact = new_contact_of(*one);
            if (!contact) {
                refuse(*one, contact.error());
                continue;
            }
            rows.push_back(json::to_stored_rows(*contact));
            owners.push_back(one);
        }
        std::size_t created = 0;
        const auto done = [&](std::size_t place, bool written) {
            auto& one = *owners[place];
            owners[place] = nullptr;
            if (written) {
                ++created;
                one.target = rows[place].email_id;
                settle(one, bulk_outcome::created);
            } else if (one.item->what == json::bulk_operation::upsert) {
                one.target = rows[place].email_id;
                existing.push_back(&one);
            } else {
                alone.push_back(&one);
            }
        };
        const auto refused = [&](std::size_t place, const error&) { alone.push_back(std::exchange(owners[place], nullptr)); };
        const auto write = [&](std::span<const model::stored_rows> part) -> result<std::vector<uuid>> {
            if (waits_ >= most_short_waits) return interrupted("", "enough time was spent on waiting for locks");
            auto out = bulk_.create(part, {.by = how_.by, .longest_wait = waits_ < most_waits ? longest_wait : short_wait});
            if (!out && out.error().code == errc::interrupted) ++waits_;
            return out;
        };
        if (rows.empty()) return;
        std::optional<result<std::vector<uuid>>> first = write(rows);
        if (!*first && first->error().code == errc::conflict && leave_known(rows, owners, existing)) first.reset();
        const auto write_or_first = [&](std::span<const model::stored_rows> part) {
            auto known = std::exchange(first, std::nullopt);
            return known ? *std::move(known) : write(part);
        };
        const auto written = write_in_parts(rows, write_or_first, {done, refused});
        if (created > 0) db_.recorder().sync_scheduled(created);
        if (written) return;
        outage_ = written.error();
        for (auto* one : owners) {
            if (one != nullptr) refuse(*one, written.error());
        }
    }

    /// After a conflict: moves the upserts whose contacts others have stored in the meantime to `existing`. Returns whether there are any.
    bool leave_known(std::vector<model::stored_rows>& rows, chosen& owners, chosen& existing) {
        std::vector<std::string> addresses;
        for (const auto& one : rows) addresses.push_back(one.primary_email);
        const auto found = bulk_.find_ids(addresses);
        if (!found || found->empty()) return false;
        std::vector<model::stored_rows> left;
        chosen left_owners;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto known = found->find(rows[i].primary_email);
            if (known == found->end() || owners[i]->item->what != json::bulk_operation::upsert) {
                left.push_back(std::move(rows[i]));
                left_owners.push_back(owners[i]);
            } else {
                owners[i]->target = known->second;
                existing.push_back(owners[i]);
            }
        }
        const bool any = left.size() < rows.size();
        rows = std::move(left);
        owners = std::move(left_owners);
        return any;
    }

    /// Changes existing contacts together. `alone` gets upserts whose contacts are gone.
    void change(const chosen& existing, chosen& alone) {
        chosen changed;
        std::vector<persistence::contact_to_change> changes;
        for (auto* one : existing) {
            if (outage_) {
                refuse(*one, *outage_);
            } else if (how_.needs_precondition) {
                settle(*one, bulk_outcome::needs_precondition);
            } else if (auto compute = change_of(*one)) {
                changed.push_back(one);
                changes.push_back({one->target, *std::move(compute), how_.by});
            } else {
                refuse(*one, compute.error());
            }
        }
        auto outcomes = contacts_.change(changes);
        for (std::size_t i = 0; i < outcomes.size(); ++i)
            settle_change(*changed[i], with_message(std::move(outcomes[i]), conflict_of_patch), alone);
    }

    /// Returns how an item changes its contact. The function refers to the entry.
    result<persistence::change_function> change_of(bulk_entry& one) {
        static const precondition no_precondition;
        const bool is_upsert = one.item->what == json::bulk_operation::upsert;
        if (is_upsert && !one.patch) {
            auto patch = json::read_patch(*one.item->sent, how_.rules);
            if (!patch) return patch.error();
            one.patch = std::move(*patch);
        } else if (!is_upsert) {
            one.patch = one.item->patch;
            if (const auto good = check_patch(one.target, **one.patch); !good) return good.error();
        }
        if (uses_older_form(**one.patch) && !one.counted) recorder_.legacy_waitlists_used();
        one.counted = true;
        if (!is_upsert) return patching(**one.patch, no_precondition);
        return persistence::change_function([this, &one](const std::optional<model::contact>& stored) {
            return stored ? merged(one, *stored) : result<persistence::contact_change>(unknown_id());
        });
    }

    [[nodiscard]] result<persistence::contact_change> merged(bulk_entry& one, const model::contact& stored) const {
        auto change = patched(**one.patch, stored);
        if (!change) return change;
        one.out->kept_opt_out = !how_.allow_opt_in && keep_opt_outs(stored, change->after);
        change->leave = same_content(stored, change->after);
        one.is_left = change->leave;
        return change;
    }

    static void settle_change(bulk_entry& one, result<model::contact> outcome, chosen& alone) {
        if (outcome) return settle(one, one.is_left ? bulk_outcome::unchanged : bulk_outcome::changed);
        if (one.item->what == json::bulk_operation::upsert && outcome.error().code == errc::not_found) { // deleted in the meantime
            one.target = {};
            alone.push_back(&one);
            return;
        }
        refuse(one, std::move(outcome).error());
    }

    void remove(const chosen& removals) {
        std::vector<uuid> ids;
        for (const auto* one : removals) ids.push_back(one->target);
        if (outage_ || how_.needs_precondition || ids.empty()) {
            for (auto* one : removals) outage_ ? refuse(*one, *outage_) : settle(*one, bulk_outcome::needs_precondition);
            return;
        }
        const bool is_one = removals.size() == 1;
        const auto removed = bulk_.remove(ids, {.by = how_.by, .longest_wait = is_one ? wait_alone() : longest_wait});
        // Perhaps because of one of them. If it is unknown whether they were deleted, another attempt would not tell.
        if (!removed && !is_one && removed.error().code != errc::outcome_unknown) {
            return each_alone(removals, [this](bulk_entry& one) {
                const auto done = bulk_.remove(std::span(&one.target, 1), {.by = how_.by, .longest_wait = wait_alone()});
                settle_removal(one, done ? outcome_of_removal(done->front()) : done.error());
            });
        }
        for (std::size_t i = 0; i < removals.size(); ++i)
            settle_removal(*removals[i], removed ? outcome_of_removal((*removed)[i]) : removed.error());
    }

    static void settle_removal(bulk_entry& one, const result<void>& outcome) {
        outcome ? settle(one, bulk_outcome::removed) : refuse(one, outcome.error());
    }

    /// Does a create or an upsert as the single calls do, after it could not be stored together with others.
    void store_alone(bulk_entry& one) {
        constexpr int most_tries = 3; // others may store and delete the same contact
        const bool is_upsert = one.item->what == json::bulk_operation::upsert;
        for (int tries = 0; tries < most_tries; ++tries) {
            const auto contact = new_contact_of(one);
            if (!contact) return refuse(one, contact.error());
            if (wait_alone() && store_briefly(one, *contact)) return;
            const auto stored = contacts_.create(*contact, how_.by);
            const auto find = [this](const uuid& id) { return contacts_.find(id); };
            const auto outcome =
                stored ? result<created_contact>(created_contact{*stored}) : settle_creation(find, stored.error(), *contact);
            if (outcome) {
                one.target = outcome->contact.email.email_id;
                return settle(one, outcome->existed ? bulk_outcome::unchanged : bulk_outcome::created);
            }
            refuse(one, outcome.error());
            if (!is_upsert || outcome.error().code != errc::conflict) return;
            if (const auto found = rounds_.find(one); !found || found->is_nil()) return;
            chosen gone;
            change(chosen{&one}, gone);
            if (gone.empty()) return;
        }
    }

    /// Stores a new contact if that needs no long wait for a lock. Returns false if it could not be stored for another reason.
    bool store_briefly(bulk_entry& one, const model::contact& contact) {
        const auto rows = json::to_stored_rows(contact);
        const auto stored = bulk_.create(std::span(&rows, 1), {.by = how_.by, .longest_wait = wait_alone()});
        if (!stored && stored.error().code == errc::interrupted) {
            refuse(one, locked());
            return true;
        }
        if (!stored || stored->empty()) return false;
        db_.recorder().sync_scheduled(1);
        one.target = stored->front();
        settle(one, bulk_outcome::created);
        return true;
    }

    /// How long a statement for one contact waits for a lock; nullopt: as long as the database's options say.
    [[nodiscard]] std::optional<std::chrono::milliseconds> wait_alone() const {
        constexpr int most_locked = 2;
        return locked_ >= most_locked ? std::optional(short_wait) : std::nullopt;
    }

    /// How long a statement for several contacts waits because of one of them, and how many of them may wait in vain for one batch: first
    /// as long, then shortly.
    static constexpr std::chrono::milliseconds longest_wait{250};
    static constexpr int most_waits = 20;
    static constexpr std::chrono::milliseconds short_wait{20};
    static constexpr int most_short_waits = 200;

    persistence::database& db_;
    metrics::recorder& recorder_;
    const bulk_options& how_;
    contact_repository contacts_;
    contact_bulk_repository bulk_;
    bulk_rounds rounds_;
    std::optional<error> outage_;
    int waits_ = 0;                      ///< statements for several contacts that waited in vain
    int locked_ = 0;                     ///< contacts that could not be written alone, because others kept a lock
    std::map<std::string, error> stuck_; ///< contacts that could not be written, by their keys
};

} // namespace

std::vector<bulk_result> contact_bulk::run(std::span<const result<json::bulk_item>> items, const bulk_options& how) {
    std::vector<bulk_result> out(items.size());
    bulk_entries pending;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (!items[i]) {
            out[i].failure = items[i].error();
            continue;
        }
        const auto& item = *items[i];
        out[i].email_id = item.email_id;
        if (item.what == json::bulk_operation::remove && !how.may_remove) {
            out[i].failure = how.may_remove.error();
            continue;
        }
        pending.push_back(bulk_entry{&item, &out[i]});
    }
    bulk_work(db_, recorder_, how).make(std::move(pending));
    return out;
}

} // namespace ctms::service
