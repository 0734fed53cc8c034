// SPDX-License-Identifier: MPL-2.0
#include "calls.hpp"

#include <array>

namespace ctms::web::openapi {
namespace {

constexpr std::string_view uuid_text = R"({"type":"string","format":"uuid"})";
constexpr std::string_view conflict =
    R"({"allOf":[{"$ref":"#/components/schemas/BadRequestResponse"},{"type":"object","properties":{"conflicts":{"type":"array",)"
    R"("items":{"type":"string"},"description":"Names of the values that another contact already uses","example":["primary_email"]}}}]})";
constexpr std::string_view invalid_input = "Invalid input, with every broken rule";
constexpr std::string_view no_token = "No access token, or an invalid one";

// ---- parameters ----

constexpr std::array email_id{parameter{"path", "email_id", true, "Id of the contact", uuid_text, "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"}};

constexpr std::array address{
    parameter{"path", "primary_email", true, "The address, regardless of case", R"({"type":"string"})", "jane@example.com"}};

constexpr std::array pushing_client{
    parameter{"query", "pubsub_client", false, "The shared secret of the push subscription", R"({"type":"string"})"}};

constexpr std::array span_of_updates{
    parameter{"query", "start", true, "Start of the range; a time without an offset is in UTC", R"({"type":"string","format":"date-time"})",
              "2024-05-01T00:00:00+00:00"},
    parameter{"query", "end", false,
              "End of the range, exclusive. Leave it out to follow all changes: the response says where to start the next time",
              R"({"type":"string","format":"date-time"})"},
    parameter{"query", "limit", false, "Maximum number of contacts on a page",
              R"({"type":"integer","minimum":1,"maximum":1000,"default":100})"},
    parameter{"query", "mofo_relevant", false, "true: only contacts that the foundation works with; false: only other contacts",
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

constexpr answer unauthorized{401, no_token, "UnauthorizedResponse"};
constexpr answer invalid{422, invalid_input, "HTTPValidationError"};
constexpr answer unknown_id{404, "No contact has this id", "NotFoundResponse"};
constexpr answer no_ids{400, "No id was given", "BadRequestResponse"};

constexpr std::array found_contacts{answer{200, "The contacts that match, or an empty list", "CTMSResponse[]"}, no_ids, unauthorized,
                                    invalid};
constexpr std::array found_identities{answer{200, "The ids of the contacts that match, or an empty list", "IdentityResponse[]"}, no_ids,
                                      unauthorized, invalid};
constexpr std::array one_contact{answer{200, "The contact", "CTMSSingleResponse"}, unauthorized, unknown_id, invalid};
constexpr std::array one_identity{answer{200, "The ids", "IdentityResponse"}, unauthorized, unknown_id, invalid};
constexpr std::array created_contact{
    answer{200, "The contact. The status is 201 if it was created, 200 if the same contact was already stored", "CTMSSingleResponse"},
    answer{409, "Another contact has one of its ids", conflict}, invalid};
constexpr std::array replaced_contact{answer{200, "The stored contact. The status is always 201", "CTMSSingleResponse"},
                                      answer{409, "Another contact has one of its ids", conflict}, invalid};
constexpr std::array changed_contact{answer{200, "The stored contact", "CTMSSingleResponse"}, unknown_id,
                                     answer{409, "Another contact has one of the new ids", conflict}, invalid};
constexpr std::array removed_contacts{answer{200, "The ids of the contacts that were deleted", "IdentityResponse[]"},
                                      answer{404, "No contact has this address", "NotFoundResponse"}, invalid};
constexpr std::array page_of_updates{answer{200, "One page of contacts", "CTMSBulkResponse"},
                                     answer{400, "The API client has been disabled", "BadRequestResponse"}, unauthorized, invalid};
constexpr std::array page_of_changes{
    answer{200, "A part of the feed", "ChangesResponse"}, answer{400, "The API client has been disabled", "BadRequestResponse"},
    unauthorized, answer{410, "The cursor cannot be followed any more. Begin again without `after`", "GoneResponse"}, invalid};
constexpr std::array ingested_object{answer{200, "The object is stored, or was already stored. An unknown deleted customer is ignored",
                                            R"({"type":"object","properties":{"status":{"type":"string","example":"OK"}}})"}};
constexpr std::array pushed_message{
    answer{
        200,
        "All objects are stored, or were already stored. The status is 202 if some cannot be stored and sending them again would not help",
        R"({"type":"object","properties":{"status":{"type":"string","example":"OK"},"count":{"type":"integer","example":1}}})"},
    invalid};
constexpr std::array version_answer{
    answer{200, "The running version",
           R"({"type":"object","properties":{"commit":{"type":"string"},"version":{"type":"string"},"source":{"type":"string"},)"
           R"("build":{"type":"string"}}})"}};
constexpr std::array heartbeat_answer{
    answer{200, "Healthy. If anything is wrong, the status is 503 with the same members",
           R"({"type":"object","properties":{"database":{"type":"object","description":"Whether the database answers, and the state of )"
           R"(the sync queue","properties":{"up":{"type":"boolean"},"time_ms":{"type":"integer"},"acoustic":{"type":"object"}}}}})"}};
constexpr std::array load_balancer_answer{answer{200, "The service runs. While it stops, the status is 503",
                                                 R"({"type":"object","properties":{"status":{"type":"string","example":"OK"}}})"}};
constexpr std::array metrics_answer{answer{200, "Metrics in Prometheus' text format", R"({"type":"string"})", "text/plain"}};
constexpr std::array acoustic_answer{answer{
    200, "The fields of each table, and the column of each newsletter",
    R"({"type":"object","properties":{"sync_fields":{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}},)"
    R"("newsletter_mappings":{"type":"object","additionalProperties":{"type":"string"}}}})"}};

// ---- examples of bodies ----

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

// ---- the calls ----

constexpr std::array calls{
    call_text{.method = "GET",
              .path = "/ctms",
              .tag = "Public",
              .summary = "Find contacts by their ids",
              .description =
                  "Returns the contacts that match all given ids. At least one id is required. The two addresses match regardless of case.",
              .answers = found_contacts,
              .takes_ids = true},
    call_text{.method = "POST",
              .path = "/ctms",
              .tag = "Public",
              .summary = "Create a contact",
              .description = "Assigns an `email_id` if none is sent. Sending the same contact again changes nothing. "
                             "The `location` header is the path of the contact.",
              .answers = created_contact,
              .body = "ContactInSchema",
              .body_example = new_contact},
    call_text{.method = "GET",
              .path = "/ctms/{email_id}",
              .tag = "Public",
              .summary = "Get a contact",
              .description = "Returns the whole contact, with defaults filled in.",
              .answers = one_contact,
              .parameters = email_id},
    call_text{.method = "PUT",
              .path = "/ctms/{email_id}",
              .tag = "Public",
              .summary = "Create or replace a contact",
              .description = "Everything that is not sent is reset to its default. Newsletters that are not sent are deleted; "
                             "waitlists that are not sent are kept.",
              .answers = replaced_contact,
              .parameters = email_id,
              .body = "ContactPutSchema",
              .body_example = whole_contact},
    call_text{.method = "PATCH",
              .path = "/ctms/{email_id}",
              .tag = "Public",
              .summary = "Change a contact",
              .description = "Changes what is sent and keeps the rest. `\"DELETE\"` instead of a group removes the group. "
                             "`\"UNSUBSCRIBE\"` instead of a list unsubscribes from everything in the list.",
              .answers = changed_contact,
              .parameters = email_id,
              .body = "ContactPatchSchema",
              .body_example = changes},
    call_text{.method = "DELETE",
              .path = "/ctms/{primary_email}",
              .tag = "Public",
              .summary = "Delete contacts by their address",
              .description = "Deletes all contacts with this address, regardless of case, with everything that belongs to them.",
              .answers = removed_contacts,
              .parameters = address},
    call_text{
        .method = "GET",
        .path = "/updates",
        .tag = "Public",
        .summary = "List changed contacts",
        .description =
            "Returns the contacts whose last change is in a range of time, oldest first, in pages. "
            "Follow `next` until it is null. Without `end`, no change is missed by a client that starts the next time at the `end` of the "
            "response; it may get a recent change twice. With `Accept: application/x-ndjson`, returns all of them without pages, one per "
            "line, and that `end` in the header `X-Updates-End`.",
        .answers = page_of_updates,
        .parameters = span_of_updates},
    call_text{.method = "GET",
              .path = "/changes",
              .tag = "Public",
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
              .tag = "Private",
              .summary = "Find the ids of contacts",
              .description = "Like `GET /ctms`, but returns only the ids.",
              .answers = found_identities,
              .takes_ids = true},
    call_text{.method = "GET",
              .path = "/identity/{email_id}",
              .tag = "Private",
              .summary = "Get the ids of a contact",
              .description = "Returns the nine ids that identify the contact in other systems.",
              .answers = one_identity,
              .parameters = email_id},
    call_text{.method = "GET",
              .path = "/__version__",
              .tag = "Platform",
              .summary = "Get the version",
              .description = "Returns the `version.json` of Dockerflow.",
              .answers = version_answer},
    call_text{.method = "GET",
              .path = "/__heartbeat__",
              .tag = "Platform",
              .summary = "Check the service and its database",
              .description = "Checks the database, and always answers within a second.",
              .answers = heartbeat_answer},
    call_text{.method = "HEAD",
              .path = "/__heartbeat__",
              .tag = "Platform",
              .summary = "Check the service and its database, without details",
              .description = "The same status without a body.",
              .answers = heartbeat_answer},
    call_text{.method = "GET",
              .path = "/__lbheartbeat__",
              .tag = "Platform",
              .summary = "Check that the service runs",
              .description = "Checks only this process, for load balancers.",
              .answers = load_balancer_answer},
    call_text{.method = "HEAD",
              .path = "/__lbheartbeat__",
              .tag = "Platform",
              .summary = "Check that the service runs, without a body",
              .description = "The same status without a body.",
              .answers = load_balancer_answer},
    call_text{.method = "GET",
              .path = "/metrics",
              .tag = "Platform",
              .summary = "Get metrics",
              .description = "Returns metrics for Prometheus.",
              .answers = metrics_answer},
    call_text{.method = "GET",
              .path = "/acoustic_configuration",
              .tag = "Platform",
              .summary = "Get the configuration of the sync",
              .description = "Returns the fields that are sent to each table of the email vendor, and the columns of newsletters.",
              .answers = acoustic_answer},
    call_text{.method = "POST",
              .path = "/stripe",
              .tag = "Public",
              .summary = "Store a Stripe object",
              .description = "Stores a customer, subscription, subscription item, price or invoice in the form of [Stripe's "
                             "API](https://stripe.com/docs/api). "
                             "Other members are ignored. Objects may come in any order, and sending the same "
                             "object again changes nothing.",
              .answers = ingested_object},
    call_text{.method = "POST",
              .path = "/stripe_from_pubsub",
              .tag = "Private",
              .summary = "Store Stripe objects from Google Pub/Sub",
              .description = "For push subscriptions. The data of the message is one Stripe object or a dictionary of them. The bearer "
                             "token is a Google ID token of the service account that pushes.",
              .answers = pushed_message,
              .parameters = pushing_client,
              .checks_token_itself = true},
};

constexpr std::array hidden{
    hidden_call{"POST", "/token"}, // described by the security scheme
    hidden_call{"GET", "/"},       hidden_call{"GET", "/__crash__"},    hidden_call{"GET", "/docs"},
    hidden_call{"GET", "/redoc"},  hidden_call{"GET", "/docs/{asset}"}, hidden_call{"GET", "/openapi.json"},
};

constexpr std::array all_tags{
    tag_text{"Public", "Contacts, for all API clients"},
    tag_text{"Private", "For related services"},
    tag_text{"Platform", "For operators, load balancers and monitoring; most need no access token"},
};

} // namespace

std::span<const call_text> shown_calls() noexcept { return calls; }
std::span<const hidden_call> hidden_calls() noexcept { return hidden; }
std::span<const tag_text> tags() noexcept { return all_tags; }

} // namespace ctms::web::openapi
