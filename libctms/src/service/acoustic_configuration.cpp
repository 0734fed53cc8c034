// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/acoustic_configuration.hpp>

#include <base/storable.hpp>
#include <persistence/sync/acoustic_configuration_repository.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace ctms::service {
namespace {

using repository = persistence::acoustic_configuration_repository;

error not_text() { return invalid("names must be UTF-8"); }

error not_a_mapping(std::string_view text) {
    return invalid(fmt::format("'{}' is not SOURCE:DESTINATION, which has exactly one colon", text));
}

} // namespace

result<newsletter_mapping> parse_newsletter_mapping(std::string_view text) {
    if (!is_storable(text)) return not_text();
    if (std::count(text.begin(), text.end(), ':') != 1) return not_a_mapping(text);
    const auto colon = text.find(':');
    return newsletter_mapping{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

result<model::acoustic_configuration> acoustic_configuration::read() { return repository(db_).read(); }

result<void> acoustic_configuration::add_field(const std::string& table, const std::string& field) {
    if (!is_storable(table) || !is_storable(field)) return not_text();
    return repository(db_).add_field(table, field);
}

result<void> acoustic_configuration::remove_field(const std::string& table, const std::string& field) {
    if (!is_storable(table) || !is_storable(field)) return not_text();
    return repository(db_).remove_field(table, field);
}

result<void> acoustic_configuration::add_mapping(const newsletter_mapping& mapping, bool replace) {
    const auto checked = parse_newsletter_mapping(fmt::format("{}:{}", mapping.source, mapping.destination));
    if (!checked) return checked.error();
    return repository(db_).add_mapping(mapping.source, mapping.destination, replace);
}

result<newsletter_mapping> acoustic_configuration::remove_mapping(const std::string& source) {
    if (!is_storable(source)) return not_text();
    auto destination = repository(db_).remove_mapping(source);
    if (!destination) return destination.error();
    return newsletter_mapping{source, *std::move(destination)};
}

} // namespace ctms::service
