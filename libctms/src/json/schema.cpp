// SPDX-License-Identifier: MPL-2.0
#include "schema_fields.hpp"

#include <ctms/json/schema.hpp>

#include <array>
#include <cstdint>

namespace ctms::json {
namespace {

constexpr std::array<std::string_view, 1> the_id{"email_id"};
constexpr std::array<std::string_view, 2> id_and_address{"email_id", "primary_email"};

void add_reference(object_writer& writer, std::string_view schema) { writer.add("$ref", "#/components/schemas/" + std::string(schema)); }

std::string reference(std::string_view schema) {
    std::string out;
    object_writer writer(out);
    add_reference(writer, schema);
    writer.close();
    return out;
}

std::string word(std::string_view text) {
    std::string out;
    object_writer writer(out);
    writer.add("type", "string");
    append_json_string(writer.key("enum") += '[', text);
    out += ']';
    writer.close();
    return out;
}

std::string list_of(std::string_view schema) { return R"({"type":"array","items":)" + reference(schema) + '}'; }

/// A part of a contact, and the schemas that describe it in requests and in responses.
struct part {
    std::string_view name;
    std::string_view in;
    std::string_view out;
    bool is_list;
    bool may_be_null; ///< when a whole contact is sent
    bool change_may_be_null;
    std::string_view change_word; ///< what a change may send instead; "" if nothing
    std::string_view description;
};

constexpr std::array parts{
    part{"amo", "AddOnsBase", "AddOnsSchema", false, true, false, "DELETE", "Account at addons.mozilla.org"},
    part{"email", "", "EmailSchema", false, false, false, "", "The address, and data about its owner"},
    part{"fxa", "FirefoxAccountsBase", "FirefoxAccountsBase", false, true, false, "DELETE", "Firefox account"},
    part{"mofo", "MozillaFoundationBase", "MozillaFoundationBase", false, true, false, "DELETE", "Data of the Mozilla Foundation"},
    part{"newsletters", "NewsletterBase", "NewsletterBase", true, false, false, "UNSUBSCRIBE", "Newsletters, each at most once"},
    part{"waitlists", "WaitlistInSchema", "WaitlistBase", true, false, false, "UNSUBSCRIBE", "Waitlists, each at most once"},
    part{"vpn_waitlist", "VpnWaitlistBase", "VpnWaitlistBase", false, true, true, "DELETE", "Older form of the waitlist `vpn`"},
    part{"relay_waitlist", "RelayWaitlistBase", "RelayWaitlistBase", false, true, true, "DELETE",
         "Older form of the waitlists whose names start with `relay`"},
};

void append_part(std::string& out, const part& one, std::string_view schema, direction way) {
    const bool may_be_null = (way == direction::input && one.may_be_null) || (way == direction::change && one.change_may_be_null);
    object_writer writer(out);
    if (way == direction::change && !one.change_word.empty()) {
        writer.add_raw("anyOf", '[' + (one.is_list ? list_of(schema) : reference(schema)) + ',' + word(one.change_word) + ']');
    } else if (one.is_list) {
        writer.add("type", "array");
        writer.add_raw("items", reference(schema));
    } else {
        writer.add_raw("allOf", '[' + reference(schema) + ']'); // next to a bare $ref, descriptions are ignored
    }
    if (way == direction::input && one.is_list) writer.add_raw("default", "[]");
    if (may_be_null) {
        writer.add("type", "object"); // `nullable` has a meaning only beside a type
        writer.add("nullable", true);
    }
    writer.add("description", one.description);
    writer.close();
}

/// What an object has besides the parts of a contact.
enum class besides : std::uint8_t {
    nothing,
    status,   ///< in responses that contain one contact
    operation ///< in items of a bulk write
};

constexpr auto operation_member = R"({"type":"string","enum":["create","patch","delete"],"description":"What to do, as the call on one )"
                                  R"(contact does. Absent: store the contact, or merge it into the one with its id or else its address"})";
constexpr auto id_member = R"({"type":"string","format":"uuid","description":"The contact. Required to patch and to delete"})";

/// A whole contact, with the schema of its email.
std::string contact_schema(std::string_view description, std::string_view email, direction way, besides more = besides::nothing) {
    std::string out;
    object_writer writer(out);
    writer.add("type", "object");
    writer.add("description", description);
    object_writer properties(writer.key("properties"));
    std::string all_names;
    for (const auto& one : parts) {
        const auto schema = one.name == "email" ? email : way == direction::output ? one.out : one.in;
        append_part(properties.key(one.name), one, schema, way);
        if (!all_names.empty()) all_names += ',';
        append_json_string(all_names, one.name);
    }
    if (more == besides::operation) {
        properties.add_raw("op", operation_member);
        properties.add_raw("email_id", id_member);
    }
    if (more == besides::status) properties.add_raw("status", R"({"type":"string","default":"ok","description":"Always ok"})");
    properties.close();
    if (way == direction::input) writer.add_raw("required", R"(["email"])");
    if (way == direction::output) writer.add_raw("required", '[' + all_names + ']');
    writer.close();
    return out;
}

constexpr auto conflicting_values = R"({"type":"array","items":{"type":"string"},"example":["primary_email"],)"
                                    R"("description":"Names of the values that another contact already uses; absent if unknown"})";

/// An error with one message, and with the member `conflicts` if `conflicts` is its schema.
std::string detail_schema(std::string_view description, std::string_view example, std::string_view conflicts = {}) {
    std::string out;
    object_writer writer(out);
    writer.add("type", "object");
    writer.add("description", description);
    object_writer properties(writer.key("properties"));
    object_writer detail(properties.key("detail"));
    detail.add("type", "string");
    detail.add("description", "What is wrong, for people");
    detail.add("example", example);
    detail.close();
    if (!conflicts.empty()) properties.add_raw("conflicts", conflicts);
    properties.close();
    writer.add_raw("required", R"(["detail"])");
    writer.close();
    return out;
}

constexpr auto validation_error =
    R"({"type":"object","description":"One broken rule","properties":{)"
    R"("loc":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"integer"}]},)"
    R"("description":"Location: body, query, path or header, then names and list positions",)"
    R"("example":["body","email","primary_email"]},)"
    R"("msg":{"type":"string","description":"What is wrong, for people","example":"field required"},)"
    R"("type":{"type":"string","description":"What is wrong, for programs","example":"value_error.missing"},)"
    R"("ctx":{"type":"object","description":"Values that the rule compares with; absent for most rules","additionalProperties":true}},)"
    R"("required":["loc","msg","type"]})";

constexpr auto validation_errors =
    R"({"type":"object","description":"Invalid input: all broken rules, in the order of the fields","properties":{"detail":{)"
    R"("description":"The broken rules. A rule about several places is a text; rules about the range of /updates are in `errors`",)"
    R"("oneOf":[{"type":"array","items":{"$ref":"#/components/schemas/ValidationError"}},{"type":"string"},)"
    R"({"type":"object","properties":{"errors":{"type":"array","items":{"$ref":"#/components/schemas/ValidationError"}}},)"
    R"("required":["errors"]}]}},"required":["detail"]})";

constexpr auto bulk_result =
    R"({"type":"object","description":"What became of an item of a bulk write","properties":{)"
    R"("index":{"type":"integer","description":"Position of the item, from 0","example":0},)"
    R"("status":{"type":"integer","description":"As of the call on one contact: 201 created, 200 changed, deleted or left as it was; else refused",)"
    R"("example":201},"email_id":{"type":"string","format":"uuid","nullable":true,"description":"The contact; null if it is not known"},)"
    R"("detail":{"description":"Why it was refused, as in the error of that call; or a remark",)"
    R"("oneOf":[{"type":"array","items":{"$ref":"#/components/schemas/ValidationError"}},{"type":"string"}]},)"
    R"("conflicts":{"type":"array","items":{"type":"string"},"description":"Names of the values that another contact already uses"}},)"
    R"("required":["index","status","email_id"]})";

constexpr auto bulk_end =
    R"({"type":"object","description":"The last line of a bulk write that ends before its body: why it does. It has no `index`","properties":{)"
    R"("status":{"type":"integer","description":"400, 413 or 431: the chunks of the body cannot be read; 401, 400 or 403: the token or the )"
    R"(client is not accepted any more; 408: no complete line arrived in time; 503: the service is overloaded or stopping","example":503},)"
    R"("detail":{"type":"string","description":"The same, for people","example":"Service temporarily unavailable"}},)"
    R"("required":["status","detail"]})";

constexpr auto token_error =
    R"({"type":"object","description":"No token was issued","properties":{"detail":{"description":"What is wrong, for people",)"
    R"("oneOf":[{"type":"string"},{"type":"array","items":{"$ref":"#/components/schemas/ValidationError"}}]},)"
    R"("error":{"type":"string","description":"What is wrong, for OAuth clients: a code of RFC 6749, 5.2 or 4.1.2.1","example":"invalid_client"}},)"
    R"("required":["detail"]})";

constexpr auto problem =
    R"({"type":"object","description":"An error for clients that prefer `application/problem+json` (RFC 9457). It also has the members of )"
    R"(the usual form","properties":{"type":{"type":"string","description":"Always about:blank: `status` says what kind of error this is"},)"
    R"("title":{"type":"string","description":"Name of the status","example":"Not Found"},)"
    R"("status":{"type":"integer","example":404},"detail":{"type":"string","description":"What is wrong, for people"},)"
    R"("errors":{"type":"array","items":{"$ref":"#/components/schemas/ValidationError"},"description":"The broken rules of a 422"},)"
    R"("rid":{"type":"string","description":"The `X-Request-Id` of the response"}},)"
    R"("required":["type","title","status","detail","rid"],"additionalProperties":true})";

constexpr auto updates_page =
    R"({"type":"object","description":"A page of contacts, in the order of their last change","properties":{)"
    R"("start":{"type":"string","description":"Start of the requested range, as it was sent","example":"2024-05-01T00:00:00+00:00"},)"
    R"("end":{"type":"string","description":"End of the range, exclusive, as it was sent; start the next time here","example":"2024-06-01T00:00:00+00:00"},)"
    R"("limit":{"type":"integer","description":"Maximum number of contacts on a page","example":100},)"
    R"("after":{"type":"string","nullable":true,"description":"Cursor of the next page; null on the last one"},)"
    R"("next":{"type":"string","format":"uri","nullable":true,"description":"URL of the next page; null on the last one"},)"
    R"("items":{"type":"array","items":{"$ref":"#/components/schemas/CTMSResponse"},"description":"The contacts"}},)"
    R"("required":["start","end","limit","items"]})";

constexpr auto changes_page =
    R"({"type":"object","description":"A part of the feed of changes","properties":{)"
    R"("items":{"type":"array","description":"The changes, in the order of the feed","items":{"type":"object","properties":{)"
    R"("cursor":{"type":"string","description":"Cursor after this change"},)"
    R"("email_id":{"type":"string","format":"uuid","description":"The contact"},)"
    R"("change":{"type":"string","enum":["created","updated","deleted"],"description":"What happened. A client stores a contact that was )"
    R"(created or updated, whether it knows it or not"},)"
    R"("time":{"type":"string","format":"date-time","description":"When it was written","example":"2024-05-01T00:00:00+00:00"},)"
    R"("client":{"type":"string","description":"The API client or the command that wrote it; absent if unknown"},)"
    R"("contact":{"type":"object","allOf":[{"$ref":"#/components/schemas/CTMSResponse"}],"nullable":true,"description":"The contact as it is now, with )"
    R"(`include=contact`; null if it was deleted meanwhile"}},"required":["cursor","email_id","change","time"]}},)"
    R"("next":{"type":"string","description":"Cursor to go on from, also if there are no items"},)"
    R"("more":{"type":"boolean","description":"Whether to go on at once; false: nothing follows at the moment"}},)"
    R"("required":["items","next","more"]})";

constexpr auto history_page =
    R"({"type":"object","description":"Changes of a contact, the last recorded one first","properties":{)"
    R"("email_id":{"type":"string","format":"uuid"},)"
    R"("kept_days":{"type":"integer","description":"For how many days changes are kept; 0: they are not recorded","example":90},)"
    R"("items":{"type":"array","items":{"type":"object","properties":{)"
    R"("time":{"type":"string","format":"date-time","description":"When the change was made, by the database's clock"},)"
    R"("change":{"type":"string","enum":["created","updated","deleted"]},)"
    R"("client":{"type":"string","nullable":true,"description":"The API client, the command, or `stripe`; null if another program made the change"},)"
    R"("request_id":{"type":"string","nullable":true,"description":"The `X-Request-Id` of the request; null if there was none"},)"
    R"("changes":{"type":"array","nullable":true,"description":"The fields that changed; null if that is not known","items":{"type":"object","properties":{)"
    R"("field":{"type":"string","description":"Group and name of the field, as in a contact","example":"newsletters.subscribed"},)"
    R"("name":{"type":"string","description":"The newsletter, the waitlist, or Stripe's id of the object; absent for other fields","example":"firefox-tips"},)"
    R"("old":{"anyOf":[{"type":"boolean","nullable":true},{"type":"string","nullable":true}],"description":"The value before; absent if values are not kept","example":true},)"
    R"("new":{"anyOf":[{"type":"boolean","nullable":true},{"type":"string","nullable":true}],"description":"The value after; absent if values are not kept","example":false}},)"
    R"("required":["field"]}}},"required":["time","change","client","request_id","changes"]}},)"
    R"("next":{"type":"string","nullable":true,"description":"`before` of the next page; null on the last one"}},)"
    R"("required":["email_id","kept_days","items","next"]})";

constexpr auto whole_person =
    R"({"type":"object","description":"Everything that is held about a person. Other members are lists of rows of the database, with their )"
    R"(columns: objects of Stripe, the sync with the email vendor, the history, exports, and the services that are told of changes",)"
    R"("properties":{"exported_at":{"type":"string","format":"date-time"},"email_id":{"type":"string","format":"uuid"},)"
    R"("email":{"type":"object","nullable":true,"additionalProperties":true,"description":"null if the contact was deleted"},)"
    R"("amo":{"type":"object","nullable":true,"additionalProperties":true},"fxa":{"type":"object","nullable":true,"additionalProperties":true},)"
    R"("mofo":{"type":"object","nullable":true,"additionalProperties":true},)"
    R"("newsletters":{"type":"array","nullable":true,"items":{"type":"object","additionalProperties":true}},)"
    R"("waitlists":{"type":"array","nullable":true,"items":{"type":"object","additionalProperties":true}},)"
    R"("products":{"type":"array","items":{"type":"object","additionalProperties":true}}},)"
    R"("required":["exported_at","email_id","email","amo","fxa","mofo","newsletters","waitlists","products"],"additionalProperties":true})";

template <class T>
void add_columns(std::vector<contact_column>& out) {
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        out.push_back({fields::flat_name(field), fields::table<T>::group, field.name, field.rule.output_only, field.rule.required});
    });
}

} // namespace

std::vector<named_schema> schemas() {
    using enum direction;
    std::vector<named_schema> out;
    const auto add = [&](std::string_view name, std::string text) { out.push_back({name, std::move(text)}); };
    add("AddOnsBase", fields_schema<model::amo>("Account at addons.mozilla.org, in requests", {input}));
    add("AddOnsSchema", fields_schema<model::amo>("Account at addons.mozilla.org", {output}));
    add("BadRequestResponse", detail_schema("The request cannot be processed", "API Client has been disabled"));
    add("BulkEnd", bulk_end);
    add("BulkItem", contact_schema("An item of a bulk write: a contact to store or to merge, as in `POST /ctms`, or what `op` names",
                                   "EmailPatchSchema", change, besides::operation));
    add("BulkResult", bulk_result);
    add("CTMSBulkResponse", updates_page);
    add("CTMSResponse", contact_schema("A contact", "EmailSchema", output));
    add("CTMSSingleResponse", contact_schema("A response that contains one contact", "EmailSchema", output, besides::status));
    add("ChangesResponse", changes_page);
    add("ConflictResponse", detail_schema("Another contact has one of the values", "Contact already exists", conflicting_values));
    add("ContactInSchema", contact_schema("A contact to create", "EmailInSchema", input));
    add("ContactPatchSchema", contact_schema("Changes to a contact. Absent members stay unchanged", "EmailPatchSchema", change));
    add("ContactPutSchema", contact_schema("A contact to create or to replace", "EmailPutSchema", input));
    add("EmailInSchema", fields_schema<model::email>("The address of a contact to create", {input}));
    add("EmailPatchSchema", fields_schema<model::email>("Changes to the address and its owner", {change}));
    add("EmailPutSchema", fields_schema<model::email>("The address of a contact to replace", {input, the_id}));
    add("EmailSchema", fields_schema<model::email>("The address, and data about its owner", {output, the_id}));
    add("ErrorResponse", detail_schema("The request was refused, or failed", "Service Unavailable"));
    add("ExportResponse", whole_person);
    add("FirefoxAccountsBase", fields_schema<model::fxa>("Firefox account", {input}));
    add("ForbiddenResponse", detail_schema("The client lacks a role", "Client lacks the role 'write'"));
    add("GoneResponse", detail_schema("What was asked for is not known any more", "Deletions after the cursor are not known any more"));
    add("HTTPValidationError", validation_errors);
    add("HistoryResponse", history_page);
    add("IdentityResponse", fields_schema<model::identity>("The ids of a contact", {output, id_and_address}));
    add("MozillaFoundationBase", fields_schema<model::mofo>("Data of the Mozilla Foundation about a contact", {input}));
    add("NewsletterBase", fields_schema<model::newsletter>("A subscription", {input}));
    add("NotFoundResponse", detail_schema("Nothing is stored under this id", "Unknown email_id"));
    add("Problem", problem);
    add("RelayWaitlistBase", fields_schema<model::relay_waitlist>("Older form of a waitlist for Relay", {input}));
    add("TokenErrorResponse", token_error);
    add("UnauthorizedResponse", detail_schema("No access token, or an invalid one", "Not authenticated"));
    add("ValidationError", validation_error);
    add("VpnWaitlistBase", fields_schema<model::vpn_waitlist>("Older form of the waitlist for the VPN", {input}));
    add("WaitlistBase", fields_schema<model::waitlist>("A waitlist that the contact has joined", {output}));
    add("WaitlistInSchema", fields_schema<model::waitlist>("A waitlist to join or to leave", {input}));
    return out;
}

std::vector<field_schema> identity_fields() {
    std::vector<field_schema> out;
    fields::for_each_field<model::identity>([&](const auto& field, std::uint32_t) {
        const model::identity none{};
        std::string text;
        object_writer writer(text);
        add_type(writer, field.rule, none.*(field.member));
        writer.close();
        out.push_back({field.name, field.description, std::move(text)});
    });
    return out;
}

const std::vector<contact_column>& contact_columns() {
    static const auto columns = [] {
        std::vector<contact_column> out;
        add_columns<model::email>(out);
        add_columns<model::amo>(out);
        add_columns<model::fxa>(out);
        add_columns<model::mofo>(out);
        return out;
    }();
    return columns;
}

} // namespace ctms::json
