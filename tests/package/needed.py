# SPDX-License-Identifier: MPL-2.0
"""What cmake/ctms_dependencies.cmake looks for, and which packages of vcpkg and of Conan have it."""

import pathlib
import re

DEPENDENCIES = pathlib.Path(__file__).resolve().parents[2] / "cmake" / "ctms_dependencies.cmake"

# Of the system, or tools of the build.
NO_PACKAGE = {"Threads", "PkgConfig"}
# The port of vcpkg and the package of Conan, by what CMake looks for. Boost.Asio and Boost.Beast have only headers, so CMake does not look
# for them.
PACKAGES = {
    "Boost json": ("boost-json", "boost"),
    "Boost url": ("boost-url", "boost"),
    "Boost program_options": ("boost-program-options", "boost"),
    "fmt": ("fmt", "fmt"),
    "OpenSSL": ("openssl", "openssl"),
    "pugixml": ("pugixml", "pugixml"),
    "libpqxx": ("libpqxx", "libpqxx"),
    "libargon2": ("argon2", "argon2"),
    "libidn2": ("libidn2", "libidn2"),
    "prometheus-cpp": ("prometheus-cpp", "prometheus-cpp"),
    "CURL": ("curl", "libcurl"),
    "ZLIB": ("zlib", "zlib"),
}


def looked_for(programs, text=None):
    """What CMake looks for to build the library, and the programs if `programs`."""
    text = re.sub(r"#.*", "", DEPENDENCIES.read_text(encoding="utf-8") if text is None else text)
    text = re.sub(r"if\(CTMS_BUILD_TESTS\).*?endif\(\)", "", text, flags=re.DOTALL)
    if not programs:
        text = re.sub(r"if\(CTMS_BUILD_PROGRAMS\).*?endif\(\)", "", text, flags=re.DOTALL)
    out = set()
    for command, words in re.findall(r"(find_package|pkg_check_modules)\(([^)]*)\)", text):
        names = words.split()
        if command == "pkg_check_modules":
            out.add(names[-1])
        elif "COMPONENTS" in names:
            out |= {f"{names[0]} {part}" for part in names[names.index("COMPONENTS") + 1:]}
        else:
            out.add(names[0])
    return out - NO_PACKAGE


def ports(programs):
    """The ports of vcpkg that the build needs."""
    return {PACKAGES[name][0] for name in looked_for(programs)}


def conan_packages(programs):
    """The packages of Conan that the build needs."""
    return {PACKAGES[name][1] for name in looked_for(programs)}
