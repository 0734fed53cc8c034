# SPDX-License-Identifier: MPL-2.0
# Runs packaging/vcpkg/ctms/portfile.cmake as vcpkg would, for the release build and with this system's packages instead of ports. The
# functions do what the documentation of vcpkg says of its own, as far as the port uses them.
#   cmake -D PORT_FOLDER=FOLDER -D BUILD=FOLDER -D CURRENT_PACKAGES_DIR=FOLDER -D "FEATURES=core;programs" -D "OPTIONS=-DNAME=VALUE;..." -P standin.cmake
cmake_minimum_required(VERSION 3.25)
set(PORT ctms)
set(VCPKG_LIBRARY_LINKAGE static)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# parse(<prefix> <names with one value> <names with several values> <argument>...): arguments without a name are mistakes.
macro(parse prefix one several)
  cmake_parse_arguments(${prefix} "" "${one}" "${several}" ${ARGN})
  if(${prefix}_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown arguments: ${${prefix}_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

function(vcpkg_check_features)
  parse(given "OUT_FEATURE_OPTIONS" "FEATURES" ${ARGN})
  set(options)
  while(given_FEATURES)
    list(POP_FRONT given_FEATURES feature option)
    if(feature IN_LIST FEATURES)
      list(APPEND options -D${option}=ON)
    else()
      list(APPEND options -D${option}=OFF)
    endif()
  endwhile()
  set(${given_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_find_acquire_program name)
  if(NOT name STREQUAL "PKGCONFIG")
    message(FATAL_ERROR "unknown program: ${name}")
  endif()
  find_program(program pkg-config REQUIRED)
  set(${name} ${program} PARENT_SCOPE)
endfunction()

# vcpkg reports options that the project does not use, unless the port lists them.
function(vcpkg_cmake_configure)
  parse(given "SOURCE_PATH" "OPTIONS;MAYBE_UNUSED_VARIABLES" ${ARGN})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${given_SOURCE_PATH} -B ${BUILD} -G Ninja -DCMAKE_BUILD_TYPE=Release
            -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} -DCMAKE_INSTALL_LIBDIR=lib ${given_OPTIONS} ${OPTIONS}
    ERROR_VARIABLE said ECHO_ERROR_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "not used by the project:[^~]*" unused "${said}")
  string(REGEX MATCHALL "[A-Z][A-Z_]+" unused "${unused}")
  list(REMOVE_ITEM unused ${given_MAYBE_UNUSED_VARIABLES})
  if(unused)
    message(FATAL_ERROR "the project does not use: ${unused}")
  endif()
endfunction()

function(vcpkg_cmake_install)
  run(${CMAKE_COMMAND} --build ${BUILD} --target install)
endfunction()

# Moves the files for find_package to `share`. They find the prefix by their position, which has one folder less then.
function(vcpkg_cmake_config_fixup)
  parse(given "CONFIG_PATH" "" ${ARGN})
  set(share ${CURRENT_PACKAGES_DIR}/share/${PORT})
  file(MAKE_DIRECTORY ${share})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${given_CONFIG_PATH}/*.cmake)
  if(NOT files)
    message(FATAL_ERROR "no files in ${given_CONFIG_PATH}")
  endif()
  foreach(file IN LISTS files)
    file(READ ${file} text)
    string(REPLACE "/../../../\" ABSOLUTE" "/../../\" ABSOLUTE" text "${text}")
    string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nif(" "if(" text "${text}")
    cmake_path(GET file FILENAME name)
    file(WRITE ${share}/${name} "${text}")
  endforeach()
  cmake_path(GET given_CONFIG_PATH PARENT_PATH parent)
  file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/${parent})
endfunction()

function(vcpkg_fixup_pkgconfig)
  file(GLOB files ${CURRENT_PACKAGES_DIR}/lib/pkgconfig/*.pc)
  if(NOT files)
    message(FATAL_ERROR "there is no file for pkg-config")
  endif()
endfunction()

function(vcpkg_copy_tools)
  parse(given "" "TOOL_NAMES" ${ARGN})
  foreach(name IN LISTS given_TOOL_NAMES)
    file(COPY ${CURRENT_PACKAGES_DIR}/bin/${name} DESTINATION ${CURRENT_PACKAGES_DIR}/tools/${PORT})
  endforeach()
endfunction()

function(vcpkg_install_copyright)
  parse(given "" "FILE_LIST" ${ARGN})
  file(INSTALL ${given_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

include(${PORT_FOLDER}/portfile.cmake)
