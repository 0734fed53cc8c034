// SPDX-License-Identifier: MPL-2.0
#include "query_parameters.hpp"

#include "base/base64.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/changes_json.hpp>
#include <ctms/json/contact_json.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace ctms::json {
namespace {

// The first character of a cursor, before base64. A later form of cursors has another one.
constexpr std::string_view form = "1";

/// Removes the part before the next comma, and returns it.
std::string_view take_part(std::string_view& text) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return part;
}

} // namespace

std::string write_cursor(const model::change_cursor& cursor) {
    return base64url_encode(
        fmt::format("{},{},{},{},{}", form, cursor.epoch, cursor.listing ? 'l' : 'f', cursor.xid, cursor.email_id.to_string()));
}

std::optional<model::change_cursor> read_change_cursor(std::string_view text) {
    constexpr std::size_t longest = 200;
    const auto decoded = text.size() > longest ? std::nullopt : base64url_decode(text);
    if (!decoded) return std::nullopt;
    std::string_view rest = *decoded;
    if (take_part(rest) != form) return std::nullopt;
    model::change_cursor out;
    out.epoch = take_part(rest);
    out.listing = take_part(rest) == "l";
    const auto xid = take_part(rest);
    std::from_chars(xid.data(), xid.data() + xid.size(), out.xid);
    const auto id = uuid::parse(rest);
    if (!id) return std::nullopt;
    out.email_id = *id;
    return write_cursor(out) == text ? std::optional(out) : std::nullopt; // each cursor has one text
}

result<model::changes_query> read_changes_query(const parameter_source& parameters) {
    error_list errors("query");
    model::changes_query out;
    {
        const auto here = errors.at("limit");
        out.limit = read_limit(parameters("limit"), errors).value_or(out.limit);
    }
    if (!errors.empty()) return std::move(errors).take();
    if (auto broken = check_limit(out.limit)) return *std::move(broken);
    const auto include = parameters("include").value_or("");
    if (!include.empty() && include != "contact") return out_of_range("include", "\"include\" can only be \"contact\"");
    out.with_contacts = !include.empty();
    const auto after = parameters("after").value_or("");
    if (after.empty()) return out;
    out.after = read_change_cursor(after);
    if (!out.after) return out_of_range("after", "\"after\" is not a cursor of this call");
    return out;
}

std::string_view to_string(model::change_kind what) noexcept {
    switch (what) {
    case model::change_kind::created: return "created";
    case model::change_kind::updated: return "updated";
    case model::change_kind::deleted: return "deleted";
    }
    return "updated";
}

void write_change(std::string& out, const model::change& change, bool with_contact) {
    object_writer writer(out);
    writer.add("cursor", std::string_view(write_cursor(change.cursor)));
    writer.add("email_id", std::string_view(change.email_id.to_string()));
    writer.add("change", to_string(change.what));
    writer.add("time", std::string_view(ctms::to_iso(change.when)));
    if (change.client) writer.add("client", std::string_view(*change.client));
    if (with_contact && change.what != model::change_kind::deleted) {
        auto& text = writer.key("contact");
        text += change.stored ? std::string_view(change.stored->json) : "null";
    }
    writer.close();
}

void write_changes_page(std::string& out, const model::change_page& page, bool with_contacts) {
    object_writer writer(out);
    append_json_array(writer.key("items"), page.items,
                      [&](std::string& text, const model::change& one) { write_change(text, one, with_contacts); });
    writer.add("next", std::string_view(write_cursor(page.next)));
    writer.add("more", page.more);
    writer.close();
}

} // namespace ctms::json
