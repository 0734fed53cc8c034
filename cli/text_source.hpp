// SPDX-License-Identifier: MPL-2.0
// The text of a file, whatever program wrote it: UTF-8 or UTF-16, with or without a byte order mark, with LF, CRLF or CR at the end of a
// line. The reader sees UTF-8 without a mark, and lines that end with LF or CRLF. Uses constant memory. Move-only; for one thread.
#pragma once

#include <ctms/base/result.hpp>

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>

namespace ctms::cli {

/// The error for a file, or "-" for standard input, that has no text, or only blanks: the program that should have written it has failed.
[[nodiscard]] error empty_file(const std::string& name);

/// How often a text is read.
enum class passes : std::uint8_t {
    once,
    twice ///< rewind() works: what is not a regular file (standard input, a pipe) is first copied to a temporary file without a name
};

class text_source {
public:
    /// Opens a file; "-" is standard input. errc::not_found if it cannot be opened, is a directory, cannot be copied, or is not text (NUL
    /// bytes outside UTF-16). The caller chooses the exit code.
    [[nodiscard]] static result<text_source> open(const std::string& name, passes how_often);

    text_source(text_source&&) noexcept;            ///< leaves the other empty
    text_source& operator=(text_source&&) noexcept; ///< as above
    ~text_source();

    /// The decoded text. Stays at its address when the source is moved.
    [[nodiscard]] std::istream& stream();
    /// Returns true if the file could not be read to its end.
    [[nodiscard]] bool failed();
    /// Begins again with the first character. Only for passes::twice.
    void rewind();
    /// The size of the file in bytes; nullopt if it has none.
    [[nodiscard]] std::optional<std::uint64_t> size() const;
    /// How many bytes of the file have been read.
    [[nodiscard]] std::uint64_t position() const;

private:
    struct impl;
    explicit text_source(std::unique_ptr<impl> state);
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::cli
