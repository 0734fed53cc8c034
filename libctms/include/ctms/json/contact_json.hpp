// SPDX-License-Identifier: MPL-2.0
// Contacts as the JSON of the API: reading with validation, and writing. What is invalid, and how it is reported,
// follows the recorded contract (FastAPI 0.92 with pydantic 1.10 defines it): every broken rule, in field order.
// Functions are pure and thread safe; they throw only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/contact_input.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::json {

/// A request body that was parsed once: parsing comes before authentication, validation after it.
class CTMS_API body {
public:
    /// Parses `text`. Errors: errc::malformed for bytes that are not UTF-8; errc::invalid with one
    /// field error for text that is no JSON or passes a limit (depth 32, 10,000 items a list).
    [[nodiscard]] static result<body> parse(std::string_view text);

    /// A body that is no JSON by its media type: it validates as a value that is no object.
    [[nodiscard]] static body not_json();
    /// No body at all: it validates as a required value that is missing.
    [[nodiscard]] static body missing();

    body(body&&) noexcept;            ///< leaves the other without content: only to be destroyed or assigned to
    body& operator=(body&&) noexcept; ///< as above
    ~body();

    /// The text of email.primary_email, whether the body is valid or not; "" without one. For tracing.
    [[nodiscard]] std::string primary_email() const;

    /// The body again as compact JSON; "" when it was none.
    [[nodiscard]] std::string to_json() const;

    class content; // private: src/json/body.hpp
    /// For the functions of this layer.
    [[nodiscard]] const content& parsed() const { return *content_; }

private:
    explicit body(std::unique_ptr<content> parsed);
    std::unique_ptr<content> content_;
};

/// What the body must hold besides the fields.
enum class purpose : std::uint8_t { create, replace };

/// Validates the body of POST (create) or PUT (replace: email_id is required).
/// errc::invalid with one field_error for each broken rule; its locations begin with "body".
[[nodiscard]] CTMS_API result<model::contact_input> read_contact(const body& sent, purpose why);

/// Validates the body of PATCH: every field may be absent. Errors as of read_contact.
[[nodiscard]] CTMS_API result<model::contact_patch> read_patch(const body& sent);

/// Sets the given fields of `to`. For email, amo, fxa, mofo, newsletter and waitlist.
template <class T>
CTMS_API void apply(const model::partial<T>& changes, T& to);

/// True when every field that a client can send has its default. For amo, fxa and mofo.
template <class T>
[[nodiscard]] CTMS_API bool is_default(const T& group);

/// Appends a contact as the API shows it: all groups with defaults filled in, the older waitlist forms computed,
/// and, for answers that hold one contact only, `"status":"ok"`.
CTMS_API void write_contact(std::string& out, const model::contact& contact, bool with_status);

/// Appends the nine ids.
CTMS_API void write_identity(std::string& out, const model::identity& identity);

/// Appends `{"detail": ...}` for an error: a list of its field errors, or its message; conflicts when there are any.
CTMS_API void write_error(std::string& out, const error& failure);

/// The names of the nine ids, in order, with ", " between them.
[[nodiscard]] CTMS_API std::string identity_names();

/// True when two JSON objects mean the same: members in any order, numbers by value.
[[nodiscard]] CTMS_API bool same_object(std::string_view a, std::string_view b);

/// A member of a JSON object as plain text: a string's content, a number as Python prints it; nullopt for null,
/// anything else, or none.
[[nodiscard]] CTMS_API std::optional<std::string> scalar_member(std::string_view object, std::string_view name);

} // namespace ctms::json
