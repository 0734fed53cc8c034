// SPDX-License-Identifier: MPL-2.0
// The file of a bulk job, its mapping, and the vendor's answers about jobs.
#include "acoustic/answer.hpp"

#include <ctms/acoustic/import.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace ctms;
using namespace ctms::acoustic;

namespace {

const std::vector<std::string> columns{"email_id", "email", "first_name"};

answer answer_of(const std::string& inside) {
    return read_answer("<Envelope><Body><RESULT><SUCCESS>TRUE</SUCCESS>" + inside + "</RESULT></Body></Envelope>").value();
}

std::string parameter(const std::string& name, const std::string& value) {
    return "<PARAMETER><NAME>" + name + "</NAME><VALUE>" + value + "</VALUE></PARAMETER>";
}

} // namespace

TEST_CASE("import: a line has the values in the order of the columns, quoted where RFC 4180 asks for it") {
    CHECK(import_header(columns) == "email_id,email,first_name\r\n");
    CHECK(import_line(columns, std::vector<column>{{"first_name", "Jo"}, {"email", "a@b"}, {"email_id", "1"}}) == "1,a@b,Jo\r\n");
    CHECK(import_line(columns, std::vector<column>{{"email_id", "1"}}) == "1,,\r\n");
    CHECK(import_line(columns, std::vector<column>{{"first_name", "a,b"}}) == ",,\"a,b\"\r\n");
    CHECK(import_line(columns, std::vector<column>{{"first_name", "a \"b\""}}) == ",,\"a \"\"b\"\"\"\r\n");
    CHECK(import_line(columns, std::vector<column>{{"first_name", " a"}}) == ",,\" a\"\r\n");
    CHECK(import_line(columns, std::vector<column>{{"first_name", "J\xC3\xBCrgen\x01"}}) == ",,J\xC3\xBCrgen\r\n");
}

TEST_CASE("import: a row with another column or a line break does not fit") {
    CHECK(!import_line(columns, std::vector<column>{{"email_id", "1"}, {"old", ""}}));
    CHECK(!import_line(columns, std::vector<column>{{"first_name", "a\nb"}}));
    CHECK(!import_line(columns, std::vector<column>{{"first_name", "a\rb"}}));
}

TEST_CASE("import: the columns are all that a contact may have") {
    model::acoustic_configuration configuration;
    configuration.sync_fields["main"] = {"first_name", "fxa_id", "amo_user_id", "vpn_waitlist_geo"};
    configuration.newsletter_mappings = {{"app-dev", "sub_apps"}, {"hubs", "sub_hubs"}, {"hubs-2", "sub_hubs"}};
    const auto found = import_columns(configuration);
    for (const auto* name : {"email_id", "email", "first_name", "fxa_id", "amo_user_id", "vpn_waitlist_geo", "sub_apps", "sub_hubs"})
        CHECK(std::count(found.begin(), found.end(), name) == 1);
    CHECK(found.size() == 8);
}

TEST_CASE("import: the mapping") {
    CHECK(import_mapping_xml("1<2", std::vector<std::string>{"email_id", "a&b"}) ==
          "<LIST_IMPORT><LIST_INFO><ACTION>ADD_AND_UPDATE</ACTION><LIST_ID>1&lt;2</LIST_ID><FILE_TYPE>0</FILE_TYPE><HASHEADERS>true"
          "</HASHEADERS></LIST_INFO><SYNC_FIELDS><SYNC_FIELD><NAME>email_id</NAME></SYNC_FIELD></SYNC_FIELDS><MAPPING><COLUMN><INDEX>1"
          "</INDEX><NAME>email_id</NAME><INCLUDE>true</INCLUDE></COLUMN><COLUMN><INDEX>2</INDEX><NAME>a&amp;b</NAME><INCLUDE>true"
          "</INCLUDE></COLUMN></MAPPING></LIST_IMPORT>");
}

TEST_CASE("import: ids are found in a text of any form") {
    const std::string one = "00000000-0000-4000-8000-000000000001";
    const std::string two = "ABCDEF00-0000-4000-8000-00000000000f";
    CHECK(uuids_in("").empty());
    CHECK(uuids_in("-").empty());
    CHECK(uuids_in("12345678-").empty());
    CHECK(uuids_in(one.substr(0, 35)).empty());
    CHECK(uuids_in(one) == std::vector{uuid::parse(one).value()});
    CHECK(uuids_in("Row 3: \"" + two + "\",a@b,invalid\n" + one + "\t-\n" + one) ==
          std::vector{uuid::parse(one).value(), uuid::parse(two).value()});
}

TEST_CASE("import: the state of a job") {
    CHECK(state_of_job(answer_of("<JOB_STATUS>WAITING</JOB_STATUS>")).stage == job_stage::running);
    CHECK(state_of_job(answer_of("<JOB_STATUS>RUNNING</JOB_STATUS>")).stage == job_stage::running);
    CHECK(state_of_job(answer_of("")).stage == job_stage::running);
    for (const auto* word : {"ERROR", "CANCELED", "CANCELLED", "error"}) {
        const auto state = state_of_job(answer_of("<JOB_STATUS>" + std::string(word) + "</JOB_STATUS>"));
        CHECK(state.stage == job_stage::failed);
        CHECK(state.said == word);
    }
    const auto complete =
        state_of_job(answer_of("<JOB_ID>7</JOB_ID><JOB_STATUS>COMPLETE</JOB_STATUS><PARAMETERS>" + parameter("TOTAL_VALID", "65535") +
                               "<PARAMETER></PARAMETER>" + parameter("BAD_RECORDS", "2") + parameter("BAD_ADDRESSES", "3") +
                               parameter("NOT_ALLOWED", "4") + parameter("ERROR_FILE_NAME", "1241474.err") + "</PARAMETERS>"));
    CHECK(complete.stage == job_stage::complete);
    CHECK(complete.valid == 65535);
    CHECK(complete.bad == 9);
    CHECK(complete.error_file == "1241474.err");
    for (const auto* text : {"", "-1", "1x", "99999999999999999999"})
        CHECK(!state_of_job(answer_of("<PARAMETERS>" + parameter("TOTAL_VALID", text) + "</PARAMETERS>")).valid);
}
