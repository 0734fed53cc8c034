// SPDX-License-Identifier: MPL-2.0
#include "compression.hpp"

#include <ctms/base/utf8.hpp>

#include <zlib.h>

#include <algorithm>
#include <stdexcept>

namespace ctms::web {
namespace {

constexpr std::size_t least_bytes = 1024;

std::string_view next_item(std::string_view& list, char separator) {
    const auto end = std::min(list.find(separator), list.size());
    auto item = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    return item;
}

/// `q=0`, `q=0.0`, ...: not wanted at all.
bool refuses(std::string_view parameters) {
    while (!parameters.empty()) {
        const auto one = next_item(parameters, ';');
        if (one.starts_with("q=0") && one.find_first_not_of("0.", 2) == std::string_view::npos) return true;
    }
    return false;
}

bool is_text(std::string_view content_type) { return content_type.starts_with("application/json") || content_type.starts_with("text/"); }

bool is_encoded(const response& answer) {
    return std::any_of(answer.headers.begin(), answer.headers.end(),
                       [](const auto& header) { return ascii_iequal(header.first, "content-encoding"); });
}

} // namespace

bool accepts_gzip(std::string_view accept_encoding) noexcept {
    bool any = false;
    while (!accept_encoding.empty()) {
        auto item = next_item(accept_encoding, ',');
        const auto name = next_item(item, ';');
        if (ascii_iequal(name, "gzip") || ascii_iequal(name, "x-gzip")) return !refuses(item);
        if (name == "*") any = !refuses(item);
    }
    return any;
}

namespace {

/// zlib's state of a quarter of a megabyte, kept by each thread: to make it anew costs more than to compress a contact.
class compressor {
public:
    compressor() {
        constexpr int gzip_window = 15 + 16; // zlib's way to say: with a gzip header
        constexpr int memory_level = 8;
        if (deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::runtime_error("zlib cannot start");
        }
    }
    ~compressor() { deflateEnd(&stream_); }
    compressor(const compressor&) = delete;
    compressor& operator=(const compressor&) = delete;

    std::string compress(std::string_view text) {
        deflateReset(&stream_);
        std::string out(deflateBound(&stream_, static_cast<uLong>(text.size())), '\0');
        // zlib reads through a pointer that is not const; it does not write.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
        stream_.avail_in = static_cast<uInt>(text.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("zlib cannot finish");
        out.resize(stream_.total_out);
        return out;
    }

private:
    z_stream stream_{};
};

} // namespace

std::string gzip(std::string_view text) {
    thread_local compressor kept;
    return kept.compress(text);
}

void compress(const request& http, response& answer) {
    if (answer.body.size() <= least_bytes || !is_text(answer.content_type) || is_encoded(answer)) return;
    answer.headers.emplace_back("Vary", "Accept-Encoding");
    if (!accepts_gzip(http.header("accept-encoding"))) return;
    answer.body = gzip(answer.body);
    answer.headers.emplace_back("Content-Encoding", "gzip");
}

} // namespace ctms::web
