// SPDX-License-Identifier: MPL-2.0
#include <ctms/mozlog/logger.hpp>

#include <support/captured_log.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <future>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mozlog = ctms::mozlog;
namespace json = boost::json;
using namespace std::literals;
using ctms::test::memory_sink;
using clock_type = std::chrono::steady_clock;

namespace {

/// Blocks in write until it is released; reports its destruction.
class stuck_sink final : public mozlog::sink {
public:
    stuck_sink(std::shared_future<void> release, std::promise<void> gone) : release_(std::move(release)), gone_(std::move(gone)) {}
    ~stuck_sink() override { gone_.set_value(); }
    std::size_t write(std::string_view) override {
        release_.wait();
        return 0;
    }

private:
    std::shared_future<void> release_;
    std::promise<void> gone_;
};

/// Loses each batch that contains "lost", the first one by throwing an exception, and the first report of lost lines.
class failing_sink final : public mozlog::sink {
public:
    struct counts {
        std::string written;
        std::uint64_t lost = 0; ///< lines other than reports
        bool has_lost_report = false;
    };
    explicit failing_sink(counts& into) : into_(into) {}
    std::size_t write(std::string_view lines) override {
        const bool is_report = lines.find("log lines dropped") != std::string_view::npos;
        const bool fails = lines.find("lost") != std::string_view::npos || (is_report && !into_.has_lost_report);
        if (!fails) {
            into_.written += lines;
            return 0;
        }
        const auto count = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
        into_.has_lost_report = into_.has_lost_report || is_report;
        into_.lost += count - (is_report ? 1 : 0);
        if (into_.lost == 1) throw std::runtime_error("no space left on device");
        return count;
    }

private:
    counts& into_;
};

class pipe_pair {
public:
    pipe_pair() { REQUIRE(::pipe(ends_) == 0); }
    ~pipe_pair() {
        close_reader();
        close_writer();
    }
    pipe_pair(const pipe_pair&) = delete;
    pipe_pair& operator=(const pipe_pair&) = delete;

    int writer() const { return ends_[1]; }
    void close_reader() { close_end(0); }
    void close_writer() { close_end(1); }

    /// Reads everything until the end, in another thread.
    std::future<std::string> read_all() const {
        return std::async(std::launch::async, [from = ends_[0]] {
            std::string all;
            char part[8192];
            for (ssize_t n = 0; (n = ::read(from, part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(n));
            return all;
        });
    }

private:
    void close_end(int which) {
        if (ends_[which] >= 0) ::close(ends_[which]);
        ends_[which] = -1;
    }
    int ends_[2] = {-1, -1};
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    CHECK(begin == text.size()); // no text after the last line end
    return lines;
}

json::object parsed(const std::string& line) {
    json::error_code failed;
    const auto value = json::parse(line, failed);
    REQUIRE_MESSAGE(!failed, line);
    return value.as_object();
}

mozlog::options named(bool as_json = true) {
    mozlog::options opts;
    opts.hostname = "web-1";
    opts.json = as_json;
    return opts;
}

/// Returns the line that is logged for these fields and this message.
std::string logged(const mozlog::options& opts, const mozlog::fields& members, std::string_view message) {
    std::string out;
    mozlog::logger(opts, std::make_unique<memory_sink>(out)).log(mozlog::severity::info, "ctms.web", members, message);
    return out;
}

json::object fields_of(const mozlog::fields& members) { return parsed(logged(named(), members, "m")).at("Fields").as_object(); }

} // namespace

TEST_SUITE("mozlog") {
    TEST_CASE("a line has the MozLog keys in their order") {
        const auto line = logged(named(), mozlog::fields().add("status_code", 200).add("trivial", true), "hello");
        const auto rest = line.substr(line.find(",\"Type\""));
        CHECK(line.starts_with("{\"Timestamp\":1"));
        CHECK(rest == R"(,"Type":"ctms.web","Logger":"ctms","Hostname":"web-1","EnvVersion":"2.0","Severity":6,"Pid":)" +
                          std::to_string(::getpid()) + R"(,"Fields":{"status_code":200,"trivial":true,"msg":"hello"}})" + "\n");
    }

    TEST_CASE("the timestamp is in nanoseconds") {
        const auto before = std::chrono::system_clock::now().time_since_epoch() / 1ns;
        const auto stamp = parsed(logged(named(), {}, "m")).at("Timestamp").to_number<std::int64_t>();
        CHECK(stamp >= before);
        CHECK(stamp <= std::chrono::system_clock::now().time_since_epoch() / 1ns);
    }

    TEST_CASE("without a configured hostname the name of the host is used") {
        auto opts = named();
        opts.hostname.clear();
        CHECK_FALSE(parsed(logged(opts, {}, "m")).at("Hostname").as_string().empty());
    }

    TEST_CASE("every kind of field is written") {
        mozlog::fields members;
        members.add("s", "a\"b").add("no", false).add("n", std::int64_t{1} << 40).add_seconds("d", 0.0629).add_null("none");
        members.add_json("j", R"( { "b" : [ 1.50, -0, 12345678901234567890123, 1e2 ], "a":{} , "":null,"t":[true,[]]} )");
        CHECK(members.json() == R"("s":"a\"b","no":false,"n":1099511627776,"d":0.063,"none":null,)"
                                R"("j":{"b":[1.50,-0,12345678901234567890123,1e2],"a":{},"":null,"t":[true,[]]})");
    }

    TEST_CASE("JSON on several lines becomes one line") {
        CHECK(mozlog::fields().add_json("j", "{\n \"a\": \"x\\ny\"\r\n}\n").json() == R"("j":{"a":"x\ny"})");
    }

    TEST_CASE("text that is not JSON does not break the line") {
        for (const auto* text : {"", "{", "{\"a\":1}}", "nonsense", "\"open", "1,\"x\":2", "[1,]"}) {
            CAPTURE(text);
            CHECK(mozlog::fields().add_json("j", text).json() == R"("j":"[OMITTED]")");
        }
        CHECK(mozlog::fields().add_json("j", std::string(100'000, '[')).json() == R"("j":"[OMITTED]")");
    }

    TEST_CASE("long strings inside JSON are kept whole") {
        const std::string text(100'000, 'x');
        CHECK(mozlog::fields().add_json("j", "[\"" + text + "\\n" + text + "\"]").json() == "\"j\":[\"" + text + "\\n" + text + "\"]");
    }

    TEST_CASE("an email address never gets into a line") {
        mozlog::fields members;
        members.add("text", "to a@b.c").add_json("body", R"({"a@b.c":["x@y.z","\u0061\u0040b.c",{"k":"a%40b.c"}]})");
        members.add("a@b.c", "x").add("b@b.c", true).add("c@b.c", 1).add_seconds("d@b.c", 1).add_null("e@b.c").add_json("f@b.c", "1");
        members.add_service_account("g%40b.c", "x").add("\xFF", 1);
        auto opts = named();
        opts.logger_name = "a@b.c";
        opts.hostname = "a@b.c";
        for (const bool as_json : {true, false}) {
            opts.json = as_json;
            std::string out;
            mozlog::logger(opts, std::make_unique<memory_sink>(out)).log(mozlog::severity::info, "type a@b.c", members, "Key (e)=(a@b.c)");
            CHECK(out.find('@') == std::string::npos);
            CHECK(out.find("%40") == std::string::npos);
            CHECK(out.find("Key (e)=([OMITTED])") != std::string::npos);
        }
    }

    TEST_CASE("an object is written inside the others, and its values are clean too") {
        const auto inner = mozlog::fields().add("a@b.c", "x@y.z").add("n", 1);
        mozlog::fields members;
        members.add("first", true).add_object("a@b.c", inner).add_object("empty", {}).add_null("last");
        CHECK(members.json() == R"("first":true,"[OMITTED]":{"[OMITTED]":"[OMITTED]","n":1},"empty":{},"last":null)");
    }

    TEST_CASE("the address of a traced contact is kept") {
        constexpr auto traced = "t+trace_me_mozilla_1@example.com";
        const auto members =
            fields_of(mozlog::fields().add("trace", traced).add_json("trace_json", "{\"e\":\""s + traced + "\",\"f\":\"a@b.c\"}"));
        CHECK(members.at("trace").as_string() == traced);
        CHECK(members.at("trace_json").at("e").as_string() == traced);
        CHECK(members.at("trace_json").at("f").as_string() == "[OMITTED]");
    }

    TEST_CASE("the address of a configured service account is kept in its own field only") {
        const auto fields = fields_of(mozlog::fields()
                                          .add_service_account("account", "push@project.iam.gserviceaccount.com")
                                          .add("other", "push@project.iam.gserviceaccount.com")
                                          .add_service_account("odd", "a\"b@c"));
        CHECK(fields.at("account") == "push@project.iam.gserviceaccount.com");
        CHECK(fields.at("other") == "[OMITTED]");
        CHECK(fields.at("odd") == "a\"b@c");
    }

    TEST_CASE("bytes that are not UTF-8 are replaced") {
        const auto members = fields_of(mozlog::fields().add("t", "a\xFF\xE2\x82z\xC3\xA9").add_json("j", "[\"\xFF\"]"));
        CHECK(members.at("t").as_string() == "a\uFFFD\uFFFD\uFFFDz\u00e9");
        CHECK(members.at("j").at(0).as_string() == "\uFFFD");
        CHECK(parsed(logged(named(), {}, "\x80")).at("Fields").at("msg").as_string() == "\uFFFD");
    }

    TEST_CASE("control characters stay inside their line") {
        const auto out = logged(named(), {}, "a\nb\0c\r"sv);
        CHECK(lines_of(out).size() == 1);
        CHECK(parsed(out).at("Fields").at("msg").as_string() == "a\nb\0c\r"sv);
    }

    TEST_CASE("lines below the level are not written") {
        std::string out;
        {
            auto opts = named();
            opts.level = mozlog::severity::warning;
            mozlog::logger log(opts, std::make_unique<memory_sink>(out));
            CHECK(log.enabled(mozlog::severity::critical));
            CHECK(log.enabled(mozlog::severity::warning));
            CHECK_FALSE(log.enabled(mozlog::severity::info));
            log.log(mozlog::severity::info, "t", "no");
            log.log(mozlog::severity::error, "t", "yes");
        }
        CHECK(lines_of(out).size() == 1);
        CHECK(out.find("\"Severity\":3") != std::string::npos);
    }

    TEST_CASE("the console format is readable") {
        mozlog::fields members;
        members.add("path", "/ctms").add("reason", "two words").add("n", 5).add_json("list", R"([1,{"a":"x,y"}])").add("empty", "");
        const auto out = logged(named(false), members, "hello world");
        CHECK(out.substr(23) == " INFO  ctms.web hello world path=/ctms reason=\"two words\" n=5 list=[1,{\"a\":\"x,y\"}] empty=\"\"\n");
        for (std::size_t i = 0; i < 23; ++i) {
            const char expected = "dddd-dd-dd dd:dd:dd.ddd"[i];
            CHECK((expected == 'd' ? std::isdigit(static_cast<unsigned char>(out[i])) != 0 : out[i] == expected));
        }
    }

    TEST_CASE("the console format has colour if asked") {
        auto opts = named(false);
        opts.color = true;
        CHECK(logged(opts, {}, "m").substr(23) == " \x1b[32mINFO \x1b[0m ctms.web m\n");
    }

    TEST_CASE("logged text cannot control a terminal") {
        const auto out = logged(named(false), mozlog::fields().add("f", "\x1b[2J\x7F"), "\x1b]0;title\x07\nx");
        CHECK(out.find('\x1b') == std::string::npos);
        CHECK(out.find('\x7F') == std::string::npos);
        CHECK(lines_of(out).size() == 1);
    }

    // C1 controls, bidirectional controls, separators: a reader must see what was logged, in the right order.
    TEST_CASE("neither format prints characters that control a terminal or are invisible") {
        const std::string hostile = "a\u009b2J\u202e\u2066\u200f\u061c\u2028\u2029\u0085\x7F\xFF\u00e9\U0001f600";
        const auto members = mozlog::fields().add("f", hostile).add_json("j", "[\"\u202e\"]");
        for (const bool json : {false, true}) {
            const auto out = logged(named(json), members, hostile);
            CAPTURE(out);
            for (const auto* one : {"\u009b", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\u2029", "\u0085", "\x7F", "\xFF\u00e9"})
                CHECK(out.find(one) == std::string::npos);
            CHECK(out.find(json ? "\\u202e" : "\\u{202e}") != std::string::npos);
            CHECK(out.find(json ? "\\u009b" : "\\u{9b}") != std::string::npos);
            CHECK(out.find("\u00e9\U0001f600") != std::string::npos);
        }
        const auto logged_fields = parsed(logged(named(), members, hostile)).at("Fields");
        CHECK(logged_fields.at("f").as_string() == "a\u009b2J\u202e\u2066\u200f\u061c\u2028\u2029\u0085\x7F\uFFFD\u00e9\U0001f600");
        CHECK(logged_fields.at("j").at(0).as_string() == "\u202e");
    }

    TEST_CASE("lines from many threads arrive whole and in each thread's order") {
        constexpr int threads = 8;
        constexpr int lines_each = 5000;
        pipe_pair channel;
        auto reader = channel.read_all();
        {
            auto opts = named();
            opts.queue_bytes = 64 << 20; // room for all lines: none may be dropped
            mozlog::logger log(opts, mozlog::make_descriptor_sink(channel.writer()));
            std::vector<std::jthread> writers;
            for (int t = 0; t < threads; ++t) {
                writers.emplace_back([&log, t] {
                    for (int n = 0; n < lines_each; ++n) {
                        log.log(mozlog::severity::info, "t", mozlog::fields().add("thread", t).add("n", n),
                                std::string(static_cast<std::size_t>(n % 300), 'x'));
                    }
                });
            }
            writers.clear();
            CHECK(log.flush(60s));
            CHECK(log.dropped() == 0);
        }
        channel.close_writer();
        std::map<std::int64_t, std::int64_t> next;
        for (const auto& line : lines_of(reader.get())) {
            const auto members = parsed(line).at("Fields").as_object();
            REQUIRE(members.at("n").as_int64() == next[members.at("thread").as_int64()]++);
        }
        CHECK(next.size() == threads);
        for (const auto& [thread, count] : next) CHECK(count == lines_each);
    }

    TEST_CASE("a stalled reader costs counted lines but delays no caller") {
        constexpr std::uint64_t total = 20'000;
        pipe_pair channel;
        std::uint64_t dropped = 0;
        std::future<std::string> reader;
        {
            auto opts = named();
            opts.queue_bytes = 64 << 10;
            mozlog::logger log(opts, mozlog::make_descriptor_sink(channel.writer()));
            // Nobody reads yet: a call that waited for the reader would never return.
            for (std::uint64_t n = 0; n < total; ++n) {
                log.log(mozlog::severity::info, "t", mozlog::fields().add("n", static_cast<std::int64_t>(n)), "a line");
            }
            CHECK_FALSE(log.flush(1ms));
            CHECK(log.dropped() > 0);
            reader = channel.read_all();
            CHECK(log.flush(30s));
            log.log(mozlog::severity::info, "t", mozlog::fields().add("n", 1), "after");
            CHECK(log.flush(30s));
            dropped = log.dropped();
        }
        channel.close_writer();
        std::uint64_t arrived = 0;
        std::uint64_t reported = 0;
        const auto lines = lines_of(reader.get());
        for (const auto& text : lines) {
            const auto line = parsed(text);
            if (line.at("Type").as_string() != "ctms.mozlog") {
                ++arrived;
                continue;
            }
            CHECK(line.at("Severity").as_int64() == 4);
            reported += line.at("Fields").at("dropped").to_number<std::uint64_t>();
        }
        CHECK(arrived + dropped == total + 1);
        CHECK(reported == dropped);
        CHECK(parsed(lines.back()).at("Fields").at("msg").as_string() == "after");
    }

    TEST_CASE("lines that the sink loses are counted, and reported when it works again, even if the first report is lost") {
        failing_sink::counts sink;
        {
            mozlog::logger log(named(), std::make_unique<failing_sink>(sink));
            for (const auto text : {"lost", "lost", "lost", "good", "good", "lost", "good"}) {
                log.log(mozlog::severity::info, "t", text);
                REQUIRE(log.flush(30s));
            }
            CHECK(log.dropped() >= 4);
        }
        CHECK(sink.has_lost_report);
        CHECK(sink.lost >= 4);
        std::uint64_t reported = 0;
        for (const auto& line : lines_of(sink.written)) {
            const auto entry = parsed(line); // keeps the number alive
            const auto* number = entry.at("Fields").as_object().if_contains("dropped");
            if (number != nullptr) reported += number->to_number<std::uint64_t>();
        }
        CHECK(reported == sink.lost);
    }

    TEST_CASE("a line larger than the whole queue is dropped and reported immediately") {
        std::string out;
        {
            auto opts = named();
            opts.queue_bytes = 1000;
            mozlog::logger log(opts, std::make_unique<memory_sink>(out));
            log.log(mozlog::severity::info, "t", std::string(2000, 'x'));
            CHECK(log.dropped() == 1);
        }
        CHECK(lines_of(out).size() == 1);
        CHECK(out.find("\"dropped\":1") != std::string::npos);
    }

    TEST_CASE("destroying a logger writes the queued lines") {
        std::string out;
        {
            mozlog::logger log(named(), std::make_unique<memory_sink>(out));
            for (int n = 0; n < 1000; ++n) log.log(mozlog::severity::info, "t", "m");
        }
        CHECK(lines_of(out).size() == 1000);
    }

    TEST_CASE("destroying a logger returns even if nobody reads the pipe") {
        pipe_pair channel;
        const auto start = clock_type::now();
        {
            mozlog::logger log(named(), mozlog::make_descriptor_sink(channel.writer()));
            for (int n = 0; n < 5000; ++n) log.log(mozlog::severity::info, "t", "m");
        }
        CHECK(clock_type::now() - start < 30s);
        channel.close_writer();
        for (const auto& line : lines_of(channel.read_all().get())) parsed(line);
    }

    TEST_CASE("destroying a logger returns even if its sink never does") {
        std::promise<void> release;
        std::promise<void> gone;
        auto sink_gone = gone.get_future();
        const auto start = clock_type::now();
        {
            mozlog::logger log(named(), std::make_unique<stuck_sink>(release.get_future().share(), std::move(gone)));
            log.log(mozlog::severity::info, "t", "m");
        }
        CHECK(clock_type::now() - start < 30s);
        release.set_value();
        CHECK(sink_gone.wait_for(30s) == std::future_status::ready);
    }

    TEST_CASE("a reader that went away does no harm") {
        pipe_pair channel;
        channel.close_reader();
        mozlog::logger log(named(), mozlog::make_descriptor_sink(channel.writer()));
        log.log(mozlog::severity::info, "t", "m");
        CHECK(log.flush(30s));
    }
}
