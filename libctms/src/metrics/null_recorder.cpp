// SPDX-License-Identifier: MPL-2.0
#include <ctms/metrics/recorder.hpp>

namespace ctms::metrics {
namespace {

class counts_nothing final : public recorder {
public:
    void sync_scheduled(std::size_t /*contacts*/) override {}
    void legacy_waitlists_used() override {}
    void database_error(std::string_view) override {}
};

} // namespace

recorder& null_recorder() noexcept {
    static counts_nothing instance;
    return instance;
}

} // namespace ctms::metrics
