// SPDX-License-Identifier: MPL-2.0
// The files of the API's pages, which the build embeds in the program (cmake/ctms_assets.cmake). If npm was missing at
// build time, there is only a page that says so. Thread safe.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ctms::web::openapi {

struct asset {
    std::string_view name;
    std::string_view type;    ///< the Content-Type
    std::string_view content; ///< valid for the life of the program
    bool is_gzip;             ///< whether the content is compressed with gzip
};

/// All assets. The build generates this function.
[[nodiscard]] std::span<const asset> all_assets() noexcept;

/// The asset with this name; nullptr if there is none.
[[nodiscard]] const asset* find_asset(std::string_view name) noexcept;

/// The uncompressed content. Throws std::runtime_error if the compressed data is corrupt.
[[nodiscard]] std::string decompressed(const asset& one);

/// The uncompressed content of one of all_assets(). The first call decompresses it, and then it is kept. Throws like decompressed().
[[nodiscard]] std::shared_ptr<const std::string> kept_decompressed(const asset& one);

} // namespace ctms::web::openapi
