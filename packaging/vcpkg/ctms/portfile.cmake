# SPDX-License-Identifier: MPL-2.0
# Builds the checkout that this port is a part of: vcpkg install ctms --overlay-ports=packaging/vcpkg (docs/library.md).
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS FEATURES programs CTMS_BUILD_PROGRAMS)
string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" "dynamic" CTMS_SHARED)
vcpkg_find_acquire_program(PKGCONFIG)
# The pages of the API are left out, because npm would fetch them during the build.
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DCTMS_SHARED=${CTMS_SHARED}
    -DCTMS_BUILD_TESTS=OFF
    -DCTMS_WARNINGS_AS_ERRORS=OFF
    -DCTMS_API_PAGES=OFF
    "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}"
  MAYBE_UNUSED_VARIABLES CTMS_BUILD_TESTS CTMS_API_PAGES) # without the programs
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/ctms)
vcpkg_fixup_pkgconfig()

if("programs" IN_LIST FEATURES)
  vcpkg_copy_tools(TOOL_NAMES ctms-web ctms-sync ctms-admin)
endif()
# A port has programs only in `tools`, and the debug build only libraries.
file(REMOVE_RECURSE
  "${CURRENT_PACKAGES_DIR}/bin"
  "${CURRENT_PACKAGES_DIR}/debug/bin"
  "${CURRENT_PACKAGES_DIR}/debug/include"
  "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
