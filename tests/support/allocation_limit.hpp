// SPDX-License-Identifier: MPL-2.0
// Makes large allocations fail with std::bad_alloc, in all threads of a test program that links it. Only one may live at a time.
#pragma once

#include <cstddef>

namespace ctms::test {

/// While this object lives, operator new fails for more than `largest` bytes.
class allocation_limit {
public:
    explicit allocation_limit(std::size_t largest) noexcept;
    ~allocation_limit();
    allocation_limit(const allocation_limit&) = delete;
    allocation_limit& operator=(const allocation_limit&) = delete;
};

} // namespace ctms::test
