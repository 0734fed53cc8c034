// SPDX-License-Identifier: MPL-2.0
#include "text_source.hpp"

#include <ctms/base/files.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <streambuf>
#include <string_view>

namespace ctms::cli {
namespace {

enum class encoding : std::uint8_t { utf8, utf16_little, utf16_big };

constexpr std::size_t piece = 64U * 1024U;
constexpr std::string_view mark_of_utf8 = "\xEF\xBB\xBF";

ssize_t read_some(int descriptor, char* to, std::size_t count) {
    ssize_t out = 0;
    do {
        out = ::read(descriptor, to, count);
    } while (out < 0 && errno == EINTR);
    return out;
}

/// UTF-16 without a mark shows by the NUL bytes of its ASCII characters.
std::optional<encoding> guess_utf16(std::string_view text) {
    const auto sample = text.substr(0, 256);
    std::array<std::size_t, 2> nulls{};
    for (std::size_t i = 0; i < sample.size(); ++i) nulls.at(i % 2) += sample[i] == '\0' ? 1 : 0;
    if (nulls[0] == 0 && nulls[1] * 4 > sample.size()) return encoding::utf16_little;
    if (nulls[1] == 0 && nulls[0] * 4 > sample.size()) return encoding::utf16_big;
    return std::nullopt;
}

/// Decodes a file piece by piece. If a read fails, throws std::ios_base::failure, which makes the stream bad.
class decoder : public std::streambuf {
public:
    decoder(file_handle file, std::uint64_t begin, bool seeks) : file_(std::move(file)), begin_(begin), seeks_(seeks) {}

    void rewind() {
        ::lseek(file_.get(), static_cast<off_t>(begin_), SEEK_SET);
        started_ = false;
        ended_ = false;
        taken_ = 0;
        raw_.clear();
        text_.clear();
        setg(nullptr, nullptr, nullptr);
    }
    [[nodiscard]] bool seeks() const { return seeks_; }
    [[nodiscard]] std::uint64_t position() const { return taken_; }
    [[nodiscard]] int descriptor() const { return file_.get(); }
    [[nodiscard]] std::uint64_t begin() const { return begin_; }
    /// Whether the first piece has NUL characters, as no text has.
    [[nodiscard]] bool is_binary() {
        (void)sgetc();
        return text_.find('\0') != std::string::npos;
    }

protected:
    int_type underflow() override {
        while (gptr() == egptr()) {
            if (ended_) return traits_type::eof();
            fill();
            decode();
        }
        return traits_type::to_int_type(*gptr());
    }

private:
    /// Reads the next bytes after those that are left; the first time as many as the guesses need.
    void fill() {
        do {
            const auto kept = raw_.size();
            raw_.resize(kept + piece);
            const auto count = read_some(file_.get(), raw_.data() + kept, piece);
            raw_.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
            if (count < 0) throw std::ios_base::failure(std::strerror(errno)); // NOLINT(concurrency-mt-unsafe)
            taken_ += static_cast<std::uint64_t>(count);
            ended_ = count == 0;
        } while (!started_ && !ended_ && raw_.size() < piece);
    }

    void decode() {
        if (!started_) find_encoding();
        text_.clear();
        if (encoding_ == encoding::utf8) {
            text_.swap(raw_);
        } else {
            decode_utf16();
        }
        if (!started_) ends_with_cr_ = text_.find('\n') == std::string::npos && text_.find('\r') != std::string::npos;
        started_ = true;
        if (ends_with_cr_) std::replace(text_.begin(), text_.end(), '\r', '\n');
        setg(text_.data(), text_.data(), text_.data() + text_.size());
    }

    void find_encoding() {
        encoding_ = encoding::utf8;
        std::size_t mark = 0;
        if (raw_.starts_with(mark_of_utf8)) {
            mark = mark_of_utf8.size();
        } else if (raw_.starts_with("\xFF\xFE") || raw_.starts_with("\xFE\xFF")) {
            encoding_ = raw_.starts_with("\xFF") ? encoding::utf16_little : encoding::utf16_big;
            mark = 2;
        } else {
            encoding_ = guess_utf16(raw_).value_or(encoding::utf8);
        }
        raw_.erase(0, mark);
    }

    [[nodiscard]] char32_t unit(std::size_t at) const {
        const auto first = static_cast<unsigned char>(raw_[at]);
        const auto second = static_cast<unsigned char>(raw_[at + 1]);
        return encoding_ == encoding::utf16_little ? first | static_cast<char32_t>(second) << 8U
                                                   : second | static_cast<char32_t>(first) << 8U;
    }

    /// Leaves the bytes of an incomplete character for the next piece. At the end of the file they become U+FFFD.
    void decode_utf16() {
        std::size_t at = 0;
        for (; at + 2 <= raw_.size(); at += 2) {
            auto code = unit(at);
            const bool is_first_half = code >= 0xD800 && code < 0xDC00;
            if (is_first_half && at + 4 > raw_.size() && !ended_) break;
            if (is_first_half && at + 4 <= raw_.size() && unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10U) + (unit(at + 2) - 0xDC00);
                at += 2;
            }
            append_utf8(text_, code);
        }
        raw_.erase(0, at);
        if (ended_ && !raw_.empty()) append_utf8(text_, U'\uFFFD');
    }

    file_handle file_;
    std::uint64_t begin_;
    bool seeks_;
    bool started_ = false;
    bool ended_ = false;
    bool ends_with_cr_ = false;
    encoding encoding_ = encoding::utf8;
    std::uint64_t taken_ = 0;
    std::string raw_;  ///< bytes that are not decoded yet
    std::string text_; ///< what the stream reads
};

/// A new file without a name, which only this process can read.
file_handle temporary_file() {
    std::error_code none;
    auto folder = std::filesystem::temp_directory_path(none).string();
    if (none) folder = "/tmp";
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    file_handle out(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (out.get() >= 0) return out;
    auto name = folder + "/ctms-admin-XXXXXX"; // for file systems without O_TMPFILE; mkostemp() sets mode 600
    file_handle named(::mkostemp(name.data(), O_CLOEXEC));
    if (named.get() >= 0) ::unlink(name.c_str());
    return named;
}

bool write_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(to, bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) return false;
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

/// Copies the rest of a file. Returns a handle without a descriptor, with the reason in errno, if that fails.
file_handle copied(int from) {
    auto to = temporary_file();
    if (to.get() < 0) return to;
    std::string bytes(piece, '\0');
    for (;;) {
        const auto count = read_some(from, bytes.data(), bytes.size());
        if (count == 0) break;
        if (count < 0 || !write_all(to.get(), std::string_view(bytes).substr(0, static_cast<std::size_t>(count)))) return {};
    }
    ::lseek(to.get(), 0, SEEK_SET);
    return to;
}

error cannot_open(const std::string& name, int reason) {
    return not_found(fmt::format("{} cannot be opened", name), std::strerror(reason)); // NOLINT(concurrency-mt-unsafe)
}

} // namespace

error empty_file(const std::string& name) {
    return invalid(fmt::format("{} is empty; nothing was done", name == "-" ? "standard input" : name));
}

struct text_source::impl {
    explicit impl(file_handle file, std::uint64_t begin, bool seeks) : text(std::move(file), begin, seeks), stream(&text) {}
    decoder text;
    std::istream stream;
};

result<text_source> text_source::open(const std::string& name, passes how_often) {
    const bool is_standard_input = name == "-";
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    file_handle file(is_standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (file.get() < 0 || ::fstat(file.get(), &about) != 0) return cannot_open(name, errno);
    if (S_ISDIR(about.st_mode)) return cannot_open(name, EISDIR);
    bool seeks = S_ISREG(about.st_mode);
    if (!seeks && how_often == passes::twice) {
        auto copy = copied(file.get());
        if (copy.get() < 0) {
            return not_found(fmt::format("{} cannot be copied to a temporary file", name),
                             std::strerror(errno)); // NOLINT(concurrency-mt-unsafe)
        }
        file = std::move(copy);
        seeks = true;
    }
    const auto begin = seeks ? ::lseek(file.get(), 0, SEEK_CUR) : 0;
    text_source out(std::make_unique<impl>(std::move(file), static_cast<std::uint64_t>(std::max<off_t>(begin, 0)), seeks));
    if (!seeks) return out; // do not wait for a pipe here
    try {
        if (out.impl_->text.is_binary()) {
            return not_found(fmt::format("{} is not a text file", name), "export it as CSV, or as lines of JSON");
        }
    } catch (const std::ios_base::failure&) {
        return cannot_open(name, errno);
    }
    return out;
}

text_source::text_source(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
text_source::text_source(text_source&&) noexcept = default;
text_source& text_source::operator=(text_source&&) noexcept = default;
text_source::~text_source() = default;

std::istream& text_source::stream() { return impl_->stream; }

bool text_source::failed() { return impl_->stream.bad(); }

void text_source::rewind() {
    impl_->stream.clear();
    impl_->text.rewind();
}

std::optional<std::uint64_t> text_source::size() const {
    struct stat about {};
    if (!impl_->text.seeks() || ::fstat(impl_->text.descriptor(), &about) != 0) return std::nullopt;
    return static_cast<std::uint64_t>(about.st_size) - std::min(impl_->text.begin(), static_cast<std::uint64_t>(about.st_size));
}

std::uint64_t text_source::position() const { return impl_->text.position(); }

} // namespace ctms::cli
