// SPDX-License-Identifier: MPL-2.0
// The sync with bulk jobs inside a test, with a folder instead of a file server. Thread safe like sync_fixture.
#pragma once

#include "sync_fixture.hpp"

#include <support/becomes_true.hpp>
#include <support/files.hpp>

#include <ctms/acoustic/import.hpp>
#include <ctms/service/bulk_sync.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctms::test {

/// The folder as a file server, which fails on request.
class folder_exchange final : public acoustic::file_exchange {
public:
    explicit folder_exchange(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] result<void> upload(const std::string& name, const source& next, const std::stop_token& stop) override {
        std::string text;
        for (auto piece = next(); !piece.empty(); piece = next()) {
            text += piece;
            if (during_upload) during_upload();
            if (stop.stop_requested()) return unavailable("stopped", "stopped");
            if (fails_upload) return unavailable("failed", "the connection was cut off");
        }
        put(folder_ + "/upload/" + name, text);
        return {};
    }
    [[nodiscard]] result<std::string> download(const std::string& name, std::size_t, const std::stop_token&) override {
        if (fails_download) return unavailable("failed", "the connection was cut off");
        return content(folder_ + "/download/" + name);
    }
    [[nodiscard]] result<void> remove(const std::string& path) override {
        if (fails_remove) throw std::logic_error("no SFTP");
        std::filesystem::remove(folder_ + "/" + path);
        return {};
    }

    std::atomic<bool> fails_upload = false;
    std::atomic<bool> fails_download = false;
    std::atomic<bool> fails_remove = false;
    std::function<void()> during_upload;

private:
    std::string folder_;
};

struct exchange_folder {
    exchange_folder() {
        std::filesystem::create_directory(folder.path().string() + "/upload");
        std::filesystem::create_directory(folder.path().string() + "/download");
    }
    [[nodiscard]] fake_acoustic_options vendor_options() const {
        fake_acoustic_options out;
        out.exchange = folder.path().string();
        return out;
    }
    temporary_directory folder;
};

class bulk_fixture : public exchange_folder, public sync_fixture {
public:
    bulk_fixture() : sync_fixture(vendor_options()) {
        jobs.threshold = 5;
        jobs.list_id = fake_acoustic_options().main_table_id;
        jobs.poll = jobs.look = milliseconds(20);
        jobs.first_pause = jobs.longest_pause = std::chrono::minutes(10);
        jobs.lease = std::chrono::seconds(20);
        jobs.on_end = [this](const service::bulk_result& one) {
            const std::lock_guard lock(mutex_);
            ended_.push_back(one);
        };
        options.leaves_bulk = [this] { return bulk && bulk->takes_bulk(); };
    }

    /// Stores contacts that wait like those of a resync.
    void add_waiting(int first, int last) {
        add(first, last);
        link.execute("update ctms_sync_queue set priority = 10");
    }
    /// Starts to use jobs, and waits until one is under way at the vendor.
    void start() { bulk = std::make_unique<service::bulk_sync>(pool, *client, files, log(), jobs); }
    [[nodiscard]] bool begins() {
        return becomes_true([&] { return vendor.counts().jobs > 0; });
    }
    [[nodiscard]] std::vector<service::bulk_result> ended() {
        const std::lock_guard lock(mutex_);
        return ended_;
    }
    [[nodiscard]] bool ends(std::size_t number = 1) {
        return becomes_true([&] { return ended().size() >= number; });
    }
    [[nodiscard]] std::string job() { return value("select coalesce(job::text, '') from ctms_bulk_job"); }
    [[nodiscard]] bool has_no_file() const { return std::filesystem::is_empty(folder.path().string() + "/upload"); }
    [[nodiscard]] bool has_no_result() const { return std::filesystem::is_empty(folder.path().string() + "/download"); }

    folder_exchange files{folder.path().string()};
    service::bulk_options jobs;
    std::unique_ptr<acoustic::client> client = std::make_unique<acoustic::client>(client_options_for(vendor));
    std::unique_ptr<service::bulk_sync> bulk;

private:
    std::mutex mutex_;
    std::vector<service::bulk_result> ended_;
};

} // namespace ctms::test
