// SPDX-License-Identifier: MPL-2.0
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN // NOLINT(readability-identifier-naming): the name is doctest's
#include <doctest/doctest.h>
