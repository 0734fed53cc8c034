// SPDX-License-Identifier: MPL-2.0
#include "acoustic/answer.hpp"
#include "acoustic/xml.hpp"

#include <ctms/base/utf8.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms;
using acoustic::column;
using acoustic::relational_row;

namespace {

const std::string first_id = "00000000-aaaa-4aaa-8aaa-000000000001";
const std::string second_id = "00000000-aaaa-4aaa-8aaa-00000000000b";

std::string fault(const std::string& text, const std::string& error_id) {
    return "<Envelope><Body><RESULT><SUCCESS>false</SUCCESS></RESULT><Fault><Request/><FaultCode/><FaultString>" + text +
           "</FaultString><detail><error><errorid>" + error_id +
           "</errorid><module/><class>SP.Recipient</class><method/></error></detail></Fault></Body></Envelope>";
}

std::string with_failures(const std::string& failures) {
    return "<Envelope><Body><RESULT><SUCCESS>true</SUCCESS><FAILURES>" + failures + "</FAILURES></RESULT></Body></Envelope>";
}

acoustic::answer read(const std::string& xml) {
    auto out = acoustic::read_answer(xml);
    REQUIRE(out.has_value());
    return *out;
}

std::string kind_text(acoustic::failure_kind kind) {
    if (kind == acoustic::failure_kind::unavailable) return "unavailable: ";
    return kind == acoustic::failure_kind::transient ? "transient: " : "permanent: ";
}

/// Returns "transient: reason", "permanent: reason", or "" without a failure.
std::string told(const std::optional<acoustic::failure>& failed) {
    if (!failed) return {};
    return kind_text(failed->kind) + failed->reason;
}

} // namespace

TEST_CASE("acoustic xml: AddRecipient has the form that the vendor expects") {
    const std::vector<column> main{{"email", "html@example.com"}, {"sfdc_id", ""}, {"email_id", first_id}, {"first_name", "<J&\"ä"}};
    CHECK(acoustic::add_recipient_xml("1001", main) ==
          "<Envelope><Body><AddRecipient><LIST_ID>1001</LIST_ID><CREATED_FROM>3</CREATED_FROM><UPDATE_IF_FOUND>TRUE</UPDATE_IF_FOUND>"
          "<SYNC_FIELDS><SYNC_FIELD><NAME>email_id</NAME><VALUE>" +
              first_id +
              "</VALUE></SYNC_FIELD></SYNC_FIELDS>"
              "<COLUMN><NAME>email</NAME><VALUE>html@example.com</VALUE></COLUMN><COLUMN><NAME>sfdc_id</NAME></COLUMN>"
              "<COLUMN><NAME>email_id</NAME><VALUE>" +
              first_id +
              "</VALUE></COLUMN><COLUMN><NAME>first_name</NAME><VALUE>&lt;J&amp;\"ä</VALUE></COLUMN>"
              "</AddRecipient></Body></Envelope>");
    const std::vector<column> without_id{{"email", "a@example.com"}};
    CHECK_THROWS_AS(static_cast<void>(acoustic::add_recipient_xml("1001", without_id)), std::invalid_argument);
}

TEST_CASE("acoustic xml: rows of a relational table are written") {
    const std::vector<relational_row> rows{
        {first_id, "hubs", {{"email_id", first_id}, {"newsletter_lang", ""}, {"newsletter_source", "https://example.com/?a=1&b=2"}}},
        {second_id, "hubs", {{"email_id", second_id}}}};
    CHECK(
        acoustic::insert_rows_xml("1002", rows) ==
        "<Envelope><Body><InsertUpdateRelationalTable><TABLE_ID>1002</TABLE_ID><ROWS><ROW><COLUMN name=\"email_id\">" + first_id +
            "</COLUMN><COLUMN name=\"newsletter_lang\"/><COLUMN name=\"newsletter_source\">https://example.com/?a=1&amp;b=2</COLUMN></ROW>"
            "<ROW><COLUMN name=\"email_id\">" +
            second_id + "</COLUMN></ROW></ROWS></InsertUpdateRelationalTable></Body></Envelope>");
}

TEST_CASE("acoustic xml: deletions name the keys of their rows") {
    const std::vector<relational_row> rows{{first_id, "hubs", {{"unused", "x"}}}};
    CHECK(acoustic::delete_rows_xml("1002", acoustic::table::newsletter, rows) ==
          "<Envelope><Body><DeleteRelationalTableData><TABLE_ID>1002</TABLE_ID><ROWS><ROW><KEY_COLUMN name=\"email_id\">" + first_id +
              "</KEY_COLUMN><KEY_COLUMN "
              "name=\"newsletter_name\">hubs</KEY_COLUMN></ROW></ROWS></DeleteRelationalTableData></Body></Envelope>");
    CHECK(acoustic::delete_rows_xml("1003", acoustic::table::product, rows).find("<KEY_COLUMN name=\"product_id\">hubs</KEY_COLUMN>") !=
          std::string::npos);
    CHECK(acoustic::remove_recipient_xml("1001", "a@example.com", first_id) ==
          "<Envelope><Body><RemoveRecipient><LIST_ID>1001</LIST_ID><EMAIL>a@example.com</EMAIL><COLUMN><NAME>email_id</NAME><VALUE>" +
              first_id + "</VALUE></COLUMN></RemoveRecipient></Body></Envelope>");
}

TEST_CASE("acoustic xml: characters that XML forbids are removed and all others are kept") {
    CHECK(acoustic::xml_text("a\x01\x08\x0b\x0c\x1f b\tc\nd\re\x7f") == "a b\tc\nd\re\x7f");
    CHECK(acoustic::xml_text("\xEF\xBF\xBE\xEF\xBF\xBF\xEF\xBF\xBD") == "\xEF\xBF\xBD");
    CHECK(acoustic::xml_text("ä€\xF0\x9F\xA6\x8A") == "ä€\xF0\x9F\xA6\x8A");
    // The first and last character of each length.
    for (const std::string edge : {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xEF\xBF\xBD", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        CHECK(acoustic::xml_text(edge) == edge);
    CHECK(acoustic::xml_text(std::string_view("a\0b", 3)) == "ab");
    // Incomplete characters, overlong forms, surrogates.
    CHECK(acoustic::xml_text("a\xC3") == "a");
    CHECK(acoustic::xml_text("\xC3\xC3\xA4\x80\xFFz") == "äz");
    CHECK(acoustic::xml_text("\xC0\x80\xED\xA0\x80z") == "z");
    CHECK(acoustic::xml_text("\xF0\x9F\xA6") == "");
}

TEST_CASE("acoustic xml: a value of only forbidden characters is an empty column") {
    const std::vector<column> main{{"email_id", first_id}, {"first_name", "\x01"}};
    CHECK(acoustic::add_recipient_xml("1", main).find("<COLUMN><NAME>first_name</NAME></COLUMN>") != std::string::npos);
    CHECK(acoustic::insert_rows_xml("1", std::vector<relational_row>{{first_id, "k", {{"x", "\xFF"}}}}).find("<COLUMN name=\"x\"/>") !=
          std::string::npos);
}

TEST_CASE("acoustic xml: any text becomes valid UTF-8 that an XML parser accepts") {
    std::string all;
    for (int byte = 255; byte >= 0; --byte) all += static_cast<char>(byte);
    const auto xml = acoustic::add_recipient_xml(all, std::vector<column>{{"email_id", all}, {all, "]]>" + all}});
    CHECK(is_valid_utf8(xml));
    CHECK(acoustic::read_answer(xml).has_value());
}

TEST_CASE("acoustic xml: a successful response is recognized") {
    const auto good = read("<Envelope><Body><RESULT><SUCCESS>TRUE</SUCCESS><RecipientId>1</RecipientId></RESULT></Body></Envelope>");
    CHECK(told(acoustic::whole_failure(good)).empty());
    CHECK(good.failures.empty());
    CHECK_FALSE(acoustic::is_session_lost(good));
    CHECK(told(acoustic::whole_failure(
              read("<?xml version='1.0'?>\n<Envelope>\n <Body>\n  <RESULT><SUCCESS>\ttrue </SUCCESS></RESULT></Body></Envelope>"))) == "");
}

TEST_CASE("acoustic xml: faults are permanent or transient") {
    const auto whole = [](const std::string& xml) { return told(acoustic::whole_failure(read(xml))); };
    CHECK(whole(fault("Email address is invalid", "121")) == "permanent: error 121: Email address is invalid");
    CHECK(whole(fault("Session has expired", "145")) == "transient: error 145: Session has expired");
    CHECK(acoustic::is_session_lost(read(fault("Session has expired", "145"))));
    CHECK(whole(fault("Server Error", "50")) == "transient: error 50: Server Error");
    CHECK_FALSE(acoustic::is_session_lost(read(fault("Server Error", "50"))));
    CHECK(whole(fault("<![CDATA[Unknown <field>]]>", "51")) == "permanent: error 51: Unknown <field>");
    CHECK(whole(fault("no id", "")) == "permanent: no id");
    CHECK(whole("<Envelope><Body><Fault/></Body></Envelope>") == "permanent: no reason given");
    CHECK(whole("<Envelope><Body><RESULT><SUCCESS>false</SUCCESS></RESULT></Body></Envelope>") ==
          "permanent: the vendor's response has SUCCESS false");
    CHECK(whole("<Envelope><Body><RESULT/></Body></Envelope>") == "transient: the response reports neither success nor failure");
}

TEST_CASE("acoustic xml: text that is not a response of the API is refused") {
    for (const auto* text : {"", " ", "Service Unavailable", "<html><body>Bad gateway</body></html>", "<Envelope>", "<Envelope/>",
                             "<Envelope><Body></Envelope>", "{\"SUCCESS\": true}"}) {
        CHECK_MESSAGE(!acoustic::read_answer(text).has_value(), text);
    }
}

TEST_CASE("acoustic xml: document types are not processed") {
    const auto answer = read("<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>" + fault("&a;&f;", "1"));
    CHECK(answer.fault == "&a;&f;");
}

TEST_CASE("acoustic xml: deep and wide responses are parsed without harm") {
    std::string deep;
    for (int level = 0; level < 100'000; ++level) deep += "<a>";
    CHECK_FALSE(acoustic::read_answer(deep).has_value());
    std::string closed = "<Envelope><Body>" + deep;
    for (int level = 0; level < 100'000; ++level) closed += "</a>";
    CHECK(acoustic::read_answer(closed + "</Body></Envelope>").has_value());
}

TEST_CASE("acoustic xml: refused rows are assigned to the contacts that sent them") {
    const std::vector<relational_row> sent{{first_id, "hubs", {}}, {second_id, "hubs", {}}, {second_id, "app-dev", {}}};
    const auto answer =
        read(with_failures("<FAILURE failure_type=\"permanent\" description=\"There is no column x\"><COLUMN name=\"newsletter_name\">hubs"
                           "</COLUMN><COLUMN name=\"EMAIL_ID\">00000000-AAAA-4AAA-8AAA-00000000000B</COLUMN></FAILURE>"
                           "<FAILURE failure_type=\"transient\" description=\"Busy\"><COLUMN><NAME>email_id</NAME><VALUE>" +
                           first_id +
                           "</VALUE></COLUMN></FAILURE>"
                           "<FAILURE failure_type=\"Permanent\"><COLUMN name=\"email_id\">somebody else</COLUMN></FAILURE>"
                           "<FAILURE description=\"no type\"/>"));
    CHECK_FALSE(acoustic::whole_failure(answer).has_value());
    const auto refused = acoustic::refused_rows(answer, sent, false);
    REQUIRE(refused.size() == 4);
    CHECK(refused[0].email_id == second_id);
    CHECK(told(refused[0].why) == "permanent: There is no column x");
    CHECK(refused[1].email_id == first_id);
    CHECK(told(refused[1].why) == "transient: Busy");
    CHECK(refused[2].email_id.empty());
    CHECK(told(refused[2].why) == "permanent: row refused");
    CHECK(refused[3].email_id.empty());
    CHECK(told(refused[3].why) == "transient: no type");
}

TEST_CASE("acoustic xml: missing rows count as deleted, unless it is a column that is missing") {
    const std::vector<relational_row> sent{{first_id, "hubs", {}}};
    const auto answer =
        read(with_failures("<FAILURE failure_type=\"permanent\" description=\"Row not found\"><COLUMN name=\"email_id\">" + first_id +
                           "</COLUMN></FAILURE>"
                           "<FAILURE failure_type=\"permanent\" description=\"Column not found\"><COLUMN name=\"email_id\">" +
                           first_id + "</COLUMN></FAILURE>"));
    const auto refused = acoustic::refused_rows(answer, sent, true);
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].why.reason == "Column not found");
    CHECK(acoustic::refused_rows(answer, sent, false).size() == 2);
}

TEST_CASE("acoustic xml: an unknown recipient does not have to be removed") {
    const auto removal = [](const std::string& text, const std::string& error_id) {
        return told(acoustic::removal_failure(read(fault(text, error_id))));
    };
    CHECK(removal("Recipient not found in list", "128").empty());
    CHECK(removal("Error removing recipient from list. Recipient is not a member of the list.", "122").empty());
    CHECK(removal("Unable to find the recipient", "0").empty());
    CHECK(removal("List not found", "140") == "permanent: error 140: List not found");
    CHECK(removal("Session has expired", "145") == "transient: error 145: Session has expired");
    CHECK(told(acoustic::whole_failure(read(fault("Recipient not found in list", "128")))) != "");
}

TEST_CASE("acoustic xml: reasons are short, on one line and without addresses") {
    const auto answer = read(fault("Invalid:\njane.doe@example.com and j%40example.com", "121"));
    const auto reason = acoustic::whole_failure(answer)->reason;
    CHECK(reason.find("example.com") == std::string::npos);
    CHECK(reason.find("jane") == std::string::npos);
    CHECK(reason.starts_with("error 121: Invalid: [OMITTED]"));
    std::string euros;
    for (int n = 0; n < 200; ++n) euros += "€";
    CHECK(acoustic::short_reason("a" + euros).size() == 298);
    CHECK(is_valid_utf8(acoustic::short_reason("a" + euros)));
    // An address that the end of the reason would split.
    CHECK(acoustic::short_reason(std::string(290, 'x') + " jane.doe@example.com").find("jane") == std::string::npos);
    CHECK(acoustic::short_reason("broken \xFF\x01 text") == "broken  text");
}
