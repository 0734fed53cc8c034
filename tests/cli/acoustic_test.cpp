// SPDX-License-Identifier: MPL-2.0
// The texts and exit codes here match those of the Python service's scripts exactly, because other scripts parse them.
#include "run_admin.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/test_database.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

using namespace ctms::test;

namespace {

constexpr auto first_fields = "- main.amo_add_on_ids\n- main.amo_display_name\n- main.amo_email_opt_in\n- main.amo_language\n"
                              "- main.amo_last_login\n- main.amo_location\n- main.amo_profile_url\n- main.amo_user\n"
                              "- main.amo_user_id\n- main.amo_username\n- main.basket_token\n- main.create_timestamp\n"
                              "- main.double_opt_in\n- main.email\n- main.email_format\n- main.email_id\n- main.email_lang\n"
                              "- main.first_name\n";
constexpr auto last_fields = "- main.fxa_account_deleted\n- main.fxa_created_date\n- main.fxa_first_service\n- main.fxa_id\n"
                             "- main.fxa_lang\n- main.fxa_login_date\n- main.fxa_primary_email\n- main.has_opted_out_of_email\n"
                             "- main.last_name\n- main.mailing_country\n- main.relay_waitlist_geo\n- main.sfdc_id\n"
                             "- main.sumo_contributor\n- main.sumo_user\n- main.sumo_username\n- main.unsubscribe_reason\n"
                             "- main.vpn_waitlist_geo\n- main.vpn_waitlist_platform\n";
constexpr auto all_mappings = "- 'about-mozilla' → 'sub_about_mozilla'\n- 'app-dev' → 'sub_apps_and_hacks'\n"
                              "- 'common-voice' → 'sub_common_voice'\n"
                              "- 'firefox-accounts-journey' → 'sub_firefox_accounts_journey'\n"
                              "- 'firefox-news' → 'sub_firefox_news'\n- 'firefox-sweepstakes' → 'sub_firefox_sweepstakes'\n"
                              "- 'hubs' → 'sub_hubs'\n- 'internet-health-report' → 'sub_internet_health_report'\n"
                              "- 'knowledge-is-power' → 'sub_knowledge_is_power'\n- 'miti' → 'sub_miti'\n"
                              "- 'mixed-reality' → 'sub_mixed_reality'\n- 'mozilla-and-you' → 'sub_firefox_news'\n"
                              "- 'mozilla-fellowship-awardee-alumni' → 'sub_mozilla_fellowship_awardee_alumni'\n"
                              "- 'mozilla-festival' → 'sub_mozilla_festival'\n- 'mozilla-foundation' → 'sub_mozilla_foundation'\n"
                              "- 'mozilla-rally' → 'sub_rally'\n- 'mozilla-technology' → 'sub_mozilla_technology'\n"
                              "- 'mozillians-nda' → 'sub_mozillians_nda'\n- 'security-privacy-news' → 'sub_security_privacy_news'\n"
                              "- 'take-action-for-the-internet' → 'sub_take_action_for_the_internet'\n"
                              "- 'test-pilot' → 'sub_test_pilot'\n";

std::string fields() { return std::string(first_fields) + last_fields; }

/// Runs the program under any of its names, on its own database.
class programs {
public:
    outcome operator()(const std::string& program, const std::vector<std::string>& arguments) {
        std::vector<std::string> words{std::filesystem::path(CTMS_ADMIN).parent_path() / program};
        words.insert(words.end(), arguments.begin(), arguments.end());
        return run_program(words, {"CTMS_DB_URL=" + database_.url(ctms::persistence::program_account::admin)});
    }
    std::string select(const std::string& query) {
        ctms::persistence::connection link(database_.options());
        const auto found = link.execute(query);
        return found.empty() ? "none" : std::string(found.text(0, 0));
    }

private:
    test_database database_;
};

void check_output(const outcome& run, int exit_code, const std::string& out) {
    CHECK(run.exit_code == exit_code);
    CHECK(run.out == out);
    CHECK(run.err.empty());
}

void check_usage_error(const outcome& run, const std::string& err) {
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    CHECK(run.err == err);
}

struct spelling {
    std::string program;
    std::vector<std::string> words; ///< that come before the action
};

std::vector<std::string> with(const spelling& how, std::vector<std::string> words) {
    words.insert(words.begin(), how.words.begin(), how.words.end());
    return words;
}

} // namespace

TEST_CASE("fields are added, listed and removed under every name of the program") {
    for (const auto& how :
         {spelling{"acoustic_fields.py", {}}, spelling{"acoustic_fields", {}}, spelling{"ctms-admin", {"acoustic-fields"}}}) {
        CAPTURE(how.program);
        programs run;
        const auto call = [&](const std::vector<std::string>& words) { return run(how.program, with(how, words)); };
        check_output(call({"list"}), 0, fields());
        check_output(call({}), 0, fields());
        check_output(call({"add", "foo"}), 0, "Added 'main.foo'.\n");
        check_output(call({"add", "foo"}), 0, "Added 'main.foo'.\n");
        check_output(call({"add", "bar", "--tablename", "newsletter"}), 0, "Added 'newsletter.bar'.\n");
        check_output(call({"add", "-t", "newsletter", "baz"}), 0, "Added 'newsletter.baz'.\n");
        check_output(call({"list"}), 0, std::string(first_fields) + "- main.foo\n" + last_fields + "- newsletter.bar\n- newsletter.baz\n");
        check_output(call({"remove", "foo"}), 0, "Removed 'main.foo'.\n");
        check_output(call({"remove", "foo"}), 65, "Unknown field 'main.foo'. Give up.\n");
        check_output(call({"remove", "bar"}), 65, "Unknown field 'main.bar'. Give up.\n");
        check_output(call({"remove", "bar", "-t", "newsletter"}), 0, "Removed 'newsletter.bar'.\n");
        check_output(call({"remove", "--tablename=newsletter", "baz"}), 0, "Removed 'newsletter.baz'.\n");
        check_output(call({"list"}), 0, fields());
    }
}

TEST_CASE("the script always lists all tables and ctms-admin only the table given") {
    programs run;
    REQUIRE(run("acoustic_fields", {"add", "bar", "-t", "other"}).exit_code == 0);
    check_output(run("acoustic_fields.py", {"list", "--tablename", "other"}), 0, fields() + "- other.bar\n");
    check_output(run("ctms-admin", {"acoustic-fields", "list", "-t", "other"}), 0, "- other.bar\n");
    check_output(run("ctms-admin", {"acoustic-fields", "-t", "other"}), 0, "- other.bar\n");
    const auto unknown = run("ctms-admin", {"acoustic-fields", "list", "-t", "othr"});
    CHECK(unknown.exit_code == 65);
    CHECK(unknown.out.empty());
    CHECK(unknown.err == "ctms-admin: unknown table 'othr' (--allow-unknown accepts it); did you mean 'other'?\n");
    check_output(run("ctms-admin", {"acoustic-fields", "list", "-t", "nothing", "--allow-unknown"}), 0, "");
    check_output(run("ctms-admin", {"acoustic-fields", "list", "-t", "newsletter"}), 0, ""); // one of the vendor's, without fields
}

TEST_CASE("newsletters are mapped, listed and unmapped under every name of the program") {
    for (const auto& how : {spelling{"acoustic_newsletters_mapping.py", {}}, spelling{"acoustic_newsletters_mapping", {}},
                            spelling{"ctms-admin", {"newsletter-mappings"}}}) {
        CAPTURE(how.program);
        programs run;
        const auto call = [&](const std::vector<std::string>& words) { return run(how.program, with(how, words)); };
        check_output(call({"list"}), 0, all_mappings);
        check_output(call({}), 0, all_mappings);
        check_output(call({"add", "src:dst"}), 0, "Added 'src' → 'dst'.\n");
        check_output(call({"add", "it's:\"q\""}), 0, "Added \"it's\" → '\"q\"'.\n");
        check_output(call({"add", ":"}), 0, "Added '' → ''.\n");
        check_output(call({"list"}), 0,
                     "- '' → ''\n" +
                         std::string(all_mappings)
                             .insert(std::string(all_mappings).find("- 'knowledge"), "- \"it's\" → '\"q\"'\n")
                             .insert(std::string(all_mappings).find("- 'take-action") + std::string("- \"it's\" → '\"q\"'\n").size(),
                                     "- 'src' → 'dst'\n"));
        check_output(call({"remove", "src"}), 0, "Removed 'src' → 'dst'.\n");
        check_output(call({"remove", "src"}), 65, "Unknown mapping 'src'. Give up.\n");
    }
}

TEST_CASE("an existing mapping is changed only with --replace") {
    programs run;
    REQUIRE(run("acoustic_newsletters_mapping", {"add", "src:dst"}).exit_code == 0);
    for (const auto& again :
         {run("acoustic_newsletters_mapping", {"add", "src:new"}), run("ctms-admin", {"newsletter-mappings", "add", "src:new"}),
          run("ctms-admin", {"newsletter-mappings", "add", "src:dst"})}) {
        CHECK(again.exit_code == 65);
        CHECK(again.out.empty());
        CHECK(again.err.find("'src' is already mapped") != std::string::npos);
        CHECK(again.err.find("--replace") != std::string::npos);
    }
    CHECK(run.select("select destination from acoustic_newsletter_mapping where source = 'src'") == "dst");
    check_output(run("ctms-admin", {"newsletter-mappings", "add", "src:new", "--replace"}), 0, "Added 'src' → 'new'.\n");
    CHECK(run.select("select destination from acoustic_newsletter_mapping where source = 'src'") == "new");
    check_output(run("ctms-admin", {"newsletter-mappings", "add", "--replace", "other:new"}), 0, "Added 'other' → 'new'.\n");
}

TEST_CASE("a mapping has exactly one colon") {
    programs run;
    for (const std::string text : {"", "src", "a:b:c", "::"}) {
        CAPTURE(text);
        const auto wrong = run("ctms-admin", {"newsletter-mappings", "add", text});
        CHECK(wrong.exit_code == 65);
        CHECK(wrong.out.empty());
        CHECK(wrong.err.find("exactly one colon") != std::string::npos);
    }
    CHECK(run("ctms-admin", {"newsletter-mappings", "list"}).out == all_mappings);
}

TEST_CASE("names that are not valid UTF-8 are refused") {
    programs run;
    for (const auto& call : std::vector<std::vector<std::string>>{{"acoustic-fields", "add", "\xFF"},
                                                                  {"acoustic-fields", "add", "x", "-t", "\xFF"},
                                                                  {"acoustic-fields", "remove", "\xFF"},
                                                                  {"newsletter-mappings", "add", "\xFF:x"},
                                                                  {"newsletter-mappings", "remove", "\xFF"}}) {
        const auto wrong = run("ctms-admin", call);
        CHECK(wrong.exit_code == 65);
        CHECK(wrong.out.empty());
        CHECK(wrong.err.find("UTF-8") != std::string::npos);
    }
}

TEST_CASE("fields and mappings are printed as JSON") {
    programs run;
    const auto call = [&](std::vector<std::string> words) {
        words.emplace_back("--json");
        return run("ctms-admin", words);
    };
    check_output(call({"acoustic-fields", "add", "bar", "-t", "other", "--allow-unknown"}), 0,
                 "{\"action\":\"added\",\"table\":\"other\",\"field\":\"bar\"}\n");
    check_output(call({"acoustic-fields", "list", "-t", "other"}), 0, "[{\"table\":\"other\",\"field\":\"bar\"}]\n");
    check_output(call({"acoustic-fields", "remove", "bar", "-t", "other"}), 0,
                 "{\"action\":\"removed\",\"table\":\"other\",\"field\":\"bar\"}\n");
    check_output(call({"newsletter-mappings", "add", "a:b"}), 0, "{\"action\":\"added\",\"source\":\"a\",\"destination\":\"b\"}\n");
    CHECK(call({"newsletter-mappings"}).out.starts_with("[{\"source\":\"a\",\"destination\":\"b\"},{\"source\":\"about-mozilla\","));
    check_output(call({"newsletter-mappings", "remove", "a"}), 0, "{\"action\":\"removed\",\"source\":\"a\",\"destination\":\"b\"}\n");
    for (const auto& gone : {call({"newsletter-mappings", "remove", "a"}), call({"acoustic-fields", "remove", "bar"})}) {
        CHECK(gone.exit_code == 65);
        CHECK(gone.out.empty());
        CHECK(gone.err.find("unknown ") != std::string::npos);
    }
}

TEST_CASE("changes leave audit records under every name of the program") {
    programs run;
    REQUIRE(run("acoustic_fields.py", {"add", "foo"}).exit_code == 0);
    REQUIRE(run("acoustic_newsletters_mapping", {"remove", "none"}).exit_code == 65);
    REQUIRE(run("acoustic_fields", {"list"}).exit_code == 0);
    CHECK(run.select("select string_agg(command || ' ' || details::text || ' ' || exit_code, '; ' order by id) from ctms_audit_log") ==
          R"(acoustic-fields add {"field": "main.foo"} 0; newsletter-mappings remove {"source": "none"} 65)");
}

TEST_CASE("wrong calls of the scripts are refused with the Python service's messages") {
    programs run;
    const std::string fields_usage = "usage: acoustic_fields.py [-h] {add,remove,list} ...\n";
    const auto call = [&](const std::vector<std::string>& words) { return run("acoustic_fields.py", words); };
    check_usage_error(call({"add"}), "usage: python acoustic_fields.py add \"fxaid\" \n"
                                     "acoustic_fields.py add: error: the following arguments are required: field\n");
    check_usage_error(call({"add", "foo", "-t"}), "usage: python acoustic_fields.py add \"fxaid\" \n"
                                                  "acoustic_fields.py add: error: argument --tablename/-t: expected one argument\n");
    check_usage_error(call({"zzz"}), fields_usage + "acoustic_fields.py: error: argument action: invalid choice: 'zzz' "
                                                    "(choose from 'add', 'remove', 'list')\n");
    check_usage_error(call({"add", "foo", "bar", "--json"}),
                      fields_usage + "acoustic_fields.py: error: unrecognized arguments: bar --json\n");
    check_usage_error(call({"--json"}), fields_usage + "acoustic_fields.py: error: unrecognized arguments: --json\n");
    check_usage_error(call({"list", "foo"}), fields_usage + "acoustic_fields.py: error: unrecognized arguments: foo\n");
    check_usage_error(run("acoustic_fields", {"add"}), "usage: acoustic_fields add \"fxaid\" \n"
                                                       "acoustic_fields add: error: the following arguments are required: field\n");
    const std::string mappings = "acoustic_newsletters_mapping.py";
    check_usage_error(run(mappings, {"add"}),
                      "usage: python acoustic_newsletters_mapping.py add \"test-pilot:sub_new_test_pilot\" \n"
                      "acoustic_newsletters_mapping.py add: error: the following arguments are required: mapping\n");
    check_usage_error(run(mappings, {"zzz"}), "usage: acoustic_newsletters_mapping.py [-h] {add,remove,list} ...\n"
                                              "acoustic_newsletters_mapping.py: error: argument action: invalid choice: 'zzz' "
                                              "(choose from 'add', 'remove', 'list')\n");
    check_usage_error(run(mappings, {"add", "a:b", "-t", "x"}), "usage: acoustic_newsletters_mapping.py [-h] {add,remove,list} ...\n"
                                                                "acoustic_newsletters_mapping.py: error: unrecognized arguments: -t x\n");
    CHECK(run.select("select count(*) from ctms_audit_log") == "0");
}

TEST_CASE("the scripts print help without a database") {
    const auto help = [](const std::string& program, const std::vector<std::string>& arguments) {
        std::vector<std::string> words{std::filesystem::path(CTMS_ADMIN).parent_path() / program};
        words.insert(words.end(), arguments.begin(), arguments.end());
        return run_program(words);
    };
    check_output(help("acoustic_fields.py", {"--help"}), 0,
                 "usage: acoustic_fields.py [-h] {add,remove,list} ...\n\nManage Acoustic fields\n\n"
                 "positional arguments:\n  {add,remove,list}\n\n"
                 "options:\n  -h, --help         show this help message and exit\n");
    const std::string table_help = "\npositional arguments:\n  field\n\noptions:\n  -h, --help            show this help message and exit\n"
                                   "  --tablename TABLENAME, -t TABLENAME\n                        Acoustic table name";
    check_output(help("acoustic_fields.py", {"add", "-h"}), 0, "usage: python acoustic_fields.py add \"fxaid\" \n" + table_help + "\n");
    check_output(help("acoustic_fields.py", {"remove", "--help"}), 0,
                 "usage: python acoustic_fields.py remove \"fxaid\" \n" + table_help + " (default: 'main')\n");
    check_output(help("acoustic_fields.py", {"list", "--help"}), 0,
                 "usage: acoustic_fields.py list [-h] [--tablename TABLENAME]\n\n"
                 "options:\n  -h, --help            show this help message and exit\n  --tablename TABLENAME, -t TABLENAME\n"
                 "                        Acoustic table name (default: 'main')\n");
    check_output(help("acoustic_newsletters_mapping.py", {"-h"}), 0,
                 "usage: acoustic_newsletters_mapping.py [-h] {add,remove,list} ...\n\nManage Acoustic Newsletter mapping\n\n"
                 "positional arguments:\n  {add,remove,list}\n\n"
                 "options:\n  -h, --help         show this help message and exit\n");
    check_output(help("acoustic_newsletters_mapping.py", {"add", "--help"}), 0,
                 "usage: python acoustic_newsletters_mapping.py add \"test-pilot:sub_new_test_pilot\" \n\n"
                 "positional arguments:\n  mapping     Add newsletter mapping specified as 'source:destination'\n\n"
                 "options:\n  -h, --help  show this help message and exit\n");
}

TEST_CASE("the names with .py are run by Python, by a shell, and as a first argument") {
    const auto folder = std::filesystem::path(CTMS_ADMIN).parent_path();
    for (const std::string name : {"acoustic_fields.py", "acoustic_newsletters_mapping.py"}) {
        CAPTURE(name);
        const auto script = (folder / name).string();
        const auto expected = run_program({script, "--help"});
        CHECK(expected.exit_code == 0);
        CHECK(expected.out.starts_with("usage: " + name + " [-h] "));
        check_output(run_program({"/usr/bin/env", "python3", script, "--help"}), 0, expected.out);
        check_output(run_program({"/bin/sh", script, "--help"}), 0, expected.out);
        check_output(run_program({CTMS_ADMIN, name, "--help"}), 0, expected.out);
        CHECK(run_program({"/usr/bin/env", "python3", script, "wrong"}).exit_code == 2);
    }
}
