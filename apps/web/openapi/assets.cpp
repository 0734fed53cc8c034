// SPDX-License-Identifier: MPL-2.0
#include "assets.hpp"

#include <zlib.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

namespace ctms::web::openapi {
namespace {

/// zlib's state for reading a gzip stream.
class inflater {
public:
    explicit inflater(std::string_view compressed) {
        constexpr int gzip_only = 16;
        // zlib takes a pointer to non-const data but does not write through it.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
        stream_.avail_in = static_cast<uInt>(compressed.size());
        if (inflateInit2(&stream_, MAX_WBITS + gzip_only) != Z_OK) throw std::runtime_error("zlib cannot start");
    }
    ~inflater() { inflateEnd(&stream_); }
    inflater(const inflater&) = delete;
    inflater& operator=(const inflater&) = delete;

    std::string run() {
        constexpr std::size_t chunk = 256 * 1024;
        std::string out;
        int outcome = Z_OK;
        while (outcome == Z_OK) {
            out.resize(out.size() + chunk);
            stream_.next_out = reinterpret_cast<Bytef*>(out.data() + (out.size() - chunk));
            stream_.avail_out = chunk;
            outcome = inflate(&stream_, Z_NO_FLUSH);
        }
        if (outcome != Z_STREAM_END) throw std::runtime_error("a compressed asset is broken");
        out.resize(out.size() - stream_.avail_out);
        return out;
    }

private:
    z_stream stream_{};
};

} // namespace

const asset* find_asset(std::string_view name) noexcept {
    const auto all = all_assets();
    const auto found = std::find_if(all.begin(), all.end(), [&](const asset& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::string decompressed(const asset& one) { return one.is_gzip ? inflater(one.content).run() : std::string(one.content); }

std::shared_ptr<const std::string> kept_decompressed(const asset& one) {
    static std::mutex mutex;
    static std::map<const asset*, std::shared_ptr<const std::string>> kept;
    const std::lock_guard lock(mutex);
    auto& text = kept[&one];
    if (!text) text = std::make_shared<const std::string>(decompressed(one));
    return text;
}

} // namespace ctms::web::openapi
