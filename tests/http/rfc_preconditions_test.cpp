// SPDX-License-Identifier: MPL-2.0
// RFC 9110, 8.8 and 13: entity tags and preconditions.
#include "rfc_rules.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <map>

namespace ctms::test {
namespace {

constexpr auto missing = "00000000-0000-4000-8000-00000000000f";

// {auth}, {id} and {tag} stand for the header field with a token, and for the id and the tag of a contact. Those of a second contact, which
// is written, are {written} and {its_tag}.

std::string get(std::string_view fields, std::string_view id = "{id}") {
    return fmt::format("GET /ctms/{} HTTP/1.1\r\nHost: a\r\n{{auth}}{}\r\n", id, fields);
}
std::string write(std::string_view method, std::string_view id, std::string_view fields, std::string_view body) {
    return fmt::format("{} /ctms/{} HTTP/1.1\r\nHost: a\r\n{{auth}}Content-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
                       method, id, body.size(), fields, body);
}
std::string patch(std::string_view fields, std::string_view id = "{written}") { return write("PATCH", id, fields, "{}"); }
std::string put(std::string_view fields, std::string_view id, std::string_view address) {
    return write("PUT", id, fields, fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"{}"}}}})", missing, address));
}
std::string remove(std::string_view fields, std::string_view address) {
    return fmt::format("DELETE /ctms/{} HTTP/1.1\r\nHost: a\r\n{{auth}}{}\r\n", address, fields);
}

bool is_strong_tag(const std::string& text) { return text.size() > 2 && text.front() == '"' && text.back() == '"'; }

const auto has_tag = [](const http_answer& answer) { CHECK(is_strong_tag(answer.header("etag"))); };
const auto is_unmet = [](const http_answer& answer) {
    CHECK(answer.body == R"({"detail":"Precondition Failed"})");
    CHECK(is_strong_tag(answer.header("etag")));
};
const auto is_unmodified = [](const http_answer& answer) {
    CHECK(answer.body.empty());
    CHECK(is_strong_tag(answer.header("etag")));
    CHECK(answer.header("vary") == "Accept-Encoding");
    CHECK_FALSE(answer.has_header("content-type"));
    CHECK_FALSE(answer.has_header("content-encoding"));
};

const std::vector<rfc_rule> rules{
    {"9110, 8.8.3", level::should, "A contact has a strong entity tag.", {get(""), patch("")}, 200, then::stays, has_tag},
    {"9110, 8.8.3.3",
     level::must,
     "The tag of a compressed answer differs from that of the plain one.",
     {get("Accept-Encoding: gzip\r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("etag").ends_with("-gzip\"")); }},
    {"9110, 13.1.1",
     level::must,
     "A write is performed if the contact has a tag of If-Match, or if it exists and that is *.",
     {patch("If-Match: *\r\n"), patch("If-Match: {its_tag}\r\n"), patch("If-Match: \"a\" ,, {its_tag}, W/\"b\"\r\n"),
      patch("If-Match: \"a\"\r\nIf-Match: {its_tag}\r\n")},
     200},
    {"9110, 13.1.1",
     level::must,
     "A write is not performed if the contact has no tag of If-Match.",
     {patch("If-Match: \"a\"\r\n"), patch("If-Match: \"a\", \"b\"\r\n"), remove("If-Match: \"a\"\r\n", "written@example.com")},
     412,
     then::stays,
     is_unmet},
    {"9110, 13.1.1",
     level::must,
     "A weak tag in If-Match matches nothing.",
     {patch("If-Match: W/{its_tag}\r\n")},
     412,
     then::stays,
     is_unmet},
    {"9110, 13.1.1",
     level::must,
     "A contact that does not exist has no tag, so If-Match forbids its creation.",
     {put("If-Match: *\r\n", missing, "new@example.com"), put("If-Match: \"a\"\r\n", missing, "new@example.com")},
     412},
    {"9110, 13.1.1",
     level::ours,
     "If-Match takes the tag of a compressed answer for that of the contact.",
     {patch("If-Match: {its_gzip_tag}\r\n")},
     200},
    {"9110, 13.1.1",
     level::must,
     "A read with an If-Match that does not hold gets 412.",
     {get("If-Match: \"a\"\r\n")},
     412,
     then::stays,
     is_unmet},
    {"9110, 13.1.2",
     level::must,
     "A read gets 304 without a body if the answer has a tag of If-None-Match, or if that is *; tags are compared weakly.",
     {get("If-None-Match: {tag}\r\n"), get("If-None-Match: W/{tag}\r\n"), get("If-None-Match: \"a\", {tag}\r\n"),
      get("If-None-Match: *\r\n"), get("If-None-Match: {gzip_tag}\r\nAccept-Encoding: gzip\r\n")},
     304,
     then::stays,
     is_unmodified},
    {"9110, 13.1.2",
     level::must,
     "A read gets the contact if If-None-Match names other tags.",
     {get("If-None-Match: \"a\"\r\n"), get("If-None-Match: {tag}\r\nAccept-Encoding: gzip\r\n"), get("If-None-Match: {gzip_tag}\r\n")},
     200},
    {"9110, 13.1.2",
     level::must,
     "A write with If-None-Match: * is not performed if the contact exists.",
     {patch("If-None-Match: *\r\n"), patch("If-None-Match: {its_tag}\r\n"), remove("If-None-Match: *\r\n", "written@example.com")},
     412},
    {"9110, 13.1.2",
     level::must,
     "A write with If-None-Match: * is performed if the contact does not exist.",
     {put("If-None-Match: *\r\n", missing, "new@example.com")},
     201},
    {"9110, 13.1",
     level::ours,
     "A write whose condition cannot be read is refused, and a read ignores it.",
     {patch("If-Match: a\r\n"), patch("If-Match: \"a\r\n"), patch("If-Match: \"a\" \"b\"\r\n"), patch("If-Match:\r\n"),
      patch("If-None-Match: *, \"a\"\r\n")},
     400},
    {"9110, 13.2.1",
     level::must,
     "Preconditions are ignored if the answer without them is neither 2xx nor 412.",
     {get("If-None-Match: *\r\n", "00000000-0000-4000-8000-00000000000e"),
      patch("If-Match: \"a\"\r\n", "00000000-0000-4000-8000-00000000000e"), remove("If-Match: \"a\"\r\n", "nobody@example.com")},
     404},
    {"9110, 13.2.2", level::must, "If-Match comes before If-None-Match.", {get("If-Match: \"a\"\r\nIf-None-Match: {tag}\r\n")}, 412},
};

class contacts_with_tags {
public:
    explicit contacts_with_tags(web_fixture& web)
        : web_(web),
          id_(web.add_contact(R"({"email":{"primary_email":"read@example.com"},)"
                              R"("newsletters":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]})")),
          written_(web.add_contact(R"({"email":{"primary_email":"written@example.com"}})")) {}

    /// Replaces the names in braces. The tag of the written contact is as it is now.
    std::string fill_in(std::string text) {
        const auto tag = tag_of(id_);
        const auto its_tag = tag_of(written_);
        const auto field = web_.authorization();
        const std::map<std::string, std::string> values{{"{auth}", field.first + ": " + field.second + "\r\n"},
                                                        {"{id}", id_},
                                                        {"{tag}", tag},
                                                        {"{gzip_tag}", for_gzip(tag)},
                                                        {"{written}", written_},
                                                        {"{its_tag}", its_tag},
                                                        {"{its_gzip_tag}", for_gzip(its_tag)}};
        for (const auto& [name, value] : values) {
            for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
                text.replace(at, name.size(), value);
        }
        return text;
    }

private:
    std::string tag_of(const std::string& id) { return web_.get("/ctms/" + id).header("etag"); }
    static std::string for_gzip(std::string tag) { return tag.insert(tag.size() - 1, "-gzip"); }

    web_fixture& web_;
    std::string id_;
    std::string written_;
};

} // namespace

std::span<const rfc_rule> rules_of_preconditions() { return rules; }

TEST_CASE("RFC 9110, 8.8 and 13: entity tags and preconditions") {
    web_fixture web;
    contacts_with_tags contacts(web);
    for (const auto& rule : rules) {
        for (const auto& request : rule.requests) {
            auto one = rule;
            one.requests = {contacts.fill_in(request)}; // each request sees the tag that the one before left
            check_rules(web, {&one, 1});
        }
    }
}

} // namespace ctms::test
