// SPDX-License-Identifier: MPL-2.0
// Decodes Content-Encoding: gzip as a client does. Throws std::runtime_error when the data is not gzip or is incomplete.
#pragma once

#include <zlib.h>

#include <array>
#include <stdexcept>
#include <string>

namespace ctms::test {

inline std::string gunzip(const std::string& packed) {
    z_stream stream{};
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::runtime_error("zlib cannot start");
    std::string out;
    std::array<Bytef, 16 * 1024> buffer{};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    int outcome = Z_OK;
    while (outcome == Z_OK) {
        stream.next_out = buffer.data();
        stream.avail_out = static_cast<uInt>(buffer.size());
        outcome = inflate(&stream, Z_NO_FLUSH);
        out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
    }
    inflateEnd(&stream);
    if (outcome != Z_STREAM_END || stream.avail_in > 0) throw std::runtime_error("not a complete gzip stream");
    return out;
}

} // namespace ctms::test
