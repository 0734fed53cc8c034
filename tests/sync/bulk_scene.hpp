// SPDX-License-Identifier: MPL-2.0
// The program ctms-sync with bulk jobs: a database with contacts, OpenSSH's server as the vendor's file server, and the fake vendor, which
// reads its folder. Not thread safe.
#pragma once

#include <support/becomes_true.hpp>
#include <support/sftp_server.hpp>
#include <support/sync_scene.hpp>
#include <support/vendor_compare.hpp>

#include <chrono>
#include <string>

namespace ctms::test {

struct file_server {
    sftp_server server;
};

[[nodiscard]] inline fake_acoustic_options vendor_with(const sftp_server& server) {
    fake_acoustic_options out;
    out.exchange = server.exchange();
    return out;
}

class bulk_scene : public file_server, public sync_scene {
public:
    bulk_scene() : sync_scene(vendor_with(server)) {}

    void add_waiting(int first, int last) {
        add_contacts(first, last);
        link.execute("update ctms_sync_queue set priority = 10");
    }
    [[nodiscard]] environment bulk_variables(const environment& changed = {}) const {
        auto out = changed;
        out.merge(environment{{"CTMS_ACOUSTIC_BULK_THRESHOLD", "10"},
                              {"CTMS_ACOUSTIC_SFTP_HOST", "127.0.0.1"},
                              {"CTMS_ACOUSTIC_SFTP_PORT", std::to_string(server.port())},
                              {"CTMS_ACOUSTIC_SFTP_USER", server.user()},
                              {"CTMS_ACOUSTIC_SFTP_KEY", server.key_file()},
                              {"CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS", server.known_hosts()}});
        return variables(out);
    }
    [[nodiscard]] bool becomes_empty(std::chrono::seconds limit = std::chrono::seconds(60)) {
        return becomes_true([&] { return queued() == 0; }, limit);
    }
    [[nodiscard]] std::string difference() { return vendor_difference(database.options(), vendor); }
};

} // namespace ctms::test
