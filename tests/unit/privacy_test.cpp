// SPDX-License-Identifier: MPL-2.0
#include <ctms/privacy/redact.hpp>

#include <support/cpu_time.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

using namespace std::literals;
using ctms::privacy::is_traced;
using ctms::privacy::redact_text;

namespace {

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string repeated(std::string_view text, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += text;
    return out;
}

} // namespace

TEST_SUITE("privacy") {
    TEST_CASE("an address is traced if it has the mark before its last at sign") {
        CHECK(is_traced("test+trace_me_mozilla_20211207@example.com"));
        CHECK(is_traced("test+trace-me-mozilla-1@example.com"));
        CHECK(is_traced("odd@one+trace_me_mozilla_@example.com"));
        CHECK_FALSE(is_traced("test@example.com"));
        CHECK_FALSE(is_traced("test@example.com+trace_me_mozilla_"));
        CHECK_FALSE(is_traced("test+trace_me_mozilla_1"));
        CHECK_FALSE(is_traced("test+trace_me-mozilla_1@example.com"));
        CHECK_FALSE(is_traced("testtrace_me_mozilla_1@example.com"));
        CHECK_FALSE(is_traced(""));
    }

    TEST_CASE("text without an at sign is returned unchanged") {
        for (const auto text :
             {""sv, "GET /ctms HTTP/1.1"sv, "100 % of 40 %2 %4 %25 %2525"sv, "a & b \\ c"sv, "\xFF\xFE\0z"sv, "\xEF\xBB"sv}) {
            CHECK(redact_text(text) == text);
        }
    }

    TEST_CASE("an address in prose is removed and the words around it are kept") {
        CHECK(redact_text("a@b.c") == "[OMITTED]");
        CHECK(redact_text("mail to john.doe+x@mail.example.com now") == "mail to [OMITTED] now");
        CHECK(redact_text("John <a@b.c>, Eve <d@e.f>") == "John <[OMITTED]>, Eve <[OMITTED]>");
        CHECK(redact_text("a@b.c,d@e.f;g@h.i") == "[OMITTED],[OMITTED];[OMITTED]");
        CHECK(redact_text("no contact 'a@b.c' found") == "no contact '[OMITTED]' found");
    }

    TEST_CASE("half an address is removed too") {
        CHECK(redact_text("who is @example.com") == "who is [OMITTED]");
        CHECK(redact_text("john@ called") == "[OMITTED] called");
        CHECK(redact_text("@") == "[OMITTED]");
        CHECK(redact_text("a@@b@c d") == "[OMITTED] d");
        for (const auto* at : {"\\u{40}", "\\x{0040}", "&#064;", "%40", "&commat"})
            CHECK(redact_text("x a@b"s + at + "c d") == "x [OMITTED] d");
    }

    TEST_CASE("unusual characters in a local part do not save it from removal") {
        CHECK(redact_text("x j\u00f6rg.\u4f60\u597d@b\u00fccher.example y") == "x [OMITTED] y");
        CHECK_FALSE(holds(redact_text("!#$%&'*+-/=?^_`{|}~@example.org"), "example"));
        CHECK_FALSE(holds(redact_text("o'brien@example.org"), "brien"));
        CHECK_FALSE(holds(redact_text("user/dept=sales@example.org"), "sales"));
        CHECK_FALSE(holds(redact_text("ren\xE9@example.org"), "ren"));
        CHECK_FALSE(holds(redact_text("\"john doe\"@example.org"), "john"));
    }

    TEST_CASE("an encoded at sign counts as an at sign") {
        for (const auto* at : {"%40",       "%2540",          "%252540", "%u0040",    "\\u0040",    "\\\\u0040",  "&#64;", "&#x40;",
                               "&commat;",  "\uFF20",         "\uFE6B",  "&#064;",    "&#0000064;", "&#X0040;",   "&#64",  "&commat",
                               "&amp;#64;", "&amp;amp;#x40;", "\\u{40}", "\\u{0040}", "\\x{40}",    "\\U00000040"}) {
            CAPTURE(at);
            CHECK(redact_text("to john.doe"s + at + "example.com or") == "to [OMITTED] or");
        }
    }

    TEST_CASE("paths and queries keep the text around an address") {
        CHECK(redact_text("'GET /ctms/a@b.c HTTP/1.1' 422") == "'GET /ctms/[OMITTED] HTTP/1.1' 422");
        CHECK(redact_text("/ctms/a%40b.c/more") == "/ctms/[OMITTED]/more");
        CHECK(redact_text("https://h/ctms?limit=5&primary_email=a%2Bx%40b.c&y=1") == "https://h/ctms?limit=5&primary_email=[OMITTED]&y=1");
        CHECK(redact_text("/ctms?a=1&a@b.c") == "/ctms?a=1&[OMITTED]");
        CHECK(redact_text("/identities?primary_email=user/x=y@b.c") == "/identities?primary_email=[OMITTED]");
        CHECK(redact_text("postgresql://user:pw@host:5432/ctms") == "postgresql://[OMITTED]:5432/ctms");
        CHECK_FALSE(holds(redact_text("primary_email=john@b.c&first_name=J"), "john"));
    }

    TEST_CASE("the key value is removed from PostgreSQL error messages") {
        CHECK(redact_text("Key (primary_email)=(a@b.c) already exists.") == "Key (primary_email)=([OMITTED]) already exists.");
        CHECK(redact_text("Key (primary_email)=(john doe@b.c) already exists.") == "Key (primary_email)=([OMITTED]) already exists.");
    }

    TEST_CASE("addresses inside JSON are removed") {
        CHECK(redact_text(R"({"email":"a@b.c","n":1})") == R"({"email":"[OMITTED]","n":1})");
        CHECK(redact_text(R"({\"email\":\"a@b.c\",\"n\":1})") == R"({\"email\":\"[OMITTED]\",\"n\":1})");
        CHECK(redact_text(R"({"email":"ren\u00e9@b\u00fccher.de"})") == R"({"email":"[OMITTED]"})");
        CHECK_FALSE(holds(redact_text(R"({"email":"\"john doe\"@b.c"})"), "john"));
    }

    TEST_CASE("unusual domains are removed completely") {
        CHECK(redact_text("a@[192.168.0.1] x") == "[OMITTED] x");
        CHECK(redact_text("a@localhost x") == "[OMITTED] x");
        CHECK(redact_text("a@b_c.\u4f8b\u3048 x") == "[OMITTED] x");
        CHECK(redact_text("a@b.c: refused") == "[OMITTED]: refused");
    }

    TEST_CASE("traced addresses are kept and other addresses next to them are removed") {
        constexpr auto one = "t+trace_me_mozilla_1@example.com";
        constexpr auto two = "t+trace-me-mozilla-2@example.com";
        CHECK(redact_text(one) == one);
        CHECK(redact_text(one + ","s + two) == one + ","s + two);
        CHECK(redact_text("GET /ctms?primary_email="s + one) == "GET /ctms?primary_email="s + one);
        CHECK(redact_text("{\"email\":\""s + one + "\",\"other\":\"a@b.c\"}") == "{\"email\":\""s + one + "\",\"other\":\"[OMITTED]\"}");
    }

    TEST_CASE("a trace mark does not hide another address") {
        CHECK_FALSE(holds(redact_text("victim@example.com+trace_me_mozilla_@x"), "victim"));
        CHECK_FALSE(holds(redact_text("victim%40example.com+trace_me_mozilla_@x"), "victim"));
        CHECK_FALSE(holds(redact_text("x+trace_me_mozilla_@victim@example.com"), "victim"));
        CHECK_FALSE(holds(redact_text("victim@example.com/+trace_me_mozilla_@x"), "victim"));
    }

    TEST_CASE("no random address survives in any surrounding text") {
        std::mt19937 random(20211207);
        const std::string atext = "abcXYZ019!#$%&'*+-/=?^_`{|}~.:\\";
        const std::vector<std::string> around{
            "", " ", "\"", "(", ")=(", "/ctms/", "https://h/p?e=", "e=", "\\\"", "<", "'", ",", "%22", "x@y"};
        const std::vector<std::string> signs{"@", "%40", "%2540"};
        const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
        for (int round = 0; round < 20'000; ++round) {
            std::string address;
            for (auto n = 1 + random() % 12; n > 0; --n) address += pick(atext);
            address.append("q").append(pick(signs)).append("secret.example");
            const std::string text = pick(around) + address + pick(around) + address + pick(around);
            const std::string clean = redact_text(text);
            REQUIRE_MESSAGE(!holds(clean, "secret"), text);
            REQUIRE_MESSAGE(!holds(clean, "@"), text);
        }
    }

    TEST_CASE("hostile text is redacted in linear time") {
        const auto start = ctms::test::cpu_seconds();
        for (const auto* unit : {"@", "a@", "%25", "%2540", "@[", "\"@", "\\u", "a", "/a", "?&=", ")=(", "&#64;", "a@b c"}) {
            for (const auto* tail : {"", "@"}) CHECK_FALSE(holds(redact_text(repeated(unit, 1'000'000) + tail), "@"));
        }
        CHECK(ctms::test::cpu_seconds() - start < 60); // quadratic time would take hours
    }

    TEST_CASE("headers that carry credentials are omitted") {
        for (const auto* name : {"cookie", "set-cookie", "authorization", "proxy-authorization", "x-api-key"}) {
            CHECK(ctms::privacy::redact_header(name, "Bearer abc") == "[OMITTED]");
        }
        CHECK(ctms::privacy::redact_header("accept", "*/*") == "*/*");
        CHECK(ctms::privacy::redact_header("from", "a@b.c") == "[OMITTED]");
    }

    TEST_CASE("the case of a header's name does not matter") {
        for (const auto* name : {"Cookie", "AUTHORIZATION", "X-Api-Key", "X-Forwarded-User", "Remote-USER", "X-Client-Username"}) {
            CAPTURE(name);
            CHECK(ctms::privacy::redact_header(name, "abc") == "[OMITTED]");
        }
        CHECK(ctms::privacy::redact_query_value("X-User", "abc") == "[OMITTED]");
        CHECK(ctms::privacy::redact_header("User-Agent", "abc") == "abc");
    }

    TEST_CASE("headers whose names suggest credentials are omitted") {
        for (const auto* name : {"x-auth-token", "x-csrf-token", "x-amz-security-token", "authentication", "x-forwarded-access-token",
                                 "x-client-secret", "x-apikey", "api-key", "x-goog-iap-jwt-assertion", "x-forwarded-email",
                                 "x-forwarded-user", "remote-user", "x-session", "x-hub-signature", "x-forwarded-client-cert"}) {
            CAPTURE(name);
            CHECK(ctms::privacy::redact_header(name, "abc") == "[OMITTED]");
        }
        for (const auto* name : {"host", "user-agent", "x-request-id", "x-forwarded-for", "traceparent", "content-length"})
            CHECK(ctms::privacy::redact_header(name, "abc") == "abc");
    }

    TEST_CASE("header values that look like credentials are omitted") {
        for (const auto* value :
             {"Basic aGlkZGVu", "bearer aGlkZGVu", "a=1; client_secret=hidden", "Client-Secret hidden", "client%5Fsecret=hidden",
              "client%255Fsecret=hidden", "eyJhbGciOiJIUzI1NiJ9.hidden.hidden", "\t Digest hidden", "Token hidden", "PASSWORD:hidden"}) {
            CAPTURE(value);
            CHECK(ctms::privacy::redact_header("x-other", value) == "[OMITTED]");
        }
        for (const auto* value :
             {"python-requests/2.25.1", "gzip, deflate", "text/html; q=0.8, */*", "192.0.2.1, 10.0.0.1",
              "Mozilla/5.0 (X11; Linux x86_64; rv:120.0)", "100 % sure & safe", "00-4bf92f3577b34da6a3ce929d0e0e4736-01"})
            CHECK(ctms::privacy::redact_header("x-other", value) == value);
    }

    TEST_CASE("an address does not hide a secret") {
        CHECK(ctms::privacy::redact_header("x", "client@secret.example=hidden") == "[OMITTED]");
        CHECK(ctms::privacy::redact_header("x", "bearer@b.c hidden") == "[OMITTED]");
        CHECK(ctms::privacy::redact_header("x", "client of a@b.c") == "client of [OMITTED]");
    }

    TEST_CASE("the query and the fragment of a URL in a header are omitted") {
        const auto clean = [](std::string_view value) { return ctms::privacy::redact_header("referer", value); };
        CHECK(clean("https://example.org/a/b?x=hidden") == "https://example.org/a/b?[OMITTED]");
        CHECK(clean("/ctms?x=hidden") == "/ctms?[OMITTED]");
        CHECK(clean("https://example.org/a#x=hidden") == "https://example.org/a#[OMITTED]");
        CHECK(clean("https://example.org/a") == "https://example.org/a");
        CHECK(clean("/a%3Fx=hidden") == "[OMITTED]");
        CHECK(clean("/a%253Fx=hidden?b") == "[OMITTED]");
        CHECK(clean("/ctms/alice smith@example.com") == "[OMITTED]");
        CHECK(clean("https://example.org/ctms/alice;b%40example.com/c?d") == "[OMITTED]");
        CHECK(clean("/ctms/alice%EF%BC%A0example.com") == "[OMITTED]");
        CHECK(clean("/ctms/jane+trace_me_mozilla_1@example.com") == "/ctms/jane+trace_me_mozilla_1@example.com");
        CHECK(clean("/a%" + repeated("25", 1'000) + "3Fhidden") == "[OMITTED]"); // nobody encodes that often
    }

    TEST_CASE("query values are omitted for every spelling of a secret name") {
        for (const auto* name : {"client_secret ", " Client-Secret", "clientsecret", "CLIENT%5FSECRET", "client%255Fsecret",
                                 "authorization", "Authorization[]", "api_key", "apikey", "id_token", "csrf", "sessionid", "X-Email",
                                 "pass", "jwt", "signature", "pubsub-client"}) {
            CAPTURE(name);
            CHECK(ctms::privacy::redact_query_value(name, "hidden") == "[OMITTED]");
        }
        for (const auto* name : {"email_id", "basket_token", "sfdc_id", "mofo_email_id", "limit", "start", "after", "x"})
            CHECK(ctms::privacy::redact_query_value(name, "332de237-cab7-4461-bcc3-48e68f42bd5c") ==
                  "332de237-cab7-4461-bcc3-48e68f42bd5c");
        CHECK(ctms::privacy::redact_query_value("start", "2020-01-01T00:00:00+00:00") == "2020-01-01T00:00:00+00:00");
        for (const auto* value : {"Bearer hidden", "/ctms?a=hidden", "a%3Fhidden", "alice smith@example.com", "alice;b%2540example.com",
                                  "client_secret=hidden", "alice&#064;example.com", "alice%25%34%30example.com"}) {
            CAPTURE(value);
            CHECK(ctms::privacy::redact_query_value("x", value) == "[OMITTED]");
        }
    }

    TEST_CASE("names are logged if they look like names") {
        for (const auto* name : {"limit", "a.b", "filter[x]", "X-Thing", "\u00e9t\u00e9"}) CHECK(ctms::privacy::redact_name(name) == name);
        for (const auto& name :
             {"client_secret=hidden"s, "a b"s, "a@b.c"s, "a%40b.c"s, "a%3D"s, "a&#64;b"s, "x?y"s, "a/b"s, ""s, std::string(65, 'a')})
            CHECK(ctms::privacy::redact_name(name) == "[OMITTED]");
    }

    TEST_CASE("paths are omitted from the point where they could reveal something") {
        const auto clean = [](std::string_view path) { return ctms::privacy::redact_path(path, "/ctms"); };
        for (const auto* path :
             {"/ctms", "/ctms/", "/ctms/abc/x", "/wp-login.php", "/", "*", "/a b", "/ctms/jane+trace_me_mozilla_1@example.com"})
            CHECK(clean(path) == path);
        for (const auto* path : {"/ctms/alice smith@example.com", "/ctms/alice;b@example.com", "/ctms/alice/b@example.com",
                                 "/ctms/bob@x/alice", "/ctms/alice%40example.com", "/ctms?client_secret=hidden", "/ctms%3Fhidden",
                                 "/ctms;hidden=1", "/ctms/token/hidden", "/ctms/a#hidden", "/ctms/Bearer hidden", "/ctms/alice&#064;b"}) {
            CAPTURE(path);
            CHECK(clean(path) == "/ctms/[OMITTED]");
        }
        CHECK(ctms::privacy::redact_path("/alice/x@y", "") == "/[OMITTED]");
        for (const auto* path : {"/token", "/token/"}) CHECK(ctms::privacy::redact_path(path, "/token") == path);
        CHECK(ctms::privacy::redact_path("/token/hidden", "/token") == "/token/[OMITTED]");
        CHECK(ctms::privacy::redact_path("/a/b", "/ctms") == "/a/b");
        CHECK(ctms::privacy::redact_path("alice@x", "") == "/[OMITTED]");
    }

    TEST_CASE("query values that are addresses or secrets are omitted") {
        for (const auto* name : {"primary_email", "fxa_primary_email", "client_secret", "access_token", "refresh_token", "token",
                                 "password", "pubsub_client", "Primary_Email"}) {
            CHECK(ctms::privacy::redact_query_value(name, "john doe") == "[OMITTED]");
        }
        CHECK(ctms::privacy::redact_query_value("primary_email", "t+trace_me_mozilla_1@example.com") == "[OMITTED]");
        CHECK(ctms::privacy::redact_query_value("sfdc_id", "001A") == "001A");
        CHECK(ctms::privacy::redact_query_value("sfdc_id", "a@b.c") == "[OMITTED]");
    }

    TEST_CASE("path values are omitted unless they are traced or are not addresses") {
        CHECK(ctms::privacy::redact_path_value("primary_email", "john doe") == "[OMITTED]");
        CHECK(ctms::privacy::redact_path_value("primary_email", "t+trace_me_mozilla_1@example.com") == "t+trace_me_mozilla_1@example.com");
        CHECK(ctms::privacy::redact_path_value("email_id", "332de237-cab7-4461-bcc3-48e68f42bd5c") ==
              "332de237-cab7-4461-bcc3-48e68f42bd5c");
        CHECK(ctms::privacy::redact_path_value("email_id", "a@b.c") == "[OMITTED]");
        for (const auto* value : {"alice smith@example.com", "alice;b@example.com", "abc?hidden", "abc%3Fhidden", "a=hidden",
                                  "Bearer hidden", "client_secret", "alice&#064;example.com"}) {
            CAPTURE(value);
            CHECK(ctms::privacy::redact_path_value("email_id", value) == "[OMITTED]");
        }
    }
}
