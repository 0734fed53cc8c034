// SPDX-License-Identifier: MPL-2.0
#include "receiver.hpp"

#include <ctms/base/utf8.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

namespace ctms::test {
namespace {

std::string to_base64(const unsigned char* bytes, int size) {
    std::string out(static_cast<std::size_t>((size + 2) / 3 * 4) + 1, '\0');
    out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, size)));
    return out;
}

/// The key of "whsec_...": 32 bytes.
std::string key_of(std::string_view secret) {
    const auto text = secret.substr(secret.find('_') + 1);
    std::string out(text.size(), '\0');
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
    constexpr std::size_t size = 32;
    out.resize(size);
    return out;
}

} // namespace

std::string received::header(std::string_view lower_case_name) const {
    const auto wanted = fmt::format("\r\n{}: ", lower_case_name);
    const auto at = ascii_lower(head).find(wanted);
    if (at == std::string::npos) return "";
    const auto begin = at + wanted.size();
    return head.substr(begin, head.find('\r', begin) - begin);
}

boost::json::object received::json() const { return boost::json::parse(body).as_object(); }

int received::signatures_of(std::string_view secret) const {
    const auto key = key_of(secret);
    const auto content = header("webhook-id") + "." + header("webhook-timestamp") + "." + body;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(content.data()), content.size(),
         digest.data(), &size);
    const auto expected = "v1," + to_base64(digest.data(), static_cast<int>(size));
    std::istringstream words(header("webhook-signature"));
    int found = 0;
    for (std::string word; words >> word;) found += word == expected ? 1 : 0;
    return found;
}

webhook_receiver::webhook_receiver() : webhook_receiver(answering("204 No Content")) {}

webhook_receiver::webhook_receiver(answerer answer, std::optional<certificate> tls)
    : answer_(std::move(answer)), server_([this](raw_connection& peer) { serve(peer); }, std::move(tls)) {}

void webhook_receiver::serve(raw_connection& peer) {
    for (;;) {
        const auto text = peer.read_request();
        const auto end = text.find("\r\n\r\n") + 4;
        const received message{text.substr(0, end), text.substr(end), std::chrono::steady_clock::now()};
        std::size_t number = 0;
        {
            const std::lock_guard lock(mutex_);
            number = messages_.size();
            messages_.push_back(message);
            most_ = std::max(most_, ++now_);
        }
        bool goes_on = false;
        try {
            goes_on = answer_(peer, number, message);
        } catch (...) {
            const std::lock_guard lock(mutex_);
            --now_;
            throw;
        }
        const std::lock_guard lock(mutex_);
        --now_;
        if (!goes_on) return;
        accepted_.push_back(number);
    }
}

std::vector<received> webhook_receiver::messages() const {
    const std::lock_guard lock(mutex_);
    return messages_;
}

std::size_t webhook_receiver::count() const {
    const std::lock_guard lock(mutex_);
    return messages_.size();
}

int webhook_receiver::most_at_once() const {
    const std::lock_guard lock(mutex_);
    return most_;
}

std::vector<std::string> webhook_receiver::changes() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    std::set<std::string> seen;
    for (const auto number : accepted_) {
        const auto& message = messages_.at(number);
        if (!seen.insert(message.header("webhook-id")).second) continue;
        const auto body = message.json();
        if (body.at("type").as_string() != "contacts.changed") continue;
        for (const auto& one : body.at("data").at("changes").as_array())
            out.push_back(std::string(one.at("email_id").as_string()) + " " + std::string(one.at("change").as_string()));
    }
    return out;
}

std::map<std::string, std::string> webhook_receiver::known() const {
    std::map<std::string, std::string> out;
    for (const auto& one : changes()) {
        const auto blank = one.find(' ');
        out[one.substr(0, blank)] = one.substr(blank + 1);
    }
    return out;
}

webhook_receiver::answerer answering(std::string_view status, std::string_view headers) {
    auto text = answer_text(status.starts_with("204") ? "" : "answer", headers, status);
    if (status.starts_with("204")) text = fmt::format("HTTP/1.1 {}\r\n{}\r\n", status, headers);
    return [text, good = status.starts_with('2')](raw_connection& peer, std::size_t, const received&) {
        peer.send(text);
        return good;
    };
}

} // namespace ctms::test
