#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Tries the port for vcpkg and the recipe for Conan with this system's packages, and builds and runs a project that uses the result.
# Neither vcpkg nor Conan is here: small programs do their part (vcpkg/standin.cmake, conan_recipe.py). What only the real ones can show
# is in docs/library.md.
# Usage: tests/package/recipes.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=$(sed -nE 's/^project\(ctms VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
port=packaging/vcpkg/ctms
package=$scratch/vcpkg

# ---- vcpkg ----

quietly tests/package/vcpkg/check_manifest.py --self-test
quietly tests/package/vcpkg/check_manifest.py $port/vcpkg.json "$version"
options=$(printf '%s;' "${as_release[@]:2}")
quietly cmake -D PORT_FOLDER="$root/$port" -D BUILD="$root/build/vcpkg" -D CURRENT_PACKAGES_DIR="$package" -D "FEATURES=core;programs" \
    -D "OPTIONS=$options" -P tests/package/vcpkg/standin.cmake
for file in include/ctms/base/version.hpp lib/libctms.a lib/pkgconfig/ctms.pc share/ctms/ctmsConfig.cmake share/ctms/copyright; do
    [ -s "$package/$file" ] || die "the port does not install $file"
done
# What vcpkg itself refuses.
for folder in bin debug/bin debug/include debug/share lib/cmake; do
    [ ! -e "$package/$folder" ] || die "the port leaves the folder $folder"
done
[ -z "$(find "$package" -type d -empty)" ] || die "the port leaves empty folders: $(find "$package" -type d -empty)"
if grep -rlI -e "$package" -e "$root" "$package/share/ctms" "$package/lib/pkgconfig"; then die "these files name a folder of the build"; fi
for program in ctms-web ctms-sync ctms-admin; do "$package/tools/ctms/$program" --version; done
cmake_consumer vcpkg-port -DCMAKE_PREFIX_PATH="$package"

# ---- Conan ----

quietly python3 -B tests/package/conan_recipe.py "$scratch/conan" "$root/build/conan" "${as_release[@]:2}"
read -ra flags <<<"$(sed -n 's/^flags: //p' "$scratch/log")"
quietly c++ -std=c++20 -o "$scratch/conan-recipe" "$consumer/main.cpp" "${flags[@]}"
runs conan-recipe "$scratch/conan-recipe"
