# SPDX-License-Identifier: MPL-2.0
# The libraries that the project needs. The README gives the reason for each.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS json url)
find_package(fmt 9 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(pugixml REQUIRED)
pkg_check_modules(LIBPQXX REQUIRED IMPORTED_TARGET GLOBAL libpqxx)
pkg_check_modules(LIBARGON2 REQUIRED IMPORTED_TARGET GLOBAL libargon2)
pkg_check_modules(LIBIDN2 REQUIRED IMPORTED_TARGET GLOBAL libidn2)
if(CTMS_BUILD_PROGRAMS)
  find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS program_options)
  find_package(prometheus-cpp REQUIRED)
  find_package(CURL 7.85 REQUIRED) # SFTP in ctms-sync
  find_package(ZLIB REQUIRED)
endif()
if(CTMS_BUILD_TESTS)
  find_package(SQLite3 REQUIRED) # the example that mirrors contacts, and its test
  find_package(doctest REQUIRED)
  include(doctest)
endif()
