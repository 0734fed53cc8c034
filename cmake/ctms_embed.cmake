# SPDX-License-Identifier: MPL-2.0
# ctms_embed_migrations(<output.cpp> <file.sql>...): generates a C++ source that contains the SQL files with their numbers,
# names and SHA-256 hashes. It is generated again whenever a file changes.
function(ctms_embed_migrations output)
  set(body "// Made by cmake/ctms_embed.cmake; do not edit.\n#include \"embedded_migrations.hpp\"\nnamespace ctms::persistence {\nconst std::vector<embedded_migration>& embedded_migrations() {\n  static const std::vector<embedded_migration> all = {\n")
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} sql)
    file(SHA256 ${file} sha)
    get_filename_component(stem ${file} NAME_WE)
    string(REGEX MATCH "^[0-9]+" number ${stem})
    string(REGEX REPLACE "^[0-9]+_" "" name ${stem})
    math(EXPR number "${number}")
    string(APPEND body "    {${number}, \"${name}\", \"${sha}\", R\"ctms_sql(${sql})ctms_sql\"},\n")
  endforeach()
  string(APPEND body "  };\n  return all;\n}\n} // namespace ctms::persistence\n")
  file(CONFIGURE OUTPUT ${output} CONTENT "${body}" @ONLY)
endfunction()
