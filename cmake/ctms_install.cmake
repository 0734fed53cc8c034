# SPDX-License-Identifier: MPL-2.0
# Installs libctms for other projects, in two components: runtime (the shared library) and development (the rest of the
# library, and the files for find_package and pkg-config). The programs have separate components: web, sync, admin.
# Included by libctms/CMakeLists.txt. The shared and the static library may be installed side by side; install the static
# one last, because its ctms.pc works for both.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ctms)
install(TARGETS ctms EXPORT ctms
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development
  FILE_SET HEADERS COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}) # CMake before 3.23 does not read the file set of an imported target
install(EXPORT ctms NAMESPACE ctms:: FILE ctms-${kind}-targets.cmake DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ctmsConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ctmsConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0, a minor version may break compatibility.
set(same SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(same SameMinorVersion)
endif()
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ctmsConfigVersion.cmake COMPATIBILITY ${same})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ctmsConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/ctmsConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT development)

# Users of the static library, but not of the shared one, must link its dependencies.
if(kind STREQUAL "static")
  set(pc_requires "fmt >= 9, libargon2, libpqxx, openssl >= 3, pugixml")
  # Boost has no pkg-config files. The file of libidn2 requires libunistring's, which Debian does not install with it.
  set(pc_libs "-lboost_json -lboost_url -lidn2 -pthread")
endif()
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH up /${pc_dir} /) # a prefix relative to the file, so that the installation can be moved
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(name IN ITEMS LIBDIR INCLUDEDIR)
  set(pc_${name} ${CMAKE_INSTALL_${name}})
  if(NOT IS_ABSOLUTE ${pc_${name}})
    set(pc_${name} "\${prefix}/${pc_${name}}")
  endif()
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/cmake/ctms.pc.in ${CMAKE_CURRENT_BINARY_DIR}/ctms.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ctms.pc DESTINATION ${pc_dir} COMPONENT development)
