# SPDX-License-Identifier: MPL-2.0
# Manual pages of the programs. Debian requires them to be compressed without a timestamp.

# ctms_gzip(<result> <file>): sets <result> to the name of the compressed file, which is built when a target depends on it.
function(ctms_gzip result file)
  find_program(CTMS_GZIP gzip REQUIRED DOC "gzip, for Debian packages")
  add_custom_command(OUTPUT ${file}.gz COMMAND ${CTMS_GZIP} -9 --no-name --keep --force ${file} DEPENDS ${file} VERBATIM)
  set(${result} ${file}.gz PARENT_SCOPE)
endfunction()

# ctms_install_manual(<component> <page>): installs a page of section 1.
function(ctms_install_manual component page)
  if(CTMS_DEBIAN)
    ctms_gzip(page ${page})
  endif()
  add_custom_target(ctms_${component}_manual ALL DEPENDS ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT ${component})
endfunction()

# ctms_daemon_manual(<component> <program> <summary>): makes and installs a manual page from the output of --help.
function(ctms_daemon_manual component program summary)
  set(help ${CMAKE_CURRENT_BINARY_DIR}/${program}.help)
  set(page ${CMAKE_CURRENT_BINARY_DIR}/${program}.1)
  set(script ${PROJECT_SOURCE_DIR}/cmake/ctms_manual.awk)
  add_custom_command(
    OUTPUT ${page} ${help}
    COMMAND ${program} --help > ${help}
    COMMAND awk -v program=${program} -v version=${PROJECT_VERSION} -v summary=${summary} -f ${script} ${help} > ${page}
    DEPENDS ${program} ${script}
    COMMENT "Manual page of ${program}"
    VERBATIM)
  ctms_install_manual(${component} ${page})
endfunction()
