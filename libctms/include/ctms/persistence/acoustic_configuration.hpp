// SPDX-License-Identifier: MPL-2.0
// The tables acoustic_field and acoustic_newsletter_mapping. Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/persistence/database.hpp>

namespace ctms::persistence {

/// What the email vendor gets, as stored.
class CTMS_API acoustic_configuration_repository {
public:
    /// `db` must outlive it.
    explicit acoustic_configuration_repository(database& db) : db_(db) {}

    /// Everything, in one round trip.
    [[nodiscard]] result<model::acoustic_configuration> read();

private:
    database& db_;
};

} // namespace ctms::persistence
