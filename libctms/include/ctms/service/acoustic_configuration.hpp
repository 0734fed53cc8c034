// SPDX-License-Identifier: MPL-2.0
// Use case: read the configuration of what is sent to the email vendor. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/acoustic_configuration.hpp>
#include <ctms/persistence/acoustic_configuration_repository.hpp>

namespace ctms::service {

/// Reads the configuration.
class CTMS_API acoustic_configuration {
public:
    /// `repository` must outlive it.
    explicit acoustic_configuration(persistence::acoustic_configuration_repository& repository) : repository_(repository) {}

    /// Returns the current configuration.
    [[nodiscard]] result<model::acoustic_configuration> read() { return repository_.read(); }

private:
    persistence::acoustic_configuration_repository& repository_;
};

} // namespace ctms::service
