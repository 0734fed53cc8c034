# SPDX-License-Identifier: MPL-2.0
# Debian packages, one for each component: their files in addition to the installed ones, and the settings of CPack.
# Included last by the top-level CMakeLists.txt; packaging/deb.sh builds the packages.
set(CTMS_PACKAGE_CONTACT "CTMS maintainers <maintainers@ctms.example.org>" CACHE STRING "Maintainer named in the packages")
set(CTMS_STATIC_BUILD ${PROJECT_SOURCE_DIR}/build/deb-static CACHE PATH "Build of the static library, for libctms-dev")

set(debian ${PROJECT_SOURCE_DIR}/packaging/debian)
set(made ${PROJECT_BINARY_DIR}/debian)
set(package_of_runtime libctms1)
set(package_of_development libctms-dev)
set(package_of_web ctms-web)
set(package_of_sync ctms-sync)
set(package_of_admin ctms-admin)
set(components runtime development web sync admin)

# ---- files in addition to the programs ----

# The date of the commit, so that the same sources make the same packages.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%cD OUTPUT_VARIABLE changelog_date
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT changelog_date)
  string(TIMESTAMP changelog_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
endif()
configure_file(${debian}/changelog.in ${made}/changelog @ONLY)
ctms_gzip(changelog ${made}/changelog)
add_custom_command(
  OUTPUT ${made}/ctms.env
  COMMAND ctms-web --help > ${made}/help
  COMMAND awk -f ${PROJECT_SOURCE_DIR}/cmake/ctms_env.awk ${made}/help > ${made}/ctms.env
  DEPENDS ctms-web ${PROJECT_SOURCE_DIR}/cmake/ctms_env.awk
  VERBATIM)
add_custom_target(ctms_debian_files ALL DEPENDS ${changelog} ${made}/ctms.env)

foreach(component IN LISTS components)
  set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/${package_of_${component}})
  install(FILES ${debian}/copyright ${changelog} DESTINATION ${doc_dir} COMPONENT ${component})
  if(EXISTS ${debian}/${component}/lintian-overrides)
    install(FILES ${debian}/${component}/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
      RENAME ${package_of_${component}} COMPONENT ${component})
  endif()
endforeach()
# Since Debian 13, packages may not have files below /lib, which is a link to /usr/lib.
cmake_host_system_information(RESULT debian_release QUERY DISTRIB_VERSION_ID)
set(unit_dir /usr/lib/systemd/system)
if(debian_release VERSION_LESS 13)
  set(unit_dir /lib/systemd/system)
endif()
install(FILES packaging/systemd/ctms-web.service DESTINATION ${unit_dir} COMPONENT web)
install(FILES packaging/systemd/ctms-sync.service DESTINATION ${unit_dir} COMPONENT sync)
install(FILES packaging/systemd/ctms-migrate.service DESTINATION ${unit_dir} COMPONENT admin)
install(FILES ${made}/ctms.env DESTINATION /etc/ctms PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ COMPONENT admin)
foreach(script IN ITEMS acoustic_fields acoustic_fields.py acoustic_newsletters_mapping acoustic_newsletters_mapping.py)
  file(CREATE_LINK ctms-admin.1.gz ${made}/${script}.1.gz SYMBOLIC)
  install(FILES ${made}/${script}.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT admin)
endforeach()

# ---- maintainer scripts ----

foreach(component IN ITEMS web sync)
  set(unit ctms-${component}.service)
  foreach(script IN ITEMS postinst prerm postrm)
    configure_file(${debian}/service.${script}.in ${made}/${component}/${script} @ONLY FILE_PERMISSIONS
      OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND scripts_of_${component} ${made}/${component}/${script})
  endforeach()
endforeach()
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${debian}/runtime/triggers)
set(CPACK_DEBIAN_WEB_PACKAGE_CONTROL_EXTRA ${scripts_of_web})
set(CPACK_DEBIAN_SYNC_PACKAGE_CONTROL_EXTRA ${scripts_of_sync})
set(CPACK_DEBIAN_ADMIN_PACKAGE_CONTROL_EXTRA ${debian}/admin/postinst ${debian}/admin/prerm ${debian}/admin/postrm ${debian}/admin/conffiles)

# ---- metadata of the packages ----

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ctms)
set(CPACK_PACKAGE_CONTACT ${CTMS_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each component has one below
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_SOURCE_DIR}/build/packages)
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};ctms;ALL;/" "${CTMS_STATIC_BUILD};ctms;ALL;/") # static last
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON) # for /etc and /lib
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/libctms)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_WEB_PACKAGE_SECTION web)
set(CPACK_DEBIAN_SYNC_PACKAGE_SECTION net)
set(CPACK_DEBIAN_ADMIN_PACKAGE_SECTION admin)

foreach(component IN LISTS components)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package_of_${component}})
  file(READ ${debian}/${component}/description CPACK_DEBIAN_${upper}_DESCRIPTION)
endforeach()

# dpkg-shlibdeps finds the other libraries. The programs require the same version of libctms. The services depend on
# ctms-admin, which contains ctms-migrate.service and creates their account.
set(same_library "libctms1 (= ${PROJECT_VERSION})")
# The static library needs the Boost that it was built with; its Debian packages have the version in their names.
set(boost_version ${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR})
# The newest one of the release: Debian 12 has 15, Debian 13 has 17.
set(server_package "postgresql-17 | postgresql-16 | postgresql-15")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${same_library}, libargon2-dev, libboost-json${boost_version}-dev, libboost-url${boost_version}-dev, libfmt-dev, libidn2-dev, libpqxx-dev, libpugixml-dev, libssl-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "cmake, pkgconf")
set(CPACK_DEBIAN_ADMIN_PACKAGE_DEPENDS "${same_library}, adduser")
set(CPACK_DEBIAN_ADMIN_PACKAGE_RECOMMENDS "ca-certificates, ${server_package}")
set(CPACK_DEBIAN_ADMIN_PACKAGE_SUGGESTS "postgresql-client")
set(CPACK_DEBIAN_WEB_PACKAGE_DEPENDS "${same_library}, ctms-admin (= ${PROJECT_VERSION}), procps") # its unit runs /bin/kill
set(CPACK_DEBIAN_WEB_PACKAGE_RECOMMENDS "ca-certificates, ${server_package}")
set(CPACK_DEBIAN_SYNC_PACKAGE_DEPENDS "${same_library}, ctms-admin (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_SYNC_PACKAGE_RECOMMENDS "ca-certificates")

include(CPack)
