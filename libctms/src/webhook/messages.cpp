// SPDX-License-Identifier: MPL-2.0
#include "messages.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/json/changes_json.hpp>

namespace ctms::webhook {
namespace {

/// `write_data(writer)` adds the members of `data`.
template <class WriteData>
std::string message(std::string_view type, timestamp when, WriteData write_data) {
    std::string out;
    object_writer writer(out);
    writer.add("type", type);
    writer.add("timestamp", std::string_view(to_iso(when)));
    object_writer data(writer.key("data"));
    write_data(data);
    data.close();
    writer.close();
    return out;
}

} // namespace

std::string changes_message(std::span<const model::change> changes, bool with_contacts) {
    return message("contacts.changed", changes.back().when, [&](object_writer& data) {
        append_json_array(data.key("changes"), changes,
                          [&](std::string& out, const model::change& one) { json::write_change(out, one, with_contacts); });
    });
}

std::string lost_message(std::string_view why, timestamp when) {
    return message("contacts.changes_lost", when, [&](object_writer& data) { data.add("reason", why); });
}

std::string test_message(std::string_view webhook, timestamp when) {
    return message("webhook.test", when, [&](object_writer& data) { data.add("webhook", webhook); });
}

} // namespace ctms::webhook
