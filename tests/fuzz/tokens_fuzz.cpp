// SPDX-License-Identifier: MPL-2.0
// Access tokens, Google's ID tokens and key documents, and credentials. The keys are generated here; nothing is fetched.
// Input: a letter, then what that letter stands for (see the table at the end).
#include "fuzz_target.hpp"

#include "auth/cache_control.hpp"
#include "auth/google_keys.hpp"
#include "base/base64.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/auth/google_id_token.hpp>
#include <ctms/base/utf8.hpp>
#include <support/google_tokens.hpp>

#include <boost/json/parse.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace {

using namespace ctms;
using fuzz::require;

constexpr std::string_view key = "a key of more than thirty-two bytes, for tests";
constexpr std::chrono::system_clock::time_point now{std::chrono::seconds(1'700'000'000)};

const auth::token_signer& signer() {
    static const auth::token_signer one{std::string(key), true};
    return one;
}

std::string mac_of(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           out.data(), &size);
    return {reinterpret_cast<const char*>(out.data()), size};
}

/// Parses the object with another parser; nullopt when that parser does not accept it as an object.
std::optional<boost::json::object> read_by_another(std::string_view text) {
    boost::json::error_code ec;
    auto value = boost::json::parse({text.data(), text.size()}, ec);
    if (ec || !value.is_object()) return std::nullopt;
    return value.as_object();
}

/// Checks an accepted token: its header and claims must also follow the rules as another parser sees them.
void check_accepted(std::string_view header, std::string_view claims, const auth::token_claims& taken) {
    const auto head = read_by_another(header);
    require(!head || (head->contains("alg") && head->at("alg") == "HS256" && !head->contains("crit")), "only HS256 is accepted");
    const auto body = read_by_another(claims);
    if (!body) return; // NaN and the like, which that parser does not accept
    require(!body->contains("aud"), "a token for an audience is refused");
    require(body->contains("sub") && body->at("sub").is_string(), "a token names its subject");
    const auto whole = taken.name_space + ":" + taken.subject;
    require(body->at("sub").as_string() == whole, "the subject is the token's subject");
    const auto* ends = body->if_contains("exp");
    if (ends == nullptr) return;
    boost::json::error_code ec;
    require(ends->is_number() && ends->to_number<double>(ec) > 1'699'999'999, "an expired token is refused");
}

void check_own(std::string_view input) {
    const auto header = fuzz::take_line(input);
    const auto text = base64url_encode(header) + "." + base64url_encode(input);
    const auto token = text + "." + base64url_encode(mac_of(text));
    if (const auto taken = signer().verify(token, now)) check_accepted(header, input, *taken);
    auto forged = text + "." + base64url_encode(mac_of(text + "x"));
    require(!signer().verify(forged, now), "a token with another signature is refused");
}

void check_signing(std::string_view input) {
    if (!is_valid_utf8(input)) return;
    const auto ends = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'600));
    const auto taken = signer().verify(signer().sign(input, ends), now);
    const auto colon = input.find(':');
    require(taken.has_value() == (colon != std::string_view::npos), "a signed token is accepted if its subject has a colon");
    if (taken) require(taken->name_space + ":" + taken->subject == input, "the subject is what was signed");
    require(!signer().verify(signer().sign(input, ends), now + std::chrono::hours(1)), "a token expires");
}

void check_raw(std::string_view input) {
    // Only the key can make a valid signature, and the input does not contain it.
    if (const auto taken = signer().verify(input, now)) {
        const auto dot = input.rfind('.');
        require(base64url_encode(mac_of(input.substr(0, dot))) == input.substr(dot + 1), "an accepted token is signed");
    }
    if (const auto decoded = base64url_decode(input)) require(base64url_encode(*decoded) == input, "base64url has only one encoding");
    if (const auto decoded = base64_decode(input)) require(base64_encode(*decoded) == input, "base64 has only one encoding");
    require(base64url_decode(base64url_encode(input)) == input, "base64url decodes to the original bytes");
    if (const auto basic = auth::parse_basic(input)) {
        const auto again = auth::parse_basic(base64_encode(basic->client_id + ":" + basic->client_secret));
        require(again && again->client_id == basic->client_id && again->client_secret == basic->client_secret,
                "written credentials are read back unchanged");
    }
    const auto line = fuzz::take_line(input);
    const auto age = auth::allowed_age(line, input);
    require(age >= std::chrono::seconds(0) && age <= std::chrono::seconds(1LL << 31), "an age is between 0 and 2^31 seconds");
}

const test::google_key& google_key() {
    static const auto one = test::google_key::rsa("kid");
    return one;
}

/// The verifier keeps its keys; they are fetched only once per process.
auth::google_token_verifier& google() {
    static auth::google_token_verifier one(
        [] {
            return auth::key_document{test::key_set_of({google_key()}), std::chrono::hours(1)};
        },
        "https://ctms.example.com", [] { return now; });
    return one;
}

void check_google(std::string_view input) {
    const auto header = fuzz::take_line(input);
    const auto taken = google().verify(google_key().token(input, header));
    if (!taken) return;
    const auto head = read_by_another(header.empty() ? R"({"alg":"RS256"})" : header);
    require(!head || head->at("alg") == "RS256", "only RS256 is accepted");
    const auto body = read_by_another(input);
    if (!body) return;
    require(body->at("aud") == "https://ctms.example.com", "a token for another audience is refused");
    require(taken->all.size() <= 50, "the number of kept claims is limited");
}

void check_google_raw(std::string_view input) { require(!google().verify(input), "a token that Google did not sign is refused"); }

void check_keys(std::string_view input) {
    const auto keys = auth::read_keys(input);
    if (keys) require(!keys->empty() && keys->size() <= auth::most_keys, "a key document has at least one key and not too many");
}

} // namespace

CTMS_FUZZ_TARGET(tokens) {
    switch (ctms::fuzz::take_byte(input)) {
    case 'a': return check_own(input);        // header, newline, claims: signed with our key
    case 's': return check_signing(input);    // a subject
    case 'g': return check_google(input);     // header or nothing, newline, claims: signed with Google's key
    case 'r': return check_google_raw(input); // a token
    case 'k': return check_keys(input);       // a key document
    default: return check_raw(input);
    }
}
