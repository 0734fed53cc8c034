// SPDX-License-Identifier: MPL-2.0
// Writes compact JSON (RFC 8259) into a string. Escapes only what JSON requires; other UTF-8 is written unchanged. For reading, see
// ctms/json. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// Appends `text` in quotes, with `"`, `\` and control characters escaped. `text` must be valid UTF-8.
CTMS_API void append_json_string(std::string& out, std::string_view text);

/// Appends a JSON array; `write_item(out, item)` appends each item.
template <class Items, class WriteItem>
void append_json_array(std::string& out, const Items& items, WriteItem write_item) {
    out += '[';
    bool first = true;
    for (const auto& item : items) {
        if (!first) out += ',';
        first = false;
        write_item(out, item);
    }
    out += ']';
}

/// Builds one JSON object, member by member: `object_writer o(out); o.add("a", 1); o.close();` Writes the members in the order of the
/// calls, and escapes keys like strings.
class CTMS_API object_writer {
public:
    /// Writes `{`. `out` must outlive it.
    explicit object_writer(std::string& out);

    /// Writes the key and returns `out`, to which the caller must append the value.
    std::string& key(std::string_view name);

    /// Adds a string, in quotes and escaped.
    void add(std::string_view name, std::string_view text);
    /// Adds a string, in quotes and escaped.
    void add(std::string_view name, const char* text) { add(name, std::string_view(text)); }
    /// Adds a boolean.
    void add(std::string_view name, bool value);
    /// Adds a number.
    void add(std::string_view name, std::int64_t value);
    /// Adds a number.
    void add(std::string_view name, int value) { add(name, static_cast<std::int64_t>(value)); }
    /// Adds a number with at most three decimals, as durations appear in logs ("0.063", "0.0").
    void add_seconds(std::string_view name, double seconds);
    /// Adds null.
    void add_null(std::string_view name);
    /// Adds the value, or null if there is none.
    template <class T>
    void add_optional(std::string_view name, const std::optional<T>& value) {
        value ? add(name, *value) : add_null(name);
    }
    /// Adds a value that is already JSON.
    void add_raw(std::string_view name, std::string_view json);

    /// Writes `}`.
    void close();

private:
    std::string& out_;
    bool first_ = true;
};

} // namespace ctms
