// SPDX-License-Identifier: MPL-2.0
// The use cases on contacts: what the API's calls on /ctms and /identity do, without HTTP.
// Blocking calls; thread safe. Expected failures are errors whose message may be shown to the client.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/metrics/recorder.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_input.hpp>
#include <ctms/model/updates_query.hpp>
#include <ctms/persistence/contacts.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::service {

/// What creating a contact came to.
struct CTMS_API created_contact {
    model::contact contact; ///< as stored
    bool existed = false;   ///< the very same contact was there already: nothing was changed
};

/// One of several patches.
struct CTMS_API patch_request {
    uuid email_id;                     ///< whom to change
    const model::contact_patch* patch; ///< not null; must live as long as the call
};

/// What can be done with contacts.
class CTMS_API contacts {
public:
    /// Both must outlive it.
    explicit contacts(persistence::contact_repository& repository, metrics::recorder& recorder = metrics::null_recorder())
        : repository_(repository), recorder_(recorder) {}

    /// Stores a new contact; makes an email_id when none was sent. Sending the same contact again is no error.
    /// errc::conflict ("Contact already exists") when the id has other content or a unique value is taken.
    [[nodiscard]] result<created_contact> create(const model::contact_input& input);

    /// Creates the contact or replaces it whole. errc::invalid when the body names another id, or one name twice in a list;
    /// errc::conflict when a unique value is taken.
    [[nodiscard]] result<model::contact> replace(const uuid& email_id, const model::contact_input& input);

    /// Changes what is given. errc::invalid when the body names another id (checked first), errc::not_found, errc::conflict.
    [[nodiscard]] result<model::contact> patch(const uuid& email_id, const model::contact_patch& patch);
    /// The same for several, in two round trips and one transaction where they are of different contacts: an outcome for each, in
    /// their order. One that fails does not fail the others, unless the database does.
    [[nodiscard]] std::vector<result<model::contact>> patch(std::span<const patch_request> several);

    /// Deletes every contact of that address, in any case, and has the vendor told. The ids of what was deleted;
    /// errc::not_found when there was nothing.
    [[nodiscard]] result<std::vector<model::identity>> remove(const std::string& primary_email);

    /// errc::not_found ("Unknown email_id") when there is none.
    [[nodiscard]] result<model::contact> get(const uuid& email_id);
    /// The same for several ids in one round trip: an outcome for each, in their order.
    [[nodiscard]] std::vector<result<model::contact>> get(std::span<const uuid> email_ids);
    /// Its ids. errc::not_found as of get().
    [[nodiscard]] result<model::identity> identity(const uuid& email_id);

    /// A page of /updates as JSON: the one use case that makes text, so that a thousand contacts are in memory only once. `prefix`: the URL
    /// under which clients reach the service.
    [[nodiscard]] result<std::string> updates_page(const model::updates_query& query, std::string_view prefix);
    /// Appends the contacts of a page to `out`, one a line (NDJSON), each as an item of updates_page(). Where the next page
    /// begins; nullopt when nothing follows.
    [[nodiscard]] result<std::optional<model::updates_cursor>> append_updates(std::string& out, const model::updates_query& query);

    /// All that match every given id. errc::malformed with the list of ids when none is given, or only blank ones.
    [[nodiscard]] result<std::vector<model::contact>> find(const model::identity_query& query);
    /// The same for several queries, in their order; those by address alone share one round trip.
    [[nodiscard]] std::vector<result<std::vector<model::contact>>> find(std::span<const model::identity_query> queries);
    /// Their ids only. Errors as of find().
    [[nodiscard]] result<std::vector<model::identity>> find_identities(const model::identity_query& query);

private:
    persistence::contact_repository& repository_;
    metrics::recorder& recorder_;
};

} // namespace ctms::service
