// SPDX-License-Identifier: MPL-2.0
// Erasures of people (GDPR, article 17), legal holds, and the count of suppressed addresses. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ctms::model {

/// What the email vendor has confirmed of an erasure.
enum class vendor_erasure : std::uint8_t {
    nothing,  ///< there was nothing to delete at the vendor
    waiting,  ///< the vendor has not confirmed every deletion yet
    stopped,  ///< the sync has given up a deletion, or no longer knows it: an operator must act
    confirmed ///< the vendor has confirmed every deletion
};

/// Returns the name of a state, as the API shows it.
[[nodiscard]] CTMS_API std::string_view to_string(vendor_erasure state) noexcept;

/// The receipt of an erasure. Holds nothing that tells whose data was erased.
struct CTMS_API erasure {
    uuid id;                                         ///< of the receipt
    timestamp requested_at{};                        ///< when everything here was erased
    std::int64_t contacts = 0;                       ///< contacts that were deleted, here or shortly before by another request
    std::int64_t stripe_objects = 0;                 ///< rows of Stripe's objects that were deleted
    std::int64_t parked_objects = 0;                 ///< parked objects of Stripe that were deleted
    bool suppressed = false;                         ///< the address is kept out from now on
    vendor_erasure vendor = vendor_erasure::nothing; ///< what the vendor has confirmed
    std::int64_t waiting = 0;                        ///< contacts of which the vendor has not confirmed the deletion
    std::optional<timestamp> confirmed_at{};         ///< when the vendor confirmed the last one

    friend bool operator==(const erasure&, const erasure&) = default; ///< member by member
};

/// The result of a request to erase.
struct CTMS_API erasure_request {
    erasure receipt;     ///< of this request, or of an earlier one of the same address that the vendor has not confirmed
    bool is_new = false; ///< false: it is the receipt of an earlier request
};

/// Erasures that the vendor has not confirmed.
struct CTMS_API pending_erasures {
    std::int64_t count = 0;     ///< how many
    std::chrono::seconds age{}; ///< since the oldest was requested; 0 if there is none
};

/// A contact that must be neither deleted nor erased.
struct CTMS_API legal_hold {
    uuid email_id;       ///< of the contact
    std::string reason;  ///< for operators; the API does not show it
    std::string held_by; ///< who set it
    timestamp held_at{}; ///< when it was first set

    friend bool operator==(const legal_hold&, const legal_hold&) = default; ///< member by member
};

/// How many addresses are suppressed.
struct CTMS_API suppressed_addresses {
    std::string key_id;     ///< tells which key made their hashes
    bool is_known = false;  ///< the key is among those of the settings; otherwise they are not recognised
    std::int64_t count = 0; ///< addresses
};

} // namespace ctms::model
