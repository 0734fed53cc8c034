// SPDX-License-Identifier: MPL-2.0
// JSON bodies: contacts, changes to contacts, dumped contacts, Stripe objects, Pub/Sub messages. Input: the body.
#include "fuzz_target.hpp"

#include "base/base64.hpp"
#include "fields/tables.hpp"
#include "service/contact_changes.hpp"
#include "json/any_url.hpp"
#include "json/document.hpp"
#include "json/dumped_contact.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/json/stripe_json.hpp>

#include <algorithm>
#include <variant>

namespace {

using namespace ctms;
using fuzz::require;

constexpr json::limits bounds{};

void check_bounds(const json::node& value, std::size_t depth) {
    require(value.type != json::kind::array || value.size <= bounds.length, "no array has more items than allowed");
    require(value.type != json::kind::object || value.size <= bounds.length, "no object has more members than allowed");
    const bool nests = value.type == json::kind::array || value.type == json::kind::object;
    require(!nests || depth < bounds.depth, "nothing is nested deeper than allowed");
    std::size_t children = 0;
    for (const auto* child = value.first; child != nullptr; child = child->next, ++children) check_bounds(*child, depth + 1);
    require(children == value.size, "a value has as many children as its size");
}

bool is_finite(const json::node& value) {
    if (value.type == json::kind::non_finite) return false;
    for (const auto* child = value.first; child != nullptr; child = child->next) {
        if (!is_finite(*child)) return false;
    }
    return true;
}

void check_document(std::string_view text) {
    if (!is_valid_utf8(text)) return;
    const auto parsed = json::document::parse(text, bounds);
    if (const auto* wrong = std::get_if<json::syntax_error>(&parsed)) {
        require(wrong->position <= text.size() && wrong->line >= 1 && wrong->column >= 1, "an error names a position in the text");
        require(wrong->message.size() < 200, "the message of a syntax error is short");
        return;
    }
    const auto& root = std::get<json::document>(parsed).root();
    check_bounds(root, 0);
    std::string written;
    json::write(written, root);
    require(is_valid_utf8(written) && written.size() <= 3 * text.size(), "written JSON is UTF-8 and not much longer");
    const auto again = json::document::parse(written, bounds);
    require(std::holds_alternative<json::document>(again), "written JSON can be read");
    const auto& second = std::get<json::document>(again).root();
    std::string twice;
    json::write(twice, second);
    require(written == twice, "writing it again gives the same text");
    if (is_finite(root)) require(json::equal(root, second), "written JSON is read back as the same value");
    (void)json::find_unstorable(root);
    (void)json::same_object(text, written);
    (void)json::scalar_member(text, "id");
}

// ---- contacts ------------------------------------------------------------------------------------------------------

bool fits(const std::string& text, const fields::rules& rule) {
    const auto length = utf8_length(text);
    return is_valid_utf8(text) && (rule.max == 0 || length <= rule.max) && length >= rule.min;
}
bool fits(const std::optional<std::string>& text, const fields::rules& rule) { return !text || fits(*text, rule); }
template <class Other>
bool fits(const Other&, const fields::rules&) {
    return true;
}

template <class T>
void check_fields(const T& value) {
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        require(fits(value.*(field.member), field.rule), "an accepted string has a documented length");
    });
}
template <class T>
void check_fields(const std::optional<T>& value) {
    if (value) check_fields(*value);
}

void check_input(const model::contact_input& input) {
    check_fields(input.email);
    check_fields(input.amo);
    check_fields(input.fxa);
    check_fields(input.mofo);
    require(input.newsletters.size() <= bounds.length && input.waitlists.size() <= bounds.length, "lists have a documented length");
    for (const auto& one : input.newsletters) check_fields(one);
    for (const auto& one : input.waitlists) check_fields(one);
}

const std::string& name_of(const model::newsletter& one) { return one.name; }
const std::string& name_of(const model::partial<model::newsletter>& one) { return one.value().name; }
bool has_names(const auto& newsletters) {
    return std::none_of(newsletters.begin(), newsletters.end(), [](const auto& one) { return name_of(one).empty(); });
}

/// A program may set everything that JSON input may contain, except empty strings where a string is required.
void check_again(const model::contact_input& input, json::purpose why) {
    require(json::check(input, why).has_value() == (!input.email.primary_email.empty() && has_names(input.newsletters)),
            "accepted input is accepted again");
}

std::string written(const model::contact& contact) {
    std::string out;
    json::write_contact(out, contact, false);
    return out;
}

/// True for waitlists whose older forms are derived when a contact is written. These forms have their own limits.
bool has_older_form(const model::waitlist& one) { return one.name == "vpn" || one.name.starts_with("relay"); }

/// Checks that a written contact can be sent again and is then the same.
void check_round_trip(const model::contact& contact) {
    const auto text = written(contact);
    const auto body = json::body::parse(text);
    require(body.has_value(), "a written contact can be parsed");
    if (std::any_of(contact.waitlists.begin(), contact.waitlists.end(), has_older_form)) return;
    auto read = json::read_contact(*body, json::purpose::replace);
    require(read.has_value(), "a written contact can be sent again");
    auto input = **read;
    input.vpn = {}; // an answer has the older forms even without such a waitlist; sending them again would join it
    input.relay = {};
    const auto again = service::new_contact(input);
    require(again && service::same_content(*again, contact), "a contact that is sent again is unchanged");
}

/// `most`: the allowed bytes of answer per byte of the body, in addition to a fixed part. The worst case is a list of "1,", each of
/// which causes an error of 94 bytes. At most a thousand errors of 256 KiB in total are kept; as JSON they are larger.
void check_error(const error& failure, std::size_t input) {
    constexpr std::size_t most = 48;
    constexpr std::size_t around = 2048;
    constexpr std::size_t most_in_all = 384 * 1024;
    std::string answer;
    json::write_error(answer, failure);
    require(is_valid_utf8(answer), "an answer is valid UTF-8");
    require(answer.size() <= most * input + around, "the answer to a bad body is limited by the body's size");
    require(answer.size() <= most_in_all, "the answer to a bad body is limited");
    (void)json::describe(failure);
}

void check_contact(std::string_view text) {
    const auto body = json::body::parse(text);
    if (!body) return check_error(body.error(), text.size());
    require(is_valid_utf8(body->to_json()), "the text of a body is valid UTF-8");
    for (const auto why : {json::purpose::create, json::purpose::replace}) {
        const auto input = json::read_contact(*body, why);
        if (!input) {
            check_error(input.error(), text.size());
            continue;
        }
        check_input(**input);
        check_again(**input, why);
        const auto contact = service::new_contact(**input);
        if (!contact) continue;
        check_round_trip(*contact);
        (void)json::to_stored_rows(*contact);
        if (why == json::purpose::replace) (void)service::replaced(**input, contact.value());
    }
    if (const auto patch = json::read_patch(*body)) {
        check_fields((*patch)->email.value());
        const bool has_address = !(*patch)->email.has(&model::email::primary_email) || !(*patch)->email.value().primary_email.empty();
        require(json::check(**patch).has_value() == (has_address && has_names((*patch)->newsletters.items())),
                "an accepted patch is accepted again");
        model::contact stored;
        stored.email.primary_email = "stored@example.com";
        stored.email.email_id = uuid({1, 2, 3});
        stored.newsletters.emplace_back().name = "stored";
        (void)service::patched(**patch, stored);
    } else {
        check_error(patch.error(), text.size());
    }
    if (json::is_dumped(*body)) (void)json::read_dumped_contact(*body);
}

void check_answer(std::string_view text) {
    const auto read = json::read_answered_contact(text);
    if (!read) return;
    std::string written;
    json::write_contact(written, *read, true);
    require(is_valid_utf8(written), "a contact from a response is written as UTF-8");
}

// ---- Stripe --------------------------------------------------------------------------------------------------------

void check_stripe(std::string_view text) {
    (void)json::read_stripe_object(text);
    std::size_t visits = 0;
    const auto all = json::read_stripe_objects(text, [&](std::optional<std::size_t>, const result<json::any_stripe_object>&) {
        ++visits;
        return true;
    });
    require(all || visits == 0, "nothing is visited in a text that is not JSON");
    require(visits <= text.size(), "an object takes at least one byte");
    (void)json::read_pubsub_message(text);
    std::string message = R"({"subscription":"s","message":{"data":")";
    message.append(base64_encode(text)).append(R"("}})");
    if (const auto payload = json::read_pubsub_message(message)) {
        require(is_valid_utf8(payload->text) && payload->items.size() <= text.size(),
                "a payload is UTF-8 and has no more items than bytes");
    }
}

void check_texts(std::string_view text) {
    if (!is_valid_utf8(text)) return;
    const auto quoted = ctms::python_string_repr(text);
    require(quoted.size() <= 2 + 4 * text.size(), "a quoted string is not much longer");
    const auto url = json::parse_any_url(text);
    if (const auto* accepted = std::get_if<std::string>(&url)) {
        require(is_valid_utf8(*accepted) && utf8_length(*accepted) <= json::longest_url, "a URL is UTF-8 and has an allowed length");
    }
}

} // namespace

CTMS_FUZZ_TARGET(json) {
    check_document(input);
    check_contact(input);
    check_answer(input);
    check_stripe(input);
    check_texts(input);
}
