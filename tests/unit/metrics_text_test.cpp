// SPDX-License-Identifier: MPL-2.0
#include <metrics_text.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

using namespace ctms::cli;

namespace {

metrics_text parsed(const std::string& text) { return metrics_text::parse(text).value(); }

constexpr double infinity = std::numeric_limits<double>::infinity();

} // namespace

TEST_CASE("metrics are parsed with their labels") {
    const auto found = parsed("# HELP a b\n# TYPE a counter\n"
                              "a{x=\"1\",path=\"/ctms/{email_id}\"} 2\n"
                              "a { x = \"2\" , } 3.5 1700000000000\r\n"
                              "\n   \n"
                              "b 1e3\n"
                              "c{} -4\n"
                              "last:one 7");
    REQUIRE(found.samples().size() == 5);
    CHECK(found.samples()[0].name == "a");
    CHECK(found.samples()[0].label("path") == "/ctms/{email_id}");
    CHECK(found.samples()[0].label("y").empty());
    CHECK(found.sum("a") == doctest::Approx(5.5));
    CHECK(found.sum("a", [](const metric_sample& one) { return one.label("x") == "2"; }) == doctest::Approx(3.5));
    CHECK(found.sum("b") == doctest::Approx(1000));
    CHECK(found.sum("c") == doctest::Approx(-4));
    CHECK(found.sum("last:one") == doctest::Approx(7));
    CHECK_FALSE(found.sum("d").has_value());
    CHECK_FALSE(found.sum("a", [](const metric_sample&) { return false; }).has_value());
}

TEST_CASE("escapes and special values in metrics are parsed") {
    const auto found = parsed("a{x=\"q\\\"b\\\\n\\nc,}\"} +Inf\nb NaN\nc -Inf\n");
    CHECK(found.samples()[0].label("x") == "q\"b\\n\nc,}");
    CHECK(found.samples()[0].value == infinity);
    CHECK(std::isnan(found.samples()[1].value));
    CHECK(found.samples()[2].value == -infinity);
}

TEST_CASE("text that is not metrics is refused with the line number") {
    for (const std::string line : {"<html>", "a", "a{", "a{x}", "a{x=1} 2", "a{x=\"1} 2", "a{x=\"1\"", "a{x=\"1\"y=\"2\"} 2", "a 1 b",
                                   "a x", "1a 2", "a{x=\"1\"} ", "a{x=\"\\"}) {
        CAPTURE(line);
        const auto wrong = metrics_text::parse("good 1\n" + line);
        REQUIRE_FALSE(wrong.has_value());
        CHECK(wrong.error().code == ctms::errc::malformed);
        CHECK(wrong.error().message.find("line 2 ") != std::string::npos);
    }
    CHECK(parsed("").samples().empty());
}

TEST_CASE("buckets are summed and compared") {
    const auto before = parsed("d_bucket{le=\"0.1\",m=\"a\"} 1\nd_bucket{le=\"+Inf\",m=\"a\"} 2\n").buckets("d");
    const auto now = parsed("d_bucket{le=\"0.1\",m=\"a\"} 4\nd_bucket{le=\"+Inf\",m=\"a\"} 6\n"
                            "d_bucket{le=\"0.1\",m=\"b\"} 1\nd_bucket{le=\"+Inf\",m=\"b\"} 1\nd_sum 7\nd_count 8\n")
                         .buckets("d");
    CHECK(now == metric_buckets{{0.1, 5}, {infinity, 7}});
    CHECK(growth(before, now) == metric_buckets{{0.1, 4}, {infinity, 5}});
    CHECK(growth(now, before) == before); // the counter restarted
    CHECK(growth({}, now) == now);
    CHECK(growth(5, 7) == doctest::Approx(2));
    CHECK(growth(5, 3) == doctest::Approx(3));
}

TEST_CASE("quantiles are estimated as in Prometheus") {
    const metric_buckets buckets{{0.01, 50}, {0.1, 90}, {1, 100}, {infinity, 100}};
    CHECK(quantile(0.5, buckets).value() == doctest::Approx(0.01));
    CHECK(quantile(0.25, buckets).value() == doctest::Approx(0.005));
    CHECK(quantile(0.7, buckets).value() == doctest::Approx(0.055));
    CHECK(quantile(0.99, buckets).value() == doctest::Approx(0.91));
    CHECK(quantile(0.99, {{0.01, 0}, {1, 0}, {infinity, 3}}).value() == doctest::Approx(1));
    CHECK_FALSE(quantile(0.5, {}).has_value());
    CHECK_FALSE(quantile(0.5, {{0.1, 0}, {infinity, 0}}).has_value());
}
