# SPDX-License-Identifier: MPL-2.0
# The warnings and sanitizers of the project's code, as an interface target that all of its targets link.
add_library(ctms_compile_options INTERFACE)
target_compile_options(ctms_compile_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
# Disables false warnings of GCC 12: moved variants and optionals of strings (bug 105562), "x" + std::string (bug 105651).
target_compile_options(ctms_compile_options INTERFACE "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-restrict>")
if(CTMS_WARNINGS_AS_ERRORS)
  target_compile_options(ctms_compile_options INTERFACE -Werror)
endif()
if(CTMS_FUZZ)
  # All code gets coverage and sanitizers; libFuzzer itself is linked only into the fuzzers (tests/fuzz).
  target_compile_options(ctms_compile_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ctms_compile_options INTERFACE -fsanitize=address,undefined)
elseif(CTMS_SANITIZE STREQUAL "address")
  # Another false warning, about the frames of Asio's coroutines, which define both operator new and operator delete.
  target_compile_options(ctms_compile_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
  target_compile_options(ctms_compile_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ctms_compile_options INTERFACE -fsanitize=address,undefined)
elseif(CTMS_SANITIZE STREQUAL "thread")
  # GCC cannot instrument std::atomic_thread_fence, which Asio uses, and warns about it.
  target_compile_options(ctms_compile_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer -Wno-tsan)
  target_link_options(ctms_compile_options INTERFACE -fsanitize=thread)
endif()
