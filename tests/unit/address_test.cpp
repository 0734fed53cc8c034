// SPDX-License-Identifier: MPL-2.0
// What can be an address, and which address a text contains.
#include <address_lists.hpp>
#include <suggest.hpp>

#include <ctms/base/address_text.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace ctms;
using cli::read_address;

TEST_CASE("an address has one @ and no blanks") {
    for (const auto* good : {"jane@example.com", "o'neil+x@example.co.uk", "j\u00f6rg@b\u00fccher.example", "\"jane doe\"@example.com",
                             "jane@[192.0.2.1]", "a@b", "foo..bar.@docomo.example", "=x@example.com"}) {
        CAPTURE(good);
        CHECK(can_be_address(good));
        CHECK(read_address(good).address == good);
    }
    for (const auto* bad : {"", "jane", "@example.com", "jane@", "a@b@c", "a b@example.com", "a@exa mple.com", "a@.example.com",
                            "a@example..com", "a@example.com.", "a@example.com,", "<a@example.com>", "a@example.com\u200b",
                            "a\u00a0@example.com", "a\n@example.com", "a@ex/ample", "a;b@example.com", "\xff@example.com"}) {
        CAPTURE(bad);
        CHECK_FALSE(can_be_address(bad));
    }
    CHECK(can_be_address(std::string(243, 'a') + "@example.com"));
    CHECK_FALSE(can_be_address(std::string(244, 'a') + "@example.com"));
}

TEST_CASE("blanks and invisible characters around a text are removed, and nothing else") {
    CHECK(without_blanks_around(" \t\u00a0\ufeffa b\u200b\r\n") == "a b");
    CHECK(without_blanks_around("\u2003\u3000") == "");
    CHECK(without_blanks_around("") == "");
    CHECK(without_blanks_around("\xff\xa0") == "\xff\xa0");
    CHECK(without_blanks_around("\u00e9") == "\u00e9");
}

TEST_CASE("the only address of a text is found") {
    for (const auto& one :
         {std::pair{"Jane <jane@example.com>", "jane@example.com"}, std::pair{"'jane@example.com'", "jane@example.com"},
          std::pair{"\"jane@example.com\" <JANE@example.com>", "JANE@example.com"}, std::pair{"jane@example.com;", "jane@example.com"},
          std::pair{"mailto:jane%2Bx@example.com?subject=a@b.c", "jane+x@example.com"},
          std::pair{"<mailto:jane@example.com>", "jane@example.com"}, std::pair{"jane@example.com (Jane)", "jane@example.com"},
          std::pair{"rfc822; jane@example.com", "jane@example.com"},
          std::pair{"<jane@example.com>: host mx said: 550 unknown", "jane@example.com"}}) {
        CAPTURE(one.first);
        CHECK(read_address(one.first).address == one.second);
        CHECK(read_address(one.first).problem.empty());
    }
    for (const auto* text : {"jane", "Jane <jane>", "Jane <jane@example.com", "a@b.c d@e.f", "x <a@b.c> <d@e.f>", "d@e.f <a@b.c>",
                             "a@b.c (d@e.f)", "a@b.c, complaint", "a@b.c;d@e.f", "mailto:", "<>", "()"}) {
        CAPTURE(text);
        CHECK(read_address(text).address.empty());
        CHECK_FALSE(read_address(text).problem.empty());
    }
    CHECK(read_address(" \u00a0 ").problem.empty());
}

TEST_CASE("a mistyped word gets the known word that is most like it") {
    CHECK(cli::did_you_mean("improt", {"export", "import"}) == "; did you mean 'import'?");
    CHECK(cli::did_you_mean("contact", {"contacts"}) == "; did you mean 'contacts'?");
    CHECK(cli::did_you_mean("xyz", {"import"}).empty());
    CHECK(cli::did_you_mean("", {"import"}).empty());
    CHECK(cli::did_you_mean(std::string(100'000, 'x'), {"import"}).empty());
}
