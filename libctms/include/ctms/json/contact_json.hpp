// SPDX-License-Identifier: MPL-2.0
// Reads contacts from the JSON of the API, with validation, and writes them; checks input that was filled in by a program. The recorded
// contract (FastAPI 0.92 with pydantic 1.10) defines what is invalid and how it is reported: every broken rule, in field order. Pure
// functions, thread safe; they throw only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_input.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::json {

/// What the input is for, which determines the fields that it must have.
enum class purpose : std::uint8_t { create, replace };

/// Input that follows the rules of the API, so that it does not have to be checked again; it cannot be changed. Only read_contact,
/// read_patch and check make one. Copies share the input, and a move is a copy. Threads may share it.
template <class T>
class checked {
public:
    checked(const checked&) noexcept = default;            ///< Shares the input.
    checked& operator=(const checked&) noexcept = default; ///< Shares the input.
    ~checked() = default;

    [[nodiscard]] const T& operator*() const noexcept { return *value_; }       ///< Returns the input.
    [[nodiscard]] const T* operator->() const noexcept { return value_.get(); } ///< Accesses the input.
    /// Returns what it was checked for; nullopt for a patch.
    [[nodiscard]] std::optional<purpose> checked_for() const noexcept { return why_; }

private:
    friend struct check_mark; // private: src/json/contact_parts.hpp
    checked(T&& value, std::optional<purpose> why) : value_(std::make_shared<const T>(std::move(value))), why_(why) {}
    std::shared_ptr<const T> value_;
    std::optional<purpose> why_;
};

/// A parsed request body. Parsing happens before authentication, validation after it.
class CTMS_API body {
public:
    /// Parses `text`. Returns errc::malformed for bytes that are not UTF-8, and errc::invalid with one field error for text that is not
    /// JSON or exceeds a limit (depth 32, 10,000 items in a list).
    [[nodiscard]] static result<body> parse(std::string_view text);

    /// Returns a body whose media type is not JSON: it validates as a value that is not an object.
    [[nodiscard]] static body not_json();
    /// Returns a missing body: it validates as a required value that is missing.
    [[nodiscard]] static body missing();

    body(body&&) noexcept;            ///< leaves the other without content: it may only be destroyed or assigned to
    body& operator=(body&&) noexcept; ///< as above
    ~body();

    /// Returns the items of a list, each as a body of its own, which shares what was parsed; nullopt if the body is not a list.
    [[nodiscard]] std::optional<std::vector<body>> items() const;
    /// Returns the body as compact JSON; "" if it was not JSON or missing.
    [[nodiscard]] std::string to_json() const;

    class content; // private: src/json/body.hpp
    /// For the functions of this layer only.
    [[nodiscard]] const content& parsed() const { return *content_; }

private:
    explicit body(std::unique_ptr<content> parsed);
    std::unique_ptr<content> content_;
};

/// What may differ between installations in reading contacts.
struct CTMS_API contact_rules {
    bool geo_optional = false; ///< the waitlists `vpn` and `relay` need no `geo`
};

/// Validates the body of POST (create) or PUT (replace, which requires email_id). Returns errc::invalid with one field_error for each
/// broken rule; the locations start with "body".
[[nodiscard]] CTMS_API result<checked<model::contact_input>> read_contact(const body& sent, purpose why, const contact_rules& rules = {});

/// Validates the body of PATCH, in which every field is optional. Same errors as read_contact.
[[nodiscard]] CTMS_API result<checked<model::contact_patch>> read_patch(const body& sent, const contact_rules& rules = {});

/// Applies the same rules, with the same errors, to input that a program filled in; "body" is then the whole input. Strings must also be
/// valid UTF-8, and an empty string counts as missing where a string is required. Returns the input in the form in which it is stored:
/// UUIDs and URLs in their usual spelling, times removed, and groups that only have defaults absent. service::contacts does this by itself.
[[nodiscard]] CTMS_API result<checked<model::contact_input>> check(const model::contact_input& input, purpose why);
/// The same for a patch.
[[nodiscard]] CTMS_API result<checked<model::contact_patch>> check(const model::contact_patch& patch);

/// Reads a lookup. `find(name)` returns the value of one of the nine ids, or nullopt if it is not given. Returns errc::invalid with one
/// field_error for each bad value; the locations start with "query".
[[nodiscard]] CTMS_API result<model::identity_query>
read_identity_query(const std::function<std::optional<std::string>(std::string_view name)>& find);

/// Copies the fields that `changes` sets into `to`. For email, amo, fxa, mofo, newsletter and waitlist.
template <class T>
CTMS_API void apply(const model::partial<T>& changes, T& to);

/// Returns true if every field that a client can send has its default. For amo, fxa and mofo.
template <class T>
[[nodiscard]] CTMS_API bool is_default(const T& group);

/// Appends a contact in the form of the API: all groups, with defaults filled in, and the older waitlist forms. `with_status` adds
/// `"status":"ok"`, for responses that contain one contact.
CTMS_API void write_contact(std::string& out, const model::contact& contact, bool with_status);

/// Reads a contact from a response of the API: of GET /ctms/{email_id}, or a line of /updates; the inverse of write_contact. Accepts
/// everything that the API writes, also data of older databases that breaks the rules of read_contact. Unknown members are ignored, absent
/// ones have their defaults, and the older waitlist forms are not needed, because `waitlists` has the same data. Returns errc::malformed
/// for text that is not JSON, and errc::invalid with one field_error for each value of a wrong type; the locations start with "body".
[[nodiscard]] CTMS_API result<model::contact> read_answered_contact(std::string_view text);

/// Appends the nine ids as a JSON object.
CTMS_API void write_identity(std::string& out, const model::identity& identity);

/// Appends `{"detail": ...}` for an error: a list of its field errors or, without any, its message; and the conflicts, if any.
CTMS_API void write_error(std::string& out, const error& failure);

/// Returns the names of the nine ids, in order, separated by ", ".
[[nodiscard]] CTMS_API std::string identity_names();

/// Returns true if two JSON objects have the same content; the order of members and the spelling of numbers do not matter.
[[nodiscard]] CTMS_API bool same_object(std::string_view a, std::string_view b);

/// Returns a member of a JSON object as plain text: the content of a string, or a number as Python prints it. Returns nullopt for null, for
/// any other value, and if the member is missing.
[[nodiscard]] CTMS_API std::optional<std::string> scalar_member(std::string_view object, std::string_view name);

} // namespace ctms::json
