// SPDX-License-Identifier: MPL-2.0
#include "suppression.hpp"

#include "json_rows.hpp"

#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace ctms::persistence {
namespace {

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

std::vector<std::string> normalized(connection& db, std::vector<std::string> addresses) {
    static const statement normalize{"normalize_addresses", "select lower(normalize(value, NFC)) from json_array_elements_text($1::json)"
                                                            " with ordinality as r(value, place) order by place"};
    if (std::all_of(addresses.begin(), addresses.end(), is_ascii)) {
        for (auto& one : addresses) one = ascii_lower(one);
        return addresses;
    }
    const auto found = db.query(normalize, {json_names(addresses)});
    for (std::size_t row = 0; row < found.size(); ++row) addresses.at(row) = found.text(row, 0);
    return addresses;
}

std::vector<std::string> hashes_of(const suppression_options& how, suppressed_kind kind, std::string_view value) {
    if (!how.hashes) return {};
    const auto* const name = kind == suppressed_kind::address ? "address" : kind == suppressed_kind::account ? "account" : "customer";
    return how.hashes(fmt::format("{}:{}", name, value));
}

std::vector<std::string> hashes_of_address(connection& db, const suppression_options& how, const std::string& address) {
    if (!how.hashes) return {};
    return hashes_of(how, suppressed_kind::address, normalized(db, {address}).front());
}

std::vector<std::string> key_ids(const suppression_options& how) {
    constexpr std::size_t enough_to_differ = 8;
    if (!how.hashes) return {};
    auto out = how.hashes("key");
    for (auto& one : out) one.resize(enough_to_differ);
    return out;
}

std::string is_suppressed_sql(std::string_view array) {
    return fmt::format("exists (select from ctms_suppressed known where known.hash = any (array(select decode(one, 'hex')"
                       " from unnest({}) as one)))",
                       array);
}

bool is_suppressed(connection& db, std::span<const std::string> hashes) {
    static const statement look{"is_suppressed",
                                fmt::format("select {}", is_suppressed_sql("array(select json_array_elements_text($1::json))"))};
    return !hashes.empty() && db.query(look, {json_names(hashes)}).boolean(0, 0);
}

error suppressed_address() {
    return invalid("This address was erased and is kept out: it cannot be stored again", "email.primary_email is suppressed");
}

} // namespace ctms::persistence
