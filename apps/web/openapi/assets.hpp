// SPDX-License-Identifier: MPL-2.0
// The files of the API's pages, which the build puts into the program (cmake/ctms_assets.cmake). Without npm at
// build time only the page that says so is there. Thread safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ctms::web::openapi {

struct asset {
    std::string_view name;
    std::string_view type;    ///< its Content-Type
    std::string_view content; ///< lives as long as the program
    bool is_gzip;             ///< the content is compressed
};

/// All of them; made by the build.
[[nodiscard]] std::span<const asset> all_assets() noexcept;

/// nullptr without one.
[[nodiscard]] const asset* find_asset(std::string_view name) noexcept;

/// The content as it was before the build compressed it. Throws std::runtime_error when it is broken.
[[nodiscard]] std::string decompressed(const asset& one);

} // namespace ctms::web::openapi
