// SPDX-License-Identifier: MPL-2.0
// Marks what the shared library exports; everything else in it is hidden. Each public class, and each public function
// that is not defined in its header, carries CTMS_API (packaging/check_api.py). Means nothing to the static library, and
// users of either need no definition of their own.
#pragma once

/// Belongs to the interface of the library.
#define CTMS_API __attribute__((visibility("default")))
