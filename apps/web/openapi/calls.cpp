// SPDX-License-Identifier: MPL-2.0
#include "calls.hpp"

#include <array>

namespace ctms::web::openapi {
namespace {

constexpr std::string_view uuid_text = R"({"type":"string","format":"uuid"})";
constexpr std::string_view status_schema =
    R"({"type":"object","properties":{"status":{"type":"string","example":"OK"}},"required":["status"]})";

// ---- parameters ----

constexpr parameter id_of_contact{"path", "email_id", true, "Id of the contact", uuid_text, "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"};
constexpr parameter if_match{"header", "If-Match", false, "Only write if the contact has one of these entity tags; `*`: only if it exists",
                             R"({"type":"string"})"};
constexpr parameter if_none_match{"header", "If-None-Match", false,
                                  "Only write if the contact has none of these entity tags; `*`: only if it does not exist",
                                  R"({"type":"string"})"};
constexpr parameter if_changed{"header", "If-None-Match", false,
                               "Entity tags that the client knows. If the contact still has one of them, the response is 304",
                               R"({"type":"string"})"};
constexpr parameter key_of_request{
    "header", "Idempotency-Key", false,
    "A text that the client chooses for this request, such as a UUID. If the request is sent again with it, nothing is done, and the first "
    "response is returned",
    R"({"type":"string","maxLength":255})"};

constexpr std::array email_id{id_of_contact};
constexpr std::array email_id_to_read{id_of_contact, if_changed};
constexpr std::array email_id_to_write{id_of_contact, if_match, if_none_match, key_of_request};
constexpr std::array just_key{key_of_request};
constexpr std::array page_of_contact{
    id_of_contact,
    parameter{"query", "before", false, "Cursor that the previous page returned in `next`", R"({"type":"string"})"},
    parameter{"query", "limit", false, "Maximum number of items on a page",
              R"({"type":"integer","minimum":1,"maximum":1000,"default":100})"},
};

constexpr std::array address{
    parameter{"path", "primary_email", true, "The address, regardless of case", R"({"type":"string"})", "jane@example.com"}, if_match,
    if_none_match, key_of_request};

constexpr std::array erasure_id{parameter{"path", "id", true, "Id of the receipt", uuid_text, "0d7b4f0e-5a52-4c0b-9a33-2f6f0f0f7d11"}};

constexpr std::array pushing_client{
    parameter{"query", "pubsub_client", false, "The shared secret of the push subscription", R"({"type":"string"})"}};

constexpr std::array way_of_bulk{parameter{"query", "allow_opt_in", false,
                                           "true: an item without `op` may clear an opt-out of the contact that it is merged into",
                                           R"({"type":"boolean","default":false})"}};

constexpr std::array span_of_updates{
    parameter{"query", "start", true, "Start of the range; a time without an offset is in UTC", R"({"type":"string","format":"date-time"})",
              "2024-05-01T00:00:00+00:00"},
    parameter{"query", "end", false,
              "End of the range, exclusive. Leave it out to follow all changes: the response says where to start the next time",
              R"({"type":"string","format":"date-time"})"},
    parameter{"query", "limit", false, "Maximum number of contacts on a page",
              R"({"type":"integer","minimum":1,"maximum":1000,"default":100})"},
    parameter{"query", "mofo_relevant", false,
              "true: only contacts that the foundation works with; false: only other contacts. A page may then be short or empty although "
              "`next` leads to another one",
              R"({"type":"boolean"})"},
    parameter{"query", "after", false, "Cursor that the previous page returned in `after`", R"({"type":"string"})"},
};

constexpr std::array span_of_changes{
    parameter{"query", "after", false, "Cursor to go on from: `next` of a page, or `cursor` of an item. Absent: from the beginning",
              R"({"type":"string"})"},
    parameter{"query", "limit", false, "Maximum number of items on a page",
              R"({"type":"integer","minimum":1,"maximum":1000,"default":100})"},
    parameter{"header", "Last-Event-ID", false,
              "Only for an event stream: the id of the last event, to go on after it. Takes precedence over `after`",
              R"({"type":"string"})"},
    parameter{"query", "include", false, "`contact`: each item has the contact as it is now", R"({"type":"string","enum":["contact"]})"},
};

// ---- responses ----

constexpr std::array try_again{answer_header{"Retry-After", "Seconds until another attempt makes sense", R"({"type":"integer"})"}};
constexpr std::array try_again_and_limits{
    try_again.front(),
    answer_header{"RateLimit-Policy", "The limits of the client, if it has any: draft-ietf-httpapi-ratelimit-headers-11"},
    answer_header{"RateLimit", "What is left of them. Other answers to a client with limits have these two fields, too"}};
constexpr std::array challenge{answer_header{"WWW-Authenticate", "The way to authenticate"}};
constexpr answer_header tag{"ETag", "Entity tag of the contact, for If-Match and If-None-Match"};
constexpr answer_header content_place{"Content-Location", "Path of the contact, whose GET returns the same body"};
constexpr std::array just_tag{tag};
constexpr std::array tag_and_place{tag, content_place};
constexpr std::array place{answer_header{"Location", "Path of the contact"}, tag, content_place};
constexpr std::array end_of_updates{answer_header{"X-Updates-End", "With lines: the `end` to start at the next time"}};
constexpr std::array as_text{std::string_view("text/plain")};
constexpr std::array as_page{std::string_view("text/html")};
constexpr std::array as_lines{std::string_view("application/x-ndjson")};
constexpr std::array as_lines_or_events{std::string_view("application/x-ndjson"), std::string_view("text/event-stream")};

constexpr answer unauthorized{401, "No access token, or an invalid one", "UnauthorizedResponse", "application/json", {}, challenge};
constexpr answer forbidden{403, "The client lacks the role that the call needs", "ForbiddenResponse"};
constexpr answer disabled{400, "The API client has been disabled", "BadRequestResponse"};
constexpr answer unreadable{400, "The body cannot be read, or the API client has been disabled", "BadRequestResponse"};
constexpr answer unmet{412, "The request has a precondition, which cannot hold here", "ErrorResponse"};
constexpr answer unmet_tag{412,
                           "The precondition does not hold, so nothing was done. `ETag` is the tag of the contact as it is",
                           "ErrorResponse",
                           "application/json",
                           {},
                           just_tag};
constexpr answer tag_needed{428, "The API client may write only with If-Match, or If-None-Match: *", "ErrorResponse"};
constexpr answer key_erased{410, "The Idempotency-Key was used, and the contact in its response was deleted since then", "GoneResponse"};
constexpr answer too_large{413, "The body is too large", "ErrorResponse"};
constexpr answer invalid{422, "Invalid input, with every broken rule", "HTTPValidationError"};
constexpr answer too_many{429, "Too many requests of one address at the same time", "ErrorResponse", "application/json", {}, try_again};
constexpr answer too_many_of_client{429,
                                    "The client exceeds its limits, or one address sends too many requests at the same time",
                                    "ErrorResponse",
                                    "application/json",
                                    {},
                                    try_again_and_limits};
constexpr answer unavailable{
    503,      "The service or its database is overloaded, restarting or stopping. Try again", "ErrorResponse", "application/json", {},
    try_again};
constexpr answer otherwise{0, "Any other refusal, or an error of the service (500, as text)", "ErrorResponse", "application/json", as_text};
constexpr answer unknown_id{404, "No contact has this id", "NotFoundResponse"};
constexpr answer no_ids{400, "No id was given, more than 1,000 contacts match, or the API client has been disabled", "BadRequestResponse"};

constexpr std::array found_contacts{answer{200, "The contacts that match, or an empty list", "CTMSResponse[]"}, no_ids, invalid};
constexpr std::array found_identities{answer{200, "The ids of the contacts that match, or an empty list", "IdentityResponse[]"}, no_ids,
                                      invalid};
constexpr std::array one_contact{answer{200, "The contact", "CTMSSingleResponse", "application/json", {}, just_tag},
                                 answer{304, "The client has the contact as it is", "", "application/json", {}, just_tag}, unknown_id,
                                 invalid};
constexpr std::array looked_up{
    answer{200, "An item for each id",
           R"({"type":"object","properties":{"items":{"type":"array","items":{"type":"object","properties":{)"
           R"("id":{"type":"string","description":"The id, as it was sent","example":"3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"},)"
           R"("contacts":{"type":"array","nullable":true,"items":{"$ref":"#/components/schemas/CTMSResponse"},)"
           R"("description":"The contacts that have it; null with an error"},)"
           R"("error":{"type":"string","description":"Only if more than 1,000 contacts have it"}},)"
           R"("required":["id","contacts"]}}},"required":["items"]})"},
    invalid};
constexpr std::array bulk_results{
    answer{200,
           "A result for each item, in their order; with lines, a line for each, and a last one if the response ends before the body",
           "BulkResult[]",
           "application/json",
           as_lines,
           {},
           R"({"description":"Each line","oneOf":[{"$ref":"#/components/schemas/BulkResult"},{"$ref":"#/components/schemas/BulkEnd"}]})"},
    invalid};
constexpr std::array page_of_history{answer{200, "Changes of the contact, the last recorded one first", "HistoryResponse"}, unknown_id,
                                     invalid};
constexpr std::array whole_person{answer{200, "Everything that is held", "ExportResponse", "application/json", as_page}, unknown_id,
                                  invalid};
constexpr std::array one_identity{answer{200, "The ids", "IdentityResponse"}, unknown_id, invalid};
constexpr std::array created_contact{
    answer{200, "The same contact was already stored", "CTMSSingleResponse", "application/json", {}, place},
    answer{201, "The contact was created", "CTMSSingleResponse", "application/json", {}, place},
    answer{409, "Another contact has one of its ids, or a request with the same Idempotency-Key is in progress", "ConflictResponse"},
    key_erased, invalid};
constexpr std::array replaced_contact{
    answer{201, "The contact was created or replaced", "CTMSSingleResponse", "application/json", {}, tag_and_place},
    answer{409, "Another contact has one of its ids, or a request with the same Idempotency-Key is in progress", "ConflictResponse"},
    key_erased, invalid};
constexpr std::array changed_contact{
    answer{200, "The stored contact", "CTMSSingleResponse", "application/json", {}, tag_and_place}, unknown_id,
    answer{409, "Another contact has one of the new ids, or a request with the same Idempotency-Key is in progress", "ConflictResponse"},
    key_erased, invalid};
constexpr std::array removed_contacts{answer{200, "The ids of the contacts that were deleted", "IdentityResponse[]"},
                                      answer{404, "No contact has this address", "NotFoundResponse"},
                                      answer{409,
                                             "A legal hold exists for one of the contacts, so nothing is deleted; or a request with the "
                                             "same Idempotency-Key is in progress",
                                             "ErrorResponse"},
                                      key_erased, invalid};
constexpr std::string_view receipt =
    R"({"type":"object","description":"The receipt of an erasure, without personal data","properties":{)"
    R"("id":{"type":"string","format":"uuid"},"requested_at":{"type":"string","format":"date-time"},)"
    R"("erased":{"type":"object","description":"What was erased here","properties":{)"
    R"("contacts":{"type":"integer","description":"Contacts that were deleted, by this request or shortly before"},)"
    R"("stripe_objects":{"type":"integer"},"parked_objects":{"type":"integer","description":"Objects of Stripe that could not be stored"}},)"
    R"("required":["contacts","stripe_objects","parked_objects"]},)"
    R"("suppressed":{"type":"boolean","description":"The address is kept out"},)"
    R"("vendor":{"type":"object","properties":{"state":{"type":"string","enum":["nothing","waiting","stopped","confirmed"],)"
    R"("description":"nothing: there was nothing to delete at the vendor; waiting: it has not confirmed every deletion; )"
    R"(stopped: an operator must act; confirmed: it has confirmed every deletion"},)"
    R"("waiting":{"type":"integer","description":"Contacts of which the vendor has not confirmed the deletion"},)"
    R"("confirmed_at":{"type":"string","format":"date-time","nullable":true,"description":"When it confirmed the last one"}},)"
    R"("required":["state","waiting","confirmed_at"]}},"required":["id","requested_at","erased","suppressed","vendor"]})";
constexpr std::array place_of_receipt{answer_header{"Location", "Path of the receipt"}};
constexpr std::array requested_erasure{answer{200,
                                              "The vendor has not confirmed an earlier erasure of this address: its receipt",
                                              receipt,
                                              "application/json",
                                              {},
                                              place_of_receipt},
                                       answer{201, "Erased", receipt, "application/json", {}, place_of_receipt},
                                       answer{409, "A legal hold exists for one of the contacts: nothing is erased", "ConflictResponse"},
                                       invalid};
constexpr std::array one_erasure{answer{200, "The receipt", receipt}, answer{404, "No receipt has this id", "NotFoundResponse"}, invalid};
constexpr std::array page_of_updates{answer{200, "One page of contacts; as lines, all contacts of the range", "CTMSBulkResponse",
                                            "application/json", as_lines, end_of_updates},
                                     invalid};
constexpr std::array page_of_changes{answer{200, "A part of the feed", "ChangesResponse", "application/json", as_lines_or_events},
                                     answer{410, "The cursor cannot be followed any more. Begin again without `after`", "GoneResponse"},
                                     answer{429,
                                            "The client exceeds its limits or has too many event streams, or one address sends too many "
                                            "requests at the same time",
                                            "ErrorResponse",
                                            "application/json",
                                            {},
                                            try_again_and_limits},
                                     invalid};
constexpr std::array ingested_object{
    answer{200, "The object is stored, or was already stored. An unknown deleted customer is ignored", status_schema},
    answer{400, "The body is not a Stripe object of a known form, or the API client has been disabled", "BadRequestResponse"}};
constexpr std::array pushed_message{
    answer{200, "All objects are stored, or were already stored",
           R"({"type":"object","properties":{"status":{"type":"string","example":"OK"},)"
           R"("count":{"type":"integer","description":"Number of objects","example":1}},"required":["status","count"]})"},
    answer{202, "Some objects cannot be stored, and sending them again would not help. Pub/Sub does not send them again",
           R"({"type":"object","properties":{"status":{"type":"string","example":"Accepted but not processed"},)"
           R"("message":{"type":"string","description":"What is wrong"}},"required":["status","message"]})"},
    answer{401, "No token, or not one of the service account that pushes", "UnauthorizedResponse", "application/json", {}, challenge},
    invalid};
constexpr std::array issued_token{
    answer{200, "An access token",
           R"({"type":"object","properties":{"access_token":{"type":"string","description":"Send it as `Authorization: Bearer ...`"},)"
           R"("token_type":{"type":"string","enum":["bearer"]},)"
           R"("expires_in":{"type":"integer","description":"Seconds that the token is valid for","example":3600}},)"
           R"("required":["access_token","token_type","expires_in"]})"},
    answer{400, "Wrong credentials, a client that has been disabled, or a form that cannot be read", "TokenErrorResponse"},
    answer{401, "The header `Authorization: Basic` cannot be read", "TokenErrorResponse", "application/json", {}, challenge},
    answer{413, "The body is too large", "TokenErrorResponse"},
    answer{422, "Another `grant_type`", "TokenErrorResponse"},
    answer{429, "Too many attempts from one address", "TokenErrorResponse", "application/json", {}, try_again},
    answer{503,
           "The service or its database is overloaded, restarting or stopping. Try again",
           "TokenErrorResponse",
           "application/json",
           {},
           try_again},
    answer{0, "Any other refusal, or an error of the service (500, as text)", "TokenErrorResponse", "application/json", as_text}};
constexpr std::array version_answer{
    answer{200, "The running version",
           R"({"type":"object","properties":{"commit":{"type":"string"},"version":{"type":"string"},"source":{"type":"string"},)"
           R"("build":{"type":"string"},"image_tag":{"type":"string","description":"Tag of the image that runs; empty outside of one"}},)"
           R"("required":["commit","version","image_tag","source","build"]})"}};
constexpr std::string_view health_schema =
    R"({"type":"object","properties":{)"
    R"("database":{"type":"object","description":"Whether the database answers, and the state of the sync queue",)"
    R"("properties":{"up":{"type":"boolean"},"time_ms":{"type":"integer"},"acoustic":{"type":"object","additionalProperties":true}}}}})";
constexpr std::string_view unhealthy_schema =
    R"({"type":"object","description":"What is known: `database` as in 200, `status` while the service stops, `detail` when it is overloaded",)"
    R"("properties":{"status":{"type":"string","example":"draining"},"detail":{"type":"string","example":"Service Unavailable"},)"
    R"("database":{"type":"object","additionalProperties":true}}})";
constexpr std::array heartbeat_answer{
    answer{200, "Healthy", health_schema},
    answer{503, "Something is wrong, or the service stops or is overloaded", unhealthy_schema, "application/json", {}, try_again}};
constexpr std::array load_balancer_answer{
    answer{200, "The service runs", status_schema},
    answer{503, "The service stops or is overloaded", unhealthy_schema, "application/json", {}, try_again}};
constexpr std::array metrics_answer{answer{200, "Metrics in Prometheus' text format", R"({"type":"string"})", "text/plain"}};
constexpr std::array acoustic_answer{answer{
    200, "The fields of each table, and the column of each newsletter",
    R"({"type":"object","properties":{"sync_fields":{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}},)"
    R"("newsletter_mappings":{"type":"object","additionalProperties":{"type":"string"}}},"required":["sync_fields","newsletter_mappings"]})"}};

// ---- bodies ----

constexpr std::string_view stripe_object =
    R"({"type":"object","description":"An object of Stripe's API","properties":{)"
    R"("id":{"type":"string","description":"Stripe's id","example":"cus_8epDebVEl8Bs2V"},)"
    R"("object":{"type":"string","enum":["customer","subscription","subscription_item","price","invoice"],)"
    R"("description":"Kind of the object"}},"required":["id","object"],"additionalProperties":true})";
constexpr std::string_view erasure_order =
    R"({"type":"object","description":"Whom to erase","properties":{)"
    R"("primary_email":{"type":"string","minLength":1,"maxLength":255,"description":"The address, regardless of case",)"
    R"("example":"jane@example.com"},"suppress":{"type":"boolean","default":false,)"
    R"("description":"Keep the address, the Firefox account and the customer at Stripe out from now on"}},)"
    R"("required":["primary_email"],"additionalProperties":false})";
constexpr std::string_view pushed_body =
    R"({"type":"object","description":"What Google Pub/Sub pushes","properties":{"message":{"type":"object","properties":{)"
    R"("data":{"type":"string","format":"byte","description":"A Stripe object, or a dictionary of Stripe objects, as JSON in base64"}},)"
    R"("required":["data"],"additionalProperties":true},"subscription":{"type":"string"}},"required":["message","subscription"]})";
constexpr std::string_view token_form =
    R"({"type":"object","properties":{"grant_type":{"type":"string","enum":["client_credentials","refresh_token"],)"
    R"("description":"May be left out"},)"
    R"("client_id":{"type":"string","description":"Id of the API client, unless sent with HTTP Basic"},)"
    R"("client_secret":{"type":"string","format":"password","description":"Its secret, unless sent with HTTP Basic"}}})";

constexpr std::string_view new_contact =
    R"({"email":{"primary_email":"jane@example.com","first_name":"Jane","mailing_country":"de","email_lang":"de"},)"
    R"("newsletters":[{"name":"firefox-tips","lang":"de","source":"https://www.example.com/newsletters"}],)"
    R"("waitlists":[{"name":"vpn","fields":{"geo":"fr","platform":"ios,android"}}]})";
constexpr std::string_view whole_contact =
    R"({"email":{"email_id":"3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93","primary_email":"jane@example.com","first_name":"Jane"},)"
    R"("newsletters":[{"name":"firefox-tips"}],"waitlists":[]})";
constexpr std::string_view changes =
    R"({"email":{"first_name":"Janet"},"newsletters":[{"name":"firefox-tips","subscribed":false,"unsub_reason":"No time to read it"}],)"
    R"("amo":"DELETE"})";

constexpr std::string_view lookup_body =
    R"({"type":"object","description":"Exactly one list of ids",)"
    R"("properties":{"email_ids":{"type":"array","items":{"type":"string","format":"uuid"},"minItems":1,"maxItems":1000},)"
    R"("primary_emails":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000},)"
    R"("basket_tokens":{"type":"array","items":{"type":"string","format":"uuid"},"minItems":1,"maxItems":1000},)"
    R"("sfdc_ids":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000},)"
    R"("mofo_contact_ids":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000},)"
    R"("mofo_email_ids":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000},)"
    R"("amo_user_ids":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000},)"
    R"("fxa_ids":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000},)"
    R"("fxa_primary_emails":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":1000}}})";
constexpr std::string_view lookup_example = R"({"email_ids":["3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"]})";

constexpr std::string_view bulk_example =
    R"([{"email":{"primary_email":"jane@example.com"},"newsletters":[{"name":"firefox-tips"}]},)"
    R"({"op":"patch","email_id":"3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93","email":{"first_name":"Janet"}},)"
    R"({"op":"delete","email_id":"0d7b4f0e-5a52-4c0b-9a33-2f6f0f0f7d11"}])";

// ---- the calls ----

constexpr std::array calls{
    call_text{.method = "GET",
              .path = "/ctms",
              .tag = "Contacts",
              .summary = "Find contacts by their ids",
              .description =
                  "Returns the contacts that match all given ids. At least one id is required. The two addresses match regardless of case.",
              .answers = found_contacts,
              .takes_ids = true},
    call_text{.method = "POST",
              .path = "/ctms",
              .tag = "Contacts",
              .summary = "Create a contact",
              .description = "Assigns an `email_id` if none is sent. Sending the same contact again changes nothing. "
                             "The `location` header is the path of the contact.",
              .answers = created_contact,
              .parameters = just_key,
              .body = "ContactInSchema",
              .body_example = new_contact},
    call_text{.method = "GET",
              .path = "/ctms/{email_id}",
              .tag = "Contacts",
              .summary = "Get a contact",
              .description = "Returns the whole contact, with defaults filled in.",
              .answers = one_contact,
              .parameters = email_id_to_read},
    call_text{.method = "PUT",
              .path = "/ctms/{email_id}",
              .tag = "Contacts",
              .summary = "Create or replace a contact",
              .description = "Everything that is not sent is reset to its default. Newsletters that are not sent are deleted; "
                             "waitlists that are not sent are kept.",
              .answers = replaced_contact,
              .parameters = email_id_to_write,
              .body = "ContactPutSchema",
              .body_example = whole_contact},
    call_text{.method = "PATCH",
              .path = "/ctms/{email_id}",
              .tag = "Contacts",
              .summary = "Change a contact",
              .description = "Changes what is sent and keeps the rest. `\"DELETE\"` instead of a group removes the group. "
                             "`\"UNSUBSCRIBE\"` instead of a list unsubscribes from everything in the list.",
              .answers = changed_contact,
              .parameters = email_id_to_write,
              .body = "ContactPatchSchema",
              .body_example = changes},
    call_text{.method = "DELETE",
              .path = "/ctms/{primary_email}",
              .tag = "Contacts",
              .summary = "Delete contacts by their address",
              .description = "Deletes all contacts with this address, regardless of case, with everything that belongs to them.",
              .answers = removed_contacts,
              .parameters = address},
    call_text{.method = "POST",
              .path = "/ctms/lookup",
              .tag = "Contacts",
              .summary = "Get many contacts by their ids",
              .description = "Takes 1 to 1,000 ids of one kind, and returns an item for each, in the same order. An id that no contact has "
                             "gets an item without contacts; an address may belong to several contacts. An id of more than 1,000 contacts "
                             "gets an `error` instead. The two addresses match regardless of case. The items are read one after the other, "
                             "so they may show different moments.",
              .answers = looked_up,
              .body = lookup_body,
              .body_example = lookup_example},
    call_text{
        .method = "POST",
        .path = "/ctms/bulk",
        .tag = "Contacts",
        .summary = "Write many contacts",
        .description =
            "Takes a list of at most 1,000 items, or with `Content-Type: application/x-ndjson` any number of items, one per line. An "
            "item is a contact as in `POST /ctms`: it is created or, if its `email_id` or else its address is known, merged as `PATCH` "
            "does, without clearing an opt-out; or an object with `op` and the fields of that call. To delete, the client also needs "
            "the role `delete`. An item that is refused stops no other. What has a result is stored. Lines are answered while they "
            "are sent, so read the response at the same time. A last line without `index` says why a response ends early. "
            "`Idempotency-Key` is ignored: send items without a result again.",
        .answers = bulk_results,
        .parameters = way_of_bulk,
        .body = "BulkItem[]",
        .body_example = bulk_example,
        .body_also_as = as_lines},
    call_text{
        .method = "GET",
        .path = "/ctms/{email_id}/history",
        .tag = "Contacts",
        .summary = "List who changed a contact",
        .description =
            "Returns the changes of a contact, the last recorded one first: when, by which client, in which request, and which fields. "
            "Switches, choices, newsletters, waitlists and languages have their old and new values; of other fields only "
            "the names are kept. Recorded only while `kept_days` is not 0. Of a deleted contact only its deletion is known.",
        .answers = page_of_history,
        .parameters = page_of_contact},
    call_text{.method = "GET",
              .path = "/ctms/{email_id}/export",
              .tag = "Privacy",
              .summary = "Export everything that is held about a person",
              .description =
                  "Answers a person who asks what is held about them: the contact, objects of Stripe, what was sent to the email "
                  "vendor, the history, and more. With `Accept: text/html`, returns a page for people. Each export is recorded. "
                  "Needs the role `privacy`.",
              .answers = whole_person,
              .parameters = email_id},
    call_text{.method = "POST",
              .path = "/erasures",
              .tag = "Privacy",
              .summary = "Erase a person",
              .description =
                  "Erases all contacts with this address, regardless of case, with everything that is stored about them, here at once and "
                  "then at the email vendor. The answer is a receipt without personal data; `GET /erasures/{id}` shows when the vendor has "
                  "confirmed. An address that is not stored gives a receipt, too. Asking again before the vendor has confirmed returns the "
                  "same receipt. With `suppress`, the address, the Firefox account and the customer at Stripe are kept out from now on.",
              .answers = requested_erasure,
              .body = erasure_order,
              .body_example = R"({"primary_email":"jane@example.com","suppress":true})"},
    call_text{.method = "GET",
              .path = "/erasures/{id}",
              .tag = "Privacy",
              .summary = "Get the receipt of an erasure",
              .description = "Returns what was erased, and what the email vendor has confirmed. Receipts are kept for three years.",
              .answers = one_erasure,
              .parameters = erasure_id},
    call_text{
        .method = "GET",
        .path = "/updates",
        .tag = "Changes",
        .summary = "List changed contacts",
        .description =
            "Returns the contacts whose last change is in a range of time, oldest first, in pages. "
            "Follow `next` until it is null: a page may have fewer contacts than `limit`, or none, although another one follows. Without "
            "`end`, no change is missed by a client that starts the next time at the `end` of the "
            "response; it may get a recent change twice. With `Accept: application/x-ndjson`, returns all of them without pages, one per "
            "line, and that `end` in the header `X-Updates-End`.",
        .answers = page_of_updates,
        .parameters = span_of_updates},
    call_text{.method = "GET",
              .path = "/changes",
              .tag = "Changes",
              .summary = "Follow all changes",
              .description =
                  "Returns every change of every contact, whoever made it, in an order in which a client that goes on at `next` misses "
                  "nothing. Without `after` it begins with all contacts that exist. A contact that changed several times may come once. "
                  "With `Accept: application/x-ndjson`, returns the items as lines, without pages, until nothing more is there. With "
                  "`Accept: text/event-stream`, stays open and sends changes as they happen, as server-sent events.",
              .answers = page_of_changes,
              .parameters = span_of_changes},
    call_text{.method = "GET",
              .path = "/identities",
              .tag = "Contacts",
              .summary = "Find the ids of contacts",
              .description = "Like `GET /ctms`, but returns only the ids.",
              .answers = found_identities,
              .takes_ids = true},
    call_text{.method = "GET",
              .path = "/identity/{email_id}",
              .tag = "Contacts",
              .summary = "Get the ids of a contact",
              .description = "Returns the nine ids that identify the contact in other systems.",
              .answers = one_identity,
              .parameters = email_id},
    call_text{.method = "GET",
              .path = "/__version__",
              .tag = "Operations",
              .summary = "Get the version",
              .description = "Returns the `version.json` of Dockerflow.",
              .answers = version_answer},
    call_text{.method = "GET",
              .path = "/__heartbeat__",
              .tag = "Operations",
              .summary = "Check the service and its database",
              .description = "Checks the database, and always answers within a second.",
              .answers = heartbeat_answer},
    call_text{.method = "HEAD",
              .path = "/__heartbeat__",
              .tag = "Operations",
              .summary = "Check the service and its database, without details",
              .description = "The same status without a body.",
              .answers = heartbeat_answer},
    call_text{.method = "GET",
              .path = "/__lbheartbeat__",
              .tag = "Operations",
              .summary = "Check that the service runs",
              .description = "Checks only this process, for load balancers.",
              .answers = load_balancer_answer},
    call_text{.method = "HEAD",
              .path = "/__lbheartbeat__",
              .tag = "Operations",
              .summary = "Check that the service runs, without a body",
              .description = "The same status without a body.",
              .answers = load_balancer_answer},
    call_text{.method = "GET",
              .path = "/metrics",
              .tag = "Operations",
              .summary = "Get metrics",
              .description = "Returns metrics for Prometheus.",
              .answers = metrics_answer},
    call_text{.method = "GET",
              .path = "/acoustic_configuration",
              .tag = "Operations",
              .summary = "Get the configuration of the sync",
              .description = "Returns the fields that are sent to each table of the email vendor, and the columns of newsletters.",
              .answers = acoustic_answer},
    call_text{.method = "POST",
              .path = "/stripe",
              .tag = "Stripe",
              .summary = "Store a Stripe object",
              .description = "Stores a customer, subscription, subscription item, price or invoice in the form of [Stripe's "
                             "API](https://stripe.com/docs/api). "
                             "Other members are ignored. Objects may come in any order, and sending the same "
                             "object again changes nothing.",
              .answers = ingested_object,
              .body = stripe_object},
    call_text{.method = "POST",
              .path = "/stripe_from_pubsub",
              .tag = "Stripe",
              .summary = "Store Stripe objects from Google Pub/Sub",
              .description = "For push subscriptions. The data of the message is one Stripe object or a dictionary of them. The bearer "
                             "token is a Google ID token of the service account that pushes.",
              .answers = pushed_message,
              .parameters = pushing_client,
              .body = pushed_body,
              .own_scheme = "GooglePubSub"},
    call_text{.method = "POST",
              .path = "/token",
              .tag = "Access",
              .summary = "Get an access token",
              .description = "Issues an access token for the id and the secret of an API client, sent in the form or with HTTP Basic "
                             "([RFC 6749, 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).",
              .answers = issued_token,
              .body = token_form,
              .body_media = "application/x-www-form-urlencoded"},
};

constexpr std::array hidden{
    hidden_call{"GET", "/"},      hidden_call{"GET", "/__crash__"},    hidden_call{"GET", "/docs"},
    hidden_call{"GET", "/redoc"}, hidden_call{"GET", "/docs/{asset}"}, hidden_call{"GET", "/openapi.json"},
};

constexpr std::array all_tags{
    tag_text{"Access", "Get an access token"},
    tag_text{"Contacts", "Find, create, change and delete contacts"},
    tag_text{"Changes", "Follow what changes"},
    tag_text{"Privacy", "Carry out the rights of people: export and erase what is held about them"},
    tag_text{"Stripe", "Take in objects of Stripe"},
    tag_text{"Operations", "For operators, load balancers and monitoring. These calls need no access token"},
};

constexpr std::array schemes{
    security_scheme{"OAuth2ClientCredentials", R"({"type":"oauth2","description":"An access token of an API client",)"
                                               R"("flows":{"clientCredentials":{"scopes":{},"tokenUrl":"token"}}})"},
    security_scheme{"GooglePubSub", R"({"type":"http","scheme":"bearer","bearerFormat":"JWT",)"
                                    R"("description":"A Google ID token of the service account that pushes"})"},
};

} // namespace

std::vector<answer> answers_of(const route& one) {
    std::vector<answer> out{otherwise, one.needs_token() ? too_many_of_client : too_many, unavailable};
    if (one.needs_token()) out.insert(out.end(), {disabled, unauthorized, forbidden});
    if (one.takes != body_kind::none) out.insert(out.begin(), unreadable);
    if (one.method == "POST" || one.method == "PUT" || one.method == "PATCH") out.push_back(too_large);
    if (one.has_tags) out.push_back(unmet_tag);
    if (one.has_tags && one.method != "GET") out.push_back(tag_needed);
    if (!one.has_tags && one.needs_token() && one.method != "GET") out.push_back(unmet);
    return out;
}

std::span<const security_scheme> security_schemes() noexcept { return schemes; }
std::span<const call_text> shown_calls() noexcept { return calls; }
std::span<const hidden_call> hidden_calls() noexcept { return hidden; }
std::span<const tag_text> tags() noexcept { return all_tags; }

} // namespace ctms::web::openapi
