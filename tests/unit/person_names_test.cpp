// SPDX-License-Identifier: MPL-2.0
// Which parked payloads name a person.
#include <support/pubsub_messages.hpp>

#include <json/person_names.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace ctms;

namespace {

// The account is an ordinary word, as a test system may have it.
const json::person_names person{{"subscription"}, {"cus_7"}, {"Jane.Doe@example.com"}};

} // namespace

TEST_CASE("a payload names a person in the members that identify one") {
    for (const std::string named : {R"({"object":"invoice","customer":"cus_7"})", R"({"object":"invoice","customer":{"id":"cus_7"}})",
                                    R"({"object":"customer","id":"cus_7"})", R"({"object":"customer","description":"subscription"})",
                                    R"({"object":"customer","metadata":{"userid":"subscription"}})",
                                    R"({"object":"invoice","customer":{"description":"subscription"}})",
                                    R"({"customer":"cus_8","customer":"cus_7","customer":"cus_9"})",
                                    R"([{"object":"charge","receipt_email":"JANE.doe@example.com"}])",
                                    R"({"object":"invoice","metadata":{"note":"jane.doe\u0040example.com"}})",
                                    R"({"invoice:in_7":{"object":"invoice","lines":{"data":[{"customer":"cus_7"}]}}})"}) {
        CAPTURE(named);
        CHECK(json::names_person(named, person));
        CHECK(json::names_person(test::envelope_of(named), person));
    }
}

TEST_CASE("a payload that only contains the words does not name a person") {
    for (const std::string other :
         {R"({"object":"subscription","items":{"object":"list"}})", R"({"object":"customer","id":"subscription"})",
          R"({"object":"subscription","description":"subscription","metadata":{"kind":"subscription"}})",
          R"({"object":"invoice","id":"cus_7","number":"cus_7"})", R"({"object":"invoice","customer":"cus_77"})",
          R"({"object":"invoice","customer":"CUS_7"})", R"({"cus_7":"","subscription":{"jane.doe@example.com":1}})",
          R"({"email":"jane.doe@example.com.au"})", R"({"text":"write to jane.doe@example.com"})", "{}", "null"}) {
        CAPTURE(other);
        CHECK_FALSE(json::names_person(other, person));
        CHECK_FALSE(json::names_person(test::envelope_of(other), person));
    }
    CHECK_FALSE(json::names_person(R"({"object":"customer","id":"","description":""})", {}));
}

TEST_CASE("what is not JSON is searched for quoted names") {
    CHECK(json::names_person(R"({"email":"JANE.DOE@example.com",)", person));
    CHECK(json::names_person(R"({"message":{"data":"cus_7"})", person));
    CHECK(json::names_person(test::envelope_of(R"({"customer":"cus_7")"), person));
    CHECK_FALSE(json::names_person(R"({"email":"x.jane.doe@example.com",)", person));
    CHECK_FALSE(json::names_person("", person));
    CHECK(json::names_person("\xff\"cus_7\"", person));
}
