// SPDX-License-Identifier: MPL-2.0
#include "metrics_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace ctms::cli {
namespace {

constexpr std::string_view blanks = " \t\r";

/// Reads one line from left to right; each step returns whether the line has the expected form.
class line_reader {
public:
    explicit line_reader(std::string_view line) : rest_(line) { skip_blanks(); }

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool at_comment() const { return rest_.starts_with('#'); }

    bool read(metric_sample& out) {
        if (!read_name(out.name)) return false;
        if (take('{') && !read_labels(out)) return false;
        skip_blanks();
        return read_value(out.value);
    }

private:
    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size())); }

    bool take(char wanted) {
        skip_blanks();
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool read_name(std::string& out) {
        const auto is_part = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
        };
        const auto* const end = std::find_if_not(rest_.begin(), rest_.end(), is_part);
        out.assign(rest_.begin(), end);
        rest_.remove_prefix(out.size());
        return !out.empty() && (out[0] < '0' || out[0] > '9');
    }

    bool read_labels(metric_sample& out) {
        while (!take('}')) {
            std::pair<std::string, std::string> label;
            skip_blanks();
            if (!read_name(label.first) || !take('=') || !take('"') || !read_quoted(label.second)) return false;
            out.labels.push_back(std::move(label));
            skip_blanks();
            if (!rest_.starts_with('}') && !take(',')) return false;
        }
        return true;
    }

    bool read_quoted(std::string& out) {
        for (std::size_t at = 0; at < rest_.size(); ++at) {
            char c = rest_[at];
            if (c == '"') {
                rest_.remove_prefix(at + 1);
                return true;
            }
            if (c == '\\') {
                if (++at == rest_.size()) return false;
                c = rest_[at] == 'n' ? '\n' : rest_[at];
            }
            out += c;
        }
        return false;
    }

    bool read_value(double& out) {
        const auto word = rest_.substr(0, rest_.find_first_of(blanks));
        rest_.remove_prefix(word.size());
        return to_number(word, out) && ends_well();
    }

    static bool to_number(std::string_view word, double& out) {
        if (word.starts_with('+')) word.remove_prefix(1);
        const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), out);
        return failed == std::errc() && end == word.data() + word.size();
    }

    /// Whether the rest of the line is empty or a timestamp.
    bool ends_well() {
        skip_blanks();
        return std::all_of(rest_.begin(), rest_.end(),
                           [](char c) { return (c >= '0' && c <= '9') || c == '-' || blanks.find(c) != std::string_view::npos; });
    }

    std::string_view rest_;
};

} // namespace

std::string_view metric_sample::label(std::string_view wanted) const {
    const auto found = std::find_if(labels.begin(), labels.end(), [wanted](const auto& each) { return each.first == wanted; });
    return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

result<metrics_text> metrics_text::parse(std::string_view text) {
    metrics_text out;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        line_reader reader(line);
        if (reader.at_end() || reader.at_comment()) continue;
        metric_sample sample;
        if (!reader.read(sample)) return malformed(fmt::format("line {} is not a Prometheus metric", number));
        out.samples_.push_back(std::move(sample));
    }
    return out;
}

std::optional<double> metrics_text::sum(std::string_view name, const filter& wanted) const {
    std::optional<double> out;
    for (const auto& sample : samples_) {
        if (sample.name == name && (!wanted || wanted(sample))) out = out.value_or(0) + sample.value;
    }
    return out;
}

metric_buckets metrics_text::buckets(std::string_view name, const filter& wanted) const {
    metric_buckets out;
    const auto full = std::string(name) + "_bucket";
    for (const auto& sample : samples_) {
        if (sample.name != full || (wanted && !wanted(sample))) continue;
        const auto bound = sample.label("le");
        double number = 0;
        const auto [end, failed] = std::from_chars(bound.data() + (bound.starts_with('+') ? 1 : 0), bound.data() + bound.size(), number);
        if (failed == std::errc() && end == bound.data() + bound.size()) out[number] += sample.value;
    }
    return out;
}

double growth(double before, double now) { return now >= before ? now - before : now; }

metric_buckets growth(const metric_buckets& before, const metric_buckets& now) {
    // If one bucket is smaller than before, the histogram was reset, so all of its buckets were.
    const bool anew = std::any_of(now.begin(), now.end(), [&](const auto& each) {
        const auto found = before.find(each.first);
        return found != before.end() && found->second > each.second;
    });
    if (anew) return now;
    auto out = now;
    for (auto& [bound, count] : out) {
        if (const auto found = before.find(bound); found != before.end()) count -= found->second;
    }
    return out;
}

std::optional<double> quantile(double q, const metric_buckets& buckets) {
    if (buckets.empty() || buckets.rbegin()->second <= 0) return std::nullopt;
    const double rank = q * buckets.rbegin()->second;
    double lower = 0;
    double below = 0;
    for (const auto& [bound, count] : buckets) {
        if (count >= rank && count > below) {
            if (std::isinf(bound)) return lower;
            return lower + (bound - lower) * (rank - below) / (count - below);
        }
        if (!std::isinf(bound)) lower = bound;
        below = count;
    }
    return lower;
}

} // namespace ctms::cli
