// SPDX-License-Identifier: MPL-2.0
// Marks the symbols that the shared library exports; all others are hidden. Each public class, and each public function that is not defined
// in its header, carries CTMS_API (checked by packaging/dev/check_api.py). The macro has no effect in the static library, and users of
// either library need no definition of their own.
#pragma once

/// Marks a symbol of the library's public interface.
#define CTMS_API __attribute__((visibility("default")))
