// SPDX-License-Identifier: MPL-2.0
// The files in which commands that work on a file say what happened to its records. For one thread.
#pragma once

#include <ctms/base/files.hpp>
#include <ctms/base/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ctms::cli {

/// Returns true if both names mean the same existing file. "-" is standard input.
[[nodiscard]] bool is_same_file(const std::string& output, const std::string& input);

/// A file that gets its name when it is complete, and leaves the results of other runs alone, also of those that run at the same time.
class result_file {
public:
    /// `given`: the name that the user chose, which is replaced. Otherwise it is INPUT.KIND.ndjson (KIND.ndjson if the input is not a
    /// regular file) or, if that exists, INPUT.KIND.2.ndjson, and so on.
    result_file(const std::optional<std::string>& given, const std::string& input, std::string_view kind);

    /// Begins the file. Call it once, before the other functions.
    [[nodiscard]] result<void> create();
    [[nodiscard]] bool is_created() const { return file_.has_value(); }
    /// Returns false if this write or an earlier one failed.
    [[nodiscard]] bool write(std::string_view text) { return file_->write(text); }
    /// Gives the complete file its name. Call it once.
    [[nodiscard]] result<void> commit();
    /// The name: a free one may become another one until commit() returns.
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    [[nodiscard]] std::string free_name() const;
    void take_free_name();

    std::string stem_; ///< of the free names; "" if the user chose a name
    std::string name_;
    std::string draft_; ///< the name before the free one
    std::optional<new_file> file_;
};

} // namespace ctms::cli
