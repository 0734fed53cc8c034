// SPDX-License-Identifier: MPL-2.0
// The vendor's job that imports a file into the main table (ImportList): the text of the file and of its mapping, the vendor's answers, and
// an interface to the server where both files are put. Sources, which docs/sync.md lists: the reference of ImportList and GetJobStatus at
// developer.goacoustic.com, and RFC 4180 for the file. The functions are pure and thread safe.
#pragma once

#include <ctms/acoustic/vendor_rows.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/acoustic_configuration.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::acoustic {

inline constexpr std::string_view upload_folder = "upload";     ///< of the files that jobs read
inline constexpr std::string_view download_folder = "download"; ///< of the files that jobs write

/// Returns whether a name cannot lead out of a folder: at most 255 of A-Z, a-z, 0-9, "_", "-" and ".", not beginning with ".".
[[nodiscard]] CTMS_API bool is_plain_file_name(std::string_view name) noexcept;

/// The server for files, which has a folder for those that jobs read and one for those that they write. One thread at a time.
class CTMS_API file_exchange {
public:
    file_exchange() = default; ///< connects to nothing
    virtual ~file_exchange() = default;
    file_exchange(const file_exchange&) = delete;
    file_exchange& operator=(const file_exchange&) = delete;

    /// Returns the next piece of a file; "" at its end. It may throw.
    using source = std::function<std::string()>;

    /// Writes a file that jobs can read. An error: it is not there, or only in part. Throws what `next` threw. Blocks; a stop request makes
    /// it return an error soon.
    [[nodiscard]] virtual result<void> upload(const std::string& name, const source& next, const std::stop_token& stop) = 0;
    /// Reads a file that a job has written. An error also if it is longer than `most` bytes. Blocks; as upload().
    [[nodiscard]] virtual result<std::string> download(const std::string& name, std::size_t most, const std::stop_token& stop) = 0;
    /// Removes a file: `upload_folder` or `download_folder`, "/" and a name. If it is not there, that is no error. Blocks, for some seconds
    /// at most.
    [[nodiscard]] virtual result<void> remove(const std::string& path) = 0;
};

/// Returns the columns of the file: all that a contact may have with this configuration, `email_id` and `email` among them.
[[nodiscard]] CTMS_API std::vector<std::string> import_columns(const model::acoustic_configuration& configuration);
/// Returns a line of the file, in UTF-8: the values of the row, in the order of `columns`; a column that the row does not have is empty.
/// Returns nullopt if the row does not fit: it has another column, or a value with a line break, which not every reader of such files
/// takes.
[[nodiscard]] CTMS_API std::optional<std::string> import_line(std::span<const std::string> columns, std::span<const column> row);
/// Returns the first line of the file: the names of the columns.
[[nodiscard]] CTMS_API std::string import_header(std::span<const std::string> columns);
/// Returns the XML of the mapping: add and update contacts of the table `list_id`, identified by `email_id`.
[[nodiscard]] CTMS_API std::string import_mapping_xml(std::string_view list_id, std::span<const std::string> columns);
/// Returns the UUIDs (36 characters each) in a text of any form, each once. The vendor does not publish the form of the file that lists
/// refused rows.
[[nodiscard]] CTMS_API std::vector<uuid> uuids_in(std::string_view text);

/// What a job is doing.
enum class job_stage : std::uint8_t {
    running, ///< or waiting for its turn
    complete,
    failed ///< or canceled
};

/// The state of a job.
struct CTMS_API job_state {
    job_stage stage = job_stage::running; ///< what it is doing
    std::string said;                     ///< the vendor's word for it
    std::optional<std::int64_t> valid;    ///< rows that it accepted, when it is complete; nullopt if the vendor did not say
    std::int64_t bad = 0;                 ///< rows that it counted as bad or not allowed
    std::string error_file;               ///< name of the file that lists refused rows; "" if the vendor did not say
};

} // namespace ctms::acoustic
