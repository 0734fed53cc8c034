// SPDX-License-Identifier: MPL-2.0
#include <support/config/settings.hpp>
#include <support/config/values.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include <unistd.h>

namespace config = ctms::config;
using config::program;
using namespace std::literals;

namespace {

using environment = std::map<std::string, std::string>;

config::read_outcome read(const environment& variables, program who = program::web, bool embedded_flag = false) {
    return config::read(who, embedded_flag, [&](const std::string& name) -> std::optional<std::string> {
        const auto at = variables.find(name);
        if (at == variables.end()) return std::nullopt;
        return at->second;
    });
}

/// The shortest key that is accepted.
constexpr auto good_key = "0123456789abcdef0123456789abcdef";

/// Adds the variables that ctms-web needs to start.
environment with(environment more) {
    more.try_emplace("CTMS_DB_URL", "postgresql://u:hunter2@db/ctms");
    more.try_emplace("CTMS_SECRET_KEY", good_key);
    return more;
}

config::settings values(const environment& more) {
    const auto outcome = read(with(more));
    for (const auto& mistake : outcome.mistakes) FAIL_CHECK(mistake);
    return outcome.values;
}

/// Returns the only mistake in these variables.
std::string mistake(const environment& more, program who = program::web) {
    const auto outcome = read(with(more), who);
    REQUIRE(outcome.mistakes.size() == 1);
    return outcome.mistakes.front();
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// A file that is removed when the object is destroyed.
class temporary_file {
public:
    explicit temporary_file(std::string_view content) {
        const int file = ::mkstemp(path_.data());
        REQUIRE(file >= 0);
        ::close(file);
        std::ofstream(path_, std::ios::binary) << content;
    }
    ~temporary_file() { std::filesystem::remove(path_); }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/ctms_config_XXXXXX";
};

} // namespace

TEST_SUITE("config") {
    TEST_CASE("a setting that is not set has the documented default") {
        const auto s = values({});
        CHECK(s.db_url == "postgresql://u:hunter2@db/ctms");
        CHECK_FALSE(s.embedded);
        CHECK(s.workers == 2);
        CHECK(s.db_pool_size == 5);
        CHECK(s.db_max_overflow == 10);
        CHECK(s.db_pool_timeout == 30s);
        CHECK(s.db_pool_recycle == 900s);
        CHECK(s.db_prepared);
        CHECK(s.secret_key == good_key);
        CHECK(s.token_expiration == 1h);
        CHECK(s.host == "0.0.0.0");
        CHECK(s.port == 8000);
        CHECK(s.server_prefix == "http://localhost:8000");
        CHECK(s.use_mozlog);
        CHECK(s.logging_level == "INFO");
        CHECK_FALSE(s.acoustic_max_backlog);
        CHECK(s.acoustic_retry_limit == 6);
        CHECK(s.notices.empty());
    }

    TEST_CASE("every setting with a member can be set") {
        const auto s = values({{"CTMS_WORKERS", "4"},
                               {"CTMS_DB_POOL_SIZE", "7"},
                               {"CTMS_DB_MAX_OVERFLOW", "0"},
                               {"CTMS_DB_POOL_TIMEOUT_IN_SECONDS", "3"},
                               {"CTMS_DB_POOL_RECYCLE_IN_SECONDS", "60"},
                               {"CTMS_DB_PREPARED", "off"},
                               {"CTMS_TOKEN_EXPIRATION", "60"},
                               {"CTMS_TOKEN_ALLOW_NO_EXPIRATION", "no"},
                               {"CTMS_TOKEN_FAILURES_PER_MINUTE", "0"},
                               {"CTMS_STRIPE_PARKED_DAYS", "2"},
                               {"CTMS_IDEMPOTENCY_HOURS", "48"},
                               {"CTMS_IDEMPOTENCY_MB_PER_CLIENT", "7"},
                               {"CTMS_IDEMPOTENCY_MB", "9"},
                               {"CTMS_HISTORY_DAYS", "30"},
                               {"CTMS_WAITLIST_GEO_OPTIONAL", "true"},
                               {"CTMS_TRUSTED_PROXIES", "10.0.0.1, ::1"},
                               {"CTMS_SERVER_PREFIX", "https://ctms.example.com"},
                               {"CTMS_USE_MOZLOG", "false"},
                               {"CTMS_LOGGING_LEVEL", "warning"},
                               {"HOST", "127.0.0.1"},
                               {"PORT", "0"},
                               {"CTMS_ACOUSTIC_MAX_BACKLOG", "100"},
                               {"CTMS_ACOUSTIC_MAX_RETRY_BACKLOG", "5"},
                               {"CTMS_ACOUSTIC_RETRY_LIMIT", "1"},
                               {"CTMS_ACOUSTIC_BATCH_LIMIT", "2"},
                               {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "3"}});
        CHECK(s.workers == 4);
        CHECK(s.db_pool_size == 7);
        CHECK(s.db_max_overflow == 0);
        CHECK(s.db_pool_timeout == 3s);
        CHECK(s.db_pool_recycle == 60s);
        CHECK_FALSE(s.db_prepared);
        CHECK(s.token_expiration == 60s);
        CHECK_FALSE(s.token_allow_no_expiration);
        CHECK(s.token_failures_per_minute == 0);
        CHECK(s.stripe_parked_days == 2);
        CHECK(s.idempotency_hours == 48);
        CHECK(s.idempotency_mb_per_client == 7);
        CHECK(s.idempotency_mb == 9);
        CHECK(s.history_days == 30);
        CHECK(s.waitlist_geo_optional);
        CHECK(s.trusted_proxies == std::vector<std::string>{"10.0.0.1", "::1"});
        CHECK(s.server_prefix == "https://ctms.example.com");
        CHECK_FALSE(s.use_mozlog);
        CHECK(s.logging_level == "WARNING");
        CHECK(s.host == "127.0.0.1");
        CHECK(s.port == 0);
        CHECK(s.acoustic_max_backlog == 100);
        CHECK(s.acoustic_max_retry_backlog == 5);
        CHECK(s.acoustic_retry_limit == 1);
        CHECK(s.acoustic_batch_limit == 2);
        CHECK(s.acoustic_loop_min_secs == 3);
    }

    TEST_CASE("booleans are read as pydantic reads them") {
        for (const auto* yes : {"true", "True", "1", "on", "YES", "t", "y"}) CHECK(values({{"CTMS_USE_MOZLOG", yes}}).use_mozlog);
        for (const auto* no : {"false", "FALSE", "0", "off", "No", "f", "n"}) CHECK_FALSE(values({{"CTMS_USE_MOZLOG", no}}).use_mozlog);
        CHECK(mistake({{"CTMS_USE_MOZLOG", "maybe"}}) ==
              "CTMS_USE_MOZLOG: \"maybe\" is not a boolean; allowed: true, false, 1, 0, on, off, yes, no, t, f, y, n");
    }

    TEST_CASE("numbers are limited to a range") {
        CHECK(values({{"PORT", "65535"}}).port == 65535);
        CHECK(mistake({{"PORT", "65536"}}) == "PORT: \"65536\" is out of range; allowed: 0 to 65535");
        CHECK(mistake({{"PORT", "-1"}}) == "PORT: \"-1\" is out of range; allowed: 0 to 65535");
        for (const auto* text : {"eighty", "80.5", "0x50", "80 81", "+-1", "99999999999999999999"}) {
            CHECK(mistake({{"PORT", text}}) == "PORT: \""s + text + "\" is not a whole number; allowed: 0 to 65535");
        }
        CHECK(holds(mistake({{"CTMS_WORKERS", "0"}}), "1 to 64"));
        CHECK(holds(mistake({{"CTMS_ACOUSTIC_TIMEOUT_S", "nan"}}), "is not a number"));
        CHECK(holds(mistake({{"CTMS_ACOUSTIC_TIMEOUT_S", "0"}}), "is out of range"));
    }

    TEST_CASE("a duration can be written in three ways") {
        const std::map<std::string, std::chrono::seconds> spellings{{"90", 90s},        {"01:30:00", 90min},    {"02:05", 125s},
                                                                    {"PT1H30M", 90min}, {"P1DT2H", 26h},        {"P30D", 720h},
                                                                    {"PT15S", 15s},     {"P1DT1H1M1S", 90061s}, {"PT90M", 90min}};
        for (const auto& [text, expected] : spellings) {
            const std::string spelling(text);
            CAPTURE(spelling);
            CHECK(values({{"CTMS_TOKEN_EXPIRATION", text}}).token_expiration == expected);
        }
        for (const auto* text : {"soon", "P", "PT", "P1DT", "P1H", "PT1M1H", "PT1H1H", "1:2:3:4", "1:", ":1", "-5", "PT-5S", "0", "P401D",
                                 "P1DT1HT1M", "PT1", "99999999999", "P1Y", "1.5"}) {
            CAPTURE(text);
            CHECK(holds(mistake({{"CTMS_TOKEN_EXPIRATION", text}}), "HH:MM:SS, or an ISO 8601 duration"));
        }
    }

    TEST_CASE("URLs are checked and never shown") {
        for (const auto* url : {"mysql://u:hunter2@db/x", "postgresql://", "u:hunter2@db", "postgresql://u:hunter2@db/ x"}) {
            const auto text = mistake({{"CTMS_DB_URL", url}});
            CHECK(text.starts_with("CTMS_DB_URL: "));
            CHECK(holds(text, "postgresql://..."));
            CHECK_FALSE(holds(text, "hunter2"));
        }
        CHECK(values({{"CTMS_DB_URL", "postgres://db"}}).db_url == "postgres://db");
        for (const auto* url : {"ctms.example.com", "ftp://u:hunter2@x", "http://", "http:///x", "http://a b"}) {
            const auto text = mistake({{"CTMS_SERVER_PREFIX", url}});
            CHECK(text.starts_with("CTMS_SERVER_PREFIX: "));
            CHECK_FALSE(holds(text, "hunter2"));
        }
    }

    TEST_CASE("trusted proxies must be IP addresses") {
        CHECK(holds(mistake({{"CTMS_TRUSTED_PROXIES", "10.0.0.1,proxy.local"}}), "IPv4 and IPv6 addresses"));
        CHECK(holds(mistake({{"CTMS_TRUSTED_PROXIES", "10.0.0.1,"}}), "IPv4 and IPv6 addresses"));
        for (const auto* text : {"10.0.0.1, fe80::1%eth0", "fe80::%1/64"})
            CHECK(holds(mistake({{"CTMS_TRUSTED_PROXIES", text}}), "without an interface (%eth0)"));
        for (const auto* text : {"::ffff:10.0.0.0/8", "::ffff:10.0.0.0/95"})
            CHECK(holds(mistake({{"CTMS_TRUSTED_PROXIES", text}}), "for mapped IPv4 addresses, at least 96 bits"));
        for (const auto* text :
             {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8/8", "::/129", "/8", "%eth0"})
            CHECK(holds(mistake({{"CTMS_TRUSTED_PROXIES", text}}), "CTMS_TRUSTED_PROXIES: "));
    }

    TEST_CASE("trusted proxies are kept in one spelling, and IPv4 addresses mapped into IPv6 as IPv4 addresses") {
        const auto proxies = [](const char* text) { return values({{"CTMS_TRUSTED_PROXIES", text}}).trusted_proxies; };
        using list = std::vector<std::string>;
        CHECK(proxies("::ffff:127.0.0.5,::FFFF:a01:203") == list{"127.0.0.5", "10.1.2.3"});
        CHECK(proxies("::ffff:10.0.0.0/104,::ffff:0:0/96, ::ffff:1.2.3.4/128") == list{"10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32"});
        CHECK(proxies("10.0.0.0/08,FE80::/10,2001:DB8:0:0::1") == list{"10.0.0.0/8", "fe80::/10", "2001:db8::1"});
    }

    TEST_CASE("all mistakes are reported together, in the order of the documentation") {
        const auto outcome = read({{"PORT", "x"}, {"CTMS_DB_URL", "nonsense"}, {"CTMS_WORKERS", "x"}, {"SENTRY_DSN", "x"}});
        REQUIRE(outcome.mistakes.size() == 5);
        const char* const expected[] = {"CTMS_DB_URL: ", "CTMS_WORKERS: ", "CTMS_SECRET_KEY: ", "PORT: ", "SENTRY_DSN: "};
        for (std::size_t i = 0; i < 5; ++i) CHECK(outcome.mistakes[i].starts_with(expected[i]));
    }

    TEST_CASE("settings of every type are checked") {
        for (const auto* name :
             {"CTMS_GOOGLE_CERTS_URL", "CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG",
              "CTMS_ACOUSTIC_SERVER_NUMBER", "CTMS_ACOUSTIC_TIMEOUT_S", "CTMS_ACOUSTIC_BASE_URL", "CTMS_ACOUSTIC_MAX_CONNECTIONS",
              "CTMS_BACKGROUND_METRICS_PORT", "CTMS_PROMETHEUS_PUSHGATEWAY_URL", "CTMS_BACKGROUND_HEALTHCHECK_AGE_S", "SENTRY_DSN"}) {
            CHECK(mistake({{name, "not right"}}).starts_with(name + ": "s));
        }
    }

    TEST_CASE("a secret never appears in a mistake") {
        CHECK_FALSE(holds(mistake({{"SENTRY_DSN", "hunter2"}}), "hunter2"));
        CHECK_FALSE(holds(mistake({{"CTMS_SECRET_KEY", "hunter2\0x"s}}), "hunter2"));
    }

    TEST_CASE("an empty value counts as not set") {
        CHECK(values({{"PORT", ""}, {"CTMS_ACOUSTIC_MAX_BACKLOG", ""}, {"CTMS_DATA_DIR", ""}, {"CTMS_SECRET_KEY_FILE", ""}}).port == 8000);
        CHECK(mistake({{"CTMS_SECRET_KEY", ""}}).starts_with("CTMS_SECRET_KEY: not set"));
        CHECK(mistake({{"CTMS_DB_URL", ""}}).starts_with("CTMS_DB_URL: not set"));
    }

    TEST_CASE("a value can come from a file") {
        for (const auto* end : {"", "\n", "\r\n"}) {
            const temporary_file file(good_key + std::string(end));
            const auto outcome = read({{"CTMS_DB_URL", "postgres://db"}, {"CTMS_SECRET_KEY_FILE", file.path()}});
            CHECK(outcome.mistakes.empty());
            CHECK(outcome.values.secret_key == good_key);
        }
    }

    TEST_CASE("only one newline is removed from the end of a file") {
        const temporary_file file(" s3cret \n\n");
        CHECK(read({{"CTMS_DB_URL", "postgres://db"}, {"CTMS_SECRET_KEY_FILE", file.path()}}).values.secret_key == " s3cret \n");
    }

    TEST_CASE("keys shorter than 32 bytes are refused with an external database") {
        const auto short_key = std::string(good_key).substr(1);
        for (const std::string name : {"CTMS_SECRET_KEY", "CTMS_SECRET_KEY_PREVIOUS"}) {
            CAPTURE(name);
            CHECK(read(with({{name, good_key}})).mistakes.empty());
            for (const auto& key : {short_key, "a"s}) {
                const auto wrong = mistake({{name, key}});
                CHECK(wrong.starts_with(name + ": has only " + std::to_string(key.size()) + " bytes"));
                CHECK(holds(wrong, "at least 32"));
                CHECK(holds(wrong, "CTMS_ALLOW_WEAK_SECRET_KEY=true"));
            }
            CHECK_FALSE(holds(mistake({{name, short_key}}), short_key));
            CHECK(values({{name, short_key}, {"CTMS_ALLOW_WEAK_SECRET_KEY", "true"}}).allow_weak_secret_key);
            const temporary_file file("hunter2\n");
            auto from_file = with({{name + "_FILE", file.path()}});
            if (name == "CTMS_SECRET_KEY") from_file.erase(name);
            CHECK(read(from_file).mistakes.size() == 1);
        }
        CHECK(values({{"CTMS_SECRET_KEY_PREVIOUS", "what signed before, with 32 bytes"}}).secret_key_previous ==
              "what signed before, with 32 bytes");
        CHECK(read({{"CTMS_DATA_DIR", "/tmp/x"}, {"CTMS_SECRET_KEY", "a"}, {"CTMS_SECRET_KEY_PREVIOUS", "b"}}).mistakes.empty());
        const auto printed = config::print(values({{"CTMS_SECRET_KEY_PREVIOUS", good_key}}));
        CHECK(holds(printed, "CTMS_SECRET_KEY_PREVIOUS=[SECRET]\n"));
    }

    TEST_CASE("keys of suppressed addresses are separated by commas, and short ones are refused") {
        const std::string second = "another key that has 32 bytes or more";
        CHECK(values({{"CTMS_SUPPRESSION_KEYS", good_key}}).suppression_keys == std::vector{std::string(good_key)});
        const auto two = values({{"CTMS_SUPPRESSION_KEYS", good_key + ","s + second}});
        CHECK(two.suppression_keys == std::vector{std::string(good_key), second});
        CHECK(holds(config::print(two), "CTMS_SUPPRESSION_KEYS=[SECRET]\n"));
        CHECK_FALSE(values({}).suppression_opts_out);
        for (const auto& keys : {"short"s, good_key + ","s, ","s + good_key, good_key + ",short,"s + second}) {
            const auto wrong = mistake({{"CTMS_SUPPRESSION_KEYS", keys}});
            CHECK(wrong.starts_with("CTMS_SUPPRESSION_KEYS: key "));
            CHECK(holds(wrong, "at least 32 random bytes"));
            CHECK_FALSE(holds(wrong, "short,"));
        }
    }

    TEST_CASE("setting both a value and its file is a mistake") {
        const temporary_file file("s3cret");
        const auto text = mistake({{"CTMS_SECRET_KEY_FILE", file.path()}});
        CHECK(text == "CTMS_SECRET_KEY: set twice, as CTMS_SECRET_KEY and as CTMS_SECRET_KEY_FILE; set only one of them");
    }

    TEST_CASE("the mistake names a file that cannot be read") {
        for (const auto* path : {"/nonexistent/key", "/tmp", "/dev/zero"}) {
            const auto outcome = read({{"CTMS_DB_URL", "postgres://db"}, {"CTMS_SECRET_KEY_FILE", path}});
            REQUIRE(outcome.mistakes.size() == 1);
            CHECK(outcome.mistakes.front().starts_with("CTMS_SECRET_KEY: the file "s + path + " "));
        }
        CHECK(holds(mistake({{"CTMS_SECRET_KEY", ""}, {"CTMS_SECRET_KEY_FILE", "/tmp"}}), "(Is a directory)"));
    }

    TEST_CASE("if no database is set, the mistake lists the choices") {
        for (const auto who : {program::web, program::admin}) {
            const auto outcome = read({}, who);
            REQUIRE(outcome.mistakes.size() == 1);
            for (const auto* choice : {"CTMS_DB_URL: ", "postgresql://", "--embedded", "CTMS_DATA_DIR"}) {
                CHECK(holds(outcome.mistakes.front(), choice));
            }
        }
    }

    TEST_CASE("webhooks are delivered with the sync unless a setting says otherwise") {
        CHECK(values({}).webhooks == std::nullopt);
        CHECK(values({{"CTMS_WEBHOOKS", "true"}}).webhooks == true);
        CHECK(values({{"CTMS_WEBHOOKS", "false"}}).webhooks == false);
        CHECK(values({{"CTMS_WEBHOOK_TIMEOUT_S", "60"}}).webhook_timeout == std::chrono::seconds(60));
        CHECK(mistake({{"CTMS_WEBHOOK_TIMEOUT_S", "61"}}).starts_with("CTMS_WEBHOOK_TIMEOUT_S: "));
        CHECK(mistake({{"CTMS_WEBHOOKS", "maybe"}}).starts_with("CTMS_WEBHOOKS: "));
        // Without the sync, ctms-sync needs no account at the vendor.
        const auto only = read({{"CTMS_DB_URL", "postgres://db"}, {"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "false"}, {"CTMS_WEBHOOKS", "true"}},
                               program::sync);
        CHECK(only.mistakes.empty());
    }

    TEST_CASE("the embedded database needs neither a key nor a directory") {
        const auto outcome = read({}, program::web, true);
        CHECK(outcome.mistakes.empty());
        CHECK(outcome.values.embedded);
        CHECK(outcome.values.data_dir == "./ctms-data");
        CHECK(outcome.values.secret_key.empty());
    }

    TEST_CASE("setting a data directory selects the embedded database") {
        const auto outcome = read({{"CTMS_DATA_DIR", "/var/lib/ctms"}});
        CHECK(outcome.mistakes.empty());
        CHECK(outcome.values.embedded);
        CHECK(outcome.values.data_dir == "/var/lib/ctms");
    }

    TEST_CASE("the embedded database and a URL exclude each other") {
        const auto outcome = read({{"CTMS_DB_URL", "postgres://db"}}, program::web, true);
        REQUIRE(outcome.mistakes.size() == 1);
        CHECK(outcome.mistakes.front() == "CTMS_DB_URL: set together with --embedded; use only one of them");
    }

    TEST_CASE("a replica needs an external database, and its URL is printed without the password") {
        const auto wrong = mistake({{"CTMS_DB_READ_URL", "mysql://u:hunter2@db/x"}});
        CHECK(wrong.starts_with("CTMS_DB_READ_URL: "));
        CHECK_FALSE(holds(wrong, "hunter2"));
        const auto s = values({{"CTMS_DB_READ_URL", "postgres://u:hunter2@replica/ctms"}});
        CHECK(s.db_read_url == "postgres://u:hunter2@replica/ctms");
        CHECK(holds(config::print(s), "CTMS_DB_READ_URL=postgres://u@replica/ctms\n"));
        const auto outcome = read({{"CTMS_DB_READ_URL", "postgres://replica"}}, program::web, true);
        REQUIRE(outcome.mistakes.size() == 1);
        CHECK(outcome.mistakes.front().starts_with("CTMS_DB_READ_URL: set without CTMS_DB_URL"));
    }

    TEST_CASE("a data directory next to a URL is ignored with a notice") {
        const auto s = values({{"CTMS_DATA_DIR", "/x"}});
        CHECK_FALSE(s.embedded);
        REQUIRE(s.notices.size() == 1);
        CHECK(holds(s.notices.front(), "CTMS_DATA_DIR"));
    }

    TEST_CASE("only ctms-web needs the key that signs tokens") {
        CHECK(read({{"CTMS_DB_URL", "postgres://db"}}, program::admin).mistakes.empty());
        CHECK(read({{"CTMS_DB_URL", "postgres://db"}}, program::web).mistakes.size() == 1);
    }

    TEST_CASE("ctms-sync needs its Acoustic account and logs at DEBUG") {
        const std::map<std::string, std::string> on{{"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "true"},
                                                    {"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "true"}};
        CHECK(read(with(on), program::sync).mistakes.size() == 6);
        auto account = on;
        account.insert({{"CTMS_ACOUSTIC_CLIENT_ID", "a"},
                        {"CTMS_ACOUSTIC_CLIENT_SECRET", "b"},
                        {"CTMS_ACOUSTIC_REFRESH_TOKEN", "c"},
                        {"CTMS_ACOUSTIC_MAIN_TABLE_ID", "1"},
                        {"CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID", "2"},
                        {"CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID", "3"}});
        const auto outcome = read(with(account), program::sync);
        CHECK(outcome.mistakes.empty());
        CHECK(outcome.values.logging_level == "DEBUG");
        CHECK(outcome.values.acoustic_product_table_id == "3");
    }

    TEST_CASE("bulk jobs need an account at the file server, and its keys") {
        const std::map<std::string, std::string> account{{"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "true"},
                                                         {"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "true"},
                                                         {"CTMS_ACOUSTIC_CLIENT_ID", "a"},
                                                         {"CTMS_ACOUSTIC_CLIENT_SECRET", "b"},
                                                         {"CTMS_ACOUSTIC_REFRESH_TOKEN", "c"},
                                                         {"CTMS_ACOUSTIC_MAIN_TABLE_ID", "1"},
                                                         {"CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID", "2"},
                                                         {"CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID", "3"},
                                                         {"CTMS_ACOUSTIC_BULK_THRESHOLD", "50000"}};
        const auto outcome_of = [&](std::map<std::string, std::string> more) {
            more.insert(account.begin(), account.end());
            return read(with(more), program::sync);
        };
        const auto missing = outcome_of({}).mistakes;
        REQUIRE(missing.size() == 3);
        CHECK(holds(missing[0], "CTMS_ACOUSTIC_SFTP_USER: not set"));
        CHECK(holds(missing[1], "CTMS_ACOUSTIC_SFTP_PASSWORD: not set"));
        CHECK(holds(missing[2], "CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS: not set"));
        const std::map<std::string, std::string> server{{"CTMS_ACOUSTIC_SFTP_USER", "u"}, {"CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS", "/k"}};
        auto with_key = server;
        with_key.emplace("CTMS_ACOUSTIC_SFTP_KEY", "/key");
        CHECK(outcome_of(with_key).mistakes.empty());
        auto with_password = server;
        with_password.emplace("CTMS_ACOUSTIC_SFTP_PASSWORD", "hunter2");
        const auto good = outcome_of(with_password);
        CHECK(good.mistakes.empty());
        CHECK(good.values.acoustic_bulk_threshold == 50'000);
        CHECK(good.values.acoustic_bulk_timeout == std::chrono::hours(1));
        CHECK(!holds(config::print(good.values), "hunter2"));
        with_password["CTMS_ACOUSTIC_SFTP_HOST"] = "user@host/path";
        REQUIRE(outcome_of(with_password).mistakes.size() == 1);
        CHECK(holds(outcome_of(with_password).mistakes.front(), "CTMS_ACOUSTIC_SFTP_HOST"));
    }

    TEST_CASE("ctms-sync does not guess whether to send the queue or to empty it") {
        const auto unset = read(with({}), program::sync).mistakes;
        REQUIRE(unset.size() == 1);
        CHECK(holds(unset.front(), "CTMS_ACOUSTIC_SYNC_FEATURE_FLAG: not set"));
        CHECK(holds(unset.front(), "CTMS_ACOUSTIC_SYNC_PAUSED"));
        CHECK(read(with({{"CTMS_ACOUSTIC_SYNC_PAUSED", "true"}}), program::sync).mistakes.empty());
        CHECK(read(with({{"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "false"}}), program::sync).mistakes.empty());
        const auto mistakes = [&](std::map<std::string, std::string> more) {
            more.emplace("CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "true");
            return read(with(more), program::sync).mistakes;
        };
        REQUIRE(mistakes({}).size() == 1);
        CHECK(holds(mistakes({}).front(), "CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG: not set"));
        CHECK(mistakes({{"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "false"}}).empty());
    }

    TEST_CASE("there are never more workers than connections in the pool") {
        CHECK(values({{"CTMS_WORKERS", "15"}}).workers == 15);
        CHECK(holds(mistake({{"CTMS_WORKERS", "16"}}), "which is 15"));
        CHECK(values({{"CTMS_DB_POOL_SIZE", "1"}, {"CTMS_DB_MAX_OVERFLOW", "0"}}).workers == 1);
    }

    TEST_CASE("variables that have no effect here are accepted with a notice") {
        const auto s = values({{"FASTAPI_ENV", "production"}, {"CTMS_LOG_SQLALCHEMY", "nonsense"}, {"CTMS_SENTRY_DEBUG", "1"}});
        REQUIRE(s.notices.size() == 3);
        for (const auto& notice : s.notices) CHECK(holds(notice, "no effect"));
        CHECK(values({{"FASTAPI_ENV", ""}}).notices.empty());
    }

    TEST_CASE("every setting is described once") {
        std::set<std::string_view> names;
        for (const auto& info : config::all_settings()) {
            CHECK(names.insert(info.name).second);
            CHECK_FALSE(info.default_text.empty());
            CHECK_FALSE(info.description.empty());
        }
        for (const auto* name : {"CTMS_DB_URL", "PORT", "CTMS_PUBSUB_CLIENT", "CTMS_BACKGROUND_HEALTHCHECK_AGE_S", "SENTRY_DSN"}) {
            CHECK(names.count(name) == 1);
        }
    }

    TEST_CASE("the documented defaults are the real defaults") {
        const auto printed = std::string("\n").append(config::print(config::settings{}));
        int compared = 0;
        for (const auto& info : config::all_settings()) {
            const bool plain = info.default_text.find_first_of(" '") == std::string_view::npos && info.default_text != "none";
            const auto line = std::string("\n").append(info.name).append("=");
            if (!plain || !holds(printed, line)) continue;
            ++compared;
            CHECK(holds(printed, line + std::string(info.default_text) + "\n"));
        }
        CHECK(compared > 20);
    }

    TEST_CASE("printing hides secrets and passwords") {
        const auto printed = config::print(
            values({{"CTMS_SECRET_KEY", "hunter2 and 25 bytes or more"s + good_key}, {"PORT", "81"}, {"CTMS_TRUSTED_PROXIES", "::1,::2"}}));
        CHECK_FALSE(holds(printed, "hunter2"));
        CHECK(holds(printed, "CTMS_DB_URL=postgresql://u@db/ctms\n"));
        CHECK(holds(printed, "CTMS_SECRET_KEY=[SECRET]\n"));
        CHECK(holds(printed, "PORT=81\n"));
        CHECK(holds(printed, "CTMS_TRUSTED_PROXIES=::1,::2\n"));
        CHECK(holds(printed, "CTMS_ACOUSTIC_MAX_BACKLOG=\n"));
    }

    TEST_CASE("the password of a URL is never shown, however the URL is written") {
        for (const auto* url :
             {"postgres://u:hunter2@h:5432/d", "postgres://:hunter2@h", "postgres://u:a/hunter2@h/d", "postgres://u:a?hunter2@h/d",
              "postgres://u:a@hunter2@h1:1,h2:2/d", "postgres://h/d?user=u&password=hunter2", "postgres://h/d?sslpassword=hunter2&x=1",
              "postgres://h/d?p%61ssword=hunter2"}) {
            CAPTURE(url);
            CHECK_FALSE(holds(config::print(values({{"CTMS_DB_URL", url}})), "hunter2"));
        }
        CHECK(holds(config::print(values({{"CTMS_DB_URL", "postgres://u@h1:1,h2:2/d?target_session_attrs=read-write&password=x&a=b"}})),
                    "CTMS_DB_URL=postgres://u@h1:1,h2:2/d?target_session_attrs=read-write&password=[SECRET]&a=b\n"));
    }

    TEST_CASE("the process environment is read") {
        const auto getenv = config::process_environment();
        ::setenv("CTMS_TEST_OF_ENVIRONMENT", "x", 1);
        CHECK(getenv("CTMS_TEST_OF_ENVIRONMENT") == "x");
        ::unsetenv("CTMS_TEST_OF_ENVIRONMENT");
        CHECK_FALSE(getenv("CTMS_TEST_OF_ENVIRONMENT"));
    }
}

TEST_CASE("a DSN of Sentry is taken apart") {
    const auto parts = [](std::string_view text) {
        const auto dsn = config::parse_sentry_dsn(text);
        return dsn ? dsn->url + ' ' + dsn->key + ' ' + dsn->project : std::string("invalid");
    };
    CHECK(parts("https://0123abcd@o1.ingest.sentry.io/42") == "https://o1.ingest.sentry.io 0123abcd 42");
    CHECK(parts("http://key:secret@localhost:9000/path/to/7") == "http://localhost:9000/path/to key 7");
    CHECK(parts("https://key@[::1]:9000/7") == "https://[::1]:9000 key 7");
    for (const auto* wrong :
         {"", "https://host/42", "https://key@host", "https://key@host/", "https://@host/42", "https://key@/42", "ftp://key@host/42",
          "https://key@host/4 2", "https://key@host/42?a", "https://key@host/42#a", "https://k\"y@host/42", "https://key@:80/42"}) {
        CAPTURE(wrong);
        CHECK(parts(wrong) == "invalid");
    }
}
