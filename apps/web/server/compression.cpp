// SPDX-License-Identifier: MPL-2.0
#include "compression.hpp"

#include "accept.hpp"

#include <ctms/base/utf8.hpp>
#include <support/list_items.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <utility>

namespace ctms::web {
namespace {

constexpr std::size_t least_bytes = 1024;

bool is_text(std::string_view content_type) {
    return content_type.starts_with("application/json") || content_type.starts_with("application/problem+json") ||
           content_type.starts_with("application/x-ndjson") || content_type.starts_with("text/");
}

bool is_encoded(const response& answer) {
    return std::any_of(answer.headers.begin(), answer.headers.end(),
                       [](const auto& header) { return ascii_iequal(header.first, "content-encoding"); });
}

/// Whether the coding of the response depends on the client.
bool is_compressible(const response& answer) {
    if (answer.events) return false; // each stream would need 256 KiB for as long as it is open
    const bool is_long = answer.content().size() > least_bytes || answer.rest;
    return is_long && is_text(answer.content_type) && !is_encoded(answer);
}

/// Adds the suffix inside the quotes of the entity tag, if there is one.
void mark_entity_tag(response& answer) {
    for (auto& [name, value] : answer.headers) {
        if (name == "ETag") value.insert(value.size() - 1, gzip_suffix);
    }
}

/// Compresses a text that arrives in pieces with gzip.
class gzip_pieces {
public:
    gzip_pieces() {
        constexpr int gzip_window = 15 + 16; // zlib: adding 16 selects the gzip header
        constexpr int memory_level = 8;
        if (deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::runtime_error("zlib cannot start");
        }
    }
    ~gzip_pieces() { deflateEnd(&stream_); }
    gzip_pieces(const gzip_pieces&) = delete;
    gzip_pieces& operator=(const gzip_pieces&) = delete;

    /// Starts a new text.
    void restart() { deflateReset(&stream_); }

    /// Appends the compressed piece, flushed completely, so that a client that is cut off after it can still read it.
    void add(std::string_view piece, bool last, std::string& out) {
        // zlib takes a pointer to non-const data but does not write through it.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
        stream_.avail_in = static_cast<uInt>(piece.size());
        do {
            stream_.next_out = buffer_.data();
            stream_.avail_out = static_cast<uInt>(buffer_.size());
            if (deflate(&stream_, last ? Z_FINISH : Z_SYNC_FLUSH) == Z_STREAM_ERROR) throw std::runtime_error("zlib cannot continue");
            out.append(reinterpret_cast<const char*>(buffer_.data()), buffer_.size() - stream_.avail_out);
        } while (stream_.avail_out == 0);
    }

private:
    z_stream stream_{};
    std::array<Bytef, 16 * 1024> buffer_{};
};

/// A body source that compresses the rest of a body with the compressor that compressed its beginning.
body_source compressed(body_source plain, std::shared_ptr<gzip_pieces> packer) {
    return [plain = std::move(plain), packer = std::move(packer)](std::string& out) {
        std::string piece;
        auto more = plain(piece);
        if (more) packer->add(piece, !*more, out);
        return more;
    };
}

} // namespace

bool accepts_gzip(std::string_view accept_encoding) noexcept {
    bool any = false;
    while (!accept_encoding.empty()) {
        auto item = support::next_item(accept_encoding, ',');
        const auto name = support::next_item(item, ';');
        if (ascii_iequal(name, "gzip") || ascii_iequal(name, "x-gzip")) return weight_of(item) > 0;
        if (name == "*") any = weight_of(item) > 0;
    }
    return any;
}

std::string gzip(std::string_view text) {
    // Each thread keeps its zlib state of 256 KiB, because setting it up again costs more than compressing a contact.
    thread_local gzip_pieces kept;
    kept.restart();
    std::string out;
    kept.add(text, true, out);
    return out;
}

bool is_compressed_for(const request& http, const response& answer) {
    return is_compressible(answer) && accepts_gzip(http.header("accept-encoding"));
}

void compress(const request& http, response& answer) {
    if (!is_compressible(answer)) return;
    add_vary(answer, "Accept-Encoding");
    if (!accepts_gzip(http.header("accept-encoding"))) return;
    if (answer.rest) {
        auto packer = std::make_shared<gzip_pieces>();
        std::string packed;
        packer->add(answer.body, false, packed);
        answer.body = std::move(packed);
        answer.rest = compressed(std::move(answer.rest), std::move(packer));
    } else {
        answer.body = gzip(answer.content());
        answer.shared_body.reset();
    }
    mark_entity_tag(answer);
    answer.headers.emplace_back("Content-Encoding", "gzip");
}

} // namespace ctms::web
