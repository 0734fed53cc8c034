// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/precondition.hpp>

#include <auth/keyed_hash.hpp>
#include <base/base64.hpp>
#include <json/contact_document.hpp>

#include <algorithm>
#include <array>

namespace ctms::service {
namespace {

constexpr std::string_view conflict_name = "entity_tag";

std::string tag_of(std::string_view json) {
    constexpr std::size_t bytes_of_tag = 16;
    const auto hash = auth::plain_hash(json);
    std::array<char, bytes_of_tag> part{};
    std::copy_n(hash.begin(), part.size(), part.begin());
    return base64url_encode({part.data(), part.size()});
}

} // namespace

std::string contact_tag(const model::contact& contact) { return tag_of(json::write_document(contact)); }
std::string contact_tag(const model::contact_document& document) { return tag_of(document.json); }

bool tag_set::contains(std::string_view tag) const { return any || std::find(tags.begin(), tags.end(), tag) != tags.end(); }

result<void> precondition::check(const model::contact* stored) const {
    if (is_empty()) return {};
    const auto tag = stored == nullptr ? std::string() : contact_tag(*stored);
    const bool matches = !match || (stored != nullptr && match->contains(tag));
    const bool differs = !none_match || stored == nullptr || !none_match->contains(tag);
    if (matches && differs) return {};
    auto unmet = conflict_of({std::string(conflict_name)});
    unmet.message = "Precondition Failed";
    unmet.detail = tag;
    return unmet;
}

std::optional<std::string> unmet_precondition(const error& failure) {
    const bool is_unmet = failure.code == errc::conflict && failure.conflicts.size() == 1 && failure.conflicts.front() == conflict_name;
    return is_unmet ? std::optional(failure.detail) : std::nullopt;
}

} // namespace ctms::service
