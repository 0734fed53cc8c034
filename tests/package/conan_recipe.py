#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Runs packaging/conan/conanfile.py as `conan create` would, with this system's packages in place of Conan's.

    conan_recipe.py SCRATCH BUILD [CMAKE-OPTION...]

SCRATCH gets the exported sources and the package. The sources are built in BUILD where they are, so that ccache recognises them; of the
exported ones it only checks that CMake can configure them. Prints the flags that a program needs to use the package. Conan itself
is not here: its classes are replaced by small ones that do what its documentation says, as far as the recipe uses them.
"""

import fnmatch
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import types

import needed

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a requirement of the package means on this system, for the linker.
SYSTEM = {
    "argon2::argon2": ["-largon2"], "boost::json": ["-lboost_json"], "boost::url": ["-lboost_url"], "fmt::fmt": ["-lfmt"],
    "libidn2::libidn2": ["-lidn2"], "libpqxx::libpqxx": ["-lpqxx", "-lpq"], "openssl::ssl": ["-lssl"], "openssl::crypto": ["-lcrypto"],
    "pugixml::pugixml": ["-lpugixml"],
}


class InvalidConfiguration(Exception):
    pass


class CppInfo:
    def __init__(self):
        self.properties, self.libs, self.system_libs, self.requires = {}, [], [], []

    def set_property(self, name, value):
        self.properties[name] = value


class ConanFile:
    def __init__(self, scratch, build, system="Linux", cppstd="20", **options):
        self.recipe_folder = str(ROOT / "packaging" / "conan")
        self.export_sources_folder = str(scratch / "exported")
        self.source_folder = str(ROOT)
        self.build_folder = str(build)
        self.package_folder = str(scratch / "package")
        self.settings = types.SimpleNamespace(os=system, compiler=types.SimpleNamespace(cppstd=cppstd), build_type="Release")
        unknown = set(options) - set(self.options)
        assert not unknown, unknown
        own = {name: value for name, value in self.default_options.items() if ":" not in name}
        self.options = types.SimpleNamespace(**{**own, **options})
        self.cpp_info = CppInfo()
        self.required, self.visible, self.tools, self.cache_variables, self.generated = [], [], [], {}, set()

    def requires(self, reference, visible=True):
        self.required.append(reference)
        if visible:
            self.visible.append(reference)

    def tool_requires(self, reference):
        self.tools.append(reference)


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


def copy(_, pattern, source, target):
    """A pattern matches the path below `source`; `*` matches `/` too, as in Conan."""
    files = subprocess.run(["find", ".", "-path", "./build", "-prune", "-o", "-type", "f", "-printf", "%P\\n"], cwd=source, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    found = [name for name in files if name and fnmatch.fnmatch(name, pattern)]
    assert found, f"nothing matches {pattern}"
    for name in found:
        place = pathlib.Path(target, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(pathlib.Path(source, name), place)


class Toolchain:
    def __init__(self, recipe):
        self.recipe, self.cache_variables = recipe, {}

    def generate(self):
        self.recipe.cache_variables = self.cache_variables
        self.recipe.generated.add("CMakeToolchain")


def generator(name):
    class Generator:
        def __init__(self, recipe):
            self.recipe = recipe

        def generate(self):
            self.recipe.generated.add(name)
    return Generator


class CMake:
    extra = []

    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self, source=None, build=None):
        assert self.recipe.generated == {"CMakeToolchain", "CMakeDeps", "PkgConfigDeps"}
        variables = [f"-D{name}={'ON' if value is True else 'OFF' if value is False else value}"
                     for name, value in self.recipe.cache_variables.items()]
        run("cmake", "-S", source or self.recipe.source_folder, "-B", build or self.recipe.build_folder, "-G", "Ninja",
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_INSTALL_LIBDIR=lib", *variables, *self.extra)

    def build(self):
        run("cmake", "--build", self.recipe.build_folder)

    def install(self):
        run("cmake", "--install", self.recipe.build_folder, "--prefix", self.recipe.package_folder)


def check_min_cppstd(recipe, least):
    if int(recipe.settings.compiler.cppstd) < least:
        raise InvalidConfiguration(f"needs C++{least}")


def put_modules():
    """Makes `import conan...` find the classes above."""
    modules = {
        "conan": {"ConanFile": ConanFile},
        "conan.errors": {"ConanInvalidConfiguration": InvalidConfiguration},
        "conan.tools": {},
        "conan.tools.build": {"check_min_cppstd": check_min_cppstd},
        "conan.tools.cmake": {"CMake": CMake, "CMakeDeps": generator("CMakeDeps"), "CMakeToolchain": Toolchain,
                              "cmake_layout": lambda recipe: None},
        "conan.tools.files": {"copy": copy, "load": lambda _, path: pathlib.Path(path).read_text(encoding="utf-8"),
                              "rmdir": lambda _, path: shutil.rmtree(path)},
        "conan.tools.gnu": {"PkgConfigDeps": generator("PkgConfigDeps")},
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module


def recipe_class():
    spec = importlib.util.spec_from_file_location("conanfile", ROOT / "packaging" / "conan" / "conanfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CtmsRecipe


def refused(recipe):
    try:
        recipe.validate()
    except InvalidConfiguration:
        return True
    return False


def names(references):
    return {one.split("/")[0] for one in references}


def check_requirements(recipe):
    """Conan's own rule: the visible requirements are exactly those that package_info names, if it names any. And: what CMake looks for is
    required."""
    named = {one.split("::")[0] for one in recipe.cpp_info.requires}
    assert names(recipe.visible) == named, names(recipe.visible) ^ named
    wanted = needed.conan_packages(recipe.options.programs)
    assert names(recipe.required) == wanted, names(recipe.required) ^ wanted


def main(scratch, build, extra):
    CMake.extra = extra
    put_modules()
    make = recipe_class()
    assert refused(make(scratch, build, system="Windows")) and refused(make(scratch, build, cppstd="17"))

    recipe = make(scratch, build, programs=True)
    recipe.set_version()
    recipe.export_sources()
    recipe.validate()
    recipe.requirements()
    recipe.build_requirements()
    recipe.layout()
    recipe.generate()
    CMake(recipe).configure(source=recipe.export_sources_folder, build=scratch / "exported" / "build")
    recipe.build()
    recipe.package()
    recipe.package_info()

    package = pathlib.Path(recipe.package_folder)
    info = recipe.cpp_info
    library = make(scratch, build)
    library.requirements()
    library.package_info()
    for one in (library, recipe):
        check_requirements(one)
    assert make.default_options["libcurl/*:with_libssh2"] is True  # ctms-sync needs SFTP
    for one in info.libs:
        assert (package / "lib" / f"lib{one}.a").is_file(), one
    for one in ("include/ctms/base/version.hpp", "licenses/LICENSE", "bin/ctms-web", "bin/ctms-sync", "bin/ctms-admin"):
        assert (package / one).is_file(), one
    for one in ("lib/cmake", "lib/pkgconfig"):
        assert not (package / one).exists(), one
    run(package / "bin" / "ctms-web", "--version")
    flags = ["-I", package / "include", "-L", package / "lib", *(f"-l{one}" for one in info.libs),
             *(flag for one in info.requires for flag in SYSTEM[one]), *(f"-l{one}" for one in info.system_libs)]
    print("flags:", *flags)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:])
