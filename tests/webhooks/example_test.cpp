// SPDX-License-Identifier: MPL-2.0
// The example of a receiver in docs/webhooks.md works with what CTMS sends, and refuses everything else.
#include "receiver.hpp"

#include <support/becomes_true.hpp>
#include <support/child_process.hpp>
#include <support/files.hpp>
#include <support/http_client.hpp>
#include <support/test_database.hpp>

#include <auth/webhook_signature.hpp>
#include <ctms/base/time.hpp>
#include <ctms/service/webhooks.hpp>
#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// The first block of Python in the page.
std::string example() {
    const auto page = content(CTMS_SOURCE_DIR "/docs/webhooks.md");
    const std::string fence = "```python\n";
    const auto begin = page.find(fence) + fence.size();
    return page.substr(begin, page.find("```", begin) - begin);
}

} // namespace

TEST_CASE("webhooks: the example in the documentation verifies messages") {
    const temporary_directory folder;
    const auto script = (folder.path() / "receiver.py").string();
    put(script, example());
    test_database database;
    persistence::database db(database.options());
    service::webhooks hooks(db);
    // The port is known when the example has been started, and the secret is needed to start it: so the URL is changed afterwards.
    const auto secret = hooks
                            .add({.url = "http://127.0.0.1:1/",
                                  .name = "example",
                                  .events = {model::change_kind::created},
                                  .allow_http = true,
                                  .allow_private_address = true})
                            .value()
                            .secret;
    child_process program("python3", {{"WEBHOOK_SECRET", secret}, {"PORT", "0"}, {"PYTHONUNBUFFERED", "1"}}, {script});
    REQUIRE(becomes_true([&] { return program.output().find('\n') != std::string::npos; }, 60s));
    const auto port =
        static_cast<std::uint16_t>(std::stoi(program.output().substr(program.output().rfind(' ', program.output().find('\n')))));
    persistence::connection(database.options()).execute(fmt::format("update ctms_webhooks set url = 'http://127.0.0.1:{}/'", port));

    const auto tested = hooks.test("example").value();
    CAPTURE(program.log());
    CHECK(tested.text == "the receiver responded with status 204");
    CHECK(tested.delivered);
    CHECK(becomes_true([&] { return program.output().find("webhook.test") != std::string::npos; }, 60s));

    const auto status = [&](const std::string& signed_by, std::chrono::seconds age, const std::string& body, const std::string& sent) {
        const auto when = std::chrono::duration_cast<std::chrono::seconds>(now().time_since_epoch() - age).count();
        return ask(port, "POST", "/",
                   {{"webhook-id", "msg_1"},
                    {"webhook-timestamp", std::to_string(when)},
                    {"webhook-signature", "v1,AAAA " + auth::sign_webhook(signed_by, "msg_1", when, body)}},
                   sent)
            .status;
    };
    const std::string body = R"({"type":"webhook.test","data":{}})";
    CHECK(status(secret, 0s, body, body) == 204);
    CHECK(status(secret, 0s, body, body + " ") == 401);                // changed on the way
    CHECK(status(secret, 10min, body, body) == 401);                   // replayed
    CHECK(status(auth::make_webhook_secret(), 0s, body, body) == 401); // by somebody else
    CHECK(ask(port, "POST", "/", {}, body).status == 401);             // not signed
}
