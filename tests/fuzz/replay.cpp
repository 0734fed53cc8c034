// SPDX-License-Identifier: MPL-2.0
// Runs kept inputs through a fuzz target, without libFuzzer: ctms_fuzz_replay TARGET FILE-OR-DIRECTORY...
// A failure ends the process as in a fuzzer; the last line of the output names the input.
#include "fuzz_target.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

namespace ctms::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<target>& all_targets() {
    static std::vector<target> all;
    return all;
}

void add_files(std::vector<fs::path>& files, const fs::path& from) {
    if (fs::is_regular_file(from)) files.push_back(from);
    if (!fs::is_directory(from)) return;
    for (const auto& entry : fs::directory_iterator(from)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
}

int replay(const target& one, std::vector<fs::path> files) {
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        std::cout << one.name << ": " << file.string() << std::endl; // printed first, so that a crash shows which input caused it
        std::ifstream in(file, std::ios::binary);
        const std::string input(std::istreambuf_iterator<char>(in), {});
        if (in.bad()) return 1;
        one.run(input);
    }
    std::cout << one.name << ": " << files.size() << " inputs" << std::endl;
    return files.empty() ? 1 : 0;
}

} // namespace

bool add_target(target one) {
    all_targets().push_back(one);
    return true;
}

} // namespace ctms::fuzz

int main(int count, char** arguments) {
    using namespace ctms::fuzz;
    const std::vector<std::string> given(arguments + std::min(count, 1), arguments + count);
    const auto& all = all_targets();
    const auto found = std::find_if(all.begin(), all.end(), [&](const target& one) { return !given.empty() && one.name == given.front(); });
    if (found == all.end()) {
        std::cerr << "Usage: ctms_fuzz_replay TARGET FILE-OR-DIRECTORY...\n";
        for (const auto& one : all) std::cerr << "  " << one.name << '\n';
        return 64;
    }
    std::vector<std::filesystem::path> files;
    for (std::size_t i = 1; i < given.size(); ++i) add_files(files, given[i]);
    return replay(*found, std::move(files));
}
