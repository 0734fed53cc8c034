// SPDX-License-Identifier: MPL-2.0
#include "allocation_limit.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> largest_allocation{SIZE_MAX};

} // namespace

// Replaces all forms for default alignment, so that each allocation is freed by its counterpart, also with sanitizers.
void* operator new(std::size_t size) {
    if (size > largest_allocation.load()) throw std::bad_alloc();
    if (void* out = std::malloc(std::max<std::size_t>(size, 1))) return out;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return size > largest_allocation.load() ? nullptr : std::malloc(std::max<std::size_t>(size, 1));
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return operator new(size, tag); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace ctms::test {

allocation_limit::allocation_limit(std::size_t largest) noexcept { largest_allocation = largest; }
allocation_limit::~allocation_limit() { largest_allocation = SIZE_MAX; }

} // namespace ctms::test
