// SPDX-License-Identifier: MPL-2.0
// Serves the API's description for programs and for people.
#include "routes.hpp"

#include <web/openapi/assets.hpp>
#include <web/openapi/document.hpp>
#include <web/server/answers.hpp>
#include <web/server/compression.hpp>

namespace ctms::web::routes {
namespace {

// Allows scripts, styles and calls from this server only. The hashes allow two inline styles of Redoc: the empty one that
// its script fills, and that of its scrollbars (perfect-scrollbar; the browser tests fail if it changes). Redoc runs its
// search in a worker that it creates from a blob.
constexpr auto content_policy =
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; "
    "worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

response asset_response(const call& now, const openapi::asset& found) {
    response out;
    out.content_type = found.type;
    out.headers.emplace_back("X-Content-Type-Options", "nosniff");
    if (!found.is_gzip) {
        out.body = std::string(found.content);
        return out;
    }
    out.headers.emplace_back("Vary", "Accept-Encoding");
    if (accepts_gzip(now.http.header("accept-encoding"))) {
        out.headers.emplace_back("Content-Encoding", "gzip");
        out.body = std::string(found.content);
    } else {
        out.shared_body = openapi::kept_decompressed(found);
    }
    return out;
}

/// A page, or the page left-out.html if the program was built without the pages.
response page_response(const call& now, std::string_view name) {
    const auto* found = openapi::find_asset(name);
    if (found == nullptr) found = openapi::find_asset("left-out.html");
    if (found == nullptr) return detail_response(404, "Not Found");
    auto out = asset_response(now, *found);
    out.headers.emplace_back("Content-Security-Policy", content_policy);
    out.headers.emplace_back("Referrer-Policy", "no-referrer");
    out.headers.emplace_back("Cache-Control", "no-cache");
    return out;
}

} // namespace

response get_openapi(call& now, const services&) {
    static const std::string document = openapi::document(all_routes(), openapi::shown_calls());
    static const std::string packed = gzip(document); // compressed only once, because this runs on the I/O thread
    if (!accepts_gzip(now.http.header("accept-encoding"))) return json_response(200, document);
    auto out = json_response(200, packed);
    out.headers.emplace_back("Vary", "Accept-Encoding");
    out.headers.emplace_back("Content-Encoding", "gzip");
    return out;
}

response get_docs(call& now, const services&) { return page_response(now, "docs.html"); }

response get_redoc(call& now, const services&) { return page_response(now, "redoc.html"); }

response get_asset(call& now, const services&) {
    const auto name = now.path_parameter("asset");
    if (name == "oauth2-redirect") return page_response(now, "oauth2-redirect.html");
    const auto* found = openapi::find_asset(name);
    if (found == nullptr || name.ends_with(".html")) return detail_response(404, "Not Found"); // pages have separate paths
    auto out = asset_response(now, *found);
    out.headers.emplace_back("Cache-Control", "public, max-age=86400"); // the pages request a specific version of each file
    return out;
}

} // namespace ctms::web::routes
