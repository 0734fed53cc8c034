# SPDX-License-Identifier: MPL-2.0
# cmake -D BINARY_DIR=FOLDER -P cmake/ctms_reference.cmake: writes the API reference to FOLDER/api-reference/html, from the
# public headers. Needs no configured build. Fails if a public name has no comment.
find_program(CTMS_DOXYGEN doxygen REQUIRED)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH SOURCE_DIR)
file(STRINGS ${SOURCE_DIR}/CMakeLists.txt project REGEX "^project\\(ctms VERSION ")
string(REGEX MATCH "[0-9]+(\\.[0-9]+)*" VERSION "${project}")
file(MAKE_DIRECTORY ${BINARY_DIR}/api-reference)
configure_file(${SOURCE_DIR}/cmake/Doxyfile.in ${BINARY_DIR}/api-reference/Doxyfile @ONLY)
execute_process(COMMAND ${CTMS_DOXYGEN} ${BINARY_DIR}/api-reference/Doxyfile OUTPUT_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "doxygen reported problems")
endif()
message(STATUS "API reference: ${BINARY_DIR}/api-reference/html/index.html")
