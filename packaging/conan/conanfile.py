# SPDX-License-Identifier: MPL-2.0
"""Conan 2 recipe of libctms, and of the programs with -o ctms/*:programs=True. docs/library.md shows how to use it.

It packages the checkout that it is a part of: conan create packaging/conan
"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir
from conan.tools.gnu import PkgConfigDeps

required_conan_version = ">=2.0"


class CtmsRecipe(ConanFile):
    name = "ctms"
    description = "Contacts with validation and JSON, their storage in PostgreSQL, API clients and tokens, logging without personal data"
    license = "MPL-2.0"
    topics = ("contacts", "postgresql", "json")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "programs": [True, False]}
    default_options = {"shared": False, "programs": False, "libcurl/*:with_libssh2": True}

    def _checkout(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        project = load(self, os.path.join(self._checkout(), "CMakeLists.txt"))
        self.version = re.search(r"^project\(ctms VERSION ([0-9.]+)", project, re.MULTILINE)[1]

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "libctms/*", "apps/*", "cli/*"):
            copy(self, pattern, self._checkout(), self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("ctms works only on Linux")
        check_min_cppstd(self, 20)

    def requirements(self):
        # Up to the versions that were tried.
        self.requires("argon2/20190702")
        self.requires("boost/[>=1.81 <1.84]")
        self.requires("fmt/[>=9 <11]")
        self.requires("libidn2/[>=2.3 <3]")
        self.requires("libpqxx/[>=7 <8]")
        self.requires("openssl/[>=3 <4]")
        self.requires("pugixml/[>=1.12 <2]")
        if self.options.programs:
            # Not visible: the programs are linked already, and whoever uses the library needs none of these.
            self.requires("libcurl/[>=7.85 <9]", visible=False)
            self.requires("prometheus-cpp/[>=1.0 <2]", visible=False)
            self.requires("zlib/[>=1.2.11 <2]", visible=False)

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25]")
        self.tool_requires("pkgconf/[>=2.0]")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["CTMS_SHARED"] = bool(self.options.shared)
        toolchain.cache_variables["CTMS_BUILD_PROGRAMS"] = bool(self.options.programs)
        toolchain.cache_variables["CTMS_BUILD_TESTS"] = False
        toolchain.cache_variables["CTMS_WARNINGS_AS_ERRORS"] = False
        toolchain.cache_variables["CTMS_API_PAGES"] = "OFF"  # they need npm, which would fetch files during the build
        toolchain.generate()
        CMakeDeps(self).generate()
        PkgConfigDeps(self).generate()  # the build finds libpqxx, libargon2 and libidn2 with pkg-config

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        # Conan makes the files for find_package and pkg-config itself, from package_info.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "ctms")
        self.cpp_info.set_property("cmake_target_name", "ctms::ctms")
        self.cpp_info.set_property("pkg_config_name", "ctms")
        self.cpp_info.libs = ["ctms"]
        self.cpp_info.system_libs = ["pthread"]
        # Only what the library needs; the programs are linked already.
        self.cpp_info.requires = [
            "argon2::argon2", "boost::json", "boost::url", "fmt::fmt", "libidn2::libidn2", "libpqxx::libpqxx", "openssl::ssl",
            "openssl::crypto", "pugixml::pugixml",
        ]
